//! The rows of a tile in every kind of spatial reference system, against a scan without index.

use super::super::statement::Wanted;
use super::*;

/// Points all over the world and beyond the usual, as `(id, lon, lat)` rows.
pub(super) const WORLD: &str = "SELECT row_number() OVER () AS id, lon, lat FROM (
    SELECT lon, lat FROM generate_series(-180, 180, 7.5) lon, generate_series(-89, 89, 6) lat
    UNION ALL VALUES (179.99, 0.1), (-179.99, 0.1), (180, 10), (-180, 10), (0, 90), (0, -90),
      (172.5, -41.2), (174.8, -36.8), (-176.5, -44), (15.2, 50.1), (12.1, 47.9), (14.9, 0.01)
  ) AS p(lon, lat)";

const TILES: [(u8, u32, u32); 16] = [
    (0, 0, 0),
    (1, 1, 0),
    (2, 3, 2),
    (2, 0, 2),
    (2, 2, 0),
    (3, 0, 3),
    (3, 7, 3),
    (3, 4, 0),
    (3, 4, 7),
    (4, 8, 5),
    (4, 15, 10),
    (5, 31, 15),
    (5, 0, 16),
    (6, 34, 21),
    (7, 69, 44),
    (10, 1023, 511),
];

/// Ids of the points in degrees within the buffered tile.
async fn truth(db: &TestDatabase, table: &str, tile: (u8, u32, u32)) -> Vec<i64> {
    let bounds = TileCoord::new(tile.0, tile.1, tile.2).unwrap().buffered_bounds(4096, 64);
    let (west, south) = crate::tile::mercator::unproject(bounds.min().x, bounds.min().y);
    let (east, north) = crate::tile::mercator::unproject(bounds.max().x, bounds.max().y);
    db.ids(&format!(
        "SELECT id::int8 FROM {table} WHERE lon BETWEEN {west} AND {east} \
         AND lat BETWEEN {south} AND {north}"
    ))
    .await
}

#[tokio::test]
async fn web_mercator_and_degrees_find_exactly_the_rows_of_a_tile() {
    let db = TestDatabase::new().await;
    db.sql(&format!(
        "CREATE TABLE w AS {WORLD};
         CREATE TABLE d AS SELECT id, st_setsrid(st_point(lon, lat), 4326)::geometry(Point, 4326)
           AS geom FROM w;
         CREATE TABLE m AS SELECT id, st_transform(st_setsrid(st_point(lon, lat), 4326), 3857)
           ::geometry(Point, 3857) AS geom FROM w WHERE abs(lat) < 89;
         CREATE INDEX ON d USING gist (geom); CREATE INDEX ON m USING gist (geom)"
    ))
    .await;
    let source = db.source();
    for name in ["d", "m"] {
        let settings = TableSettings { id: Some("id".into()), ..table(name) };
        let layer = layer(&source, &settings).await;
        for tile in TILES {
            let seen = fetch(&source, &layer, tile).await;
            assert_eq!(seen.ids(0), truth(&db, "w", tile).await, "{name} {tile:?}");
        }
    }
}

/// Every row of the truth must come; others may, but not nearly all of them on a small tile.
async fn assert_covers(db: &TestDatabase, source: &PostgisSource, name: &str, narrow_from: u8) {
    let settings = TableSettings { id: Some("id".into()), ..table(name) };
    let layer = layer(source, &settings).await;
    let total = db.ids(&format!("SELECT id::int8 FROM {name}")).await.len();
    for tile in TILES {
        let seen = fetch(source, &layer, tile).await;
        let found = seen.ids(0);
        let expected = truth(db, name, tile).await;
        for id in &expected {
            assert!(found.contains(id), "{name} {tile:?} lacks {id}");
        }
        let distinct: std::collections::BTreeSet<&i64> = found.iter().collect();
        assert_eq!(distinct.len(), found.len(), "{name} {tile:?} has rows twice");
        if tile.0 >= narrow_from {
            assert!(found.len() <= expected.len() + total / 8, "{name} {tile:?}: {}", found.len());
        }
    }
}

#[tokio::test]
async fn geography_finds_the_rows_of_a_tile_across_the_antimeridian_too() {
    let db = TestDatabase::new().await;
    db.sql(&format!(
        "CREATE TABLE g AS SELECT id, lon, lat, st_point(lon, lat)::geography(Point, 4326) AS geom
           FROM ({WORLD}) AS w;
         CREATE INDEX ON g USING gist (geom)"
    ))
    .await;
    let source = db.source();
    assert_covers(&db, &source, "g", 3).await;
    let settings = TableSettings { id: Some("id".into()), ..table("g") };
    let layer = layer(&source, &settings).await;
    // A point in the buffer beyond the antimeridian.
    let other_side = db.ids("SELECT id::int8 FROM g WHERE lon = -179.99").await;
    assert!(fetch(&source, &layer, (5, 31, 15)).await.ids(0).contains(&other_side[0]));
}

#[tokio::test]
async fn long_edges_of_geography_are_drawn_where_they_are_found() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE g (id int PRIMARY KEY, geom geography);
         INSERT INTO g VALUES (1, 'POLYGON((-60 50,60 50,60 70,-60 70,-60 50))'),
           (2, 'LINESTRING(-80 40,80 45)'), (3, 'LINESTRING(0 0,0.1 0.1)'), (4, 'POINT(1 1)'),
           (5, 'MULTILINESTRING((10 -60,50 -60),(20 1,21 1))'), (6, 'POINT EMPTY');
         CREATE INDEX ON g USING gist (geom)",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("g")).await;
    let all = fetch(&source, &layer, (0, 0, 0)).await;
    for row in &all.rows {
        let sql = "SELECT ST_Segmentize(geom, 100000)::geometry::bytea FROM g WHERE id = $1";
        let id = i32::try_from(row.id.unwrap()).unwrap();
        let expected = db.client.query_one(sql, &[&id]).await.unwrap().get::<_, Vec<u8>>(0);
        assert!(row.geometry.as_ref() == Some(&expected), "{id}");
    }
    for z in 3..=6u8 {
        for (x, y) in (0..1u32 << z).flat_map(|x| (0..1u32 << z).map(move |y| (x, y))) {
            if z > 3 && (x + 3 * y) % 23 != 0 {
                continue;
            }
            let found = fetch(&source, &layer, (z, x, y)).await.ids(0);
            let truth = format!(
                "SELECT id::int8 FROM g, st_transform(st_tileenvelope({z}, {x}, {y}), 4326) tile
                 WHERE st_intersects(st_segmentize(geom, 100000)::geometry, tile)"
            );
            for id in db.ids(&truth).await {
                assert!(found.contains(&id), "{z}/{x}/{y} lacks {id}");
            }
        }
    }
}

#[tokio::test]
async fn filters_use_the_index() {
    let db = TestDatabase::new().await;
    for (name, kind) in [
        ("m", "geometry(Point, 3857)"),
        ("d", "geometry(Point, 4326)"),
        ("u", "geometry(Point, 32633)"),
        ("g", "geography(Point, 4326)"),
    ] {
        let srid = if name == "g" { "4326" } else { &kind[16..kind.len() - 1] };
        db.sql(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, geom {kind});
             INSERT INTO {name} SELECT i, st_transform(st_setsrid(st_point(10 + i % 100 * 0.1,
               i / 1000.0), 4326), {srid}) FROM generate_series(1, 50000) i;
             CREATE INDEX ON {name} USING gist (geom); ANALYZE {name}"
        ))
        .await;
    }
    let source = db.source();
    for name in ["m", "d", "u", "g"] {
        let layer = layer(&source, &table(name)).await;
        // Over the middle of the points.
        let seen = fetch(&source, &layer, (10, 553, 440)).await;
        assert!(!seen.rows.is_empty() && seen.rows.len() < 5000, "{name}: {}", seen.rows.len());
        let sql = rows_of(&layer).rows.sql(&no_values(), Wanted::default());
        let plan = plan(&db, &sql).await;
        assert!(plan.contains("Index Cond") && !plan.contains("Seq Scan"), "{name}: {plan}");
    }
}

/// The generic plan: whatever the tile, the index serves it.
pub(super) async fn plan(db: &TestDatabase, sql: &str) -> String {
    let arguments = if sql.contains("$4") { "0, 0, 1, 1" } else { "NULL" };
    plan_for(db, sql, "force_generic_plan", arguments).await
}

pub(super) async fn plan_for(db: &TestDatabase, sql: &str, mode: &str, arguments: &str) -> String {
    db.sql(&format!("SET plan_cache_mode = {mode}; PREPARE q AS {sql}")).await;
    let rows = db.client.simple_query(&format!("EXPLAIN EXECUTE q({arguments})")).await.unwrap();
    db.sql("DEALLOCATE q").await;
    let mut plan = String::new();
    for row in &rows {
        if let tokio_postgres::SimpleQueryMessage::Row(row) = row {
            plan.push_str(row.get(0).unwrap_or_default());
            plan.push('\n');
        }
    }
    plan
}

#[tokio::test]
async fn rows_without_srid_take_the_settings() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry);
         INSERT INTO t VALUES (1, 'POINT(500000 5000000)'), (2, 'POINT(500000 -5000000)');
         CREATE TABLE m (id int PRIMARY KEY, geom geometry(Point));
         INSERT INTO m VALUES (1, 'POINT(100 -100)'), (2, 'POINT(-100 100)')",
    )
    .await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    let unknown = TableLayer::new(&inventory, inventory.find(&table("t")).unwrap(), &table("t"));
    assert!(unknown.unwrap_err().to_string().contains("srid = "));
    let utm = TableSettings { srid: Some(32633), ..table("t") };
    let utm = layer(&source, &utm).await;
    // The tile over 15° E, 45° N.
    let seen = fetch(&source, &utm, (8, 138, 92)).await;
    assert_eq!(seen.ids(0), [1]);
    let mercator = TableSettings { srid: Some(3857), ..table("m") };
    let mercator = layer(&source, &mercator).await;
    assert_eq!(fetch(&source, &mercator, (18, 131_072, 131_072)).await.ids(0), [1]);
}
