//! `GET /catalog`: everything published, and what is not and why.

use std::collections::BTreeMap;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::State;
use super::tilejson::within_world;
use crate::catalog::{GeometryType, Tileset};

#[derive(Serialize)]
struct Listing<'a> {
    tiles: BTreeMap<&'a str, Entry<'a>>,
    disabled: BTreeMap<&'a str, Disabled<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    content_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<&'a str>,
    minzoom: u8,
    maxzoom: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<[f64; 4]>,
    /// What all its layers' features are.
    #[serde(skip_serializing_if = "Option::is_none")]
    geometry_type: Option<GeometryType>,
    /// Ids of the layers in the tile.
    layers: Vec<&'a str>,
}

#[derive(Serialize)]
struct Disabled<'a> {
    reason: &'a str,
}

pub async fn catalog(state: web::Data<State>) -> HttpResponse {
    let catalog = state.engine.catalog();
    let listing = Listing {
        tiles: catalog.tilesets().map(|tileset| (tileset.id.as_str(), entry(tileset))).collect(),
        disabled: catalog
            .disabled()
            .iter()
            .map(|(id, disabled)| (id.as_str(), Disabled { reason: &disabled.reason }))
            .collect(),
    };
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-cache")).json(listing)
}

fn entry(tileset: &Tileset) -> Entry<'_> {
    let (minzoom, maxzoom) = tileset.zooms();
    Entry {
        content_type: "application/vnd.mapbox-vector-tile",
        description: tileset.description.as_deref(),
        attribution: tileset.attribution.as_deref(),
        minzoom,
        maxzoom,
        bounds: tileset.bounds().map(within_world),
        geometry_type: tileset.geometry_type(),
        layers: tileset.members.iter().map(|layer| layer.id.as_str()).collect(),
    }
}
