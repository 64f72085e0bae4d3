//! `docs/quickstart.md`: its commands, run one after the other, print what it says.

use std::process::Command;

use crate::support::database::Database;
use crate::support::eventually;
use crate::support::files::Folder;
use crate::support::server::{Server, tesela};

const PAGE: &str = include_str!("../../docs/quickstart.md");

/// The README's first command, and what the test runs in its place: the binary is built already.
const FIRST: &str = "cargo run --release -- serve demo/";

/// The commands of the page, each with the lines that should come.
fn commands() -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for block in PAGE.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push((command.to_owned(), Vec::new())),
                None => commands.last_mut().expect("a command first").1.push(line.to_owned()),
            }
        }
    }
    commands
}

/// Whether a line is as the page has it, in which `…` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').map(|part| part.trim_matches('\u{a0}')).collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return pattern == line;
    }
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in &parts[1..parts.len() - 1] {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// Whether the output is as the page has it; a line that is `…` stands for any number of lines.
fn all_fit(patterns: &[String], lines: &[&str]) -> bool {
    match (patterns, lines) {
        ([], []) => true,
        ([pattern, rest @ ..], _) if pattern == "…" => {
            (0..=lines.len()).any(|skipped| all_fit(rest, &lines[skipped..]))
        }
        ([pattern, patterns @ ..], [line, lines @ ..]) => {
            fits(pattern, line) && all_fit(patterns, lines)
        }
        _ => false,
    }
}

#[test]
fn the_page_is_what_happens() {
    let database = Database::with_world();
    let folder = Folder::new();
    let root = env!("CARGO_MANIFEST_DIR");
    std::os::unix::fs::symlink(format!("{root}/demo"), folder.path.join("demo")).unwrap();
    let all = commands();
    assert_eq!(all[0].0, FIRST, "the README's command comes first");
    assert!(include_str!("../../README.md").contains(FIRST), "and is the README's");
    let mut serve = tesela(&["serve", "--listen", "127.0.0.1:0", "demo/"]);
    serve.current_dir(&folder.path);
    let server = Server::start(serve, None);
    let address = server.base.strip_prefix("http://").unwrap_or(&server.base).to_owned();
    let here = |text: &str| text.replace("127.0.0.1:3000", &address);
    eventually("the log is complete", || server.log().contains("listening on"));
    let log = server.log();
    // Its admin listener is that of whichever test was first.
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("admin listener")).collect();
    let expected: Vec<String> = all[0].1.iter().map(|line| here(line)).collect();
    assert!(
        all_fit(&expected, &lines),
        "{FIRST} prints\n{log}\nin place of\n{}",
        expected.join("\n")
    );
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_tesela")).parent().unwrap();
    for (command, expected) in &all[1..] {
        let done = Command::new("bash")
            .args(["-c", &format!("{} 2>&1", here(command))])
            .current_dir(&folder.path)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
            .env("DATABASE_URL", &database.url)
            .env("RUST_LOG", "off")
            .output()
            .unwrap();
        let output = String::from_utf8(done.stdout).unwrap();
        let expected: Vec<String> = expected.iter().map(|line| here(line)).collect();
        let lines: Vec<&str> = output.trim_end().lines().collect();
        assert!(
            all_fit(&expected, &lines),
            "{command} prints\n{output}\nin place of\n{}",
            expected.join("\n")
        );
    }
    assert!(all.len() > 15, "{} commands", all.len());
}

#[test]
fn lines_with_gaps_fit_what_they_should() {
    for (pattern, line, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a … c", "a b c", true),
        ("a … c", "a c", false),
        ("…c", "abc", true),
        ("a…", "abc", true),
        ("a…b…c", "a1b2c", true),
        ("a…b…c", "a1c", false),
    ] {
        assert_eq!(fits(pattern, line), expected, "{pattern} {line}");
    }
}
