//! `tesela inspect`: what a tile's bytes are spent on.

mod remote;
mod report;
mod warnings;

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use serde::Serialize;

use super::args::{InspectArgs, OfSources};
use super::session::{Cost, Session};
use super::target::{Target, sources_and_layers, target};
use super::{CommandError, print};
use crate::tile::anatomy::{self, MAX_BYTES, anatomy};
use crate::tile::unpack::{Unpacked, unpack};
use crate::tile::{Encoding, TileCoord};
use remote::Answer;
use report::Report;

/// Most layers that a title names.
const TITLED: usize = 8;

/// A tile, with what is known of how it came.
#[derive(Default)]
struct Found {
    /// What it is, for people.
    title: String,
    coord: Option<TileCoord>,
    /// Uncompressed.
    tile: Vec<u8>,
    /// What it was packed in, the outermost first.
    packed: Vec<&'static str>,
    answer: Option<Answer>,
    made: Vec<Cost>,
    failed: Vec<FailedLayer>,
    warnings: Vec<String>,
}

/// A layer that couldn't be made.
#[derive(Clone, Debug, Serialize)]
struct FailedLayer {
    layer: String,
    error: String,
}

/// Prints what the tile holds. Fails when a layer of it couldn't be made.
pub fn inspect(args: &InspectArgs) -> Result<ExitCode, CommandError> {
    let has_config = args.of.config.is_some();
    let (target, before) = target(&args.target, has_config)?;
    let is_narrowed = !args.of.layer.is_empty() || !args.of.query.is_empty();
    if is_narrowed && !matches!(target, Target::Sources(_)) {
        return Err("--layer and --query are about sources; here name layers in the URL".into());
    }
    let found = match target {
        Target::File(path) => file(&path)?,
        Target::Url(url) => remote::tile(&url, None)?,
        Target::Tileset(url, coord) => remote::tile_of(&url, coord)?,
        Target::Sources(coord) => sources(before, &args.of, coord)?,
    };
    let anatomy = anatomy(&found.tile).map_err(|error| format!("{}: {error}", found.title))?;
    let report = Report::new(&found, &anatomy);
    print(&if args.json { report.json()? } else { report.text() })?;
    Ok(if found.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn file(path: &str) -> Result<Found, CommandError> {
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let (title, read) = match path {
        "-" => ("standard input", std::io::stdin().take(limit).read_to_end(&mut bytes)),
        path => (path, File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))),
    };
    read.map_err(|error| {
        format!("can't read {title}: {error}\n  for a tile of a source add its z/x/y, such as 14/8800/5373")
    })?;
    let Unpacked { tile, packed } = unpacked(bytes, None).map_err(|error| {
        let hint = match error.contains("JSON") {
            true => "\n  for a tile made of it as a source add its z/x/y, such as 0/0/0",
            false => "",
        };
        format!("{title}: {error}{hint}")
    })?;
    Ok(Found { title: title.to_owned(), tile, packed, ..Found::default() })
}

/// See [`unpack`].
fn unpacked(bytes: Vec<u8>, coding: Option<Encoding>) -> Result<Unpacked, String> {
    unpack(bytes, coding, anatomy::MAX_BYTES).map_err(|error| error.to_string())
}

/// The tile of some layers or of all that have its zoom.
fn sources(before: &[String], of: &OfSources, coord: TileCoord) -> Result<Found, CommandError> {
    let (sources, mut names) = sources_and_layers(before, of.config.is_some());
    names.extend(of.layer.iter().cloned());
    let session = Session::open(of.config.as_deref(), &sources)?;
    let layers = session.layers(&names)?;
    let mut found = Found { coord: Some(coord), packed: Vec::new(), ..Found::default() };
    let mut shown: Vec<&str> = Vec::new();
    for layer in layers.iter().filter(|layer| layer.has_zoom(coord.z())) {
        shown.push(&layer.id);
        match session.tile(layer, coord, &of.query) {
            Ok(made) => {
                found.tile.extend(made.tile);
                found.made.push(made.cost);
            }
            Err(failed) if failed.is_unavailable => return Err(failed.reason.into()),
            Err(failed) => {
                let (layer, error) = (layer.id.clone(), failed.reason);
                found.failed.push(FailedLayer { layer, error });
            }
        }
    }
    if shown.is_empty() {
        let zooms = layers.iter().map(|layer| (layer.min_zoom, layer.max_zoom));
        let (first, last) = zooms.fold((u8::MAX, 0), |a, z| (a.0.min(z.0), a.1.max(z.1)));
        let z = coord.z();
        return Err(
            format!("no layer has tiles at zoom {z}: they go from {first} to {last}").into()
        );
    }
    let more = if shown.len() > TITLED { ", …" } else { "" };
    found.title = format!("{coord} of {}{more}", shown[..shown.len().min(TITLED)].join(", "));
    Ok(found)
}
