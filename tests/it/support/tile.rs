//! Tiles, decoded by independent readers.

use std::collections::BTreeMap;
use std::io::Read;

use geo::{Area, Coord, Euclidean, Length, LineString, Polygon};
use mvt_reader::Reader;
use mvt_reader::feature::Value;

use super::second_reader;
use super::server::{Response, Server};

/// Media type of a Mapbox Vector Tile.
const MVT: &str = "application/vnd.mapbox-vector-tile";

/// A layer of a decoded tile.
pub struct Layer {
    pub name: String,
    pub extent: u32,
    pub features: Vec<Feature>,
}

/// A decoded feature, its geometry taken apart into what can be compared.
#[derive(Debug, Default)]
pub struct Feature {
    pub id: Option<u64>,
    pub properties: BTreeMap<String, Property>,
    pub points: Vec<Coord<f64>>,
    pub lines: Vec<LineString<f64>>,
    pub polygons: Vec<Polygon<f64>>,
}

/// Numbers of any MVT type compare by value.
#[derive(Clone, Debug, PartialEq)]
pub enum Property {
    Bool(bool),
    Int(i128),
    Double(f64),
    Text(String),
}

impl Feature {
    pub fn length(&self) -> f64 {
        self.lines.iter().map(|line| Euclidean.length(line)).sum()
    }

    pub fn area(&self) -> f64 {
        self.polygons.iter().map(Area::unsigned_area).sum()
    }

    pub fn perimeter(&self) -> f64 {
        self.rings().map(|ring| Euclidean.length(ring)).sum()
    }

    pub fn rings(&self) -> impl Iterator<Item = &LineString<f64>> {
        self.polygons.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()))
    }

    pub fn coords(&self) -> impl Iterator<Item = Coord<f64>> {
        let lines = self.lines.iter().flat_map(|line| line.coords().copied());
        let rings = self.rings().flat_map(|ring| ring.coords().copied());
        self.points.iter().copied().chain(lines).chain(rings)
    }
}

/// A layer as mvt-reader sees it.
pub struct RawLayer {
    pub name: String,
    pub version: u32,
    pub extent: u32,
    pub features: Vec<mvt_reader::feature::Feature<f64>>,
}

/// A tile's layers, in which two readers have seen the same; none for an empty body.
pub fn decode(mvt: &[u8]) -> Vec<Layer> {
    let layers = read(mvt);
    second_reader::agrees(mvt, &layers);
    layers
        .into_iter()
        .map(|layer| {
            assert_eq!(layer.version, 2, "MVT 2");
            Layer {
                name: layer.name,
                extent: layer.extent,
                features: layer.features.into_iter().map(feature).collect(),
            }
        })
        .collect()
}

fn read(mvt: &[u8]) -> Vec<RawLayer> {
    let reader = Reader::new(mvt.to_vec()).expect("a valid tile");
    let layers = reader.get_layer_metadata().expect("valid layers").into_iter();
    layers
        .map(|layer| RawLayer {
            features: reader.get_features_as(layer.layer_index).expect("features"),
            name: layer.name,
            version: layer.version,
            extent: layer.extent,
        })
        .collect()
}

fn feature(feature: mvt_reader::feature::Feature<f64>) -> Feature {
    let mut out = Feature { id: feature.id, ..Feature::default() };
    for (key, value) in feature.properties.into_iter().flatten() {
        out.properties.insert(key, property(value));
    }
    take_apart(feature.geometry, &mut out);
    out
}

fn property(value: Value) -> Property {
    match value {
        Value::String(text) => Property::Text(text),
        Value::Float(number) => Property::Double(number.into()),
        Value::Double(number) => Property::Double(number),
        Value::Int(number) | Value::SInt(number) => Property::Int(number.into()),
        Value::UInt(number) => Property::Int(number.into()),
        Value::Bool(value) => Property::Bool(value),
        Value::Null => panic!("a value without a value"),
    }
}

fn take_apart(geometry: geo::Geometry<f64>, out: &mut Feature) {
    use geo::Geometry::{
        GeometryCollection, Line, LineString, MultiLineString, MultiPoint, MultiPolygon, Point,
        Polygon, Rect, Triangle,
    };
    match geometry {
        Point(point) => out.points.push(point.0),
        MultiPoint(points) => out.points.extend(points.0.iter().map(|point| point.0)),
        LineString(line) => out.lines.push(line),
        MultiLineString(lines) => out.lines.extend(lines.0),
        Polygon(polygon) => out.polygons.push(polygon),
        MultiPolygon(polygons) => out.polygons.extend(polygons.0),
        GeometryCollection(parts) => parts.0.into_iter().for_each(|part| take_apart(part, out)),
        Line(_) | Rect(_) | Triangle(_) => unreachable!("no MVT geometry"),
    }
}

impl Response {
    /// The uncompressed tile of a 200 or 204 answer.
    pub fn mvt(&self) -> Vec<u8> {
        match self.status {
            204 => Vec::new(),
            200 => {
                let mut mvt = Vec::new();
                let read = match self.header("content-encoding") {
                    Some("gzip") => flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut mvt),
                    Some("br") => {
                        brotli::Decompressor::new(&*self.body, 4096).read_to_end(&mut mvt)
                    }
                    Some("zstd") => zstd::Decoder::new(&*self.body).unwrap().read_to_end(&mut mvt),
                    None => (&*self.body).read_to_end(&mut mvt),
                    Some(other) => panic!("Content-Encoding: {other}"),
                };
                read.unwrap();
                mvt
            }
            status => panic!("status {status}: {}", self.text()),
        }
    }

    /// Has both readers look at the body if it is a tile.
    ///
    /// # Panics
    /// They don't agree on it.
    pub fn check_tile(&self) {
        let is_tile = self.status == 200 && self.header("content-type") == Some(MVT);
        // The answer to a HEAD request has no body, whatever its headers say.
        if is_tile && !self.body.is_empty() {
            decode(&self.mvt());
        }
    }
}

impl Server {
    /// The layers of a tile, for example of `/roads/3/4/2`.
    pub fn tile(&self, path: &str) -> Vec<Layer> {
        decode(&self.request("GET", path, &[("accept-encoding", "gzip")]).mvt())
    }
}
