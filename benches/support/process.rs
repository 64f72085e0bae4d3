//! Servers as child processes, and what they cost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server on a port of its own, killed at the end.
pub struct Process {
    child: Child,
    pub address: String,
    started: Instant,
    config: Option<std::path::PathBuf>,
}

impl Process {
    /// The `tesela` binary with a configuration.
    pub fn tesela(toml: &str) -> Self {
        let address = free_address();
        let name = format!("tesela-bench-{}.toml", address.replace(':', "-"));
        let config = std::env::temp_dir().join(name);
        std::fs::write(&config, toml).expect("a configuration file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tesela"));
        command.args(["serve", "--listen", &address, "--config"]).arg(&config);
        command.env("RUST_LOG", "tesela=warn");
        Self::start(command, address, Some(config))
    }

    /// This program again, as the bare server that answers the paths in a file as `base` does.
    pub fn bare(base: &str, paths: &std::path::Path, workers: usize) -> Self {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["bare", &address, base]).arg(paths).arg(workers.to_string());
        let process = Self::start(command, address, None);
        drop(process.wait());
        process
    }

    /// A server that will listen on `address`; `config` is removed at the end.
    pub fn start(
        mut command: Command,
        address: String,
        config: Option<std::path::PathBuf>,
    ) -> Self {
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).spawn().expect("the server starts");
        Self { child, address, started, config }
    }

    /// Waits until it accepts connections.
    pub fn wait(&self) -> TcpStream {
        loop {
            if let Ok(stream) = TcpStream::connect(&self.address) {
                return stream;
            }
            assert!(self.started.elapsed() < PATIENCE, "{} doesn't listen", self.address);
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Time from the start of the process to the first line of the answer to `path`.
    pub fn first_answer(&self, path: &str) -> Duration {
        let mut stream = self.wait();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 20"), "{path}: {line}");
        self.started.elapsed()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time so far.
    pub fn cpu(&self) -> Duration {
        own_cpu(self.pid()).expect("the server is alive")
    }

    /// Processor time so far of each thread that lives now, its children's too.
    pub fn busy(&self) -> Busy {
        let pids = children(self.pid()).into_iter().chain([self.pid()]);
        Busy(pids.flat_map(threads).filter_map(|task| Some((scheduled(&task)?, task))).collect())
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) {
        let _ = self.child.wait();
    }

    /// Resident memory in MB, files included.
    pub fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the server is alive");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024.0 / 1e6
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(config) = &self.config {
            let _ = std::fs::remove_file(config);
        }
    }
}

pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

/// The body of a tile and its headers.
pub struct Answer {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One connection for many requests.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

pub fn get(agent: &ureq::Agent, url: &str) -> Answer {
    let answer = agent.get(url).header("Accept-Encoding", "gzip").call().expect("an answer");
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    let text = |value: &ureq::http::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
    let headers = headers.collect();
    let mut body = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut body).expect("a body");
    Answer { headers, body }
}

/// Fields of `/proc/PID/stat` after the program's name: state, parent, …
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(|field| field.trim().parse().unwrap_or(0)).collect())
}

/// Nanoseconds that threads have run.
pub struct Busy(Vec<(u64, std::path::PathBuf)>);

impl Busy {
    /// What was used since `before`. Threads that have ended since then don't count: they are
    /// those that had nothing to do.
    pub fn since(&self, before: &Self) -> Duration {
        let earlier =
            |task| before.0.iter().find(|(_, known)| known == task).map_or(0, |(n, _)| *n);
        Duration::from_nanos(self.0.iter().map(|(now, task)| now - earlier(task)).sum())
    }
}

/// Processes that `pid` has started.
fn children(pid: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("Linux");
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|child| stat(*child).is_some_and(|stat| stat[1] == u64::from(pid))).collect()
}

/// Folders of a process's threads.
fn threads(pid: u32) -> Vec<std::path::PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(|task| Some(task.ok()?.path())).collect()
}

/// Nanoseconds that a thread has run.
fn scheduled(task: &std::path::Path) -> Option<u64> {
    let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// A clock tick is 10 ms on every Linux.
fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 10)
}

/// Processor time of one process so far.
pub fn own_cpu(pid: u32) -> Option<Duration> {
    let stat = stat(pid)?;
    Some(ticks(stat[11] + stat[12]))
}

/// The PostgreSQL server that `backend` belongs to, and all that it has started.
pub struct Postgres {
    postmaster: u32,
}

impl Postgres {
    /// `None` when the server is on another machine.
    pub fn of(backend: i32) -> Option<Self> {
        let parent = stat(u32::try_from(backend).ok()?)?[1];
        Some(Self { postmaster: u32::try_from(parent).ok()? })
    }

    /// Processor time so far, of processes that have ended too.
    pub fn cpu(&self) -> Duration {
        let ended = stat(self.postmaster).map_or(0, |stat| stat[13] + stat[14]);
        let pids = std::fs::read_dir("/proc")
            .expect("Linux")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let children = pids.filter_map(stat).filter(|stat| stat[1] == u64::from(self.postmaster));
        ticks(ended + children.map(|stat| stat[11] + stat[12]).sum::<u64>())
    }
}
