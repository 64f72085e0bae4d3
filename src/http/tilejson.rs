//! TileJSON 3.0.0 for a tileset.

use std::collections::BTreeMap;
use std::fmt::Write;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use geo::Rect;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::State;
use super::base_url::base_url;
use super::cache_headers;
use super::error::Problem;
use super::router::FEATURES;
use crate::catalog::{GeometryType, Layer, Tileset};
use crate::engine::Served;
use crate::query::{Described, Kind};

/// What can't stand in a path segment as it is; ids hold none of the other reserved characters.
const SEGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Longitudes and latitudes of the square world.
const WORLD: [f64; 4] = [-180.0, -85.051_128_779_806_59, 180.0, 85.051_128_779_806_59];

/// <https://github.com/mapbox/tilejson-spec/tree/master/3.0.0>
#[derive(Serialize)]
struct TileJson<'a> {
    tilejson: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<&'a str>,
    scheme: &'static str,
    tiles: [String; 1],
    minzoom: u8,
    maxzoom: u8,
    bounds: [f64; 4],
    center: (f64, f64, u8),
    vector_layers: Vec<VectorLayer<'a>>,
    /// What tile URLs may say in their query. (No part of the specification, which allows more keys.)
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<&'a str, Described<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    filterable: BTreeMap<&'a str, BTreeMap<&'a str, &'static str>>,
}

#[derive(Serialize)]
struct VectorLayer<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    minzoom: u8,
    maxzoom: u8,
    /// What all its features are. (No part of the specification.)
    #[serde(skip_serializing_if = "Option::is_none")]
    geometry_type: Option<GeometryType>,
    fields: BTreeMap<&'a str, &'a str>,
    /// URL of a feature's details.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

/// Answers `GET /{tileset}` and `/{tileset}.json`.
pub fn tilejson(request: &HttpRequest, state: &State, name: &str) -> Result<HttpResponse, Problem> {
    let served = state.engine.lookup(name.strip_suffix(".json").unwrap_or(name))?;
    let base = base_url(request, &state.settings);
    let given = served.given(request.query_string())?;
    let mut response = HttpResponse::Ok().json(describe(&served, &base.url, &given));
    let headers = response.headers_mut();
    if base.from_request {
        // A shared cache must not hand one client's idea of the host name to another.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    } else {
        // As short-lived for all as for browsers: it tells of new versions.
        let max_age = served.policy(served.tileset.zooms().0).lifetimes.max_age.as_secs();
        let control = format!("public, max-age={max_age}");
        headers.insert(CACHE_CONTROL, cache_headers::value(&control.into()));
        cache_headers::add_tags(headers, &served);
    }
    Ok(response)
}

/// `given` is what of the parameters was, as a query.
fn describe<'a>(served: &'a Served, base: &str, given: &str) -> TileJson<'a> {
    let tileset: &Tileset = &served.tileset;
    let and = if given.is_empty() { "" } else { "&" };
    let query = format!("v={}{and}{given}", served.version);
    let (minzoom, maxzoom) = tileset.zooms();
    let bounds = tileset.bounds().map_or(WORLD, within_world);
    TileJson {
        tilejson: "3.0.0",
        name: &tileset.id,
        description: tileset.description.as_deref(),
        attribution: tileset.attribution.as_deref(),
        scheme: "xyz",
        tiles: [format!("{}?{query}", tile_url(base, &tileset.id))],
        minzoom,
        maxzoom,
        bounds,
        center: center(bounds, minzoom, maxzoom),
        vector_layers: tileset.members.iter().map(|one| vector_layer(one, base, given)).collect(),
        parameters: (tileset.members.iter())
            .flat_map(|layer| layer.params.iter())
            .map(|param| (param.name.as_str(), param.described()))
            .collect(),
        filterable: (tileset.members.iter())
            .filter(|layer| !layer.filterable.is_empty())
            .map(|layer| (layer.id.as_str(), filterable(layer)))
            .collect(),
    }
}

/// Properties with the kinds of their values.
fn filterable(layer: &Layer) -> BTreeMap<&str, &'static str> {
    let kind = |kind: Kind| match kind {
        Kind::Bool => "boolean",
        Kind::Number => "number",
        Kind::Text => "string",
        Kind::Time => "time",
    };
    layer.filterable.iter().map(|(name, of)| (name.as_str(), kind(*of))).collect()
}

fn vector_layer<'a>(layer: &'a Layer, base: &str, given: &str) -> VectorLayer<'a> {
    let details = layer.details().map(|_| {
        let id = utf8_percent_encode(&layer.id, SEGMENT);
        let and = if given.is_empty() { "" } else { "?" };
        format!("{base}/{id}/{FEATURES}/{{id}}{and}{given}")
    });
    VectorLayer {
        details,
        id: &layer.name,
        description: layer.description.as_deref(),
        minzoom: layer.min_zoom,
        maxzoom: layer.max_zoom,
        geometry_type: layer.geometry_type,
        fields: layer.fields.iter().map(|(name, kind)| (name.as_str(), *kind)).collect(),
    }
}

/// URL template of the tileset's tiles.
pub fn tile_url(base: &str, id: &str) -> String {
    let mut url = format!("{base}/");
    // Writing to a String cannot fail.
    let _ = write!(url, "{}", utf8_percent_encode(id, SEGMENT));
    url.push_str("/{z}/{x}/{y}");
    url
}

/// The part of `bounds` that tiles can show, since TileJSON 3.0.0 section 3.5 asks for WGS 84
/// values in the tiles' range.
pub fn within_world(bounds: Rect<f64>) -> [f64; 4] {
    let [west, south, east, north] = WORLD;
    [
        bounds.min().x.clamp(west, east),
        bounds.min().y.clamp(south, north),
        bounds.max().x.clamp(west, east),
        bounds.max().y.clamp(south, north),
    ]
}

/// The middle of the bounds, at the zoom where they about fill a map of 1024 pixels.
fn center([west, south, east, north]: [f64; 4], minzoom: u8, maxzoom: u8) -> (f64, f64, u8) {
    let span = (east - west).max(north - south).max(1e-6);
    let zoom = (360.0 * 2.0 / span).log2().floor().clamp(0.0, 24.0) as u8;
    ((west + east) / 2.0, (south + north) / 2.0, zoom.clamp(minzoom, maxzoom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_script_become_valid_urls() {
        assert_eq!(tile_url("http://h", "a,b"), "http://h/a,b/{z}/{x}/{y}");
        assert_eq!(tile_url("http://h/p", "道"), "http://h/p/%E9%81%93/{z}/{x}/{y}");
    }

    #[test]
    fn the_center_shows_the_whole_layer() {
        assert_eq!(center(WORLD, 0, 22), (0.0, 0.0, 1));
        assert_eq!(center([13.0, 52.0, 14.0, 53.0], 0, 22), (13.5, 52.5, 9));
        assert_eq!(center([13.0, 52.0, 14.0, 53.0], 10, 12).2, 10);
    }
}
