//! Names and values of a URL's query.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// A query that isn't UTF-8 in its percent-encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the query of the address is not UTF-8 in its percent-encoding")]
pub struct MalformedQuery;

/// Names and values in their order, as forms and `URLSearchParams` write them (URL Standard,
/// section 5.1 "application/x-www-form-urlencoded parsing").
#[derive(Clone, Debug, Default, Hash)]
pub struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Pairs<'a> {
    /// Those of `query` whose name is `wanted`; the others are nobody's business, whatever they
    /// hold.
    ///
    /// # Errors
    /// One of the wanted values isn't UTF-8.
    pub fn read(query: &'a str, wanted: impl Fn(&str) -> bool) -> Result<Self, MalformedQuery> {
        let mut pairs = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Ok(name) = decoded(name) else { continue };
            if wanted(&name) {
                pairs.push((name, decoded(value)?));
            }
        }
        Ok(Self(pairs))
    }

    /// All values of a name.
    pub fn values<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Bytes of all names and values.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, MalformedQuery> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(|_| MalformedQuery);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| MalformedQuery)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(query: &str, name: &str) -> Vec<String> {
        let pairs = Pairs::read(query, |wanted| wanted == name).unwrap();
        pairs.values(name).map(str::to_owned).collect()
    }

    #[test]
    fn values_are_decoded_as_forms_encode_them() {
        assert_eq!(values("a=1&b=x+y%2Bz%26&a=%C3%A4", "b"), ["x y+z&"]);
        assert_eq!(values("a=1&b=2&a=%C3%A4", "a"), ["1", "ä"]);
        assert_eq!(values("a&%61=b=c&A=2&", "a"), ["", "b=c"]);
        assert!(values("", "a").is_empty());
    }

    #[test]
    fn only_what_is_wanted_can_be_wrong() {
        let wanted = |query| Pairs::read(query, |name| name == "a").map(|pairs| pairs.is_empty());
        assert_eq!(wanted("b=%FF&%FF=1&=2"), Ok(true));
        assert_eq!(wanted("a=%FF"), Err(MalformedQuery));
    }
}
