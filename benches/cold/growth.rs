//! Whether a tile costs more when its table has ten times as many rows elsewhere.

use std::time::Instant;

use postgres::Client;

use super::city::WIDTH;
use super::dataset::{Dataset, KINDS};
use super::measure::{self, Pass, Side, median};
use super::options::Options;
use super::process::Postgres;
use super::tiles::{self, Tile};

/// Copies lie beside each other around the world, with gaps that no tile of this zoom bridges.
const FIRST_ZOOM: u8 = 8;
const STEP: f64 = WIDTH + 500_000.0;
const COPIES: [i32; 10] = [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5];
/// More than elsewhere: the ratio that is looked for is close to 1.
const ROUNDS: usize = 15;

/// The layers of this part.
pub fn layers() -> Vec<String> {
    KINDS.iter().flat_map(|(kind, _)| [format!("{kind}_near"), format!("{kind}_far")]).collect()
}

/// Tables with a third of the country's rows, and the same tables with ten copies besides.
pub fn prepare(dataset: &Dataset) {
    let mut client = dataset.client();
    let started = Instant::now();
    // Otherwise the copies of the rows are in another order than the rows.
    let order = "SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0";
    client.batch_execute(order).expect("settings");
    for (kind, columns) in KINDS {
        let there = format!("SELECT to_regclass('{kind}_far') IS NOT NULL");
        if !client.query_one(&there, &[]).expect("a table or none").get::<_, bool>(0) {
            make(&mut client, kind, columns);
        }
    }
    eprintln!("tables of ten times the rows after {:.1?}", started.elapsed());
}

/// In one transaction, so that a table that is there is complete.
fn make(client: &mut Client, kind: &str, columns: &str) {
    let (near, far) = (format!("{kind}_near"), format!("{kind}_far"));
    let mut sql = format!(
        "BEGIN; DROP TABLE IF EXISTS {near};
         CREATE TABLE {near} WITH (autovacuum_enabled = off) AS
           SELECT * FROM {kind}_3857 WHERE id % 3 = 0;
         CREATE TABLE {far} WITH (autovacuum_enabled = off) AS TABLE {near};"
    );
    for copy in COPIES {
        let (id, east) = (i64::from(copy + 5) << 32, f64::from(copy) * STEP);
        sql += &format!(
            "INSERT INTO {far} SELECT id + {id} + 4294967296, {columns},
               ST_Translate(geom, {east}, 0) FROM {near};"
        );
    }
    for table in [near, far] {
        sql += &format!(
            "ALTER TABLE {table} ADD PRIMARY KEY (id);
             CREATE INDEX ON {table} USING gist (geom);"
        );
    }
    client.batch_execute(&(sql + "COMMIT")).expect(kind);
    client.batch_execute(&format!("VACUUM ANALYZE {kind}_near, {kind}_far")).expect("VACUUM");
}

pub fn run(dataset: &Dataset, side: &Side, postgres: &Postgres, options: &Options) {
    let mut client = dataset.client();
    println!(
        "\n| the same tiles, z{FIRST_ZOOM}–16 | tiles | rows | ms | ms with ten times the rows elsewhere | ratio | database CPU | with | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (kind, _) in KINDS {
        let count = |client: &mut Client, table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {kind}_{table}");
            client.query_one(&sql, &[]).expect("a count").get(0)
        };
        let rows = [count(&mut client, "near"), count(&mut client, "far")];
        let (mut tiles, mut others, mut sample) = (Vec::new(), Vec::new(), Vec::new());
        for band in tiles::list(&mut client, kind, options) {
            sample.extend(band.sample());
            tiles.extend(band.measured);
            others.extend(band.others);
        }
        for list in [&mut tiles, &mut others, &mut sample] {
            list.retain(|tile| tile.0 >= FIRST_ZOOM);
        }
        let layers = [format!("{kind}_near"), format!("{kind}_far")];
        let compare = |tiles: &[Tile]| {
            let found = layers.each_ref().map(|layer| measure::features(side, layer, tiles, 4));
            assert_eq!(found[0], found[1], "the copies lie outside of the tiles");
        };
        compare(&others);
        let [near, far] = rounds(side, postgres, &layers, &tiles, options.connections);
        compare(&sample);
        // One tile's time, as if the connections took turns.
        let millis = |pass: &Pass| 1e3 / pass.per_second();
        let both = |of: &dyn Fn(&Pass) -> f64| {
            let ratio = median(near.iter().zip(&far).map(|(near, far)| of(far) / of(near)));
            let middle = |rounds: &[Pass]| median(rounds.iter().map(of));
            format!("{:.2} | {:.2} | {ratio:.2}", middle(&near), middle(&far))
        };
        println!(
            "| {kind} | {} | {} and {} | {} | {} |",
            tiles.len(),
            rows[0],
            rows[1],
            both(&millis),
            both(&Pass::database)
        );
    }
}

/// Both layers by turns.
fn rounds(
    side: &Side,
    postgres: &Postgres,
    layers: &[String; 2],
    tiles: &[Tile],
    connections: usize,
) -> [Vec<Pass>; 2] {
    let mut passes = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let which = (turn + round) % 2;
            passes[which].push(measure::pass(side, postgres, &layers[which], tiles, connections));
        }
    }
    passes
}
