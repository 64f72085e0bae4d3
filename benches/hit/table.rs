//! What is printed.

use super::load::Run;

pub const HEADER: &str = "\
| workers | hit | bytes | server | requests/s | p50 µs | p99 µs | p99.9 µs | CPU µs | requests/s: Tesela's ÷ | CPU: Tesela's ÷ |
|---|---|---|---|---|---|---|---|---|---|---|";

/// A row for each server: the medians of its rounds, and of the rounds' ratios of the first
/// server to it.
pub fn print(workers: usize, case: &str, bytes: &str, servers: &[(&str, Vec<Run>)]) {
    let first = &servers[0].1;
    for (n, (name, runs)) in servers.iter().enumerate() {
        let of = |value: fn(&Run) -> f64| median(runs.iter().map(value));
        let ratio = |value: fn(&Run) -> f64| match n {
            0 => String::new(),
            _ => format!("{:.3}", median(first.iter().zip(runs).map(|(a, b)| value(a) / value(b)))),
        };
        println!(
            "| {workers} | {case} | {bytes} | {name} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} | {} | {} |",
            of(|run| run.per_second),
            of(|run| run.p50),
            of(|run| run.p99),
            of(|run| run.p999),
            of(|run| run.cpu),
            ratio(|run| run.per_second),
            ratio(|run| run.cpu),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
