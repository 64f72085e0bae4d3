//! Filters in SQL select what they select in memory.

use super::super::condition::kind;
use super::*;
use crate::query::{Filter, Kind, Scalar};

/// Columns of every kind with what is hard to compare. Numbers with a fraction are such as a double
/// shows exactly: in memory there are no others.
const TABLE: &str = r#"
CREATE DOMAIN word AS text;
-- To which upper and lower case are equal, and one that sorts as people do.
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE t (id int PRIMARY KEY, b bool, i int, l bigint, r real, f float8, n numeric,
  s text COLLATE "en-x-icu", w word, c char(4), v varchar(9) COLLATE ci, u uuid, d date, m timestamp, z timestamptz, o time,
  geom geometry(Point, 3857));
INSERT INTO t (id, b, i, l, r, f, n, s, w, c, v, u, d, m, z, o) VALUES
 (1, true, 1, 9007199254740992, 1.5, 1.5, 1.5, 'a', 'a', 'a', 'a',
  '00000000-0000-0000-0000-00000000000a', '2020-01-01', '2020-01-01', '2020-01-01Z', '12:00'),
 (2, false, -1, 9007199254740993, -1.5, -1.5, -1, 'B', 'B', 'B', 'B',
  '00000000-0000-0000-0000-00000000000b', '2020-06-01', '2020-06-01 12:00', '2020-06-01 12:00Z', '24:00'),
 (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (4, true, 2147483647, -9007199254740993, 'NaN', 'NaN', 'NaN', '', '', '', '',
  'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 'infinity', '-infinity', '00:00'),
 (5, false, 0, 0, 'infinity', '-infinity', 0, 'ä%_\', 'ä%_\', 'ä%_\', 'ä%_\', NULL,
  '1969-12-31', '1969-12-31 23:59:59.999999', '2020-01-01 00:00+02', '00:00:00.5'),
 (6, true, 2, 9223372036854775807, 0.1, 0.1, 0.1, 'a''b', 'a''b', 'a''b', 'a''b', NULL,
  '9999-12-31', '0001-01-01', '9999-12-31Z', '23:59:59.999999'),
 (7, true, 3, -9223372036854775808, -0.0, -0.0, 1000000, 'Ab', 'Ab', 'Ab', 'Ab', NULL,
  '2020-01-02', '2020-01-01 00:00:00.5', '2019-12-31 23:59:59.5Z', '01:02:03.45'),
 (8, false, 4, 1, 3e38, 1e300, 12345678.875, E'line\nbreak \U0001F600', 'x', 'abcd', 'x', NULL,
  '0001-01-01', '2020-02-29', '1970-01-01Z', NULL);
UPDATE t SET geom = ST_SetSRID(ST_Point(id, id), 3857);
CREATE INDEX ON t USING gist (geom)"#;

const NUMBERS: &[&str] = &["i", "l", "r", "f", "n"];
const TEXTS: &[&str] = &["s", "w", "c", "v", "u", "o"];
const TIMES: &[&str] = &["d", "m", "z"];

/// Conditions on single columns.
fn atoms() -> Vec<String> {
    let mut all: Vec<String> = vec!["TRUE".into(), "FALSE".into()];
    let compare = |column: &str, values: &[&str], all: &mut Vec<String>| {
        for value in values {
            for operator in ["=", "<>", "<", "<=", ">", ">="] {
                all.push(format!("{column} {operator} {value}"));
            }
        }
        all.push(format!("{column} IS NULL"));
        all.push(format!("{column} IN ({})", values.join(", ")));
        all.push(format!("{column} NOT IN ({})", values[..2].join(", ")));
        all.push(format!("{column} BETWEEN {} AND {}", values[0], values[1]));
    };
    let truths = [
        "b = TRUE",
        "b <> TRUE",
        "b = FALSE",
        "b IS NULL",
        "b IN (TRUE, FALSE)",
        "b NOT IN (TRUE)",
    ];
    all.extend(truths.map(str::to_owned));
    let numbers = ["0", "1.5", "-1", "0.1", "9007199254740991", "-9007199254740991", "2.5"];
    NUMBERS.iter().for_each(|column| compare(column, &numbers, &mut all));
    let texts = ["''", "'a'", "'b'", "'B'", "'ä%_\\'", "'a''b'", "'12:00:00'", "'~'"];
    TEXTS.iter().for_each(|column| compare(column, &texts, &mut all));
    let times = [
        "'2020-01-01'",
        "DATE('2020-06-01')",
        "TIMESTAMP('2020-01-01T00:00:00Z')",
        "TIMESTAMP('2019-12-31T22:00:00Z')",
        "TIMESTAMP('1969-12-31T23:59:59.999999Z')",
        "DATE('9999-12-31')",
    ];
    TIMES.iter().for_each(|column| compare(column, &times, &mut all));
    for column in TEXTS {
        for pattern in
            ["a%", "%", "_", "_b", "%\\%%", "%\\\\", "", "A%", "%'%", "a_b", "%\u{1F600}"]
        {
            let pattern = pattern.replace('\'', "''");
            all.push(format!("{column} LIKE '{pattern}'"));
            all.push(format!("{column} NOT LIKE '{pattern}'"));
        }
    }
    all
}

/// Pairs of them, told apart by how SQL's three values go together.
fn pairs(atoms: &[String]) -> Vec<String> {
    let at = |i: usize| &atoms[i * 7919 % atoms.len()];
    let pair = |i: usize| match i % 4 {
        0 => format!("NOT ({} AND {})", at(i), at(i + 1)),
        1 => format!("NOT ({} OR {})", at(i), at(i + 1)),
        2 => format!("({} OR NOT {}) AND {}", at(i), at(i + 1), at(i + 2)),
        _ => format!("{} AND {} OR NOT ({})", at(i), at(i + 1), at(i + 2)),
    };
    (0..300).map(pair).collect()
}

fn columns(layer: &TableLayer) -> Vec<(String, Kind)> {
    layer.columns().iter().map(|column| (column.name.clone(), kind(column))).collect()
}

/// Whether a feature in memory is selected; properties are as the collector keeps them.
fn is_selected(filter: &Filter, columns: &[(String, Kind)], row: &Seen) -> bool {
    let index_of = |name: &str| columns.iter().position(|(known, _)| known == name);
    let predicate = filter.predicate(&index_of);
    predicate.selects(&mut |index| {
        let (_, text) = row.properties.iter().find(|(key, _)| *key == index)?;
        Some(match text.as_str() {
            "true" => Scalar::Bool(true),
            "false" => Scalar::Bool(false),
            text if text.starts_with('\'') => Scalar::Text(&text[1..text.len() - 1]),
            text => match text.strip_suffix('i') {
                Some(number) => Scalar::Int(number.parse().unwrap()),
                None => Scalar::Double(text.parse().unwrap()),
            },
        })
    })
}

#[tokio::test]
async fn a_filter_selects_the_same_rows_in_sql_and_in_memory() {
    let db = TestDatabase::new().await;
    db.sql(TABLE).await;
    let source = db.source();
    let all = [&["b"][..], NUMBERS, TEXTS, TIMES].concat();
    let names: Vec<String> = all.iter().map(|name| (*name).to_owned()).collect();
    let settings = TableSettings { allow_filter: names.clone(), ..table("t") };
    let layer = layer(&source, &settings).await;
    let columns = columns(rows_of(&layer));
    assert_eq!(rows_of(&layer).filterable(&names).len(), names.len());
    let whole = fetch(&source, &layer, (0, 0, 0)).await;
    assert_eq!(whole.rows.len(), 8);
    let atoms = atoms();
    let (mut some, mut none) = (0, 0);
    for text in atoms.iter().chain(&pairs(&atoms)) {
        let kind_of = |name: &str| columns.iter().find(|(known, _)| known == name).map(|(_, k)| *k);
        let filter = Filter::read(text).and_then(|filter| filter.typed(&kind_of));
        let filter = filter.unwrap_or_else(|error| panic!("{text}: {error}"));
        let rows = whole.rows.iter().filter(|row| is_selected(&filter, &columns, row));
        let mut expected: Vec<i64> = rows.filter_map(|row| row.id).collect();
        expected.sort_unstable();
        let arguments = Arguments { filter: Some(filter), ..Arguments::default() };
        let asked = try_fetch_asked(&source, &layer, &arguments).await;
        let found = asked.unwrap_or_else(|error| panic!("{text}: {error}")).ids(0);
        assert_eq!(found, expected, "{text}");
        if found.is_empty() { none += 1 } else { some += 1 }
    }
    assert!(some > 300 && none > 30, "{some} filters select something, {none} nothing");
}

/// The layer's own filter and a request's, in each kind of system, with either encoder, with limits, and
/// with a row that can't be transformed: values are numbered differently in each.
#[tokio::test]
async fn two_filters_select_the_same_rows_in_every_system() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE base AS SELECT n AS id, n % 7 AS a, 't' || n % 5 AS b, n * 0.5::float8 AS c,
           ST_Buffer(ST_SetSRID(ST_Point(12 + n % 20 * 0.2, 45 + n % 11 * 0.2), 4326), 0.05)
           AS geom FROM generate_series(1, 300) n;
         CREATE TABLE g4326 AS SELECT * FROM base;
         CREATE TABLE g3857 AS SELECT id, a, b, c, ST_Transform(geom, 3857) AS geom FROM base;
         CREATE TABLE g32633 AS SELECT id, a, b, c, ST_Transform(geom, 32633) AS geom FROM base;
         INSERT INTO g32633 VALUES (999, 1, 't1', 1, ST_SetSRID(ST_Point(1e30, 1e30), 32633));
         CREATE TABLE globe AS SELECT id, a, b, c, geom::geography AS geom FROM base;
         CREATE INDEX ON g4326 USING gist (geom); CREATE INDEX ON g3857 USING gist (geom);
         CREATE INDEX ON g32633 USING gist (geom); CREATE INDEX ON globe USING gist (geom); ANALYZE",
    )
    .await;
    let source = db.source();
    let expected = "SELECT id::int8 FROM base WHERE (a > 2 OR b = 't3') AND c BETWEEN 10.25 AND 100 \
                    AND a <> 5";
    let expected = db.ids(expected).await;
    assert!(expected.len() > 50);
    let own = "a > 2 OR b = 't3'";
    let kind_of = |name: &str| matches!(name, "a" | "c").then_some(Kind::Number);
    let asked = Filter::read("c BETWEEN 10.25 AND 100 AND a <> 5").unwrap();
    let asked = asked.typed(&kind_of).unwrap();
    let arguments = Arguments { filter: Some(asked), ..Arguments::default() };
    for name in ["g4326", "g3857", "g32633", "globe"] {
        for encoder in [Encoder::Rows, Encoder::Postgis] {
            let settings = TableSettings {
                id: Some("id".into()),
                filter: Some(own.into()),
                allow_filter: vec!["a".into(), "c".into()],
                encoder,
                ..table(name)
            };
            let layer = layer(&source, &settings).await;
            for most in [None, Some(500), Some(20)] {
                let level = Level { max_features: most, min_size: 0.1, ..Level::default() };
                let spec = LayerSpec { levels: Levels::new(level, 25, Vec::new()), ..spec(64) };
                for tile in [(0, 0, 0), (5, 17, 11), (8, 137, 90)] {
                    let coord = TileCoord::new(tile.0, tile.1, tile.2).unwrap();
                    let context = format!("{name} {encoder:?} {most:?} {tile:?}");
                    let seen = try_fetch_with(&source, &[&layer], (coord, &spec), &arguments).await;
                    let seen = seen.unwrap_or_else(|error| panic!("{context}: {error}"));
                    let ids = seen.ids(0);
                    assert!(ids.iter().all(|id| expected.contains(id)), "{context}: {ids:?}");
                    match (encoder, most, tile.0) {
                        (Encoder::Rows, Some(20), 0) => assert_eq!(ids.len(), 20, "{context}"),
                        (Encoder::Rows, _, 0) => assert_eq!(ids, expected, "{context}"),
                        (Encoder::Rows, ..) => {}
                        // Its one row is the tile, unless a row can't be transformed.
                        (Encoder::Postgis, ..) if name == "g32633" && tile.0 == 0 => {}
                        (Encoder::Postgis, ..) => assert!(seen.rows.is_empty(), "{context}"),
                    }
                }
            }
        }
    }
}
