//! What reading a request's query costs: parameters and filters, checked, in their canonical form.
//!
//! A tileset remembers the queries that it has read, so that a map pays this once.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tesela::query::{Filter, Kind, Language, Pairs, ParamSettings, Params};

const DECLARED: &str = r#"
year = { type = "int", default = 2026, min = 1990, max = 2030 }
modes = { type = "enum[]", values = ["bus", "tram", "ferry"] }
since = { type = "timestamp" }
"#;

const QUERY: &str = "v=5f2b0c1d2e3f4a5b&year=2025&modes=bus,tram&since=2026-01-01T00:00:00Z";

fn params(criterion: &mut Criterion) {
    let settings: BTreeMap<String, ParamSettings> = toml::from_str(DECLARED).expect("settings");
    let params = Params::new(&settings).expect("declarations");
    criterion.bench_function("three parameters", |bencher| {
        bencher.iter(|| {
            let wanted = |name: &str| params.position(name).is_some();
            let pairs = Pairs::read(black_box(QUERY), wanted).expect("UTF-8");
            let values = params.given(&pairs, false).expect("values");
            let mut text = String::new();
            params.canonical(&values, &mut text);
            text
        });
    });
}

fn read(text: &str, language: Language) -> String {
    let kind = |name: &str| match name {
        "kind" => Some(Kind::Text),
        "built" => Some(Kind::Time),
        _ => Some(Kind::Number),
    };
    let filter = Filter::parse(black_box(text), language).and_then(|filter| filter.typed(&kind));
    filter.expect("a filter").canonical()
}

fn filters(criterion: &mut Criterion) {
    let small = "kind = 'shop' AND height > 5";
    let json = r#"{"op":"and","args":[{"op":"=","args":[{"property":"kind"},"shop"]},
        {"op":">","args":[{"property":"height"},5]}]}"#;
    let usual = "kind IN ('shop', 'house') AND height BETWEEN 4.5 AND 70.5 AND NOT built < '2000-01-01' \
                 AND name LIKE 'a%'";
    let large = vec!["height = 1"; 30].join(" OR ");
    for (name, text, language) in [
        ("a filter of two conditions", small, Language::Text),
        ("the same as JSON", json, Language::Json),
        ("a filter of five conditions", &usual.replace("name LIKE", "kind LIKE"), Language::Text),
        ("a filter of thirty conditions", &large, Language::Text),
    ] {
        criterion.bench_function(name, |bencher| bencher.iter(|| read(text, language)));
    }
}

criterion_group!(benches, params, filters);
criterion_main!(benches);
