//! A layer's own SQL, taken apart at its tokens.
//!
//! `{bbox}` and the others count only where SQL would read an expression: not in a string, a
//! quoted name, a comment or between dollar quotes (PostgreSQL's manual, section 4.1 "Lexical
//! Structure"). What a token stands for is always a bound parameter.

use std::ops::Range;

use super::sql::{qualify, quote};
use crate::query::Params;

/// What can stand in braces, beside the layer's own parameters.
pub(super) const TOKENS: [(&str, Token); 8] = [
    ("bbox", Token::Bbox),
    ("tile_bbox", Token::TileBbox),
    ("zoom", Token::Zoom),
    ("x", Token::X),
    ("y", Token::Y),
    ("pixel_width", Token::PixelWidth),
    ("scale_denominator", Token::ScaleDenominator),
    ("params", Token::Params),
];

/// A value of the tile that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The buffered tile, in the layer's system.
    Bbox,
    /// The tile itself, in Web Mercator.
    TileBbox,
    Zoom,
    X,
    Y,
    /// Metres of Web Mercator to a pixel, of which a tile has 256.
    PixelWidth,
    /// With pixels of 0.28 mm (OGC 07-057r7, section 6.1).
    ScaleDenominator,
    /// All of the layer's parameters, as JSON.
    Params,
    /// One of them, by its place.
    Param(usize),
}

/// SQL between tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Token(Token),
}

/// A query with tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    /// It ends in an ORDER BY of its own.
    pub(super) ordered: bool,
}

impl Template {
    /// Takes `sql` apart.
    ///
    /// # Errors
    /// What is wrong with it, as far as can be told without the database.
    pub fn parse(sql: &str, params: &Params) -> Result<Self, String> {
        if sql.contains('\0') {
            return Err("it has a NUL character in it".to_owned());
        }
        let mut scanner = Scanner { sql, at: 0, depth: 0, ordered: false };
        let mut pieces = Vec::new();
        let mut start = 0;
        while let Some(token) = scanner.next_token()? {
            pieces.push(Piece::Text(sql[start..token.start].to_owned()));
            pieces.push(Piece::Token(known(&sql[token.start + 1..token.end - 1], params)?));
            start = token.end;
        }
        let end = scanner.at;
        pieces.push(Piece::Text(sql[start..end].to_owned()));
        let template = Self { pieces, ordered: scanner.ordered };
        if !template.has(Token::Bbox) && !template.has(Token::TileBbox) {
            let reason = "it has no {bbox}: each tile would read every row. Restrict the rows, for \
                          example with WHERE geom && {bbox}";
            return Err(reason.to_owned());
        }
        Ok(template)
    }

    /// The rows of a function, called with a tile's zoom, column and row, of the given types, and
    /// with the layer's parameters if it takes them as that type.
    pub(super) fn of_function(
        schema: &str,
        name: &str,
        types: &[String; 3],
        params: Option<&str>,
    ) -> Self {
        let mut pieces = vec![Piece::Text(format!("SELECT * FROM {}(", qualify(schema, name)))];
        for (token, kind) in [Token::Zoom, Token::X, Token::Y].into_iter().zip(types) {
            let comma = if token == Token::Y { "" } else { ", " };
            pieces.extend([Piece::Token(token), Piece::Text(format!("::{kind}{comma}"))]);
        }
        if let Some(kind) = params {
            let cast = Piece::Text(format!("::{kind}"));
            pieces.extend([Piece::Text(", ".to_owned()), Piece::Token(Token::Params), cast]);
        }
        pieces.push(Piece::Text(")".to_owned()));
        Self { pieces, ordered: true }
    }

    fn has(&self, token: Token) -> bool {
        self.pieces.contains(&Piece::Token(token))
    }

    /// The query as an item of FROM, with its rows numbered in a column of that name if there is
    /// one.
    pub(super) fn from(&self, postgis: &str, srid: i32, number: Option<&str>) -> String {
        // On lines of its own, since it may end in a comment.
        let query = self.open(postgis, srid);
        match number {
            // Kept as it is: the planner would put the geometry's expression wherever it is used.
            None => format!("(SELECT * FROM {query} OFFSET 0) AS query"),
            Some(name) => format!(
                "(SELECT query.*, pg_catalog.row_number() OVER () AS {} FROM {query}) AS query",
                quote(name)
            ),
        }
    }

    /// The query as an item of FROM that the planner may look into.
    pub(super) fn open(&self, postgis: &str, srid: i32) -> String {
        format!("(\n{}\n) AS query", self.sql(postgis, srid))
    }

    /// The query with parameters in place of the tokens; boxes have `srid`.
    fn sql(&self, postgis: &str, srid: i32) -> String {
        let envelope = format!("{}.ST_MakeEnvelope", quote(postgis));
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            // With space around, so that nothing grows together with it.
            Piece::Token(Token::Bbox) => format!(" {envelope}($1, $2, $3, $4, {srid}) "),
            Piece::Token(Token::TileBbox) => format!(" {envelope}($14, $15, $16, $17, 3857) "),
            Piece::Token(Token::Zoom) => " $11 ".to_owned(),
            Piece::Token(Token::X) => " $12 ".to_owned(),
            Piece::Token(Token::Y) => " $13 ".to_owned(),
            Piece::Token(Token::PixelWidth) => " $18 ".to_owned(),
            Piece::Token(Token::ScaleDenominator) => " $19 ".to_owned(),
            Piece::Token(Token::Params) => " $20::pg_catalog.json ".to_owned(),
            Piece::Token(Token::Param(place)) => format!(" ${} ", 21 + place),
        };
        self.pieces.iter().map(piece).collect()
    }
}

fn known(name: &str, params: &Params) -> Result<Token, String> {
    let found = TOKENS.iter().find(|(known, _)| *known == name).map(|(_, token)| *token);
    found.or_else(|| params.position(name).map(Token::Param)).ok_or_else(|| {
        let names = TOKENS.iter().map(|(name, _)| *name);
        let names = names.chain(params.iter().map(|param| param.name.as_str()));
        let all: Vec<String> = names.map(|name| format!("{{{name}}}")).collect();
        format!("{{{name}}} is no token; there are {}", all.join(", "))
    })
}

/// Walks through SQL as PostgreSQL's own scanner would, as far as matters here.
struct Scanner<'a> {
    sql: &'a str,
    at: usize,
    /// Open parentheses.
    depth: u32,
    ordered: bool,
}

impl Scanner<'_> {
    /// The next `{…}`, braces included; `None` at the end of the query.
    fn next_token(&mut self) -> Result<Option<Range<usize>>, String> {
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

#[cfg(test)]
mod tests;
