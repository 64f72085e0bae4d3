//! Database URLs: libpq's spelling taken apart without ever repeating a password.

use std::path::PathBuf;

use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::settings::DatabaseUrl;

/// How far the server's certificate is checked, as in libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    Disable,
    /// TLS when the server offers it.
    Prefer,
    Require,
    /// The certificate's chain is verified.
    VerifyCa,
    /// The chain and the host name are verified.
    VerifyFull,
}

/// A database URL taken apart.
#[derive(Clone)]
pub struct Target {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
    /// File with the root certificates; `None` for the system's.
    pub(super) root_certificates: Option<PathBuf>,
}

impl Target {
    /// Name of the database, as far as the URL gives one.
    pub fn database_name(&self) -> Option<&str> {
        self.config.get_dbname()
    }
}

/// Why a URL can't be used. The text repeats nothing of the URL, whose malformed parts may well
/// be pieces of the password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidUrl {
    #[error(
        "not a database URL: expected postgres://user:password@host:5432/database, with special \
         characters in the password percent-encoded (`/` is %2F, `@` is %40, `?` is %3F)"
    )]
    Malformed,
    #[error("`sslmode` must be one of disable, prefer, require, verify-ca, verify-full")]
    SslMode,
    #[error("`{0}` in a database URL is not supported")]
    Unsupported(&'static str),
}

/// Parameters of libpq that may be named in an error, because they can't be a secret.
const UNSUPPORTED: [&str; 12] = [
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "sslcrldir",
    "service",
    "servicefile",
    "passfile",
    "krbsrvname",
    "gssencmode",
    "requiressl",
    "replication",
];

impl DatabaseUrl {
    /// Takes the URL apart.
    ///
    /// # Errors
    /// It is no URL or connection string, or asks for something that isn't supported. The
    /// error never contains the password.
    pub fn parse(&self) -> Result<Target, InvalidUrl> {
        let (base, pairs) = split(self.expose())?;
        let mut mode = None;
        let mut root_certificates = None;
        let mut kept = Vec::new();
        for (key, value) in pairs {
            match key.as_str() {
                "sslmode" => mode = Some(tls_mode(&value)?),
                "sslrootcert" => root_certificates = Some(value),
                _ => kept.push((key, value)),
            }
        }
        for (key, _) in &kept {
            if let Some(name) = UNSUPPORTED.iter().find(|name| **name == key.as_str()) {
                return Err(InvalidUrl::Unsupported(name));
            }
        }
        let mut config: Config =
            join(base, &kept).parse().map_err(|_: tokio_postgres::Error| InvalidUrl::Malformed)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        let tls = resolve_mode(mode, root_certificates.as_deref(), &config);
        config.ssl_mode(match tls {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        let root_certificates =
            root_certificates.filter(|path| path != "system").map(PathBuf::from);
        Ok(Target { config, tls, root_certificates })
    }

    /// The URL for people: scheme, user, host, port and database, never the password.
    pub fn redacted(&self) -> String {
        let Ok(target) = self.parse() else { return "postgres://…".to_owned() };
        let config = &target.config;
        let mut text = String::from("postgres://");
        if let Some(user) = config.get_user() {
            text.push_str(user);
            text.push('@');
        }
        let mut hosts: Vec<String> = config.get_hosts().iter().map(host_name).collect();
        if hosts.is_empty() {
            hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
        }
        let ports = config.get_ports();
        for (index, host) in hosts.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            // One port serves all hosts.
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            text.push_str(&format!("{separator}{host}:{port}"));
        }
        if let Some(database) = config.get_dbname() {
            text.push('/');
            text.push_str(database);
        }
        text
    }
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

fn tls_mode(value: &str) -> Result<TlsMode, InvalidUrl> {
    Ok(match value {
        "disable" => TlsMode::Disable,
        // libpq's `allow` tries without TLS first; a server that insists gets it either way.
        "prefer" | "allow" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => return Err(InvalidUrl::SslMode),
    })
}

/// libpq's rules for what is left unsaid: a root certificate turns `require` into `verify-ca`,
/// `sslrootcert=system` means `verify-full`, and sockets of the file system go without TLS.
fn resolve_mode(mode: Option<TlsMode>, root: Option<&str>, config: &Config) -> TlsMode {
    #[cfg(unix)]
    let local = config.get_hostaddrs().is_empty()
        && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    #[cfg(not(unix))]
    let local = false;
    if local {
        return TlsMode::Disable;
    }
    match (mode, root) {
        (None | Some(TlsMode::Require), Some("system")) => TlsMode::VerifyFull,
        (Some(TlsMode::Require), Some(_)) => TlsMode::VerifyCa,
        (mode, _) => mode.unwrap_or(TlsMode::Prefer),
    }
}

type Pairs = Vec<(String, String)>;

/// The URL up to its query with the query's pairs, or no URL and all pairs of a connection
/// string.
fn split(text: &str) -> Result<(Option<&str>, Pairs), InvalidUrl> {
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Ok((None, connection_string(text)?));
    }
    let Some((base, query)) = text.split_once('?') else { return Ok((Some(text), Vec::new())) };
    let decode = |part: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| InvalidUrl::Malformed)
    };
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(InvalidUrl::Malformed)?;
        pairs.push((decode(key)?, decode(value)?));
    }
    Ok((Some(base), pairs))
}

fn join(base: Option<&str>, pairs: &Pairs) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    let Some(base) = base else {
        let quote = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        return pairs
            .iter()
            .map(|(key, value)| format!("{key}='{}'", quote(value)))
            .collect::<Vec<_>>()
            .join(" ");
    };
    let query: Vec<String> = pairs
        .iter()
        .map(|(key, value)| {
            let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            format!("{}={}", encode(key), encode(value))
        })
        .collect();
    if query.is_empty() { base.to_owned() } else { format!("{base}?{}", query.join("&")) }
}

/// `key = value` pairs as libpq reads them: values may be in single quotes, a backslash escapes.
fn connection_string(text: &str) -> Result<Pairs, InvalidUrl> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(InvalidUrl::Malformed)?;
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Err(InvalidUrl::Malformed);
        }
        let (value, after) = connection_value(after.trim_start())?;
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    if pairs.is_empty() { Err(InvalidUrl::Malformed) } else { Ok(pairs) }
}

fn connection_value(text: &str) -> Result<(String, &str), InvalidUrl> {
    let quoted = text.starts_with('\'');
    let text = text.strip_prefix('\'').unwrap_or(text);
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => value.push(chars.next().ok_or(InvalidUrl::Malformed)?.1),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            char if char.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            char => value.push(char),
        }
    }
    if quoted { Err(InvalidUrl::Malformed) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, InvalidUrl> {
        DatabaseUrl::new(url).parse()
    }

    #[test]
    fn libpq_tls_parameters_are_understood() {
        let target = parse("postgres://u@h/db?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem");
        let target = target.unwrap();
        assert_eq!(target.tls, TlsMode::VerifyFull);
        assert_eq!(target.root_certificates, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(parse("postgres://h/db?sslmode=require").unwrap().tls, TlsMode::Require);
        let with_root = parse("host=h sslmode=require sslrootcert='/a b.pem'").unwrap();
        assert_eq!(with_root.tls, TlsMode::VerifyCa);
        assert_eq!(with_root.root_certificates, Some(PathBuf::from("/a b.pem")));
        assert_eq!(parse("postgres://h/db").unwrap().tls, TlsMode::Prefer);
        assert_eq!(parse("host=/tmp sslmode=require").unwrap().tls, TlsMode::Disable);
        let system = parse("postgres://h/db?sslrootcert=system").unwrap();
        assert_eq!((system.tls, system.root_certificates), (TlsMode::VerifyFull, None));
        assert_eq!(parse("postgres://h?sslmode=on").err(), Some(InvalidUrl::SslMode));
    }

    #[test]
    fn other_parameters_reach_the_driver() {
        let target = parse("postgres://u:p%40ss@h:6432/db?application_name=a%20b&sslmode=disable");
        let config = target.unwrap().config;
        assert_eq!(config.get_application_name(), Some("a b"));
        assert_eq!(config.get_password(), Some(b"p@ss".as_slice()));
        assert_eq!(config.get_ports(), [6432]);
        let config = parse(r"host=h user='o\'brien' password = 'a \\b'").unwrap().config;
        assert_eq!(config.get_user(), Some("o'brien"));
        assert_eq!(config.get_password(), Some(br"a \b".as_slice()));
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://u:s3cret@h/db",
            "postgres://u:s3?cret=s3cret@h/db",
            "postgres://u:s3cret/x@h/db?foo=s3cret",
            "postgres://u:s3cret@h:port/db",
            "host=h password=a s3cret=b",
            "host=h password='s3cret",
            "mysql://u:s3cret@h/db",
            "s3cret",
            "postgres://u:s3cret@h/db?sslmode=s3cret",
            "host=h s3cret",
        ] {
            let url = DatabaseUrl::new(url);
            assert!(!url.redacted().contains("cret"), "{}", url.redacted());
            assert!(!format!("{url:?}").contains("cret"));
            if let Err(error) = url.parse() {
                assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
            }
        }
    }

    #[test]
    fn a_redacted_url_says_where_it_leads() {
        let redacted = |url: &str| DatabaseUrl::new(url).redacted();
        assert_eq!(redacted("postgres://u:x@h:6432/db?sslmode=require"), "postgres://u@h:6432/db");
        assert_eq!(redacted("host=a,b user=u password=x dbname=d"), "postgres://u@a:5432,b:5432/d");
    }

    #[test]
    fn an_unsupported_parameter_is_named() {
        let error = parse("postgres://h/db?sslcert=x.pem").err();
        assert_eq!(error, Some(InvalidUrl::Unsupported("sslcert")));
    }
}
