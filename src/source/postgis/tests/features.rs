//! Rows and their values.

use super::*;

/// Properties of the only row of `table` by column name.
async fn values(source: &PostgisSource, settings: &TableSettings) -> Vec<(String, String)> {
    let layer = layer(source, settings).await;
    let seen = fetch(source, &layer, (0, 0, 0)).await;
    assert_eq!(seen.rows.len(), 1);
    let keys = layer.keys();
    let properties = &seen.rows[0].properties;
    properties.iter().map(|(key, value)| (keys[*key].clone(), value.clone())).collect()
}

#[tokio::test]
async fn every_type_of_column_has_its_value() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'ok');
         CREATE TYPE pair AS (a int, b text);
         CREATE DOMAIN small AS int CHECK (VALUE < 100); CREATE DOMAIN tiny AS small;
         CREATE DOMAIN feeling AS mood; CREATE DOMAIN code AS varchar(9);
         CREATE TABLE t (geom geometry(Point, 3857), b bool, i2 int2, i4 int4, i8 int8, f4 float4,
           f8 float8, n numeric, nd numeric(10, 2), nlong numeric, nnan numeric, d date, ti time,
           ts timestamp, tz timestamptz, inf timestamptz, tx text, vc varchar(9), ch char(4),
           nm name, js json, jb jsonb, arr int[], e mood, u uuid, iv interval, h hstore, do1 tiny,
           fe feeling, pa pair, ip inet, bits bit(3), null_one text, nan float8,
           by bytea, tv tsvector, other geometry, ra int4range, m money,
           vca varchar(9)[], cha char(3)[], nda numeric(5, 2)[], ts3 timestamp(3), dv code,
           tsa timestamp(0)[]);
         INSERT INTO t VALUES ('SRID=3857;POINT(1 2)', true, -2, 3, 9007199254740993, 0.5, 1e300,
           1.25, 7.10, 12345678901234567.89, 'NaN', '2026-01-02', '03:04:05',
           '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.000001+02', 'infinity', 'ä''b', 'vc',
           'ch', 'nm', '{\"a\": 1}', '{\"b\":[1]}', '{1,2}', 'ok',
           '00000000-0000-0000-0000-00000000000a', '1 day', 'k=>v', 42, 'sad', '(1,x)', '10.0.0.1',
           '101', NULL, 'NaN', '\\xff', 'a b', 'SRID=3857;POINT(0 0)', '[1,3)', 2, '{a,\"b c\"}', '{x}', '{1.5,2}', '2026-01-02 03:04:05.6789', 'code',
           '{2026-01-02 03:04:05}')",
    )
    .await;
    let expected = [
        ("b", "true"),
        ("i2", "-2i"),
        ("i4", "3i"),
        ("i8", "9007199254740993i"),
        ("f4", "0.5"),
        ("f8", "1e300"),
        ("n", "1.25"),
        ("nd", "7.1"),
        ("nlong", "'12345678901234567.89'"),
        ("d", "'2026-01-02'"),
        ("ti", "'03:04:05'"),
        ("ts", "'2026-01-02T03:04:05.678Z'"),
        ("tz", "'2026-01-02T01:04:05.000001Z'"),
        ("tx", "'ä'b'"),
        ("vc", "'vc'"),
        ("ch", "'ch'"),
        ("nm", "'nm'"),
        ("js", "'{\"a\": 1}'"),
        ("jb", "'{\"b\": [1]}'"),
        ("arr", "'{1,2}'"),
        ("e", "'ok'"),
        ("u", "'00000000-0000-0000-0000-00000000000a'"),
        ("iv", "'1 day'"),
        ("h", "'\"k\"=>\"v\"'"),
        ("do1", "42i"),
        ("fe", "'sad'"),
        ("pa", "'(1,x)'"),
        ("ip", "'10.0.0.1/32'"),
        ("bits", "'101'"),
        ("nan", "NaN"),
        ("ra", "'[1,3)'"),
        ("m", "'$2.00'"),
        ("vca", "'{a,\"b c\"}'"),
        ("cha", "'{\"x  \"}'"),
        ("nda", "'{1.50,2.00}'"),
        ("ts3", "'2026-01-02T03:04:05.679Z'"),
        ("dv", "'code'"),
        ("tsa", "'{\"2026-01-02 03:04:05\"}'"),
    ];
    let settings = TableSettings { geometry: Some("geom".into()), ..table("t") };
    let found = values(&db.source(), &settings).await;
    for ((name, value), (expected_name, expected_value)) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), value.as_str()), (expected_name, expected_value));
    }
    assert_eq!(found.len(), expected.len());
    let named = Some(vec!["by".to_owned(), "tv".to_owned()]);
    let named = values(&db.source(), &TableSettings { properties: named, ..settings }).await;
    let named: Vec<&str> = named.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(named, ["'\\xff'", "''a' 'b''"]);
}

#[tokio::test]
async fn the_server_is_not_asked_about_types() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (id int PRIMARY KEY, m mood,
         geom geometry(Point, 3857)); INSERT INTO t VALUES (1, 'sad', 'SRID=3857;POINT(0 0)')",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    fetch(&source, &layer, (0, 0, 0)).await;
    let connection = source.pool.checkout(deadline()).await.unwrap();
    let sql = "SELECT statement FROM pg_catalog.pg_prepared_statements";
    let rows = connection.client().query_typed(sql, &[]).await.unwrap();
    let statements: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(statements.len(), 1, "{statements:?}");
    connection.finish(&Ok(()));
}

#[tokio::test]
async fn ids_come_from_the_integer_primary_key_or_the_setting() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int2 PRIMARY KEY, other int8, name text,
         geom geometry(Point, 3857))",
    )
    .await;
    db.sql("INSERT INTO t VALUES (7, 8, 'x', 'SRID=3857;POINT(0 0)')").await;
    db.sql("CREATE TABLE text_key (id text PRIMARY KEY, geom geometry(Point, 3857))").await;
    db.sql("INSERT INTO text_key VALUES ('a', 'SRID=3857;POINT(0 0)')").await;
    let source = db.source();
    let by_key = layer(&source, &table("t")).await;
    assert_eq!(by_key.keys(), ["other", "name"]);
    assert_eq!(fetch(&source, &by_key, (0, 0, 0)).await.ids(0), [7]);
    let other = TableSettings { id: Some("other".into()), ..table("t") };
    let other = layer(&source, &other).await;
    assert_eq!(other.keys(), ["id", "name"]);
    assert_eq!(fetch(&source, &other, (0, 0, 0)).await.ids(0), [8]);
    let text_key = layer(&source, &table("text_key")).await;
    assert_eq!(text_key.keys(), ["id"]);
    assert_eq!(fetch(&source, &text_key, (0, 0, 0)).await.rows[0].id, None);
}

#[tokio::test]
async fn curves_become_lines() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Geometry, 3857));
         INSERT INTO t VALUES (1, 'SRID=3857;CIRCULARSTRING(0 0, 1 1, 2 0)')",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    let seen = fetch(&source, &layer, (0, 0, 0)).await;
    let geometry = seen.rows[0].geometry.as_ref().unwrap();
    assert_eq!(geometry[1..5], [2, 0, 0, 0x20], "a LINESTRING with SRID");
}

#[tokio::test]
async fn two_layers_come_in_one_fetch_over_one_connection() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE a (id int PRIMARY KEY, geom geometry(Point, 3857));
         CREATE TABLE b (id int PRIMARY KEY, geom geometry(Point, 32633));
         INSERT INTO a SELECT i, 'SRID=3857;POINT(1 2)' FROM generate_series(1, 20000) i;
         INSERT INTO b SELECT i, 'SRID=32633;POINT(500000 2)' FROM generate_series(1, 20000) i",
    )
    .await;
    let source = db.source();
    let (a, b) = (layer(&source, &table("a")).await, layer(&source, &table("b")).await);
    let seen = try_fetch(&source, &[&a, &b, &a], (0, 0, 0)).await.unwrap();
    let all: Vec<i64> = (1..=20_000).collect();
    for index in 0..3 {
        assert_eq!(seen.ids(index), all);
    }
    assert_eq!(source.pool_state().connections, 1);
}

#[tokio::test]
async fn null_and_empty_geometries_do_not_fail_a_tile() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Geometry, 32633));
         INSERT INTO t VALUES (1, NULL), (2, 'SRID=32633;POINT EMPTY'),
           (3, 'SRID=32633;POINT(500000 5000000)')",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    let seen = fetch(&source, &layer, (0, 0, 0)).await;
    let row = seen.rows.iter().find(|row| row.id == Some(3)).unwrap();
    assert!(row.geometry.is_some());
}
