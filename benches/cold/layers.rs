//! The main part: every layer, both sides by turns.

use postgres::Client;

use super::dataset::{Dataset, Group, Layer};
use super::measure::{self, Pass, Side};
use super::options::Options;
use super::process::Postgres;
use super::report;
use super::tiles::{self, Tile};

/// What was measured of a layer: for each band, for each side, the rounds.
pub struct Measured {
    pub name: String,
    pub group: Group,
    pub bands: Vec<Vec<Vec<Pass>>>,
}

impl Measured {
    /// The rounds of one side over all zooms.
    pub fn whole(&self, side: usize) -> Vec<Pass> {
        let rounds = self.bands.iter().find_map(|band| band.first()).map_or(0, Vec::len);
        let mut whole = vec![Pass::default(); rounds];
        for band in self.bands.iter().filter(|band| !band.is_empty()) {
            for (sum, pass) in whole.iter_mut().zip(&band[side]) {
                sum.add(pass);
            }
        }
        whole
    }
}

pub fn run(dataset: &Dataset, sides: &[Side], postgres: &Postgres, options: &Options) {
    let mut client = dataset.client();
    let labels: Vec<_> = sides.iter().map(|side| side.target.label.as_str()).collect();
    println!("{}", report::header(&labels));
    let (mut all, mut subject, mut tiles) = (Vec::new(), String::new(), Vec::new());
    for layer in dataset.layers(options) {
        if layer.subject != subject {
            tiles = tiles::list(&mut client, &layer.subject, options);
            subject.clone_from(&layer.subject);
        }
        let measured = measure(&layer, &tiles, sides, postgres, options);
        println!("{}", report::row(&measured));
        if all.is_empty() && sides.iter().any(|side| side.target.label == "postgis") {
            assert_made_in_sql(&mut client);
        }
        all.push(measured);
    }
    if sides.len() == 2 {
        println!("{}\n\n{}", report::means(&all), report::bands(&all));
    }
}

/// An encoder that a server accepts and doesn't have would be compared with itself.
fn assert_made_in_sql(client: &mut Client) {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND query ILIKE '%ST\\_AsMVT(%'
                 AND pid <> pg_backend_pid()";
    let asking: i64 = client.query_one(sql, &[]).expect("the connections").get(0);
    assert!(asking > 0, "the server with encoder = 'postgis' doesn't use ST_AsMVT");
}

fn measure(
    layer: &Layer,
    bands: &[Vec<Tile>],
    sides: &[Side],
    postgres: &Postgres,
    options: &Options,
) -> Measured {
    let mut measured = Vec::new();
    for tiles in bands {
        if tiles.is_empty() {
            measured.push(Vec::new());
            continue;
        }
        let found: Vec<_> = sides
            .iter()
            .map(|side| measure::features(side, &layer.name, tiles, options.connections))
            .collect();
        report::differences(&layer.name, tiles, &found);
        let mut passes = vec![Vec::new(); sides.len()];
        for round in 0..options.rounds {
            // By turns, and the first of the two changes, so that what else the machine does
            // meets both.
            for turn in 0..sides.len() {
                let side = (turn + round) % sides.len();
                let name = &layer.name;
                let pass = measure::pass(&sides[side], postgres, name, tiles, options.connections);
                passes[side].push(pass);
            }
        }
        measured.push(passes);
    }
    Measured { name: layer.name.clone(), group: layer.group, bands: measured }
}
