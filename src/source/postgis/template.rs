//! A layer's own SQL, taken apart at its tokens.
//!
//! `{bbox}` and the others count only where SQL would read an expression: not in a string, a
//! quoted name, a comment or between dollar quotes (PostgreSQL's manual, section 4.1 "Lexical
//! Structure"). What a token stands for is always a bound parameter.

mod scanner;

use self::scanner::Scanner;
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
        let mut scanner = Scanner::new(sql);
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

    /// Places of the parameters that it takes.
    pub(super) fn params(&self, declared: &Params) -> Vec<usize> {
        let places = 0..declared.iter().count();
        places.filter(|place| self.has(Token::Params) || self.has(Token::Param(*place))).collect()
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

#[cfg(test)]
mod tests;
