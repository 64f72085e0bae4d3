//! `order_by`: which of a layer's rows come first.

use std::iter::Peekable;
use std::str::{Chars, FromStr};

/// One column of an `order_by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// As the setting has it, without quotes.
    pub column: String,
    pub descending: bool,
    /// Where rows without a value go; what SQL does with them when absent.
    pub nulls_first: Option<bool>,
}

/// Reads `column [ASC|DESC] [NULLS FIRST|LAST], …`, as in SQL. A column in double quotes may hold
/// any character and, if doubled, quotes.
///
/// # Errors
/// What can't be read, for people. Expressions can't: only columns can be checked against the
/// database before the first tile.
pub fn parse_order(text: &str) -> Result<Vec<OrderBy>, String> {
    let mut columns: Vec<OrderBy> = Vec::new();
    for item in items(tokens(text)?) {
        let column = order_by(&item)?;
        if columns.iter().any(|known| known.column == column.column) {
            return Err(format!("column `{}` is there twice", column.column));
        }
        columns.push(column);
    }
    Ok(columns)
}

impl FromStr for OrderBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        order_by(&tokens(text)?)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Comma,
}

impl Token {
    /// Whether this is SQL's keyword, which is given in capitals. A quoted name never is.
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn is_keyword(&self) -> bool {
        ["ASC", "DESC", "NULLS", "FIRST", "LAST"].iter().any(|keyword| self.is(keyword))
    }

    fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Quoted(text) => text,
            Self::Comma => ",",
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.peek().copied() {
        match char {
            '"' => tokens.push(Token::Quoted(quoted(&mut chars)?)),
            char if in_word(char) => tokens.push(Token::Word(word(&mut chars))),
            char if char == ',' || char.is_whitespace() => {
                chars.next();
                tokens.extend((char == ',').then_some(Token::Comma));
            }
            '(' | ')' => return Err("expressions can't be used, only columns".to_owned()),
            char => return Err(format!("`{char}` is only possible in a name in double quotes")),
        }
    }
    Ok(tokens)
}

/// What a name may hold without quotes.
fn in_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '$'
}

fn word(chars: &mut Peekable<Chars<'_>>) -> String {
    std::iter::from_fn(|| chars.next_if(|char| in_word(*char))).collect()
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut name = String::new();
    chars.next();
    while let Some(char) = chars.next() {
        if char == '"' && chars.next_if_eq(&'"').is_none() {
            return if name.is_empty() { Err("a name is empty".to_owned()) } else { Ok(name) };
        }
        name.push(char);
    }
    Err("a double quote isn't closed".to_owned())
}

fn items(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    tokens.split(|token| *token == Token::Comma).map(<[Token]>::to_vec).collect()
}

fn order_by(item: &[Token]) -> Result<OrderBy, String> {
    let Some((column, rest)) = item.split_first() else {
        return Err("a column is missing".to_owned());
    };
    if column.is_keyword() || *column == Token::Comma {
        return Err(format!("a column is missing before `{}`", column.text()));
    }
    let (descending, rest) = match rest {
        [first, rest @ ..] if first.is("DESC") => (true, rest),
        [first, rest @ ..] if first.is("ASC") => (false, rest),
        rest => (false, rest),
    };
    let (nulls_first, rest) = match rest {
        [nulls, first, rest @ ..] if nulls.is("NULLS") && first.is("FIRST") => (Some(true), rest),
        [nulls, last, rest @ ..] if nulls.is("NULLS") && last.is("LAST") => (Some(false), rest),
        rest => (None, rest),
    };
    match rest.first() {
        None => Ok(OrderBy { column: column.text().to_owned(), descending, nulls_first }),
        Some(token) => Err(format!("`{}` can't stand there", token.text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(column: &str, descending: bool, nulls_first: Option<bool>) -> OrderBy {
        OrderBy { column: column.to_owned(), descending, nulls_first }
    }

    #[test]
    fn columns_are_read_with_direction_and_place_of_nulls() {
        let expected = [
            by("z_order", true, None),
            by("Name", false, Some(true)),
            by("größe", true, Some(false)),
            by("a$1", false, None),
        ];
        let text = "z_order DESC, Name nulls first ,größe desc Nulls Last,\n a$1 ASC";
        assert_eq!(parse_order(text), Ok(expected.to_vec()));
        assert_eq!("z_order DESC".parse(), Ok(by("z_order", true, None)));
    }

    #[test]
    fn a_name_in_quotes_may_be_anything() {
        let expected = [by("desc", false, None), by("a, \"b\" (c)", true, None)];
        assert_eq!(parse_order(r#""desc","a, ""b"" (c)"DESC"#), Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_not_a_list_of_columns_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "a column is missing"),
            ("a,", "a column is missing"),
            (",a", "a column is missing"),
            ("a,,b", "a column is missing"),
            ("DESC", "a column is missing before `DESC`"),
            ("nulls last", "a column is missing before `nulls`"),
            ("a b", "`b` can't stand there"),
            ("a DESC ASC", "`ASC` can't stand there"),
            ("a NULLS", "`NULLS` can't stand there"),
            ("a NULLS LAST DESC", "`DESC` can't stand there"),
            ("a \"DESC\"", "`DESC` can't stand there"),
            ("length(a)", "expressions can't be used, only columns"),
            ("a; DROP TABLE b", "`;` is only possible in a name in double quotes"),
            ("a.b", "`.` is only possible in a name in double quotes"),
            ("a -- b", "`-` is only possible in a name in double quotes"),
            ("\"a", "a double quote isn't closed"),
            ("\"\"", "a name is empty"),
            ("a DESC, b, \"a\"", "column `a` is there twice"),
        ] {
            assert_eq!(parse_order(text), Err(reason.to_owned()), "{text}");
        }
        assert!("a, b".parse::<OrderBy>().is_err());
    }
}
