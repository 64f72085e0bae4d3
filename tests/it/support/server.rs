//! The built binary, running.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::PATIENCE;
use super::database::Database;

/// What every browser sends.
pub const GZIP: (&str, &str) = ("accept-encoding", "gzip");

/// Starts `tesela` with the environment of the tests left out.
pub fn tesela(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tesela"));
    command.args(args).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

/// Runs `tesela` to its end.
///
/// # Panics
/// There is none within a minute: it serves.
pub fn run(args: &[&str]) -> Output {
    let mut command = tesela(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (id, (done, wait)) = (child.id().to_string(), channel());
    std::thread::spawn(move || done.send(child.wait_with_output()));
    wait.recv_timeout(6 * PATIENCE).map(Result::unwrap).unwrap_or_else(|_| {
        let _ = Command::new("kill").arg(id).status();
        panic!("{args:?} doesn't end")
    })
}

/// A configuration file that goes away with the value.
pub struct ConfigFile {
    pub path: String,
}

impl ConfigFile {
    pub fn new(toml: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tesela-{}-{count}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, toml).unwrap();
        Self { path: path.to_str().unwrap().to_owned() }
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A running server, killed at the end.
pub struct Server {
    child: Child,
    pub base: String,
    log: Arc<Mutex<String>>,
    _config: Option<ConfigFile>,
}

/// An answer with its body as it came.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The header's only value; `None` when it is absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice: {:?}", self.headers);
        Some(&value.1)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

impl Server {
    /// Serves the whole database at `url`.
    pub fn publish(url: &str) -> Self {
        Self::start(tesela(&["serve", "--listen", "127.0.0.1:0", url]), None)
    }

    /// Serves a configuration.
    pub fn configured(toml: &str) -> Self {
        let config = ConfigFile::new(toml);
        let args = ["serve", "--listen", "127.0.0.1:0", "--config", &config.path];
        Self::start(tesela(&args), Some(config))
    }

    /// Serves what `more` says of the database `main`, with an admin listener.
    pub fn of(database: &Database, more: &str) -> Self {
        Self::configured(&format!(
            "[server]\nadmin_listen = \"127.0.0.1:0\"\npublic_url = \"https://t.example\"\n\
             [databases.main]\nurl = \"{}\"\n{more}",
            database.url
        ))
    }

    /// Starts the command and waits until it listens.
    pub fn start(mut command: Command, config: Option<ConfigFile>) -> Self {
        let mut child =
            command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the built binary");
        let log = Arc::new(Mutex::new(String::new()));
        let address = follow(child.stderr.take().unwrap(), log.clone());
        let Ok(base) = address.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the server doesn't listen; its log:\n{}", log.lock().unwrap());
        };
        Self { child, base, log, _config: config }
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    /// As [`get`](Self::get), for a client that takes gzip.
    pub fn gzip(&self, path: &str) -> Response {
        self.request("GET", path, &[GZIP])
    }

    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let response = send(&self.base, method, path, headers, "");
        // Here and not in each test, so that none can forget it.
        response.check_tile();
        response
    }

    /// A request to the admin listener.
    pub fn admin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let log = self.log();
        let (_, address) = log.split_once("admin listener on ").expect("an admin listener");
        let base = address.split_whitespace().next().unwrap();
        send(base, method, path, headers, body)
    }

    /// Purges what the JSON says.
    pub fn purge(&self, body: &str) -> Response {
        self.admin("POST", "/purge", &[("content-type", "application/json")], body)
    }

    /// The value of a metric's series, given as it stands in the text format.
    pub fn metric(&self, series: &str) -> f64 {
        let metrics = self.get("/metrics");
        let line =
            metrics.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("no series {series}"));
        value.parse().unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the process to end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        super::eventually("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

/// Asks `base` and reads the whole answer.
pub fn send(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!(
        "{}{}",
        base,
        utf8_percent_encode(path, CONTROLS)
    ));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = match body {
        "" => agent.run(request.body(()).unwrap()),
        body => agent.run(request.body(body.to_owned()).unwrap()),
    };
    let answer = answer.unwrap();
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut bytes).unwrap();
    Response { status, headers, body: bytes }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of {}:\n{}", self.base, self.log());
        }
    }
}

/// Collects the log and sends the address once it is there.
fn follow(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listening on ") {
                let address = address.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                let _ =
                    sender.send(address.split(['"', ' ']).next().unwrap_or_default().to_owned());
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    receiver
}
