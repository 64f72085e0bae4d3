//! What a layer's tiles cost the database with `ST_AsMVT` as one writes it by hand: no HTTP, no
//! gzip, no order, no casts.

use std::time::Instant;

use postgres::types::Type;
use postgres::{Client, Statement};

use super::agree::Features;
use super::dataset::{Dataset, KINDS, Layer};
use super::measure::{self, Answer, Pass};
use super::process::Postgres;
use super::tiles::Tile;

/// Connections that stay open, with the layer's statement.
pub struct Control(Vec<(Client, Statement)>);

impl Control {
    pub fn new(dataset: &Dataset, layer: &Layer, connections: usize) -> Self {
        let sql = sql(layer);
        let connect = |_| {
            let mut client = dataset.client();
            // As Tesela's connections.
            client.batch_execute("SET application_name = 'control'; SET jit = off").expect("SET");
            let statement = client.prepare_typed(&sql, &[Type::INT4, Type::INT4, Type::INT4]);
            (client, statement.expect("a statement"))
        };
        Self((0..connections).map(connect).collect())
    }

    pub fn pass(&mut self, postgres: &Postgres, tiles: &[Tile]) -> Pass {
        measure::measured(postgres, None, tiles, || self.ask(tiles, |_| ()))
    }

    /// Unmeasured.
    pub fn features(&mut self, tiles: &[Tile]) -> Vec<Features> {
        let answers = self.ask(tiles, |tile| Features::of(tile.to_vec()));
        answers.into_iter().map(|answer| answer.found).collect()
    }

    fn ask<T: Send>(&mut self, tiles: &[Tile], look: impl Fn(&[u8]) -> T + Sync) -> Vec<Answer<T>> {
        let look = &look;
        let workers = self.0.iter_mut().map(|(client, statement)| {
            move |(z, x, y): Tile| {
                let started = Instant::now();
                let row = client.query_one(statement, &[&i32::from(z), &(x as i32), &(y as i32)]);
                let row = row.expect("a tile");
                let tile: &[u8] = row.get(0);
                let millis = started.elapsed().as_secs_f64() * 1e3;
                Answer { millis, bytes: tile.len(), found: look(tile) }
            }
        });
        measure::share(tiles, workers.collect())
    }
}

fn sql(Layer { name, subject, .. }: &Layer) -> String {
    let kind = KINDS.iter().find(|(kind, _)| kind == subject);
    let (_, columns) = kind.expect("a layer of the city");
    let area = "ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096)";
    let (geometry, area) = match name.ends_with("_4326") {
        true => ("ST_Transform(geom, 3857)", format!("ST_Transform({area}, 4326)")),
        false => ("geom", area.to_owned()),
    };
    format!(
        "SELECT ST_AsMVT(q, '{name}', 4096, 'geom', 'id') FROM (
           SELECT id, {columns},
             ST_AsMVTGeom({geometry}, ST_TileEnvelope($1, $2, $3), 4096, 64, true) AS geom
           FROM {name} WHERE geom && {area}) AS q"
    )
}
