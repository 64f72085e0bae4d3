//! Rows that are too small for a zoom.

use std::collections::HashSet;

use super::*;

const LEVEL: Level =
    Level { simplify: 0.0, min_size: 1.0, max_features: None, max_tile_bytes: None };

/// 2,000 squares and lines between a tenth of a unit and ten units of zoom 10, along a meridian.
/// Their sizes are in the units of EPSG:3857.
const DATA: &str = "
    CREATE TABLE m (id int PRIMARY KEY, units float8, geom geometry(Geometry, 3857));
    INSERT INTO m
    SELECT i, units, CASE i % 3
        WHEN 0 THEN ST_MakeEnvelope(x, y, x + size, y + size / 3, 3857)
        WHEN 1 THEN ST_SetSRID(ST_MakeLine(ST_MakePoint(x, y), ST_MakePoint(x + size / 5, y + size)), 3857)
        ELSE ST_Collect(ST_MakeEnvelope(x, y, x + size / 2, y + size / 2, 3857),
          ST_MakeEnvelope(x + size * 0.6, y, x + size, y + size / 2, 3857)) END
    FROM (SELECT i, units, units * 9.554628535647032 AS size, 5000 + i * 12 % 20000 AS x,
            (i % 100 - 50) * 170000 + i * 12.7 AS y
          FROM (SELECT i, 10 ^ (i * 7919 % 2000 / 1000.0 - 1) AS units FROM generate_series(1, 2000) i) s
    ) t;
    CREATE TABLE d (id int PRIMARY KEY, units float8, geom geometry(Geometry, 4326));
    INSERT INTO d SELECT id, units, ST_Transform(geom, 4326) FROM m";

#[tokio::test]
async fn a_zoom_of_small_rows_leaves_them_to_the_database_and_keeps_what_is_not_small() {
    let db = TestDatabase::new().await;
    db.sql(DATA).await;
    let source = db.source();
    for name in ["m", "d"] {
        let layer = layer(&source, &table(name)).await;
        let mut left_out = HashSet::new();
        // All of zoom 10 that has rows, twice: the first few tiles teach that most are small.
        for _ in 0..2 {
            left_out.clear();
            for y in 280..744 {
                let tile = (10, 512, y);
                let seen = fetch_level(&source, &layer, tile, LEVEL).await.ids(0);
                let all = fetch(&source, &layer, tile).await.ids(0);
                let large = all
                    .iter()
                    .filter(|id| 10f64.powf((*id * 7919 % 2000) as f64 / 1000.0 - 1.0) >= 1.0);
                let missing: Vec<_> = large.filter(|id| !seen.contains(id)).collect();
                assert!(missing.is_empty(), "{name}, {tile:?}: {missing:?}");
                left_out.extend(all.into_iter().filter(|id| !seen.contains(id)));
            }
        }
        // Half of them are smaller; a few stay, for they may not be in degrees.
        assert!((900..=1000).contains(&left_out.len()), "{name}: {}", left_out.len());
    }
}

#[tokio::test]
async fn points_and_collections_are_never_small() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry);
         INSERT INTO t SELECT i, ST_MakeEnvelope(0, 0, 0.001, 0.001, 3857)
           FROM generate_series(100, 1200) i;
         INSERT INTO t VALUES (1, 'SRID=3857;POINT(0 0)'), (2, 'SRID=3857;MULTIPOINT(0 0)'),
           (3, 'SRID=3857;GEOMETRYCOLLECTION(POLYGON EMPTY, POINT(0 0))'),
           (4, 'SRID=3857;LINESTRING(0 0, 0 100000)'), (5, 'SRID=3857;POINT Z(0 0 1)');
         INSERT INTO t SELECT 6, ST_MakeLine(ARRAY(SELECT ST_SetSRID(
           ST_MakePoint(sin(i) / 1000, 0), 3857) FROM generate_series(1, 5000) i));",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    let first = fetch_level(&source, &layer, (10, 512, 512), LEVEL).await;
    assert_eq!(first.ids(0), [1, 2, 3, 4, 5, 6], "its first thousand rows say enough");
    let second = fetch_level(&source, &layer, (10, 512, 512), LEVEL).await;
    assert_eq!(second.ids(0), [1, 2, 3, 4, 5, 6]);
    // Another zoom, at which nothing is small.
    let other = fetch_level(&source, &layer, (11, 1024, 1024), Level::default()).await;
    assert_eq!(other.rows.len(), 1107);
}

#[tokio::test]
async fn zooms_at_which_little_is_small_are_not_looked_through() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Polygon, 3857));
         INSERT INTO t SELECT i, ST_MakeEnvelope(0, 0, s, s, 3857)
           FROM (SELECT i, CASE WHEN i % 10 < 3 THEN 0.001 ELSE 100 END AS s
             FROM generate_series(1, 1500) i) t",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    for _ in 0..3 {
        let seen = fetch_level(&source, &layer, (10, 512, 512), LEVEL).await;
        assert_eq!(seen.rows.len(), 1500);
    }
}

#[tokio::test]
async fn small_rows_take_no_place_of_the_budget_however_they_are_stored() {
    let db = TestDatabase::new().await;
    for (name, storage) in [("compressed", "EXTENDED"), ("plain", "EXTERNAL")] {
        // 200 corners in two places, and squares that can be seen.
        db.sql(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, geom geometry(Geometry, 3857));
             ALTER TABLE {name} ALTER geom SET STORAGE {storage};
             INSERT INTO {name} SELECT k, (SELECT ST_MakeLine(ST_SetSRID(
                 ST_MakePoint(k + i % 2 * 0.01, 0), 3857)) FROM generate_series(1, 200) i)
               FROM generate_series(1, 10) k;
             INSERT INTO {name} SELECT k, ST_MakeEnvelope(k, 0, k + 5000, 5000, 3857)
               FROM generate_series(11, 20) k"
        ))
        .await;
    }
    let sizes = "SELECT pg_column_size(c.geom)::int8, pg_column_size(p.geom)::int8
                 FROM compressed c JOIN plain p USING (id) WHERE id = 1";
    let sizes = &db.client.query_typed(sizes, &[]).await.unwrap()[0];
    assert!(sizes.get::<_, i64>(0) < 2000 && sizes.get::<_, i64>(1) > 2000);
    let source = db.source();
    let tile = (10, 512, 512);
    for encoder in [Encoder::Rows, Encoder::Postgis] {
        for (budget, complete) in [(6, false), (10, true)] {
            let level = Level { max_features: Some(budget), ..LEVEL };
            let mut seen = Vec::new();
            for name in ["compressed", "plain"] {
                let order_by = Some("id".to_owned());
                let settings = TableSettings { order_by, encoder, ..table(name) };
                let layer = layer(&source, &settings).await;
                let found = fetch_level(&source, &layer, tile, level).await;
                assert_eq!(found.truncated.is_empty(), complete, "{name}, {budget}");
                let expected: Vec<i64> = (11..11 + i64::from(budget)).collect();
                if encoder == Encoder::Rows {
                    assert_eq!(found.ids(0), expected, "{name}");
                }
                seen.push(found.encoded);
            }
            assert!(seen[0] == seen[1], "{encoder:?}, {budget}");
        }
    }
}
