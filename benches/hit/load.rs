//! `wrk`, and what it measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;

/// What came of one run.
#[derive(Clone, Copy)]
pub struct Run {
    pub per_second: f64,
    /// Processor time of the server for each request, in microseconds.
    pub cpu: f64,
    /// Latencies in microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// What is asked for.
#[derive(Clone)]
pub enum Ask {
    Path(String),
    /// A path, by someone who has it with this entity tag.
    Again(String, String),
    /// The paths in a file, one after the other.
    Mix(PathBuf),
}

/// Prints what [`parse`] reads. Without a function `request`, `wrk` repeats one request and runs
/// no Lua for it.
const DONE: &str = r#"
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format("@ %d %d %d %d %d %d", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"#;

const MIX: &str = r#"
local sequence, at = {}, 0
function init(args)
  local made = {}
  for path in io.lines(args[1]) do
    made[path] = made[path] or wrk.format("GET", path)
    sequence[#sequence + 1] = made[path]
  end
end
function request()
  at = at % #sequence + 1
  return sequence[at]
end
"#;

/// Connections at the same time.
const CONNECTIONS: &str = "-c16";

/// Asks `server` for some seconds; `folder` is for the script.
pub fn run(server: &Process, ask: &Ask, seconds: u32, folder: &Path) -> Run {
    let (path, script) = match ask {
        Ask::Path(path) | Ask::Again(path, _) => (path.as_str(), DONE.to_owned()),
        Ask::Mix(_) => ("/", format!("{MIX}{DONE}")),
    };
    let file = folder.join("script.lua");
    std::fs::write(&file, script).expect("a script");
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", CONNECTIONS, "-H", "Accept-Encoding: gzip"]);
    wrk.arg(format!("-d{seconds}s")).arg("-s").arg(file);
    if let Ask::Again(_, etag) = ask {
        wrk.args(["-H", &format!("If-None-Match: {etag}")]);
    }
    wrk.arg(server.url(path));
    if let Ask::Mix(paths) = ask {
        wrk.arg("--").arg(paths);
    }
    let before = server.busy();
    let output = wrk.output().expect("wrk is installed");
    let used = server.busy().since(&before);
    parse(&String::from_utf8_lossy(&output.stdout), used.as_secs_f64() * 1e6)
}

fn parse(text: &str, cpu: f64) -> Run {
    let line = text.lines().find_map(|line| line.strip_prefix("@ "));
    let numbers: Vec<f64> = line.into_iter().flat_map(|line| line.split(' ')).map(number).collect();
    let [requests, micros, errors, p50, p99, p999] = numbers[..] else {
        panic!("wrk: {text}");
    };
    assert_eq!(errors, 0.0, "wrk: {text}");
    Run { per_second: requests / micros * 1e6, cpu: cpu / requests, p50, p99, p999 }
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}
