//! A keep-alive HTTP client that costs next to nothing: it shares the cores with what it measures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A tile that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(300);

/// A server and what its tiles are called.
#[derive(Clone)]
pub struct Target {
    pub label: String,
    /// Host and port.
    address: String,
    /// From the slash on, with `{layer}`, `{z}`, `{x}` and `{y}`.
    path: String,
}

impl Target {
    pub fn tesela(label: &str, address: &str) -> Self {
        let path = "/{layer}/{z}/{x}/{y}".to_owned();
        Self { label: label.to_owned(), address: address.to_owned(), path }
    }

    /// `http://HOST:PORT/…{layer}…{z}…{x}…{y}…`
    pub fn other(url: &str) -> Self {
        let rest = url.strip_prefix("http://").expect("--against takes an http:// URL");
        let (address, path) = rest.split_once('/').expect("--against takes a URL with a path");
        for part in ["{layer}", "{z}", "{x}", "{y}"] {
            assert!(path.contains(part), "--against: no {part} in {url}");
        }
        let path = format!("/{path}");
        Self { label: "other".to_owned(), address: address.to_owned(), path }
    }

    fn path(&self, layer: &str, (z, x, y): (u8, u32, u32)) -> String {
        let path = self.path.replace("{layer}", layer).replace("{z}", &z.to_string());
        path.replace("{x}", &x.to_string()).replace("{y}", &y.to_string())
    }

    pub fn connect(&self) -> Connection<'_> {
        let stream = TcpStream::connect(&self.address);
        let stream = stream.unwrap_or_else(|error| panic!("{}: {error}", self.address));
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Connection { target: self, stream: BufReader::with_capacity(1 << 16, stream) }
    }
}

pub struct Connection<'a> {
    target: &'a Target,
    stream: BufReader<TcpStream>,
}

/// What an answer's head says.
#[derive(Default)]
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    gzip: bool,
    close: bool,
}

impl Connection<'_> {
    /// Reads one tile into `body`, still compressed; `true` when it is gzip. An empty tile may be
    /// 204, or 200 without bytes.
    ///
    /// # Panics
    /// On every other answer, so that no error is measured.
    pub fn tile(&mut self, layer: &str, tile: (u8, u32, u32), body: &mut Vec<u8>) -> bool {
        let path = self.target.path(layer, tile);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\n\r\n",
            self.target.address
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("a request is sent");
        let head = self.head();
        body.clear();
        if head.chunked {
            self.chunks(body);
        } else if head.status != 204 {
            let length = head.length.expect("an answer says how long it is");
            body.resize(length, 0);
            self.stream.read_exact(body).expect("a whole body");
        }
        let what = || String::from_utf8_lossy(body).chars().take(300).collect::<String>();
        assert!(matches!(head.status, 200 | 204), "{path}: {}: {}", head.status, what());
        if head.close {
            *self = self.target.connect();
        }
        head.gzip
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line within the time");
        assert!(!line.is_empty(), "{} hung up", self.target.address);
        line.truncate(line.trim_end().len());
        line
    }

    fn head(&mut self) -> Head {
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut head = Head { status: status.expect("a status"), ..Head::default() };
        loop {
            let line = self.line().to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { return head };
            match (name, value.trim()) {
                ("content-length", length) => head.length = length.parse().ok(),
                ("transfer-encoding", "chunked") => head.chunked = true,
                ("content-encoding", "gzip") => head.gzip = true,
                ("connection", "close") => head.close = true,
                _ => {}
            }
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) {
        loop {
            let line = self.line();
            let length = line.split(';').next().unwrap_or_default();
            let length = usize::from_str_radix(length, 16).expect("a chunk's length");
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..]).expect("a whole chunk");
            self.line_end();
            if length == 0 {
                return;
            }
        }
    }

    fn line_end(&mut self) {
        let mut end = [0; 2];
        self.stream.read_exact(&mut end).expect("the end of a chunk");
    }
}
