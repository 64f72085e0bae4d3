//! `[server]`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

/// A password that no log shows.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Where the admin listener is unless something else is said.
pub const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3001);

/// The `[server]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub listen: SocketAddr,
    /// For purges and statistics; [`ADMIN_LISTEN`], if that is free, when absent.
    pub admin_listen: Option<SocketAddr>,
    /// What the admin listener asks for; needed unless only this machine can reach it.
    pub admin_token: Option<Token>,
    /// Whether `/metrics` is on the main listener too.
    pub metrics_public: bool,
    /// Base of the URLs in TileJSON, for example `https://tiles.example.com/maps`.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `["*"]`, or exact origins such as `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// Threads that answer requests; one per core when absent.
    pub workers: Option<usize>,
    /// Longest time to make a tile, waiting included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long to go on accepting requests after SIGTERM, with `/health/ready` red.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// How long requests in flight may then take.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    /// Databases without which `/health/ready` is red.
    pub ready_requires: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000),
            admin_listen: None,
            admin_token: None,
            metrics_public: true,
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: vec!["*".to_owned()],
            workers: None,
            request_timeout: Duration::from_secs(10),
            drain_delay: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(15),
            ready_requires: Vec::new(),
        }
    }
}

impl Settings {
    /// What the admin listener asks for.
    pub fn admin_token(&self) -> Option<&str> {
        self.admin_token.as_ref().map(Token::expose)
    }
}
