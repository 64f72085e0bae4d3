//! What the TOML parser complains about, with a path and, for duplicates, both lines.

use toml::de::Error;

use super::error::Problem;
use super::path::Path;
use super::tree::Document;

/// Notes the parser's complaints; true when there is no tree worth reading.
pub(super) fn report(document: &mut Document<'_>, errors: &[Error]) -> bool {
    let mut fatal = false;
    let mut lines = Vec::new();
    let mut duplicates: Vec<Path> = Vec::new();
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        let line = document.line(offset);
        // One slip makes several complaints: the first on a line tells the most.
        if lines.contains(&line) {
            continue;
        }
        lines.push(line);
        let duplicate = error.message() == "duplicate key";
        fatal |= !duplicate;
        let (path, message) = if duplicate {
            let (path, first) = locate(document, error);
            if duplicates.iter().any(|table| path.starts_with(table)) {
                continue;
            }
            duplicates.push(path.clone());
            let first = first.map_or(String::new(), |line| format!(", first on line {line}"));
            (path.to_string(), format!("defined twice{first}; expected each name once"))
        } else {
            // Never the line itself, as the parser would print it: it may hold a password.
            (String::new(), format!("not valid TOML: {}", error.message()))
        };
        let (place, example) = (document.place(Some(offset)), example(error.message()));
        document.problems.push(Problem { offset, place, path, message, example });
    }
    fatal
}

fn example(message: &str) -> Option<String> {
    let example = match message {
        "duplicate key" => return None,
        m if m.contains("string") || m.contains("quote") => "listen = \"127.0.0.1:3000\"",
        m if m.contains("table") => "[layers.roads]",
        _ => "name = \"value\"",
    };
    Some(example.to_owned())
}

/// The path of a duplicate and the line of its first definition.
fn locate(document: &Document<'_>, error: &Error) -> (Path, Option<usize>) {
    let text = document.text;
    let span = error.span().unwrap_or_default();
    let start = text[..span.start].rfind('\n').map_or(0, |i| i + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    if let Some(header) = header(line) {
        let first = text[..start].lines().position(|line| self::header(line) == Some(header));
        return (split(header), first.map(|i| i + 1));
    }
    let table = text[..start].lines().rev().find_map(header).map(split).unwrap_or_default();
    // `a.b` of `a.b = 1`, or `a` and then `b` of `a = { c = 1, b = 2 }`.
    let before = text[start..span.start].trim_end_matches(['"', '\'']);
    let (outer, inline) = before.split_once('=').unwrap_or((before, ""));
    let mut path = table;
    let key = text.get(span).unwrap_or_default();
    let dotted = if inline.is_empty() { format!("{outer}{key}") } else { format!("{outer}.{key}") };
    path.extend(split(&dotted).steps().iter().cloned());
    let first = document.offset(&path).filter(|_| document.get(&path).is_some());
    (path, first.map(|offset| document.line(offset)))
}

/// `layers.roads` of `[layers.roads]`.
fn header(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix('[')?;
    Some(line.trim_start_matches('[').split(']').next().unwrap_or(line).trim())
}

/// A dotted key's parts. A quoted part with a dot in it comes apart, which only costs the line
/// of the first definition.
fn split(key: &str) -> Path {
    key.split('.')
        .fold(Path::default(), |path, part| path.key(part.trim().trim_matches(['"', '\''])))
}
