//! What a layer leaves out: detail, small shapes, rows beyond a budget; at which zooms.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

use super::{Document, LayerSettings, MAX_ZOOM, Path, YEAR, questions, require, source, within};
use crate::catalog::{Freshness, RowSource, ZoomSettings};
use crate::config::hints;
use crate::source::parse_order;
use crate::source::postgis::Encoder;

/// A 64th of a tile is a shape that nobody recognises any more.
const SIMPLIFY: RangeInclusive<f64> = 0.0..=64.0;
/// A quarter of a tile.
const MIN_SIZE: RangeInclusive<f64> = 0.0..=1024.0;
/// Less holds hardly a feature.
const MIN_TILE_BYTES: ByteSize = ByteSize::kb(1);

pub(super) fn layer(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    require(document, &path.key("simplify"), SIMPLIFY.contains(&layer.simplify));
    require(document, &path.key("min_size"), MIN_SIZE.contains(&layer.min_size));
    budgets(path, layer.max_features, layer.max_tile_bytes, document);
    order(&path.key("order_by"), layer.order_by.as_deref(), document);
    if layer.encoder == Encoder::Postgis {
        by_the_database(path, layer, document);
    }
    let path = path.key("zooms");
    for (i, zooms) in layer.zooms.iter().enumerate() {
        let path = path.index(i);
        level(&path, zooms, document);
        range(&path.key("zooms"), zooms, layer, document);
        overlap(&path, &layer.zooms[..i], zooms, document);
    }
}

/// What can't be had of tiles that the database makes is refused, rather than passed over.
fn by_the_database(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    let example = document.example(&path.key("encoder"));
    let written = document.get(&path.key("simplify")).is_some();
    let own = (path.clone(), written.then_some(layer.simplify), layer.max_tile_bytes);
    let of_zooms = layer
        .zooms
        .iter()
        .enumerate()
        .map(|(i, own)| (path.key("zooms").index(i), own.simplify, own.max_tile_bytes));
    for (path, simplify, bytes) in std::iter::once(own).chain(of_zooms) {
        let mut refuse = |key, expected| {
            let path = path.key(key);
            let message = format!(
                "expected {expected} with encoder = \"postgis\", got {}",
                document.shown(&path)
            );
            document.report(&path, message, example.clone());
        };
        // What is out of range has been reported.
        if simplify.is_some_and(|simplify| simplify != 0.0 && SIMPLIFY.contains(&simplify)) {
            refuse("simplify", "0, or nothing,");
        }
        if bytes.is_some_and(|bytes| bytes >= MIN_TILE_BYTES) {
            refuse("max_tile_bytes", "no such limit");
        }
    }
}

fn budgets(
    path: &Path,
    features: Option<u32>,
    bytes: Option<ByteSize>,
    document: &mut Document<'_>,
) {
    require(document, &path.key("max_features"), features != Some(0));
    let enough = bytes.is_none_or(|bytes| bytes >= MIN_TILE_BYTES);
    require(document, &path.key("max_tile_bytes"), enough);
}

fn order(path: &Path, text: Option<&str>, document: &mut Document<'_>) {
    let Some(Err(reason)) = text.map(parse_order) else { return };
    let shown = document.shown(path);
    let expected = hints::expected(path);
    // The reason may quote the text, so it is as secret as that.
    let message = match text.is_some_and(|text| shown.contains(text)) {
        true => format!("expected {expected}, got {shown}: {reason}"),
        false => format!("expected {expected}, got {shown}"),
    };
    document.report(path, message, document.example(path));
}

fn level(path: &Path, own: &ZoomSettings, document: &mut Document<'_>) {
    let within = |range: RangeInclusive<f64>, value: Option<f64>| {
        value.is_none_or(|value| range.contains(&value))
    };
    require(document, &path.key("simplify"), within(SIMPLIFY, own.simplify));
    require(document, &path.key("min_size"), within(MIN_SIZE, own.min_size));
    budgets(path, own.max_features, own.max_tile_bytes, document);
    freshness(path, own.freshness(), document);
    source(path, &own.own_source(), document);
    questions::filter(path, own.filter.as_deref(), document);
    let ZoomSettings { simplify, min_size, max_features, max_tile_bytes, .. } = own;
    let level = simplify.or(*min_size).is_some() || max_features.is_some();
    let differs =
        own.own_source() != RowSource::default() || own.freshness() != Freshness::default();
    if !level && max_tile_bytes.is_none() && !differs {
        let message = "expected another source (table, sql, function, filter, …), simplify, min_size, \
                       max_features, max_tile_bytes or how long tiles live (ttl, max_age, …) for \
                       these zooms, got none of them";
        document.report(path, message.to_owned(), document.example(&path.key("simplify")));
    }
}

/// How long tiles are kept.
pub(super) fn freshness(path: &Path, own: Freshness, document: &mut Document<'_>) {
    for (key, time) in [
        ("ttl", own.ttl),
        ("max_age", own.max_age),
        ("s_maxage", own.s_maxage),
        ("stale_while_revalidate", own.stale_while_revalidate),
        ("stale_if_error", own.stale_if_error),
    ] {
        within(document, &path.key(key), time.unwrap_or_default(), Duration::ZERO, YEAR);
    }
}

/// A range is two zooms in their order, both of them the layer's.
fn range(path: &Path, own: &ZoomSettings, layer: &LayerSettings, document: &mut Document<'_>) {
    let [first, last] = own.zooms;
    let (min, max) = (layer.min_zoom, layer.max_zoom);
    if document.len(path) != 2 || first > MAX_ZOOM || last > MAX_ZOOM {
        document.expected(path, &hints::expected(path));
    } else if first > last {
        document.expected(path, "the lower zoom first");
    } else if min <= max && (first < min || last > max) {
        let expected = format!("zooms from the layer's min_zoom to its max_zoom, {min} to {max}");
        document.expected(path, &expected);
    }
}

fn overlap(path: &Path, before: &[ZoomSettings], own: &ZoomSettings, document: &mut Document<'_>) {
    let [first, last] = own.zooms;
    let other = before.iter().position(|other| first <= other.zooms[1] && other.zooms[0] <= last);
    if let Some(other) = other.and_then(|other| Some(path.parent()?.index(other).key("zooms"))) {
        let place = document.place(document.offset(&other));
        let expected =
            format!("zooms that no other range has, but {other} at {place} has some of them");
        document.expected(&path.key("zooms"), &expected);
    }
}
