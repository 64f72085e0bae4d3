//! Tables, as `benches/RESULTS.md` has them.

use std::time::Duration;

use super::dataset::Group;
use super::layers::Measured;
use super::measure::{Pass, geometric_mean, median};
use super::tiles::{BANDS, Tile};

/// Less processor time than this isn't told apart from none: it is counted in steps of 10 ms.
const MEASURABLE: Duration = Duration::from_millis(100);

/// The same figures of each side, side by side.
pub fn header(labels: &[&str]) -> String {
    let both = |what: &str| -> String {
        labels.iter().map(|label| format!("{what} {label} | ")).collect()
    };
    let ratio = |what: &str| if labels.len() == 2 { format!("{what} | ") } else { String::new() };
    let columns = format!(
        "| layer | tiles | {}{}{}{}{}{}{}{}",
        both("KB"),
        both("tiles/s"),
        ratio("ratio"),
        both("p50/p95/p99 ms"),
        both("database CPU"),
        ratio("ratio"),
        both("server CPU"),
        ratio("ratio of all CPU"),
    );
    let columns = columns.trim_end().to_owned();
    let rule = "|---".repeat(columns.matches('|').count() - 1);
    format!("{columns}\n{rule}|")
}

pub fn row(measured: &Measured) -> String {
    let count = measured.bands.iter().map(Vec::len).max().unwrap_or(0);
    let sides: Vec<_> = (0..count).map(|side| measured.whole(side)).collect();
    let Some(first) = sides.first() else { return format!("| {} | 0 |", measured.name) };
    let each = |cell: &dyn Fn(&[Pass]) -> String| -> String {
        sides.iter().map(|rounds| format!("{} | ", cell(rounds))).collect()
    };
    let middle = |of: fn(&Pass) -> f64, digits: usize| {
        each(&|rounds| format!("{:.digits$}", median(rounds.iter().map(of))))
    };
    let versus = |of: fn(&Pass) -> f64| {
        if let [a, b] = sides.as_slice() {
            format!("{:.2} | ", ratio(a, b, of))
        } else {
            String::new()
        }
    };
    let line = format!(
        "| {} | {} | {}{}{}{}{}{}{}{}",
        measured.name,
        first[0].tiles,
        middle(Pass::kilobytes, 1),
        middle(Pass::per_second, 1),
        versus(Pass::per_second),
        each(&percentiles),
        middle(Pass::database, 2),
        versus(Pass::database),
        middle(Pass::server, 2),
        versus(Pass::all),
    );
    line.trim_end().to_owned()
}

/// Over the tiles of all rounds.
fn percentiles(rounds: &[Pass]) -> String {
    let mut all: Vec<_> = rounds.iter().flat_map(|pass| pass.latencies.iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
    format!("{:.1} / {:.0} / {:.0}", at(0.5), at(0.95), at(0.99))
}

/// Median of the rounds' ratios.
fn ratio(a: &[Pass], b: &[Pass], of: fn(&Pass) -> f64) -> f64 {
    median(a.iter().zip(b).map(|(a, b)| of(a) / of(b)))
}

pub fn means(all: &[Measured]) -> String {
    let city: Vec<_> = all.iter().filter(|layer| layer.group == Group::City).collect();
    if city.is_empty() {
        return String::new();
    }
    let mean = |of: fn(&Pass) -> f64| {
        let ratios = city.iter().map(|layer| ratio(&layer.whole(0), &layer.whole(1), of));
        geometric_mean(&ratios.collect::<Vec<_>>())
    };
    format!(
        "\ngeometric mean of the {} city layers: throughput {:.2}, database CPU {:.2}, \
         all CPU {:.2}",
        city.len(),
        mean(Pass::per_second),
        mean(Pass::database),
        mean(Pass::all)
    )
}

/// Throughput's ratio, and the database CPU's in brackets, for each band of zooms.
pub fn bands(all: &[Measured]) -> String {
    let titles: String = BANDS.iter().map(|(first, last)| format!(" z{first}–{last} |")).collect();
    let mut text = format!("| layer |{titles} mean of bands |\n|---{}|\n", "|---".repeat(5));
    let mut city: Vec<Vec<f64>> = vec![Vec::new(); BANDS.len() + 1];
    for layer in all {
        let mut ratios = Vec::new();
        text += &format!("| {} |", layer.name);
        for (number, band) in layer.bands.iter().enumerate() {
            let [a, b] = band.as_slice() else {
                text += " |";
                continue;
            };
            let speed = ratio(a, b, Pass::per_second);
            text += &format!(" {speed:.2}{} |", cpu(a, b));
            ratios.push(speed);
            if layer.group == Group::City {
                city[number].push(speed);
            }
        }
        let mean = geometric_mean(&ratios);
        text += &format!(" {mean:.2} |\n");
        if layer.group == Group::City {
            city[BANDS.len()].push(mean);
        }
    }
    let means = city.iter().map(|ratios| match ratios.as_slice() {
        [] => " |".to_owned(),
        some => format!(" {:.2} |", geometric_mean(some)),
    });
    text + "| geometric mean, city |" + &means.collect::<String>()
}

fn cpu(a: &[Pass], b: &[Pass]) -> String {
    let total = |rounds: &[Pass]| rounds.iter().map(|pass| pass.database).sum::<Duration>();
    let (a, b) = (total(a), total(b));
    if a.min(b) < MEASURABLE {
        return String::new();
    }
    format!(" ({:.2})", a.as_secs_f64() / b.as_secs_f64())
}

/// Says where both sides' tiles have not equally many features.
pub fn differences(layer: &str, tiles: &[Tile], found: &[Vec<usize>]) {
    let sums: Vec<usize> = found.iter().map(|counts| counts.iter().sum()).collect();
    let zooms = tiles.iter().map(|tile| tile.0);
    let (first, last) = (zooms.clone().min().unwrap_or(0), zooms.max().unwrap_or(0));
    let empty = found[0].iter().filter(|count| **count == 0).count();
    let mut note = format!(
        "{layer} z{first}–{last}: {} tiles, {empty} of them empty, features {sums:?}",
        tiles.len()
    );
    if let [a, b] = found {
        let pairs = a.iter().zip(b).zip(tiles).filter(|((a, b), _)| a != b);
        let differing = pairs.clone().count();
        if let Some(((a, b), (z, x, y))) = pairs.max_by_key(|((a, b), _)| a.abs_diff(**b)) {
            note += &format!("; {differing} tiles differ, most {z}/{x}/{y}: {a} and {b}");
        }
    }
    eprintln!("{note}");
}
