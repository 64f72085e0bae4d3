//! nginx with finished tiles as files.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::{Answer, Process, free_address};
use super::tiles::tileset;

/// Headers that nginx makes by itself, some of them in its own way.
const OWN: [&str; 7] =
    ["content-length", "content-type", "date", "connection", "server", "etag", "transfer-encoding"];

const INSTALL: &str =
    "no nginx in PATH or /usr/sbin: install it (Debian, Ubuntu: apt-get install nginx-light)";

pub struct Nginx(pub Process);

/// Where the program is.
pub fn program() -> &'static str {
    let runs = |program: &&str| {
        let version = Command::new(program).arg("-v").stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    ["nginx", "/usr/sbin/nginx"].into_iter().find(runs).unwrap_or_else(|| {
        eprintln!("hit: {INSTALL}");
        std::process::exit(1);
    })
}

/// Writes the tiles where [`start`] serves them.
pub fn write(folder: &Path, tiles: &[(String, Answer)]) {
    for (path, answer) in tiles {
        let file = folder.join("tiles").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, &answer.body).expect("a tile");
    }
}

/// nginx over the written tiles, with the headers that they came with.
pub fn start(folder: &Path, workers: usize, tiles: &[(String, Answer)]) -> Nginx {
    let address = free_address();
    std::fs::create_dir_all(folder.join("logs")).expect("a folder");
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration(folder, &address, workers, tiles)).expect("a file");
    let mut command = Command::new(program());
    command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-g", "daemon off;"]);
    let process = Process::start(command, address, None);
    drop(process.wait());
    Nginx(process)
}

impl Drop for Nginx {
    /// Ends the workers too, which killing their master would not.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.pid().to_string()]).status();
        self.0.ended();
    }
}

fn configuration(
    folder: &Path,
    address: &str,
    workers: usize,
    tiles: &[(String, Answer)],
) -> String {
    let folder = folder.display();
    let mut text = format!(
        "worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/logs/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000000; server_tokens off; etag on; max_ranges 0;
  open_file_cache max=20000 inactive=1h; open_file_cache_valid 1h;
  types {{ }} default_type application/vnd.mapbox-vector-tile;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {address}; root {folder}/tiles;
"
    );
    let mut known = Vec::new();
    for (path, answer) in tiles.iter().filter(|(path, _)| {
        let new = !known.contains(&tileset(path));
        known.push(tileset(path));
        new
    }) {
        // An empty value takes the header away.
        let _ = write!(text, "    location /{}/ {{ add_header Last-Modified '';", tileset(path));
        for (name, value) in answer.headers.iter().filter(|(name, _)| !OWN.contains(&&**name)) {
            let _ = write!(text, " add_header {name} '{value}';");
        }
        text.push_str(" }\n");
    }
    text.push_str("  }\n}\n");
    text
}
