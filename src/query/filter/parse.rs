//! From text to cql2's expressions, within limits that hold before the crate sees it.
//!
//! cql2's grammar recurses, and tries what is in parentheses again as a list when it fails: a
//! mistake within 30 pairs of parentheses would take an hour, and a chain of 4,000 signs more stack
//! than a thread has. Depth and tokens bound the stack, to less than 400 KB; the grammar's calls
//! bound the time, to some 2 ms.

use std::iter::Peekable;
use std::num::NonZeroUsize;
use std::str::Chars;

use cql2::Expr;
use pest::error::{ErrorVariant, InputLocation};

use super::error::quoted;
use super::{FilterError, Language};

const MOST_BYTES: usize = 4_096;

/// Operations, properties and values.
const MOST_NODES: usize = 100;

/// Words, numbers, strings and signs. No node has more than two, `x IS NOT NULL AND` included.
const MOST_TOKENS: usize = 2 * MOST_NODES;

/// Operations in each other: what follows recurses, too.
const MOST_LEVELS: usize = 32;

/// Parentheses in each other: where a mistake is within them, each doubles what it takes to find it.
const MOST_PARENTHESES: usize = 10;

/// Arrays and objects in each other: each operation is one of both.
const MOST_BRACKETS: usize = 2 * MOST_LEVELS;

/// What the other limits allow needs less, unless it is all parentheses.
const MOST_CALLS: NonZeroUsize = NonZeroUsize::new(40_000).unwrap();

pub(super) fn parse(text: &str, language: Language) -> Result<Expr, FilterError> {
    if text.len() > MOST_BYTES {
        return Err(FilterError::TooLarge(format!("it has more than {MOST_BYTES} bytes")));
    }
    if text.contains('\0') {
        return Err(unreadable("it has a NUL character"));
    }
    let expr = match language {
        Language::Text => parse_text(text)?,
        Language::Json => parse_json(text)?,
    };
    if nodes(&expr) > MOST_NODES {
        return Err(too_many_nodes());
    }
    if levels(&expr) > MOST_LEVELS {
        return Err(too_deep());
    }
    Ok(expr)
}

fn parse_text(text: &str) -> Result<Expr, FilterError> {
    check_text(text)?;
    // It holds for the process, but cql2's is the only grammar of pest's in it.
    pest::set_call_limit(Some(MOST_CALLS));
    cql2::parse_text(text).map_err(|error| text_error(text, error))
}

fn text_error(text: &str, error: cql2::Error) -> FilterError {
    let error = match error {
        cql2::Error::Pest(error) => error,
        cql2::Error::MissingArgument(name) => {
            return FilterError::Unreadable(format!("`{name}` has no value"));
        }
        _ => return unreadable("it isn't valid CQL2"),
    };
    if let ErrorVariant::CustomError { .. } = error.variant {
        return unreadable("it has too many parentheses, or a mistake within them");
    }
    let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
    match text.get(at..).unwrap_or_default().trim() {
        "" => unreadable("it ends too early"),
        rest => FilterError::Unreadable(format!("something else should stand at {}", quoted(rest))),
    }
}

fn parse_json(text: &str) -> Result<Expr, FilterError> {
    let value = serde_json::from_str(text)
        .map_err(|error| FilterError::Unreadable(format!("it isn't JSON: {error}")))?;
    if !is_shallow(&value, MOST_BRACKETS) {
        return Err(too_deep());
    }
    cql2::parse_json(text).map_err(|_| {
        unreadable(r#"a part of it isn't CQL2 such as {"op": "=", "args": [{"property": "a"}, 1]}"#)
    })
}

fn is_shallow(value: &serde_json::Value, levels: usize) -> bool {
    let inner = levels.checked_sub(1);
    let is_inner_shallow = |value| inner.is_some_and(|levels| is_shallow(value, levels));
    match value {
        serde_json::Value::Array(values) => inner.is_some() && values.iter().all(is_inner_shallow),
        serde_json::Value::Object(map) => inner.is_some() && map.values().all(is_inner_shallow),
        _ => true,
    }
}

/// Whether the grammar may have a look at `text`.
fn check_text(text: &str) -> Result<(), FilterError> {
    let mut chars = text.chars().peekable();
    let (mut depth, mut tokens) = (0_usize, 0);
    while let Some(char) = chars.next() {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or_else(|| unreadable("a `)` has no `(`"))?,
            ',' => {}
            char if char.is_whitespace() => {}
            char => {
                skip_token(char, &mut chars)?;
                tokens += 1;
            }
        }
        if depth > MOST_PARENTHESES {
            return Err(too_deep());
        }
        if tokens > MOST_TOKENS {
            return Err(too_many_nodes());
        }
    }
    if depth > 0 {
        return Err(unreadable("a `(` isn't closed"));
    }
    Ok(())
}

/// Skips what belongs to `first`, which was taken.
fn skip_token(first: char, chars: &mut Peekable<Chars<'_>>) -> Result<(), FilterError> {
    if let '\'' | '"' = first {
        return skip_string(first, chars);
    }
    let is_comparison = |char| matches!(char, '<' | '>' | '=' | '!');
    let mut last = first;
    while let Some(next) = chars.next_if(|next| {
        let is_exponent = first.is_ascii_digit() && matches!(last, 'e' | 'E');
        in_word(first) && (in_word(*next) || is_exponent && matches!(next, '+' | '-'))
            || is_comparison(first) && is_comparison(*next)
    }) {
        last = next;
    }
    Ok(())
}

fn skip_string(quote: char, chars: &mut Peekable<Chars<'_>>) -> Result<(), FilterError> {
    while let Some(char) = chars.next() {
        // Two quotes are one of the string's characters.
        if char == quote && chars.next_if_eq(&quote).is_none() {
            return Ok(());
        }
    }
    Err(FilterError::Unreadable(format!("a `{quote}` isn't closed")))
}

fn in_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '.' | ':')
}

/// A date and a timestamp are one, and a list is as many as its values.
fn nodes(expr: &Expr) -> usize {
    let sum = |exprs: &[Box<Expr>]| exprs.iter().map(|expr| nodes(expr)).sum::<usize>();
    match expr {
        Expr::Operation { args, .. } => 1 + sum(args),
        Expr::Array(exprs) | Expr::Interval { interval: exprs } | Expr::BBox { bbox: exprs } => {
            sum(exprs)
        }
        _ => 1,
    }
}

fn levels(expr: &Expr) -> usize {
    match expr {
        Expr::Operation { args, .. } => {
            1 + args.iter().map(|arg| levels(arg)).max().unwrap_or_default()
        }
        _ => 0,
    }
}

fn unreadable(reason: &str) -> FilterError {
    FilterError::Unreadable(reason.to_owned())
}

fn too_many_nodes() -> FilterError {
    let reason = format!("it has more than {MOST_NODES} operations, properties and values");
    FilterError::TooLarge(reason)
}

fn too_deep() -> FilterError {
    FilterError::TooLarge("it is nested too deeply".to_owned())
}
