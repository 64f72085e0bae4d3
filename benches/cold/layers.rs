//! The main part: every layer, both sides by turns.

use postgres::Client;

use super::agree::Agreement;
use super::control::Control;
use super::dataset::{Dataset, Group, Layer};
use super::measure::{self, Pass, Side};
use super::options::Options;
use super::process::Postgres;
use super::report::{self, Report};
use super::tiles::{self, Lists};

/// What was measured of a layer.
pub struct Measured {
    pub name: String,
    pub group: Group,
    /// Tiles that the servers were asked for before.
    pub others: usize,
    /// For each band, for each side, the rounds.
    pub bands: Vec<Vec<Vec<Pass>>>,
    /// The rounds of the handwritten statement for each band.
    pub control: Option<Vec<Vec<Pass>>>,
    /// In the tiles that were looked at: of each side, and of the handwritten statement.
    pub features: Vec<usize>,
}

impl Measured {
    /// The rounds of one side over all zooms.
    pub fn whole(&self, side: usize) -> Vec<Pass> {
        whole(self.bands.iter().filter_map(|band| band.get(side)))
    }

    pub fn whole_control(&self) -> Option<Vec<Pass>> {
        self.control.as_ref().map(whole)
    }
}

fn whole<'a>(bands: impl IntoIterator<Item = &'a Vec<Pass>>) -> Vec<Pass> {
    let mut whole = Vec::new();
    for band in bands {
        whole.resize(whole.len().max(band.len()), Pass::default());
        for (sum, pass) in whole.iter_mut().zip(band) {
            sum.add(pass);
        }
    }
    whole
}

pub fn run<'a>(
    dataset: &Dataset,
    sides: &'a [Side],
    postgres: &Postgres,
    options: &Options,
) -> Report<'a> {
    let mut client = dataset.client();
    let (mut all, mut subject, mut tiles) = (Vec::new(), String::new(), Vec::new());
    for layer in dataset.layers(options) {
        if layer.subject != subject {
            tiles = tiles::list(&mut client, &layer.subject, options);
            subject.clone_from(&layer.subject);
        }
        let wanted = options.control && layer.group == Group::City;
        let control = wanted.then(|| Control::new(dataset, &layer, options.connections));
        let measured = measure(&layer, &tiles, sides, control, postgres, options);
        eprintln!("{}", report::progress(&measured));
        if all.is_empty() && sides.iter().any(|side| side.target.label == "postgis") {
            assert_made_in_sql(&mut client);
        }
        all.push(measured);
    }
    Report { labels: sides.iter().map(|side| side.target.label.as_str()).collect(), layers: all }
}

/// An encoder that a server accepts and doesn't have would be compared with itself.
fn assert_made_in_sql(client: &mut Client) {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND query ILIKE '%ST\\_AsMVT(%'
                 AND pid <> pg_backend_pid() AND application_name <> 'control'";
    let asking: i64 = client.query_one(sql, &[]).expect("the connections").get(0);
    assert!(asking > 0, "the server with encoder = 'postgis' doesn't use ST_AsMVT");
}

fn measure(
    layer: &Layer,
    bands: &[Lists],
    sides: &[Side],
    mut control: Option<Control>,
    postgres: &Postgres,
    options: &Options,
) -> Measured {
    let (name, connections) = (&layer.name, options.connections);
    let (mut measured, mut of_control) = (Vec::new(), Vec::new());
    let mut agreement = Agreement::new(name);
    for (band, tiles) in bands.iter().enumerate() {
        if tiles.is_empty() {
            measured.push(Vec::new());
            of_control.push(Vec::new());
            continue;
        }
        let mut compare = |what, tiles: &[_], control: &mut Option<Control>| {
            let of_side = |side| measure::features(side, name, tiles, connections);
            let mut found: Vec<_> = sides.iter().map(of_side).collect();
            found.extend(control.as_mut().map(|control| control.features(tiles)));
            agreement.add(what, tiles, &found);
        };
        compare("other", &tiles.others, &mut control);
        let mut passes = vec![Vec::new(); sides.len()];
        let mut control_passes = Vec::new();
        let count = sides.len() + usize::from(control.is_some());
        for round in 0..options.rounds {
            // By turns, and another one begins each time, so that what else the machine does
            // meets all, and so does what the one before has left in PostgreSQL's buffers.
            for turn in 0..count {
                let which = (turn + round + band) % count;
                match (sides.get(which), &mut control) {
                    (Some(side), _) => {
                        let tiles = &tiles.measured;
                        passes[which].push(measure::pass(side, postgres, name, tiles, connections));
                    }
                    (None, Some(control)) => {
                        control_passes.push(control.pass(postgres, &tiles.measured));
                    }
                    (None, None) => {}
                }
            }
        }
        compare("measured", &tiles.sample(), &mut control);
        measured.push(passes);
        of_control.push(control_passes);
    }
    agreement.assert();
    Measured {
        name: name.clone(),
        group: layer.group,
        others: bands.iter().map(|band| band.others.len()).sum(),
        bands: measured,
        control: control.map(|_| of_control),
        features: agreement.features(),
    }
}
