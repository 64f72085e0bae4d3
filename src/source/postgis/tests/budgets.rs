//! Orders, and tiles with more rows than they may have.

use super::super::statement::{Limit, Wanted};
use super::*;

fn at_most(rows: u32) -> Level {
    Level { max_features: Some(rows), ..Level::default() }
}

fn ordered(name: &str, order: &str) -> TableSettings {
    TableSettings { order_by: Some(order.to_owned()), ..table(name) }
}

async fn ids_in_order(db: &TestDatabase, sql: &str) -> Vec<i64> {
    let rows = db.client.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn ranks_compare_as_postgresql_orders() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE DOMAIN word AS varchar(9);
         CREATE TABLE t (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4,
           f8 float8, n numeric, d date, ti time, ts timestamp, tz timestamptz, tx text,
           vc varchar(9), ch char(5), nm name, wo word, geom geometry(Point, 3857));
         INSERT INTO t SELECT id, pick[1 + id * 7 % 5]::bool,
           ints[1 + id * 3 % 7]::int2, ints[1 + id * 5 % 7]::int4, ints[1 + id % 7]::int8,
           floats[1 + id * 3 % 11]::float4, floats[1 + id % 11]::float8,
           nums[1 + id % 7]::numeric, days[1 + id % 7]::date,
           ('0:0'::time + id * 977 % 1000 * interval '1 minute'),
           days[1 + id * 3 % 7]::timestamp, days[1 + id * 5 % 7]::timestamptz,
           texts[1 + id % 13], texts[1 + id * 3 % 13], left(texts[1 + id * 5 % 13], 5),
           texts[1 + id * 6 % 13]::name, texts[1 + id * 7 % 13]::word, 'SRID=3857;POINT(0 0)'
         FROM generate_series(1, 300) id, (SELECT
           ARRAY['true', 'false', NULL, 'true', 'false'] AS pick,
           ARRAY[NULL, '0', '-1', '1', '32767', '-32768', '300'] AS ints,
           ARRAY[NULL, '0', '-0', 'NaN', 'Infinity', '-Infinity', '1.5', '-1.5', '1e30', '-1e-30',
             '-NaN'] AS floats,
           ARRAY[NULL, '-1e400', 'NaN', '-12345678901234567890.5', '1e-400', '-0.001', '1e400'] AS nums,
           ARRAY[NULL, 'infinity', '-infinity', '2026-01-02', '1999-12-31', '2000-01-01',
             '0044-03-15 BC'] AS days,
           ARRAY[NULL, '', 'a', 'A', 'aa', 'a b', 'B', 'ä', 'z', '😀', 'é', 'a ', E'a\\x01']
             AS texts) AS v",
    )
    .await;
    let source = db.source();
    let texts = ["tx", "vc", "ch", "nm", "wo"];
    let others = ["b", "i2", "i4", "i8", "f4", "f8", "n", "d", "ti", "ts", "tz"];
    for column in others.into_iter().chain(texts) {
        for how in ["", " DESC", " NULLS FIRST", " ASC NULLS LAST", " DESC NULLS LAST"] {
            let order =
                format!("{column}{how}, ti DESC, i4").replace("ti DESC, ti DESC", "ti DESC");
            let order = match column {
                "ti" => format!("ti{how}, i4"),
                "i4" => format!("i4{how}, ti DESC"),
                _ => order,
            };
            let layer = layer(&source, &ordered("t", &order)).await;
            let mut seen = fetch(&source, &layer, (0, 0, 0)).await;
            seen.rows.sort_by(|a, b| (&a.rank, a.id).cmp(&(&b.rank, b.id)));
            let ranked: Vec<i64> = seen.rows.iter().map(|row| row.id.unwrap()).collect();
            let sql = match texts.contains(&column) {
                true => order.replace(column, &format!("{column}::text COLLATE \"C\"")),
                false => order.clone(),
            };
            let sql = format!("SELECT id::int8 FROM t ORDER BY {sql}, id");
            assert_eq!(ranked, ids_in_order(&db, &sql).await, "{order}");
            // The same by the database, which sorts where there are too many.
            let first = fetch_level(&source, &layer, (0, 0, 0), at_most(40)).await;
            let mut expected = ranked[..40].to_vec();
            expected.sort_unstable();
            assert_eq!(first.ids(0), expected, "{order}");
            assert_eq!(first.truncated, [(0, Truncation::MaxFeatures)]);
            assert_eq!(layer.keys().len(), 16, "no property has been added");
            assert!(first.rows.iter().all(|row| row.properties.iter().all(|(key, _)| *key < 16)));
        }
    }
}

#[tokio::test]
async fn the_largest_come_first_without_an_order_and_small_ones_do_not_count() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int, geom geometry(Geometry, 3857));
         INSERT INTO t SELECT i, ST_MakeEnvelope(i * 9, 0, i * 9 + i * 7919 % 100, 1, 3857)
           FROM generate_series(100, 200) i;
         INSERT INTO t SELECT -i, ST_SetSRID(ST_MakePoint(i, 0), 3857)
           FROM generate_series(1, 20) i;
         INSERT INTO t VALUES (0, NULL), (0, 'SRID=3857;POINT EMPTY')",
    )
    .await;
    let source = db.source();
    let settings = TableSettings { id: Some("id".into()), ..table("t") };
    let layer = layer(&source, &settings).await;
    // A unit is 0.6 m.
    let tile = (14, 8192, 8191);
    let size = "greatest(st_xmax(geom) - st_xmin(geom), st_ymax(geom) - st_ymin(geom))";
    for rows in [1, 50, 120] {
        let sql = format!(
            "SELECT id::int8 FROM t WHERE geom && ST_Expand(ST_TileEnvelope(14, 8192, 8191), 38)
             ORDER BY {size} DESC, id LIMIT {rows}"
        );
        let expected = db.ids(&sql).await;
        for _ in 0..2 {
            let seen = fetch_level(&source, &layer, tile, at_most(rows)).await;
            assert_eq!((seen.ids(0), seen.truncated.len()), (expected.clone(), 1), "{rows}");
        }
    }
    let seen = fetch_level(&source, &layer, tile, at_most(121)).await;
    assert_eq!((seen.rows.len(), seen.truncated), (121, vec![]));
    // Below 30 m: points stay, and what is left out takes nobody's place.
    let level = Level { min_size: 50.0, ..at_most(91) };
    let kept = "SELECT id::int8 FROM t WHERE ST_XMax(geom) - ST_XMin(geom) >= 30 OR id < 0";
    let kept = db.ids(kept).await;
    assert!(kept.len() < 91 && kept.len() > 50, "{}", kept.len());
    let seen = fetch_level(&source, &layer, tile, level).await;
    assert_eq!((seen.ids(0), seen.truncated), (kept, vec![]));
}

#[tokio::test]
async fn the_largest_in_degrees_are_the_largest_on_the_map() {
    let db = TestDatabase::new().await;
    // Lines to the east and to the north, each a fifth longer than the one before, all over the
    // world; one that reaches beyond the pole.
    db.sql(
        "CREATE TABLE metres (id int PRIMARY KEY, geom geometry(LineString, 3857));
         INSERT INTO metres SELECT i, ST_SetSRID(ST_MakeLine(ST_MakePoint(0, y),
             CASE WHEN i % 2 = 0 THEN ST_MakePoint(size, y) ELSE ST_MakePoint(0, y + size) END), 3857)
           FROM (SELECT i, 1000 * 1.2 ^ i AS size, (i * 7 % 20 - 10) * 1.8e6 AS y
             FROM generate_series(1, 20) i) AS sizes;
         CREATE TABLE degrees (id int PRIMARY KEY, geom geometry(LineString, 4326));
         INSERT INTO degrees SELECT id, ST_Transform(geom, 4326) FROM metres;
         CREATE TABLE globe (id int PRIMARY KEY, geom geography(LineString, 4326));
         INSERT INTO globe SELECT id, geom::geography FROM degrees;
         INSERT INTO degrees VALUES (0, 'SRID=4326;LINESTRING(9 80, 9 1e308)')",
    )
    .await;
    let source = db.source();
    for (name, odd) in [("metres", 0), ("degrees", 1), ("globe", 0)] {
        let layer = layer(&source, &table(name)).await;
        for rows in [1, 4, 9, 15] {
            let seen = fetch_level(&source, &layer, (0, 0, 0), at_most(rows + odd)).await;
            let mut expected: Vec<i64> = (21 - i64::from(rows)..=20).collect();
            expected.splice(0..0, (0..i64::from(odd)).collect::<Vec<_>>());
            assert_eq!(seen.ids(0), expected, "{name}, {rows}");
        }
    }
}

#[tokio::test]
async fn too_many_rows_are_the_same_ones_whatever_order_they_lie_in() {
    let db = TestDatabase::new().await;
    for (name, by) in [("a", "i"), ("b", "-i"), ("c", "i * 7919 % 1000")] {
        db.sql(&format!(
            "CREATE TABLE {name} (kind int, name text, geom geometry(Point, 3857));
             INSERT INTO {name} SELECT i % 3, 'n' || i % 7, ST_SetSRID(ST_MakePoint(i % 10, 0), 3857)
             FROM generate_series(1, 1000) i ORDER BY {by}"
        ))
        .await;
    }
    let source = db.source();
    for order in [None, Some("kind DESC".to_owned())] {
        let mut all = Vec::new();
        for name in ["a", "b", "c"] {
            let settings = TableSettings { order_by: order.clone(), ..table(name) };
            let layer = layer(&source, &settings).await;
            let seen = fetch_level(&source, &layer, (0, 0, 0), at_most(123)).await;
            let rows = seen.rows.into_iter().map(|row| (row.geometry, row.rank, row.properties));
            let mut rows: Vec<_> = rows.collect();
            rows.sort();
            assert_eq!(rows.len(), 123);
            all.push(rows);
        }
        assert!(all[0] == all[1] && all[0] == all[2], "{order:?}");
    }
}

#[tokio::test]
async fn rows_that_cannot_be_transformed_are_counted_and_the_rest_is_limited() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Point, 32633));
         INSERT INTO t SELECT i, ST_SetSRID(ST_MakePoint(
             CASE WHEN i % 10 = 0 THEN 1e30 ELSE 500000 + i END, 5000000), 32633)
           FROM generate_series(1, 100) i",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &ordered("t", "id DESC")).await;
    let seen = fetch_level(&source, &layer, (0, 0, 0), at_most(20)).await;
    let expected: Vec<i64> = (81..=100).filter(|id| id % 10 != 0).collect();
    assert_eq!((seen.ids(0), seen.untransformable.len()), (expected, 2));
    assert_eq!(seen.truncated, [(0, Truncation::MaxFeatures)]);
}

#[tokio::test]
async fn an_order_does_not_lead_the_planner_away_from_the_spatial_index() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, rank int, geom geometry(Point, 3857));
         INSERT INTO t SELECT i, i, ST_SetSRID(ST_MakePoint(i % 1000 * 1000, i), 3857)
           FROM generate_series(1, 50000) i;
         CREATE INDEX ON t USING gist (geom); CREATE INDEX ON t (rank, id); ANALYZE t",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &ordered("t", "rank")).await;
    let layer = rows_of(&layer);
    for limit in [Limit::First(10), Limit::Any(10), Limit::None] {
        let wanted = Wanted { not_small: false, limit };
        let sql = layer.rows.sql(&no_values(), wanted);
        let plan = super::filters::plan(&db, &sql).await;
        let spatial = plan.contains("Index Cond: (geom &&") && !plan.contains("t_rank");
        assert!(spatial, "{limit:?}: {plan}");
        // A tile with a third of the rows, of which the first ten are soon found.
        let third = "0, 0, 330000, 60000";
        let plan = super::filters::plan_for(&db, &sql, "force_custom_plan", third).await;
        assert!(!plan.contains("t_rank"), "{limit:?}: {plan}");
    }
}

#[tokio::test]
async fn orders_are_checked_against_the_table() {
    let db = TestDatabase::new().await;
    db.sql("CREATE TABLE t (id int, \"Rank\" int, js json, geom geometry(Point, 3857))").await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    let found = inventory.find(&table("t")).unwrap();
    let mismatch = |order: &str| {
        TableLayer::new(&inventory, found, &ordered("t", order))
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    assert_eq!(mismatch("rank desc, id"), Ok(()));
    assert!(mismatch("rnk").unwrap_err().contains("did you mean `Rank`?"));
    assert!(mismatch("js").unwrap_err().contains("it is json"));
    assert!(mismatch("geom").unwrap_err().contains("geometry"));
    assert!(mismatch("rank UP").unwrap_err().contains("UP"));
}
