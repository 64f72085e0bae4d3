//! What a request asks of a tileset beside the tile: parameters and a filter.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, LazyLock};

use lru::LruCache;
use parking_lot::Mutex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use super::Served;
use crate::cache::Key;
use crate::catalog::{Layer, Tileset};
use crate::query::{Arguments, Filter, FilterError, Language, MalformedQuery, Pairs, ParamError};
use crate::tile::TileCoord;

/// Names in a URL's query that no parameter can have.
const FILTER: &str = "filter";
const LANGUAGE: &str = "filter-lang";

/// Tiles that clients can make of one by choosing parameters, beyond which they count as any number.
const MAX_VARIETY: u64 = 10_000;

/// All that isn't unreserved (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Of this process alone, so that nobody outside can find two requests with one digest.
static SECRETS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);

/// Arguments that differ from the layers' defaults.
#[derive(Debug)]
pub struct Asked {
    /// By place among the tileset's members.
    by_member: Box<[Arguments]>,
    pub(super) digest: u128,
    unbounded: bool,
}

/// Why a request's query can't be answered. The texts are public.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    #[error(transparent)]
    Malformed(#[from] MalformedQuery),
    #[error(transparent)]
    Param(#[from] ParamError),
    #[error("{0}")]
    Filter(String),
    #[error("parameter filter-lang: expected cql2-text or cql2-json")]
    Language,
}

/// A tile that is asked for.
#[derive(Clone)]
pub struct TileRequest {
    pub served: Arc<Served>,
    pub coord: TileCoord,
    /// `None` where it asks for nothing but the defaults.
    pub asked: Option<Arc<Asked>>,
}

impl TileRequest {
    pub(super) fn key(&self) -> Key {
        let tileset = &self.served.tileset;
        match &self.asked {
            None => Key::new(tileset.identity, self.coord, tileset.ad_hoc),
            Some(asked) => Key::new(asked.digest, self.coord, tileset.ad_hoc || asked.unbounded),
        }
    }
}

/// Bytes that queries may take which have been read: a map asks for each tile with the same one.
const REMEMBERED: usize = 8 << 20;

/// Queries of all tilesets, by a digest of the tileset and of what in them is about it.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Default::default);

type Read = Result<Option<Arc<Asked>>, AskError>;

/// What was read, by how long ago it was last asked for, and the bytes that it takes.
struct Known {
    queries: LruCache<u128, (Read, usize)>,
    bytes: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { queries: LruCache::unbounded(), bytes: 0 }
    }
}

impl Known {
    fn put(&mut self, key: u128, read: Read, bytes: usize) {
        self.bytes += bytes;
        if let Some((_, old)) = self.queries.put(key, (read, bytes)) {
            self.bytes -= old;
        }
        while self.bytes > REMEMBERED
            && let Some((_, (_, old))) = self.queries.pop_lru()
        {
            self.bytes -= old;
        }
    }
}

/// What a tileset makes of queries.
pub(super) struct Takes {
    /// Parameters or a filter: there is something to read.
    anything: bool,
    /// A parameter that has to be given.
    required: bool,
    filter: bool,
}

impl Takes {
    pub(super) fn of(tileset: &Tileset) -> Self {
        let takes = |layer: &Arc<Layer>| !layer.params.is_empty() || !layer.filterable.is_empty();
        let required = |layer: &Arc<Layer>| layer.params.iter().any(|param| param.required);
        Self {
            anything: tileset.members.iter().any(takes),
            required: tileset.members.iter().any(required),
            filter: tileset.members.iter().any(|layer| !layer.filterable.is_empty()),
        }
    }

    /// What of a query is about the layers.
    fn pairs<'q>(&self, tileset: &Tileset, query: &'q str) -> Result<Pairs<'q>, MalformedQuery> {
        let is_param =
            |name: &str| tileset.members.iter().any(|layer| layer.params.position(name).is_some());
        let is_wanted = |name: &str| match name {
            FILTER | LANGUAGE => self.filter,
            name => is_param(name),
        };
        Pairs::read(query, is_wanted)
    }
}

impl Served {
    /// What a URL's query asks of the tileset; `None` if nothing but the defaults.
    ///
    /// # Errors
    /// A declared parameter or the filter can't be used, or a required one is missing.
    pub fn asked(&self, query: &str) -> Result<Option<Arc<Asked>>, AskError> {
        let is_nothing = !self.takes.anything || query.is_empty() && !self.takes.required;
        if is_nothing {
            return Ok(None);
        }
        let pairs = self.takes.pairs(&self.tileset, query)?;
        if pairs.is_empty() && !self.takes.required {
            return Ok(None);
        }
        let key = secret_digest((self.tileset.identity, &self.version, &pairs));
        if let Some((read, _)) = KNOWN.lock().queries.get(&key) {
            return read.clone();
        }
        let read = asked(&self.tileset, &pairs);
        // What is kept of it is a filter's tree at most, for each member.
        let bytes = 512 + 8 * pairs.len() * self.tileset.members.len();
        KNOWN.lock().put(key, read.clone(), bytes);
        read
    }

    /// What of a URL's query is about the tileset, every value in its canonical form, as a query for
    /// the URLs of its tiles. It may lack what these need.
    ///
    /// # Errors
    /// A declared parameter or the filter can't be used.
    pub fn given(&self, query: &str) -> Result<String, AskError> {
        if !self.takes.anything {
            return Ok(String::new());
        }
        let pairs = self.takes.pairs(&self.tileset, query)?;
        let layers = &self.tileset.members;
        let filter = filter(&pairs)?;
        let by_member: Result<Vec<Arguments>, AskError> =
            layers.iter().map(|layer| arguments(layer, &pairs, (filter.as_ref(), true))).collect();
        Ok(canonical_query(layers, &by_member?, &pairs))
    }
}

fn asked(tileset: &Tileset, pairs: &Pairs<'_>) -> Result<Option<Arc<Asked>>, AskError> {
    let layers = &tileset.members;
    let filter = filter(pairs)?;
    let by_member: Result<Box<[Arguments]>, AskError> =
        layers.iter().map(|layer| arguments(layer, pairs, (filter.as_ref(), false))).collect();
    let by_member = by_member?;
    if layers.iter().zip(&by_member).all(|(layer, arguments)| *arguments == layer.defaults) {
        return Ok(None);
    }
    Ok(Some(Arc::new(Asked {
        digest: digest(tileset, &by_member),
        unbounded: is_unbounded(layers, &by_member),
        by_member,
    })))
}

/// The filter, once for all layers that allow one.
fn filter(pairs: &Pairs<'_>) -> Result<Option<Filter>, AskError> {
    let mut languages = pairs.values(LANGUAGE);
    let language = match (languages.next(), languages.next()) {
        (None, _) => Language::Text,
        (Some(name), None) => Language::parse(name).ok_or(AskError::Language)?,
        _ => return Err(AskError::Language),
    };
    let mut filters = pairs.values(FILTER).filter(|text| !text.is_empty());
    let Some(text) = filters.next() else { return Ok(None) };
    if filters.next().is_some() {
        return Err(AskError::Filter("there are several filters, expected one".to_owned()));
    }
    Ok(Some(Filter::parse(text, language).map_err(unusable)?))
}

/// What is asked of a layer; `may_lack` what has to be given.
fn arguments(
    layer: &Layer,
    pairs: &Pairs<'_>,
    (filter, may_lack): (Option<&Filter>, bool),
) -> Result<Arguments, AskError> {
    let values = layer.params.given(pairs, may_lack)?;
    let filter = filter.filter(|_| !layer.filterable.is_empty());
    let kind = |name: &str| {
        layer.filterable.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    };
    let filter = filter.map(|filter| filter.clone().typed(&kind)).transpose();
    let filter = filter.map_err(|error| match error {
        FilterError::Property(_) => {
            let names = layer.filterable.iter().map(|(name, _)| format!("`{name}`"));
            let names = names.collect::<Vec<_>>().join(", ");
            AskError::Filter(format!("{error}; in {} there are {names}", layer.id))
        }
        error => unusable(error),
    })?;
    Ok(Arguments::new(&layer.params, values, filter))
}

fn unusable(error: FilterError) -> AskError {
    AskError::Filter(error.to_string())
}

/// Of the tileset and of the arguments' canonical text.
fn digest(tileset: &Tileset, by_member: &[Arguments]) -> u128 {
    let mut text = String::new();
    for (layer, arguments) in tileset.members.iter().zip(by_member) {
        layer.params.canonical(&arguments.values, &mut text);
        let filter = arguments.filter.as_ref().map(Filter::canonical).unwrap_or_default();
        text.push_str(&format!("{}:{filter}/", filter.len()));
    }
    secret_digest((tileset.identity, &text))
}

/// A digest that nobody outside can foresee.
pub(super) fn secret_digest(value: impl Hash) -> u128 {
    let [high, low] = [0, 1].map(|i: usize| u128::from(SECRETS[i].hash_one(&value)));
    high << 64 | low
}

/// Whether clients can make up any number of such arguments.
fn is_unbounded(layers: &[Arc<Layer>], by_member: &[Arguments]) -> bool {
    let variety = layers.iter().zip(by_member).try_fold(1u64, |all, (layer, arguments)| {
        if arguments.filter.is_some() {
            return None;
        }
        all.checked_mul(layer.params.variety(&arguments.values)?)
    });
    variety.is_none_or(|variety| variety > MAX_VARIETY)
}

/// Where members disagree on what a value is, it stays as it was given.
fn canonical_query(layers: &[Arc<Layer>], by_member: &[Arguments], pairs: &Pairs<'_>) -> String {
    let mut given: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (layer, arguments) in layers.iter().zip(by_member) {
        let all = layer.params.iter().zip(&arguments.values);
        for (param, value) in all.filter(|(param, _)| pairs.values(&param.name).next().is_some()) {
            given.entry(&param.name).or_default().insert(value.to_string());
        }
    }
    let mut query: Vec<(&str, String)> = Vec::new();
    for (name, values) in given {
        match values.len() {
            1 => query.extend(values.into_iter().map(|value| (name, value))),
            _ => query.extend(pairs.values(name).map(|value| (name, value.to_owned()))),
        }
    }
    for name in [FILTER, LANGUAGE] {
        let text = pairs.values(name).find(|text| !text.is_empty());
        query.extend(text.map(|text| (name, text.to_owned())));
    }
    let pair = |(name, value): &(&str, String)| {
        format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED))
    };
    query.iter().map(pair).collect::<Vec<_>>().join("&")
}

impl Asked {
    /// What is asked of the member at `place`.
    pub(super) fn of(&self, place: usize) -> &Arguments {
        &self.by_member[place]
    }
}
