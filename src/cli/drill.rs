//! `tesela drill`: what the tiles at a place cost, zoom by zoom and layer by layer.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::DrillArgs;
use super::session::{Cost, Failed, Session};
use super::table::{NOTHING, Table, clean, millis, number};
use super::target::{LonLat, is_http, sources_and_layers};
use super::{CommandError, print};
use crate::catalog::Layer;
use crate::tile::TileCoord;
use crate::tile::anatomy::anatomy;
use crate::tile::compress;

/// A layer of a tile.
#[derive(Serialize)]
struct Step {
    zoom: u8,
    tile: String,
    #[serde(flatten)]
    outcome: Outcome,
}

/// What became of it.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Made {
        #[serde(flatten)]
        cost: Cost,
        features: u64,
        /// Uncompressed, and as one gzip stream.
        bytes: usize,
        gzip: usize,
    },
    Failed {
        layer: String,
        error: String,
    },
}

/// The fields of `--json`, of which docs/inspect.md tells: they may become more.
#[derive(Serialize)]
struct Drilled {
    lon: f64,
    lat: f64,
    steps: Vec<Step>,
    /// Places among the steps, if any was made.
    slowest: Option<usize>,
    /// Of those with any bytes.
    heaviest: Option<usize>,
}

/// Prints what each layer of each tile at the place costs. Fails when one couldn't be made.
pub fn drill(args: &DrillArgs) -> Result<ExitCode, CommandError> {
    if args.sources.iter().any(|source| is_http(source)) {
        return Err("drill asks sources, not servers; for a tile of a server there is \
                    `tesela inspect URL z/x/y`"
            .into());
    }
    let (sources, mut names) = sources_and_layers(&args.sources, args.of.config.is_some());
    names.extend(args.of.layer.iter().cloned());
    let session = Session::open(args.of.config.as_deref(), &sources)?;
    let layers = session.layers(&names)?;
    let zooms = zooms(&layers, args.zooms)?;
    let mut steps = Vec::new();
    for z in zooms.0..=zooms.1 {
        let Some(coord) = args.lonlat.tile(z) else { continue };
        for layer in layers.iter().filter(|layer| layer.has_zoom(z)) {
            let outcome = ask(&session, layer, coord, &args.of.query)?;
            steps.push(Step { zoom: z, tile: coord.to_string(), outcome });
        }
    }
    let drilled = Drilled::new(args.lonlat, steps);
    match args.json {
        true => print(&(serde_json::to_string_pretty(&drilled)? + "\n"))?,
        false => print(&drilled.text())?,
    }
    Ok(if drilled.failures().next().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// First and last zoom at which any of the layers has tiles, of those that are `wanted`.
fn zooms(layers: &[Arc<Layer>], wanted: Option<(u8, u8)>) -> Result<(u8, u8), CommandError> {
    let first = layers.iter().map(|layer| layer.min_zoom).min().unwrap_or(0);
    let last = layers.iter().map(|layer| layer.max_zoom).max().unwrap_or(0);
    let (from, to) = wanted.unwrap_or((first, last));
    if from > last || to < first {
        return Err(format!("the layers have tiles from zoom {first} to {last} only").into());
    }
    Ok((from.max(first), to.min(last)))
}

/// One layer of one tile, alone, so that the time is its own.
fn ask(
    session: &Session,
    layer: &Layer,
    coord: TileCoord,
    query: &str,
) -> Result<Outcome, CommandError> {
    match session.tile(layer, coord, query) {
        Ok(made) => {
            let gzip = if made.tile.is_empty() { 0 } else { compress::gzip(&made.tile).len() };
            let features = anatomy(&made.tile)
                .map_err(|error| format!("{coord} of {}: {error}", layer.id))?
                .features();
            Ok(Outcome::Made { cost: made.cost, features, bytes: made.tile.len(), gzip })
        }
        Err(Failed { reason, is_unavailable: true }) => Err(reason.into()),
        Err(Failed { reason, .. }) => {
            Ok(Outcome::Failed { layer: layer.id.clone(), error: reason })
        }
    }
}

impl Drilled {
    fn new(LonLat { lon, lat }: LonLat, steps: Vec<Step>) -> Self {
        let made = |step: &Step| match &step.outcome {
            Outcome::Made { cost, gzip, .. } => Some((cost.time, *gzip)),
            Outcome::Failed { .. } => None,
        };
        let all = || steps.iter().enumerate().filter_map(|(at, step)| Some((at, made(step)?)));
        let slowest = all().max_by_key(|(_, (time, _))| *time).map(|(at, _)| at);
        let heavy = all().filter(|(_, (_, gzip))| *gzip > 0);
        let heaviest = heavy.max_by_key(|(_, (_, gzip))| *gzip).map(|(at, _)| at);
        Self { lon, lat, steps, slowest, heaviest }
    }

    fn failures(&self) -> impl Iterator<Item = (&Step, &str, &str)> {
        self.steps.iter().filter_map(|step| match &step.outcome {
            Outcome::Failed { layer, error } => Some((step, layer.as_str(), error.as_str())),
            Outcome::Made { .. } => None,
        })
    }

    fn text(&self) -> String {
        let mut out = format!("{},{}\n\n{}\n", self.lon, self.lat, self.table());
        if let Some(step) = self.slowest.and_then(|at| self.steps.get(at))
            && let Outcome::Made { cost, .. } = &step.outcome
        {
            let (tile, Cost { layer, time, db, .. }) = (&step.tile, cost);
            let (time, db) = (millis(*time), millis(*db));
            let _ =
                writeln!(out, "slowest:  {layer} {tile}, {time} ms, of which {db} in the database");
        }
        match self.heaviest.and_then(|at| self.steps.get(at)) {
            Some(step) => {
                if let Outcome::Made { cost, bytes, gzip, .. } = &step.outcome {
                    let (tile, layer) = (&step.tile, &cost.layer);
                    let (bytes, gzip) = (number(*bytes), number(*gzip));
                    let _ = writeln!(
                        out,
                        "heaviest: {layer} {tile}, {bytes} bytes, {gzip} packed; `tesela inspect` \
                         says what they are"
                    );
                }
            }
            None => out.push_str("no layer has anything here\n"),
        }
        for (step, layer, error) in self.failures() {
            let _ = writeln!(out, "{layer} {}  FAILED: {}", step.tile, clean(error));
        }
        out
    }

    fn table(&self) -> Table {
        let head = [
            "<tile",
            "<layer",
            "ms",
            "<",
            "in db",
            "rows",
            "features",
            "bytes",
            "gzip",
            "<",
            "<left out",
        ];
        let mut table = Table::new(&head);
        let mark = |at: Option<usize>, this: usize| if at == Some(this) { "!" } else { "" };
        for (at, step) in self.steps.iter().enumerate() {
            let tile = step.tile.clone();
            match &step.outcome {
                Outcome::Made { cost, features, bytes, gzip } => table.row([
                    tile,
                    cost.layer.clone(),
                    millis(cost.time),
                    mark(self.slowest, at).to_owned(),
                    millis(cost.db),
                    cost.rows.map_or(NOTHING.to_owned(), number),
                    number(*features),
                    number(*bytes),
                    number(*gzip),
                    mark(self.heaviest, at).to_owned(),
                    cost.truncated.clone().unwrap_or_default(),
                ]),
                Outcome::Failed { layer, .. } => {
                    let mut cells = vec![tile, layer.clone()];
                    cells.resize(head.len() - 1, NOTHING.to_owned());
                    (cells[3], cells[9]) = (String::new(), String::new());
                    cells.push("FAILED".to_owned());
                    table.row(cells);
                }
            }
        }
        table
    }
}
