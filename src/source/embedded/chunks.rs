//! GeoJSON taken apart at its features, without reading them.
//!
//! A file is a FeatureCollection, or objects one after the other (newline-delimited GeoJSON,
//! RFC 8142 text sequences). Either way features are objects, so that only braces and strings
//! have to be looked at:
//!
//! ```text
//!   {"type":"FeatureCollection","features":[ {…} , {…} ],"name":"x"}
//!   ├──────────────── head ────────────────┤ unit  unit ├── tail ──┤
//! ```
//!
//! Once an object has ended with its line, each line is one: then a broken one takes no others along.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::parallel::{CHUNK, Chunk};

/// What surrounds the features of a collection, as an object whose `features` is empty.
pub(super) type Members = Vec<u8>;

/// Where a file is no GeoJSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) offset: u64,
    pub(super) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before, between or behind objects.
    Outside,
    /// Behind an object of one line, which may be the first of many.
    Ended,
    /// In an object that may be a collection, or may be a feature.
    Object,
    /// Between the features of a collection.
    Between,
    /// In a feature of a collection.
    Feature,
    /// Behind the features of a collection.
    Tail,
    /// Each line is an object.
    Lines,
}

/// Takes a file apart as it is read.
#[derive(Debug)]
pub(super) struct Splitter {
    buffer: Vec<u8>,
    /// Of the buffer's first byte in the file.
    offset: u64,
    /// How far the buffer has been looked at.
    at: usize,
    state: State,
    /// Where the object, the feature or the tail begins.
    start: usize,
    depth: usize,
    /// Bytes of features that are enough for a chunk.
    enough: usize,
    /// Up to where the string that ends the buffer has been looked through.
    searched: usize,
    units: Vec<Range<usize>>,
    count: u64,
    /// There was no object yet.
    unused: bool,
    /// Heads and tails that nobody has looked at.
    pub(super) members: Vec<(u64, Members)>,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            offset: 0,
            at: 0,
            state: State::Outside,
            start: 0,
            depth: 0,
            enough: CHUNK,
            searched: 0,
            units: Vec::new(),
            count: 0,
            unused: true,
            members: Vec::new(),
        }
    }
}

impl Splitter {
    /// More of the file.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.buffer.extend_from_slice(bytes);
        while self.at < self.buffer.len() {
            let moved = match self.state {
                State::Outside => self.outside()?,
                State::Ended => self.ended(),
                State::Between => self.between()?,
                State::Lines => self.line(),
                State::Object | State::Feature | State::Tail => self.inside(),
            };
            if !moved {
                break;
            }
        }
        Ok(())
    }

    /// Whether there are enough features for a chunk, or the file ends.
    pub(super) fn has_chunk(&self, all: bool) -> bool {
        all || self.units.last().is_some_and(|last| last.end >= self.enough)
    }

    /// Features, if there are enough of them; `all`, at the end of the file, for as many as there are.
    /// The rest of the buffer goes into `spare`.
    pub(super) fn chunk(&mut self, all: bool, spare: Option<Vec<u8>>) -> Option<Chunk> {
        if all && self.state == State::Lines && self.is_at_end_of_line() {
            // It needs no line break.
            self.push_line(self.buffer.len());
            (self.start, self.at) = (self.buffer.len(), self.buffer.len());
        }
        let end = self.units.last()?.end;
        if end < self.enough && !all {
            return None;
        }
        let mut rest = spare.unwrap_or_default();
        rest.extend_from_slice(&self.buffer[end..]);
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        bytes.truncate(end);
        let (units, offset) = (std::mem::take(&mut self.units), self.offset);
        let first = self.count - units.len() as u64 + 1;
        self.offset += end as u64;
        self.at -= end;
        self.start = self.start.saturating_sub(end);
        self.searched = self.searched.saturating_sub(end);
        Some(Chunk { bytes, units, offset, first })
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there was nothing but space so far.
    pub(super) fn is_unused(&self) -> bool {
        self.unused
    }

    /// The file ends here.
    pub(super) fn end(&self) -> Result<(), Broken> {
        let within = match self.state {
            State::Outside | State::Ended => return Ok(()),
            State::Between | State::Tail => {
                "it ends before its collection of features does".to_owned()
            }
            State::Lines if self.is_at_end_of_line() => return Ok(()),
            State::Object | State::Feature | State::Lines => format!(
                "it ends in the middle of feature {}, which begins at byte {}",
                self.count + 1,
                self.offset + self.start as u64
            ),
        };
        Err(Broken { offset: self.offset + self.buffer.len() as u64, reason: within })
    }

    /// Whether the line ends where the object does.
    fn ended(&mut self) -> bool {
        match self.buffer[self.at] {
            b'\n' => {
                self.at += 1;
                (self.state, self.start) = (State::Lines, self.at);
            }
            byte if byte.is_ascii_whitespace() => self.at += 1,
            _ => self.state = State::Outside,
        }
        true
    }

    fn outside(&mut self) -> Result<bool, Broken> {
        match self.buffer[self.at] {
            b'{' => self.open(State::Object),
            byte if byte.is_ascii_whitespace() || byte == 0x1e => self.at += 1,
            // A byte order mark is three bytes at the very start.
            0xef | 0xbb | 0xbf if self.offset == 0 && self.at < 3 => self.at += 1,
            _ => return Err(self.broken("expected an object of GeoJSON, got")),
        }
        Ok(true)
    }

    /// Goes behind the next line. False if that takes more of the file.
    fn line(&mut self) -> bool {
        let rest = &self.buffer[self.at..];
        let Some(length) = memchr(b'\n', rest) else {
            self.at = self.buffer.len();
            return false;
        };
        let end = self.at + length;
        self.push_line(end);
        (self.at, self.start) = (end + 1, end + 1);
        true
    }

    /// The line up to `end` is a unit, unless there is nothing in it.
    fn push_line(&mut self, end: usize) {
        let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1e;
        let line = &self.buffer[self.start..end];
        let Some(first) = line.iter().position(|byte| !is_space(byte)) else { return };
        let last = line.iter().rposition(|byte| !is_space(byte)).unwrap_or(first);
        self.units.push(self.start + first..self.start + last + 1);
        self.count += 1;
    }

    /// Whether nothing is left, or a line that only lacks its end.
    fn is_at_end_of_line(&self) -> bool {
        let rest = self.buffer[self.start..].trim_ascii();
        rest.is_empty() || rest.ends_with(b"}")
    }

    fn between(&mut self) -> Result<bool, Broken> {
        match self.buffer[self.at] {
            b'{' => self.open(State::Feature),
            // No features, but no reason to refuse the others.
            b'n' | b't' | b'f' | b'-' | b'0'..=b'9' => {
                let is_end = |byte: &u8| matches!(byte, b',' | b']') || byte.is_ascii_whitespace();
                let Some(length) = self.buffer[self.at..].iter().position(is_end) else {
                    return Ok(false);
                };
                self.units.push(self.at..self.at + length);
                self.count += 1;
                self.at += length;
            }
            byte if byte.is_ascii_whitespace() || byte == b',' => self.at += 1,
            b']' => {
                (self.state, self.start, self.depth) = (State::Tail, self.at, 1);
                self.at += 1;
            }
            _ => return Err(self.broken("expected a feature in the collection, got")),
        }
        Ok(true)
    }

    fn open(&mut self, state: State) {
        self.unused = false;
        (self.state, self.start, self.depth) = (state, self.at, 1);
        self.at += 1;
    }

    /// Goes on to the next brace or behind the next string. False if that takes more of the file.
    fn inside(&mut self) -> bool {
        let rest = &self.buffer[self.at..];
        let Some(next) = memchr3(b'"', b'{', b'}', rest) else {
            self.at = self.buffer.len();
            return false;
        };
        match rest[next] {
            b'"' => return self.string(self.at + next),
            b'{' => self.depth += 1,
            _ => self.depth -= 1,
        }
        self.at += next + 1;
        if self.depth == 0 {
            self.close();
        }
        true
    }

    /// Goes behind the string that starts at `start`, and into the collection if it is the name
    /// of its features.
    fn string(&mut self, start: usize) -> bool {
        let mut end = self.searched.max(start + 1);
        loop {
            match memchr2(b'"', b'\\', &self.buffer[end.min(self.buffer.len())..]) {
                Some(next) if self.buffer[end + next] == b'"' => {
                    end += next + 1;
                    break;
                }
                Some(next) => end += next + 2,
                None => {
                    // The string comes again, whole, but isn't looked through again.
                    (self.at, self.searched) = (start, end.max(self.buffer.len()));
                    return false;
                }
            }
        }
        self.searched = 0;
        let is_name = self.state == State::Object
            && self.depth == 1
            && self.buffer[start..end] == *b"\"features\"";
        if is_name {
            let mut rest = self.buffer[end..]
                .iter()
                .enumerate()
                .filter(|(_, byte)| !byte.is_ascii_whitespace());
            match (rest.next(), rest.next()) {
                (Some((_, b':')), Some((bracket, b'['))) => {
                    let head = [&self.buffer[self.start..=end + bracket], b"]}"].concat();
                    self.members.push((self.offset + self.start as u64, head));
                    (self.state, self.at) = (State::Between, end + bracket + 1);
                    return true;
                }
                (_, None) => {
                    self.at = start;
                    return false;
                }
                _ => {}
            }
        }
        self.at = end;
        true
    }

    /// An object or a tail ends.
    fn close(&mut self) {
        let whole = self.start..self.at;
        match self.state {
            State::Tail => {
                let tail = [b"{\"features\":[", &self.buffer[whole.clone()]].concat();
                self.members.push((self.offset + whole.start as u64, tail));
                self.state = State::Outside;
            }
            state => {
                self.units.push(whole);
                self.count += 1;
                let one_line = state == State::Object
                    && memchr(b'\n', &self.buffer[self.start..self.at]).is_none();
                self.state = match state {
                    State::Object if one_line => State::Ended,
                    State::Object => State::Outside,
                    _ => State::Between,
                };
            }
        }
    }

    fn broken(&self, expected: &str) -> Broken {
        let rest = &self.buffer[self.at..];
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(20)]).into_owned();
        let reason = match rest {
            [0x1f, 0x8b, ..] => "it is compressed with gzip: unpack it".to_owned(),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16: convert it to UTF-8".to_owned(),
            _ => format!("{expected} {shown:?}"),
        };
        Broken { offset: self.offset + self.at as u64, reason }
    }
}

#[cfg(test)]
mod tests;
