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

use std::ops::Range;

use memchr::{memchr2, memchr3};

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
    /// In an object that may be a collection, or may be a feature.
    Object,
    /// Between the features of a collection.
    Between,
    /// In a feature of a collection.
    Feature,
    /// Behind the features of a collection.
    Tail,
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
                State::Between => self.between()?,
                State::Object | State::Feature | State::Tail => self.inside(),
            };
            if !moved {
                break;
            }
        }
        Ok(())
    }

    /// Features, if there are enough of them; `all` for as many as there are.
    pub(super) fn chunk(&mut self, all: bool) -> Option<Chunk> {
        let end = self.units.last()?.end;
        if end < CHUNK && !all {
            return None;
        }
        let rest = self.buffer.split_off(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
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
            State::Outside => return Ok(()),
            State::Between | State::Tail => {
                "it ends before its collection of features does".to_owned()
            }
            State::Object | State::Feature => {
                format!("it ends in the middle of feature {}", self.count + 1)
            }
        };
        Err(Broken { offset: self.offset + self.buffer.len() as u64, reason: within })
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

    fn between(&mut self) -> Result<bool, Broken> {
        match self.buffer[self.at] {
            b'{' => self.open(State::Feature),
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
                let is_object = state == State::Object;
                self.state = if is_object { State::Outside } else { State::Between };
            }
        }
    }

    fn broken(&self, expected: &str) -> Broken {
        let rest = &self.buffer[self.at..];
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(20)]).into_owned();
        Broken { offset: self.offset + self.at as u64, reason: format!("{expected} {shown:?}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The features and what surrounds them, read in pieces of so many bytes.
    fn split(text: &str, piece: usize) -> Result<(Vec<String>, Vec<String>), Broken> {
        let mut splitter = Splitter::default();
        let mut units = Vec::new();
        let mut offset = 0;
        for bytes in text.as_bytes().chunks(piece) {
            splitter.push(bytes)?;
            while let Some(chunk) = splitter.chunk(true) {
                assert_eq!(chunk.first as usize, units.len() + 1);
                for unit in &chunk.units {
                    let at = chunk.offset as usize + unit.start;
                    assert!(at >= offset, "in the file's order");
                    offset = at;
                    let unit = &chunk.bytes[unit.clone()];
                    assert_eq!(&text.as_bytes()[at..at + unit.len()], unit);
                    units.push(String::from_utf8(unit.to_vec()).unwrap());
                }
            }
        }
        splitter.end()?;
        let members =
            splitter.members.into_iter().map(|(_, text)| String::from_utf8(text).unwrap());
        Ok((units, members.collect()))
    }

    #[test]
    fn features_are_found_however_the_file_is_read() {
        let features = [
            r#"{"type":"Feature","properties":{"features":[1],"a":"}\"{\\"},"geometry":null}"#,
            r#"{ }"#,
            r#"{"x":[{"y":{}}]}"#,
        ];
        let [a, b, c] = features;
        let collection = format!(
            "\u{feff} {{\"name\":\"{{\\\"features\\\":[\",\"crs\":{{\"features\":[{{}}]}},\n\
             \"features\" : [ {a},\n{b} ,{c}] , \"bbox\":[1,2,3,4]}}\n"
        );
        let lines = format!("{a}\n{b}\r\n\n\u{1e}{c}");
        for piece in [1, 2, 3, 7, 64, 10_000] {
            let (units, members) = split(&collection, piece).unwrap();
            assert_eq!(units, features, "{piece}");
            assert_eq!(members.len(), 2);
            for text in members {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(json["features"], serde_json::json!([]));
            }
            let (units, members) = split(&lines, piece).unwrap();
            assert_eq!((units.as_slice(), members.len()), (&features.map(str::to_owned)[..], 0));
        }
    }

    #[test]
    fn what_is_no_geojson_is_told_with_its_place() {
        for (text, offset, reason) in [
            ("hello", 0, "expected an object of GeoJSON, got \"hello\""),
            (" [1]", 1, "expected an object of GeoJSON, got \"[1]\""),
            ("{}\nx", 3, "expected an object of GeoJSON, got \"x\""),
            ("{\"features\":[ 7 ]}", 14, "expected a feature in the collection, got \"7 ]}\""),
            ("{\"features\":[{},{\"a\"", 20, "it ends in the middle of feature 2"),
            ("{\"features\":[{}", 15, "it ends before its collection of features does"),
            ("{\"features\":[{}]", 16, "it ends before its collection of features does"),
            ("{\"a\":\"x", 7, "it ends in the middle of feature 1"),
        ] {
            let broken = split(text, 3).unwrap_err();
            let whole = split(text, 100).unwrap_err();
            assert_eq!((whole.offset, whole.reason.as_str()), (offset, reason), "{text}");
            assert_eq!(broken.offset, offset, "{text}");
        }
        assert_eq!(split("", 1).unwrap().0.len(), 0);
    }
}
