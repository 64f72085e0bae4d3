//! What looking at rows may cost, and what is said when it failed.

use std::time::Instant;

use super::*;

fn named<'a>(inventory: &'a Inventory, name: &str) -> &'a SpatialTable {
    let mut found = inventory.tables.iter().filter(|table| table.name == name);
    found.next().unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test]
async fn slow_views_cost_seconds_and_nothing_else() {
    let db = TestDatabase::new().await;
    for view in 0..20 {
        db.sql(&format!(
            "CREATE VIEW a_slow_{view} AS SELECT 'SRID=3857;POINT(0 0)'::geometry AS geom
               FROM pg_sleep(10)"
        ))
        .await;
    }
    db.sql(
        "CREATE TABLE z (id int PRIMARY KEY, geom geometry);
         INSERT INTO z VALUES (1, 'SRID=25832;POINT(500000 5000000)');
         CREATE VIEW z_typed AS SELECT geom::geometry(Point, 25832) FROM z",
    )
    .await;
    let source = db.source();
    let started = Instant::now();
    let inventory = source.inventory(None).await.unwrap();
    println!("{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(inventory.tables.len(), 22);
    assert_eq!(named(&inventory, "z").geometry.srid, Some(25832));
    assert!(named(&inventory, "z").bounds.is_some());
    assert_eq!(named(&inventory, "z_typed").geometry.srid, Some(25832));
    assert!(inventory.is_incomplete());
    for view in 0..20 {
        let reason = named(&inventory, &format!("a_slow_{view}")).geometry.unlooked.as_deref();
        let reason = reason.unwrap();
        assert!(reason.contains("statement timeout") || reason.contains("too many"), "{reason}");
    }
    // The session is as it was.
    let connection = source.pool.checkout(deadline()).await.unwrap();
    let row = connection.client().query_typed_one("SHOW statement_timeout", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "5s");
    connection.finish(&Ok(()));
    assert_eq!(source.pool_state().connections, 1);
}

#[tokio::test]
async fn a_table_that_could_not_be_looked_at_is_not_one_without_srid() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE locked (id int PRIMARY KEY, geom geometry);
         INSERT INTO locked VALUES (1, 'SRID=25832;POINT(500000 5000000)')",
    )
    .await;
    db.sql("BEGIN; LOCK TABLE locked").await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    let locked = named(&inventory, "locked");
    assert!(inventory.is_incomplete());
    let mismatch = TableLayer::new(&inventory, locked, &table("locked")).unwrap_err();
    assert!(mismatch.to_string().contains("lock timeout"), "{mismatch}");
    let settings = TableSettings { srid: Some(25832), ..table("locked") };
    let layer = TableLayer::new(&inventory, locked, &settings).unwrap();
    db.sql("ROLLBACK").await;
    let layer = SourceLayer::Postgis(layer.into());
    assert_eq!(fetch(&source, &layer, (8, 134, 92)).await.ids(0), [1]);
    let inventory = source.inventory(None).await.unwrap();
    assert!(!inventory.is_incomplete());
    assert_eq!(named(&inventory, "locked").geometry.srid, Some(25832));
}

#[tokio::test]
async fn an_srid_that_the_database_does_not_know_is_a_mismatch() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE odd (geom geometry); INSERT INTO odd VALUES ('SRID=990123;POINT(0 0)');
         CREATE TABLE none (geom geometry); INSERT INTO none VALUES ('POINT(0 0)')",
    )
    .await;
    let inventory = db.source().inventory(None).await.unwrap();
    let mismatch = |settings: TableSettings| {
        let table = inventory.find(&settings).unwrap();
        TableLayer::new(&inventory, table, &settings).unwrap_err().to_string()
    };
    let found = mismatch(table("odd"));
    assert!(found.contains("990123") && found.contains("spatial_ref_sys"), "{found}");
    let set = mismatch(TableSettings { srid: Some(25899), ..table("none") });
    assert!(set.contains("25899") && set.contains("spatial_ref_sys"), "{set}");
    let utm = TableSettings { srid: Some(25832), ..table("none") };
    TableLayer::new(&inventory, inventory.find(&utm).unwrap(), &utm).unwrap();
}

#[tokio::test]
async fn curves_beyond_the_sample_become_lines() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry);
         INSERT INTO t SELECT i, 'SRID=3857;POINT(0 0)' FROM generate_series(1, 1500) i;
         INSERT INTO t VALUES (2000, 'SRID=3857;CIRCULARSTRING(0 0, 1 1, 2 0)')",
    )
    .await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    assert_eq!(named(&inventory, "t").geometry.geometry_type, "POINT");
    let layer = layer(&source, &table("t")).await;
    let seen = fetch(&source, &layer, (0, 0, 0)).await;
    let row = seen.rows.iter().find(|row| row.id == Some(2000)).unwrap();
    assert_eq!(row.geometry.as_ref().unwrap()[1..5], [2, 0, 0, 0x20], "a LINESTRING with SRID");
}

/// Rows about 10…20° and a single one far away, which statistics leave out.
const OUTLIER: &str = "SELECT st_setsrid(st_point(10 + i % 11, 10 + i % 11), 4326)
    ::geometry(Point, 4326) AS geom FROM generate_series(1, 30000) i
    UNION ALL SELECT 'SRID=4326;POINT(170 80)'";

#[tokio::test]
async fn bounds_that_may_be_too_small_are_no_bounds() {
    let db = TestDatabase::new().await;
    db.sql(&format!(
        "CREATE TABLE bare AS {OUTLIER}; ANALYZE bare;
         CREATE TABLE indexed AS {OUTLIER}; CREATE INDEX ON indexed USING gist (geom);
         CREATE TABLE brin AS {OUTLIER}; CREATE INDEX ON brin USING brin (geom);
         ANALYZE indexed; ANALYZE brin"
    ))
    .await;
    let inventory = db.source().inventory(None).await.unwrap();
    assert_eq!(named(&inventory, "bare").bounds, None);
    assert_eq!(named(&inventory, "brin").bounds, None);
    let bounds = named(&inventory, "indexed").bounds.unwrap();
    assert!(bounds.max().x >= 170.0 && bounds.max().y >= 80.0, "{bounds:?}");
}

#[tokio::test]
async fn a_large_table_is_not_read_for_its_bounds() {
    let db = TestDatabase::new().await;
    // 9,000 rows of 2.4 kB in the table's own files, never analysed.
    db.sql(
        "CREATE TABLE large (geom geometry(Geometry, 3857)) WITH (autovacuum_enabled = off);
         ALTER TABLE large ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO large SELECT st_setsrid(st_buffer(st_point(i, i), 1, 40), 3857)
           FROM generate_series(1, 9000) i;
         CREATE TABLE small (geom geometry(Point, 3857));
         INSERT INTO small VALUES ('SRID=3857;POINT(0 0)');
         CREATE TABLE parts (id int, geom geometry(Point, 3857)) PARTITION BY RANGE (id);
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9);
         INSERT INTO parts VALUES (1, 'SRID=3857;POINT(0 0)')",
    )
    .await;
    let inventory = db.source().inventory(None).await.unwrap();
    assert_eq!(named(&inventory, "large").estimated_rows, None);
    assert_eq!(named(&inventory, "large").bounds, None);
    assert!(named(&inventory, "small").bounds.is_some());
    assert!(named(&inventory, "parts").bounds.is_some());
}
