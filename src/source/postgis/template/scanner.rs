//! The parts of SQL in which a brace means itself (PostgreSQL's manual, section 4.1).

use std::ops::Range;

/// Walks through SQL as PostgreSQL's own scanner would, as far as matters here.
pub(super) struct Scanner<'a> {
    sql: &'a str,
    pub(super) at: usize,
    /// Open parentheses.
    depth: u32,
    pub(super) ordered: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, at: 0, depth: 0, ordered: false }
    }

    /// The next `{…}`, braces included; `None` at the end of the query.
    pub(super) fn next_token(&mut self) -> Result<Option<Range<usize>>, String> {
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            match byte {
                b'{' => return self.token().map(Some),
                b'}' => return Err(self.error(start, "a } without a {")),
                b'\'' => self.string(start, false)?,
                b'"' => self.quoted(start)?,
                b'$' => self.dollar(start)?,
                b'-' if self.peek(1) == Some(b'-') => self.line_comment(),
                b'/' if self.peek(1) == Some(b'*') => self.comment(start)?,
                b'(' => self.open(),
                b')' => self.close(start)?,
                b';' => return self.end(start).map(|()| None),
                byte if is_word_start(byte) => self.word(start)?,
                byte if byte.is_ascii_digit() => self.skip_while(is_word),
                _ => self.at += 1,
            }
        }
        match self.depth {
            0 => Ok(None),
            _ => Err("a ( is never closed".to_owned()),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, matches: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&matches) {
            self.at += 1;
        }
    }

    /// The place in the query, for people.
    fn error(&self, at: usize, what: &str) -> String {
        let before = &self.sql[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        format!("{what}, in line {line} of the query at character {column}")
    }

    fn token(&mut self) -> Result<Range<usize>, String> {
        let start = self.at;
        if start > 0 && is_word(self.sql.as_bytes()[start - 1]) {
            return Err(self.error(start, "a token is a value and can't be part of a name"));
        }
        let Some(length) = self.sql[start..].find('}') else {
            return Err(self.error(start, "a { is never closed"));
        };
        self.at = start + length + 1;
        Ok(start..self.at)
    }

    fn open(&mut self) {
        self.depth += 1;
        self.at += 1;
    }

    /// One too many would end the query that this one stands in.
    fn close(&mut self, start: usize) -> Result<(), String> {
        self.at += 1;
        self.depth =
            self.depth.checked_sub(1).ok_or_else(|| self.error(start, "a ) without a ("))?;
        Ok(())
    }

    /// A semicolon at the end is left out; anything after it is a second statement.
    fn end(&mut self, start: usize) -> Result<(), String> {
        match self.is_blank_from(start + 1) {
            true if self.depth > 0 => Err(self.error(start, "a ( is not closed before ;")),
            true => Ok(()),
            false => Err(self.error(start, "a second statement after ;")),
        }
    }

    /// Only white space, comments and more semicolons.
    fn is_blank_from(&self, mut at: usize) -> bool {
        loop {
            at = self.blank_until(at);
            match self.sql.as_bytes().get(at) {
                None => return true,
                Some(b';') => at += 1,
                Some(_) => return false,
            }
        }
    }

    /// Where white space and comments end that begin at `at`.
    fn blank_until(&self, at: usize) -> usize {
        let mut rest = Scanner { sql: self.sql, at, depth: 0, ordered: false };
        while let Some(byte) = rest.peek(0) {
            match (byte, rest.peek(1)) {
                (b'-', Some(b'-')) => rest.line_comment(),
                (b'/', Some(b'*')) => {
                    let start = rest.at;
                    if rest.comment(start).is_err() {
                        return start;
                    }
                }
                (b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, _) => rest.at += 1,
                _ => break,
            }
        }
        rest.at
    }

    /// A keyword, a name, or the prefix of a string.
    fn word(&mut self, start: usize) -> Result<(), String> {
        self.skip_while(is_word);
        let word = &self.sql[start..self.at];
        if self.peek(0) == Some(b'\'') && word.eq_ignore_ascii_case("e") {
            return self.string(start, true);
        }
        let rest = &self.sql[self.blank_until(self.at)..];
        let by = rest.get(..2).is_some_and(|by| by.eq_ignore_ascii_case("by"));
        if self.depth == 0 && by && word.eq_ignore_ascii_case("order") {
            self.ordered = true;
        }
        Ok(())
    }

    /// A string; with `escapes` a backslash takes the next character with it.
    fn string(&mut self, start: usize, escapes: bool) -> Result<(), String> {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'\\' if escapes => self.at += 1,
                b'\'' if self.peek(0) == Some(b'\'') => self.at += 1,
                b'\'' if escapes && self.continues() => {}
                b'\'' => return Ok(()),
                _ => {}
            }
        }
        Err(self.error(start, "a ' is never closed"))
    }

    /// A string goes on after a line break, in the way that it began. Moves behind the next quote.
    fn continues(&mut self) -> bool {
        let (before, mut breaks) = (self.at, false);
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'-'), Some(b'-')) => self.line_comment(),
                (Some(byte), _) if byte.is_ascii_whitespace() => {
                    breaks |= matches!(byte, b'\n' | b'\r');
                    self.at += 1;
                }
                (Some(b'\''), _) if breaks => {
                    self.at += 1;
                    return true;
                }
                _ => {
                    self.at = before;
                    return false;
                }
            }
        }
    }

    fn quoted(&mut self, start: usize) -> Result<(), String> {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'"' if self.peek(0) == Some(b'"') => self.at += 1,
                b'"' => return Ok(()),
                _ => {}
            }
        }
        Err(self.error(start, "a \" is never closed"))
    }

    fn line_comment(&mut self) {
        self.skip_while(|byte| byte != b'\n' && byte != b'\r');
    }

    /// Comments nest.
    fn comment(&mut self, start: usize) -> Result<(), String> {
        let mut depth = 0;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', Some(b'/')) => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err(self.error(start, "a /* is never closed"))
    }

    /// `$$…$$`, `$tag$…$tag$`, or a parameter, of which there must be none but the tokens.
    fn dollar(&mut self, start: usize) -> Result<(), String> {
        self.at += 1;
        if self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error(start, "a $ parameter: tokens are written in braces"));
        }
        self.skip_while(|byte| is_word(byte) && byte != b'$');
        if self.peek(0) != Some(b'$') {
            return Ok(());
        }
        self.at += 1;
        let tag = &self.sql[start..self.at];
        match self.sql[self.at..].find(tag) {
            Some(end) => self.at += end + tag.len(),
            None => return Err(self.error(start, &format!("a {tag} is never closed"))),
        }
        Ok(())
    }
}

/// Bytes above ASCII are letters to PostgreSQL.
fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}
