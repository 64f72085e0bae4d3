//! nginx and Varnish, running the configurations of `docs/cdn/`.

use std::fs::{File, read_to_string};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::support::PATIENCE;

const NGINX_CONF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cdn/nginx.conf");
const VARNISH_VCL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cdn/varnish.vcl");

/// Runs a command until it ends or standard input does, as it does when this process is gone in
/// whatever way, and then removes a folder. A killed child would leave its workers behind.
const GUARD: &str = r#"
exec 3<&0
folder=$1
shift
trap : INT
"$@" 3<&- </dev/null &
child=$!
{ read -r _ <&3; kill -TERM "$child"; } &
watch=$!
wait "$child"
kill "$watch"
rm -rf "$folder"
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Varnish,
}

/// A cache in front of a server, stopped at the end.
pub struct Cache {
    pub kind: Kind,
    pub base: String,
    pub folder: PathBuf,
    guard: Child,
    /// Closed, it ends the guard.
    stdin: Option<ChildStdin>,
}

impl Cache {
    /// Starts a cache in front of `tesela`, an address with its port.
    pub fn start(kind: Kind, tesela: &str) -> Self {
        // Another process may take the port before the cache does.
        let mut attempts = (0..5).map(|_| Self::attempt(kind, tesela));
        attempts.find_map(Result::ok).unwrap_or_else(|| panic!("{kind:?} doesn't start"))
    }

    fn attempt(kind: Kind, tesela: &str) -> Result<Self, ()> {
        let folder = new_folder();
        let port = free_port();
        let command = match kind {
            Kind::Nginx => nginx(&folder, port, tesela),
            Kind::Varnish => varnish(&folder, port, tesela),
        };
        let log = File::create(folder.join("log")).unwrap();
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let stdin = guard.stdin.take();
        let base = format!("http://127.0.0.1:{port}");
        let mut cache = Self { kind, base, folder, guard, stdin };
        if cache.answers() { Ok(cache) } else { Err(()) }
    }

    /// Waits until it does, or has ended.
    fn answers(&mut self) -> bool {
        let started = Instant::now();
        // Kept open: the guard removes the folder.
        let mut log = File::open(self.folder.join("log")).unwrap();
        while started.elapsed() < PATIENCE {
            if self.guard.try_wait().unwrap().is_some() {
                break;
            }
            if self.is_ours() {
                println!("{:?} answers: after {:?}", self.kind, started.elapsed());
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        eprintln!("{:?} doesn't answer; its log:", self.kind);
        let _ = std::io::copy(&mut log, &mut std::io::stderr());
        false
    }

    fn is_ours(&self) -> bool {
        let agent = ureq::agent();
        let answer = agent.get(format!("{}/health/live", self.base)).call();
        answer.is_ok_and(|answer| answer.headers().contains_key("x-cache"))
    }

    /// The status for a request, a method with a path or without, from an address that may do less.
    pub fn status_for_stranger(&self, request: &str, headers: &str) -> u16 {
        let path = if request.contains(' ') { "" } else { " /" };
        let host = self.base.trim_start_matches("http://");
        let head = format!("{request}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let answer = from_stranger(self.port(), &format!("{head}{headers}\r\n\r\n"));
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}"));
        status.parse().unwrap()
    }

    pub fn port(&self) -> u16 {
        self.base.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// How many clients are connected to it.
    pub fn clients(&self) -> usize {
        // Local address and port in hexadecimal, the remote one, the state: 01 is established.
        let local = format!("0100007F:{:04X}", self.port());
        let table = read_to_string("/proc/net/tcp").unwrap();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.filter(|row| row[1] == local && row[3] == "01").count()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("log of {:?}:\n{log}", self.kind);
        }
        self.stdin = None;
        let _ = self.guard.wait();
    }
}

fn nginx(folder: &Path, port: u16, tesela: &str) -> Vec<String> {
    let conf = read_to_string(NGINX_CONF).unwrap();
    let conf = with(&conf, "server 127.0.0.1:3000;", &format!("server {tesela};"));
    let conf = with(&conf, "listen 80;", &format!("listen 127.0.0.1:{port};"));
    let conf = with(&conf, "/var/cache/nginx/tesela", &text(&folder.join("tiles")));
    std::fs::write(folder.join("tesela.conf"), conf).unwrap();
    // As root, workers would be another user, to whom the folder is closed.
    let user = if is_root() { "user root;" } else { "" };
    let folder = text(folder);
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};"))
        .concat();
    let main = format!(
        "{user} daemon off; pid {folder}/pid; worker_processes 2; error_log stderr;\n\
         events {{}}\nhttp {{ access_log off; {temp}\ninclude {folder}/tesela.conf; }}\n"
    );
    std::fs::write(format!("{folder}/nginx.conf"), main).unwrap();
    let arguments = ["-p", &folder, "-c", "nginx.conf", "-e", "stderr"];
    command(&program("nginx", "nginx-light"), &arguments)
}

fn varnish(folder: &Path, port: u16, tesela: &str) -> Vec<String> {
    let (_, tesela_port) = tesela.rsplit_once(':').unwrap();
    let vcl = read_to_string(VARNISH_VCL).unwrap();
    let vcl = with(&vcl, ".port = \"3000\";", &format!(".port = \"{tesela_port}\";"));
    std::fs::write(folder.join("tesela.vcl"), vcl).unwrap();
    let (vcl, work) = (text(&folder.join("tesela.vcl")), text(&folder.join("work")));
    let listen = format!("127.0.0.1:{port}");
    // In the foreground, as whoever runs the tests, without a port for administration, and with
    // 1 MB of log rather than 80.
    let arguments = ["-F", "-j", "none", "-T", "none", "-l", "1m", "-s", "malloc,64m", "-n", &work];
    let arguments = [&arguments[..], &["-a", &listen, "-f", &vcl]].concat();
    command(&program("varnishd", "varnish"), &arguments)
}

fn command(program: &Path, arguments: &[&str]) -> Vec<String> {
    std::iter::once(text(program)).chain(arguments.iter().map(|&a| a.to_owned())).collect()
}

/// The text with one string, which has to be there once, replaced.
fn with(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} in docs/cdn/");
    text.replace(old, new)
}

/// A program that may be where only root looks.
fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(sbin).map(|folder| folder.join(name));
    places.find(|program| program.is_file()).unwrap_or_else(|| {
        panic!(
            "{name} is not installed: on Debian and Ubuntu, apt-get install {package} \
             (scripts/test does it when run as root)"
        )
    })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("tesela-cdn-{}-{count}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Sends some text from 127.0.0.2; the answer up to its first line's end.
fn from_stranger(port: u16, text: &str) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        line
    })
}
