//! Layers and tilesets as they are published.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use geo::Rect;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use crate::query::{Arguments, Kind, Params};
use crate::source::{Source, SourceLayer};
use crate::tile::{self, FORMAT, LayerSpec};

/// A source under the name that the configuration gives it.
#[derive(Clone)]
pub struct NamedSource {
    pub name: Arc<str>,
    pub source: Arc<dyn Source>,
}

/// What all geometries of a layer are, single or multi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GeometryType {
    Point,
    Line,
    Polygon,
}

impl GeometryType {
    /// From the name of a PostGIS type, curves included; `None` for those that hold any.
    pub fn of_postgis(name: &str) -> Option<Self> {
        match name {
            "POINT" | "MULTIPOINT" => Some(Self::Point),
            "LINESTRING" | "MULTILINESTRING" | "CIRCULARSTRING" | "COMPOUNDCURVE"
            | "MULTICURVE" => Some(Self::Line),
            "POLYGON" | "MULTIPOLYGON" | "CURVEPOLYGON" | "MULTISURFACE" | "TRIANGLE" | "TIN"
            | "POLYHEDRALSURFACE" => Some(Self::Polygon),
            _ => None,
        }
    }

    /// The one that all of `each` are; `None` where one isn't known.
    pub fn common(each: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        each.into_iter().reduce(|all, next| if all == next { all } else { None }).flatten()
    }
}

impl From<tile::Kind> for GeometryType {
    fn from(kind: tile::Kind) -> Self {
        match kind {
            tile::Kind::Points => Self::Point,
            tile::Kind::Lines => Self::Line,
            tile::Kind::Polygons => Self::Polygon,
        }
    }
}

/// A layer, ready to be asked for tiles.
pub struct Layer {
    pub id: String,
    pub description: Option<String>,
    pub attribution: Option<String>,
    pub database: NamedSource,
    /// Name of the layer inside the tile.
    pub name: String,
    /// Where its rows come from; the first that has a zoom is the one.
    pub parts: Vec<Part>,
    pub min_zoom: u8,
    pub max_zoom: u8,
    /// Longitudes and latitudes.
    pub bounds: Option<Rect<f64>>,
    /// `None` where it isn't known, or there are several.
    pub geometry_type: Option<GeometryType>,
    /// Property names with their type for TileJSON: `Number`, `Boolean` or `String`.
    pub fields: Vec<(String, &'static str)>,
    /// What requests may choose.
    pub params: Params,
    /// Names of those that nothing uses: each choice is a tile of its own, and all are the same.
    pub unused_params: Vec<String>,
    /// Where they choose nothing.
    pub defaults: Arguments,
    /// Columns that requests may filter by, and what their values are.
    pub filterable: Vec<(String, Kind)>,
    /// What else decides what is answered under its addresses: a text.
    pub answers: String,
    pub freshness: Freshness,
    /// What is different at some zooms.
    pub zoom_freshness: Vec<(RangeInclusive<u8>, Freshness)>,
    /// Digest of everything that decides what its tiles hold, but for the rows.
    pub identity: u128,
    /// What says that the rows are others: equal on all servers that have the same.
    pub data_version: Option<String>,
    /// Set once the log has said that its ids are too large for browsers.
    pub large_ids_reported: AtomicBool,
    /// Zooms and reasons of which the log has said that features are missing.
    pub truncations_reported: AtomicU64,
}

/// Where a layer's rows come from at some zooms.
pub struct Part {
    pub zooms: RangeInclusive<u8>,
    /// The table or function as SQL writes it.
    pub table: String,
    /// Name of its geometry column; empty where finished tiles come.
    pub geometry: String,
    pub query: SourceLayer,
    pub spec: LayerSpec,
}

impl Layer {
    /// Where rows of zoom `z` come from; `None` where there are none.
    pub fn at(&self, z: u8) -> Option<&Part> {
        self.parts.iter().find(|part| part.zooms.contains(&z))
    }

    /// Where its features are looked up by their ids: what the deepest zoom shows that has details.
    pub fn details(&self) -> Option<(u8, &Part)> {
        let zooms = (self.min_zoom..=self.max_zoom).rev();
        let parts = zooms.filter_map(|z| Some((z, self.at(z)?)));
        parts.into_iter().find(|(_, part)| part.query.has_details())
    }

    /// How far its tiles reach beyond their own square, in sides of a tile.
    pub fn margin(&self) -> f32 {
        let margin = |part: &Part| part.spec.buffer as f32 / part.spec.extent.max(1) as f32;
        self.parts.iter().map(margin).fold(0.0, f32::max)
    }

    /// Whether the layer has tiles at zoom `z`.
    pub fn has_zoom(&self, z: u8) -> bool {
        (self.min_zoom..=self.max_zoom).contains(&z)
    }

    /// How long its tiles of zoom `z` may be kept, where it says no more than `defaults`.
    fn lifetimes(&self, defaults: Lifetimes, z: u8) -> Lifetimes {
        let own = self.zoom_freshness.iter().filter(|(zooms, _)| zooms.contains(&z));
        own.fold(defaults.overridden(self.freshness), |all, (_, own)| all.overridden(*own))
    }

    /// Digest of the definition, the format of tiles, the data version and of what requests may ask:
    /// equal on all servers whose answers are equal.
    fn version(&self) -> u64 {
        let data = self.data_version.as_deref();
        xxh3_64(format!("{:?}", (self.identity, FORMAT, data, &self.answers)).as_bytes())
    }
}

/// How long tiles may be kept, where a layer says something of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    pub ttl: Option<Duration>,
    pub max_age: Option<Duration>,
    pub s_maxage: Option<Duration>,
    pub stale_while_revalidate: Option<Duration>,
    pub stale_if_error: Option<Duration>,
}

/// How long tiles may be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lifetimes {
    /// In this server's memory.
    pub ttl: Duration,
    /// By browsers.
    pub max_age: Duration,
    /// By shared caches.
    pub s_maxage: Duration,
    /// Past their time, while new ones are made.
    pub stale_while_revalidate: Duration,
    /// Past their time, because new ones can't be made.
    pub stale_if_error: Duration,
}

impl Lifetimes {
    /// These, but for what `own` says.
    fn overridden(self, own: Freshness) -> Self {
        Self {
            ttl: own.ttl.unwrap_or(self.ttl),
            max_age: own.max_age.unwrap_or(self.max_age),
            s_maxage: own.s_maxage.unwrap_or(self.s_maxage),
            stale_while_revalidate: own
                .stale_while_revalidate
                .unwrap_or(self.stale_while_revalidate),
            stale_if_error: own.stale_if_error.unwrap_or(self.stale_if_error),
        }
    }

    fn shortest(self, other: Self) -> Self {
        Self {
            ttl: self.ttl.min(other.ttl),
            max_age: self.max_age.min(other.max_age),
            s_maxage: self.s_maxage.min(other.s_maxage),
            stale_while_revalidate: self.stale_while_revalidate.min(other.stale_while_revalidate),
            stale_if_error: self.stale_if_error.min(other.stale_if_error),
        }
    }
}

/// Layers that are served as one tile: a single layer, a configured tileset, or `a,b,c`.
pub struct Tileset {
    /// Canonical name, as in the URL.
    pub id: String,
    pub description: Option<String>,
    pub attribution: Option<String>,
    /// In the order in which they stand in the tile.
    pub members: Vec<Arc<Layer>>,
    /// Digest of the members' identities in their order.
    pub identity: u128,
    /// Clients have put it together: there can be any number of such.
    pub ad_hoc: bool,
    /// A tile goes without a layer that can't be read.
    pub omits_failing: bool,
    /// Ids of the layers that it lacks, because they are disabled.
    pub missing: Vec<String>,
}

impl Tileset {
    pub(super) fn new(id: String, members: Vec<Arc<Layer>>) -> Self {
        let mut digest = Xxh3::new();
        for member in &members {
            digest.update(&member.identity.to_le_bytes());
        }
        let identity = digest.digest128();
        Self {
            id,
            description: None,
            attribution: None,
            members,
            identity,
            ad_hoc: false,
            omits_failing: false,
            missing: Vec::new(),
        }
    }

    /// From now on its tiles go without layers that can't be read. They are none of those of a
    /// tileset that doesn't.
    pub(super) fn omit_failing(&mut self) {
        self.omits_failing = true;
        self.identity ^= 1;
    }

    /// From now on its tiles lack the layers of these ids. They are none of those of a tileset that
    /// has them, or never did.
    pub(super) fn lack(&mut self, missing: Vec<String>) {
        if !missing.is_empty() {
            self.identity ^= xxh3_128(format!("{missing:?}").as_bytes());
        }
        self.missing = missing;
    }

    /// Zooms at which any member has tiles.
    pub fn zooms(&self) -> (u8, u8) {
        let min = self.members.iter().map(|layer| layer.min_zoom).min().unwrap_or(0);
        let max = self.members.iter().map(|layer| layer.max_zoom).max().unwrap_or(0);
        (min, max)
    }

    /// The one that all members have.
    pub fn geometry_type(&self) -> Option<GeometryType> {
        GeometryType::common(self.members.iter().map(|layer| layer.geometry_type))
    }

    /// Whether any member has tiles at zoom `z`.
    pub fn has_zoom(&self, z: u8) -> bool {
        self.members.iter().any(|layer| layer.has_zoom(z))
    }

    /// The area that covers all members; `None` when one of them doesn't know its own.
    pub fn bounds(&self) -> Option<Rect<f64>> {
        let mut bounds = self.members.iter().map(|layer| layer.bounds);
        let first = bounds.next()??;
        bounds.try_fold(first, |all, next| {
            let next = next?;
            Some(Rect::new(
                (all.min().x.min(next.min().x), all.min().y.min(next.min().y)),
                (all.max().x.max(next.max().x), all.max().y.max(next.max().y)),
            ))
        })
    }

    /// The shortest time of each kind among the members that have tiles at zoom `z`, for each of
    /// which `defaults` holds unless it says otherwise.
    pub fn lifetimes(&self, defaults: Lifetimes, z: u8) -> Lifetimes {
        let members = self.members.iter().filter(|layer| layer.has_zoom(z));
        let each = members.map(|layer| layer.lifetimes(defaults, z));
        each.reduce(Lifetimes::shortest).unwrap_or(defaults)
    }

    /// Digest of the members' versions in their order, and of those that are missing: 16 hexadecimal
    /// digits.
    pub fn version(&self) -> String {
        let mut digest = Xxh3::new();
        self.members.iter().for_each(|member| digest.update(&member.version().to_le_bytes()));
        if !self.missing.is_empty() {
            digest.update(format!("{:?}", self.missing).as_bytes());
        }
        format!("{:016x}", digest.digest())
    }

    /// Whether the version says all about the tiles: each member's rows have one.
    pub fn is_versioned(&self) -> bool {
        self.members.iter().all(|layer| layer.data_version.is_some())
    }
}
