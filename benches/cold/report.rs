//! Tables, ready for `benches/RESULTS.md`.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

use super::dataset::Group;
use super::layers::Measured;
use super::measure::{Pass, geometric_mean, median};
use super::tiles::BANDS;

/// Less processor time than this isn't told apart from none: it is counted in steps of 10 ms.
const MEASURABLE: Duration = Duration::from_millis(100);

/// A value of a pass.
type Of = fn(&Pass) -> f64;

pub struct Report<'a> {
    /// Of the sides.
    pub labels: Vec<&'a str>,
    pub layers: Vec<Measured>,
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.is_comparison() {
            writeln!(f, "{}", self.short())?;
        }
        writeln!(f, "{}", self.speed())?;
        writeln!(f, "CPU in ms per tile:\n\n{}", self.cost())?;
        if self.layers.iter().any(|layer| layer.control.is_some()) {
            writeln!(f, "{HANDWRITTEN}\n\n{}", self.control())?;
        }
        if self.is_comparison() {
            writeln!(f, "{BY_BAND}\n\n{}", self.bands())?;
        }
        Ok(())
    }
}

const HANDWRITTEN: &str = "Database CPU in ms per tile beside that of a handwritten statement \
    (`SELECT ST_AsMVT(…) FROM (SELECT …, ST_AsMVTGeom(…) … WHERE geom && …)`, prepared, as many \
    connections, JIT off as for Tesela, without HTTP, gzip, order and casts). Features in all tiles that were decoded:";
const BY_BAND: &str = "Ratio of tiles/s by zoom, in brackets that of the database's CPU where it \
    is enough to tell:";

/// Cells of a line.
struct Table(Vec<Vec<String>>);

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (number, cells) in self.0.iter().enumerate() {
            writeln!(f, "| {} |", cells.join(" | "))?;
            if number == 0 {
                writeln!(f, "{}|", "|---".repeat(cells.len()))?;
            }
        }
        Ok(())
    }
}

impl Report<'_> {
    fn is_comparison(&self) -> bool {
        self.labels.len() == 2
    }

    fn city(&self) -> impl Iterator<Item = &Measured> {
        self.layers.iter().filter(|layer| layer.group == Group::City)
    }

    /// A column for each side, and one for their ratio.
    fn titles(&self, what: &str, ratio: &str) -> Vec<String> {
        let each = self.labels.iter().map(|label| format!("{what} {label}"));
        each.chain(self.is_comparison().then(|| ratio.to_owned())).collect()
    }

    /// Processor time of each side, and their ratio where it is enough to tell.
    fn cpu_cells(&self, layer: &Measured, of: Of) -> Vec<String> {
        let mut cells = self.cells(layer, of, 2);
        let millis = |side| -> f64 {
            layer.whole(side).iter().map(|pass| of(pass) * pass.tiles as f64).sum()
        };
        let enough = MEASURABLE.as_secs_f64() * 1e3;
        if self.is_comparison() && millis(0).min(millis(1)) < enough {
            cells.pop();
            cells.push("–".to_owned());
        }
        cells
    }

    fn cells(&self, layer: &Measured, of: Of, digits: usize) -> Vec<String> {
        let sides: Vec<_> = (0..self.labels.len()).map(|side| layer.whole(side)).collect();
        let mut cells: Vec<_> = sides.iter().map(|rounds| middle(rounds, of, digits)).collect();
        if self.is_comparison() {
            cells.push(format!("{:.2}", ratio(&sides[0], &sides[1], of)));
        }
        cells
    }

    /// Geometric mean of the city layers' ratios.
    fn mean(&self, of: Of) -> f64 {
        let ratios = self.city().map(|layer| ratio(&layer.whole(0), &layer.whole(1), of));
        geometric_mean(&ratios.collect::<Vec<_>>())
    }

    /// A last line with the means of ratios, each in its column.
    fn add_means(&self, table: &mut Table, columns: &[(usize, f64)]) {
        if self.city().next().is_none() {
            return;
        }
        let mut line = vec![String::new(); table.0[0].len()];
        line[0] = "geometric mean, city".to_owned();
        for (column, mean) in columns {
            line[*column] = format!("{mean:.2}");
        }
        table.0.push(line);
    }

    /// Lines for the table at the top of the results.
    fn short(&self) -> Table {
        let speed = |layer: &Measured| ratio(&layer.whole(0), &layer.whole(1), Pass::per_second);
        let below: Vec<_> = self.layers.iter().filter(|layer| speed(layer) < 1.0).collect();
        let slow = match below.as_slice() {
            [] => "none below 1".to_owned(),
            some => {
                let each = some.iter().map(|one| format!("{} {:.2}", one.name, speed(one)));
                each.collect::<Vec<_>>().join(", ") + " below 1"
            }
        };
        let [a, b] = [self.labels[0], self.labels[1]];
        let mut table = Table(vec![["", "found", "wanted"].map(str::to_owned).into()]);
        if self.city().next().is_some() {
            table.0.push(vec![
                format!("cold tiles, {a} against {b}, tiles/s, geometric mean of the city"),
                format!("{:.2}; {slow}", self.mean(Pass::per_second)),
                "3 or more, none below 1".to_owned(),
            ]);
            table.0.push(vec![
                "database CPU of the same".to_owned(),
                format!("{:.2}", self.mean(Pass::database)),
                "0.25 or less".to_owned(),
            ]);
        }
        table
    }

    fn speed(&self) -> Table {
        let mut head: Vec<_> = ["layer", "tiles", "others before"].map(str::to_owned).into();
        head.extend(self.labels.iter().map(|label| format!("KB {label}")));
        head.extend(self.titles("tiles/s", "ratio"));
        let ratio = head.len() - 1;
        head.extend(self.labels.iter().map(|label| format!("p50 / p95 / p99 ms {label}")));
        let mut table = Table(vec![head]);
        for layer in &self.layers {
            let sides: Vec<_> = (0..self.labels.len()).map(|side| layer.whole(side)).collect();
            let tiles = sides[0].first().map_or(0, |pass| pass.tiles);
            let mut line = vec![layer.name.clone(), tiles.to_string(), layer.others.to_string()];
            line.extend(sides.iter().map(|rounds| middle(rounds, Pass::kilobytes, 1)));
            line.extend(self.cells(layer, Pass::per_second, 1));
            line.extend(sides.iter().map(|rounds| percentiles(rounds)));
            table.0.push(line);
        }
        if self.is_comparison() {
            self.add_means(&mut table, &[(ratio, self.mean(Pass::per_second))]);
        }
        table
    }

    fn cost(&self) -> Table {
        let mut head = vec!["layer".to_owned()];
        head.extend(self.titles("database", "ratio"));
        let database = head.len() - 1;
        head.extend(self.labels.iter().map(|label| format!("server {label}")));
        head.extend(self.titles("both", "ratio"));
        let both = head.len() - 1;
        let mut table = Table(vec![head]);
        for layer in &self.layers {
            let mut line = vec![layer.name.clone()];
            line.extend(self.cpu_cells(layer, Pass::database));
            let servers = (0..self.labels.len()).map(|side| layer.whole(side));
            line.extend(servers.map(|rounds| middle(&rounds, Pass::server, 2)));
            line.extend(self.cpu_cells(layer, Pass::all));
            table.0.push(line);
        }
        if self.is_comparison() {
            let means = [(database, self.mean(Pass::database)), (both, self.mean(Pass::all))];
            self.add_means(&mut table, &means);
        }
        table
    }

    /// Each side against the handwritten statement.
    fn control(&self) -> Table {
        let mut head = vec!["layer".to_owned(), "handwritten".to_owned()];
        for label in &self.labels {
            head.extend([(*label).to_owned(), format!("{label} / handwritten")]);
        }
        head.push(format!("features {}, handwritten", self.labels.join(", ")));
        let mut table = Table(vec![head]);
        let mut ratios = vec![Vec::new(); self.labels.len()];
        for layer in &self.layers {
            let Some(control) = layer.whole_control() else { continue };
            let mut line = vec![layer.name.clone(), middle(&control, Pass::database, 2)];
            for (side, ratios) in ratios.iter_mut().enumerate() {
                let rounds = layer.whole(side);
                let ratio = ratio(&rounds, &control, Pass::database);
                line.extend([middle(&rounds, Pass::database, 2), format!("{ratio:.2}")]);
                ratios.push(ratio);
            }
            let features: Vec<_> = layer.features.iter().map(usize::to_string).collect();
            line.push(features.join(", "));
            table.0.push(line);
        }
        let means =
            ratios.iter().enumerate().map(|(side, all)| (3 + 2 * side, geometric_mean(all)));
        self.add_means(&mut table, &means.collect::<Vec<_>>());
        table
    }

    fn bands(&self) -> Table {
        let mut head = vec!["layer".to_owned()];
        head.extend(BANDS.iter().map(|(first, last)| format!("z{first}–{last}")));
        head.push("mean of bands".to_owned());
        let mut table = Table(vec![head]);
        let mut city: Vec<Vec<f64>> = vec![Vec::new(); BANDS.len() + 1];
        for layer in &self.layers {
            let mut ratios = Vec::new();
            let mut line = vec![layer.name.clone()];
            for (number, band) in layer.bands.iter().enumerate() {
                let [a, b] = band.as_slice() else {
                    line.push(String::new());
                    continue;
                };
                let speed = ratio(a, b, Pass::per_second);
                line.push(format!("{speed:.2}{}", cpu(a, b)));
                ratios.push(speed);
                if layer.group == Group::City {
                    city[number].push(speed);
                }
            }
            let mean = geometric_mean(&ratios);
            line.push(format!("{mean:.2}"));
            table.0.push(line);
            if layer.group == Group::City {
                city[BANDS.len()].push(mean);
            }
        }
        let means = city.iter().enumerate().filter(|(_, ratios)| !ratios.is_empty());
        let means = means.map(|(number, ratios)| (number + 1, geometric_mean(ratios)));
        self.add_means(&mut table, &means.collect::<Vec<_>>());
        table
    }
}

/// A line for who waits.
pub fn progress(layer: &Measured) -> String {
    let sides = layer.bands.iter().map(Vec::len).max().unwrap_or(0);
    let each = |of: Of, digits| -> Vec<String> {
        (0..sides).map(|side| middle(&layer.whole(side), of, digits)).collect()
    };
    let (speed, database) = (each(Pass::per_second, 1), each(Pass::database, 2));
    format!("{}: tiles/s {}, database CPU {}", layer.name, speed.join(" "), database.join(" "))
}

/// Median of the rounds.
fn middle(rounds: &[Pass], of: Of, digits: usize) -> String {
    format!("{:.digits$}", median(rounds.iter().map(of)))
}

/// Over the tiles of all rounds.
fn percentiles(rounds: &[Pass]) -> String {
    let mut all: Vec<_> = rounds.iter().flat_map(|pass| pass.latencies.iter().copied()).collect();
    if all.is_empty() {
        return String::new();
    }
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
    format!("{:.1} / {:.0} / {:.0}", at(0.5), at(0.95), at(0.99))
}

/// Median of the rounds' ratios.
fn ratio(a: &[Pass], b: &[Pass], of: Of) -> f64 {
    median(a.iter().zip(b).map(|(a, b)| of(a) / of(b)))
}

fn cpu(a: &[Pass], b: &[Pass]) -> String {
    let total = |rounds: &[Pass]| rounds.iter().map(|pass| pass.database).sum::<Duration>();
    let (a, b) = (total(a), total(b));
    if a.min(b) < MEASURABLE {
        return String::new();
    }
    format!(" ({:.2})", a.as_secs_f64() / b.as_secs_f64())
}
