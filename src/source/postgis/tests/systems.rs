//! Tables that the database has to transform.

use super::filters::WORLD;
use super::*;

/// Tiles over and next to the areas of the systems, and on the other side of the world.
const TILES: [(u8, u32, u32); 26] = [
    (0, 0, 0),
    (1, 1, 0),
    (2, 3, 2),
    (2, 0, 2),
    (2, 2, 0),
    (3, 0, 3),
    (3, 7, 4),
    (3, 4, 7),
    (4, 8, 5),
    (4, 15, 10),
    (5, 31, 15),
    (5, 16, 31),
    (6, 33, 22),
    (6, 34, 21),
    (6, 14, 24),
    (6, 62, 40),
    (6, 63, 39),
    (6, 0, 39),
    (6, 32, 63),
    (6, 10, 30),
    (7, 66, 44),
    (7, 69, 44),
    (7, 126, 79),
    (9, 265, 179),
    (10, 1023, 505),
    (12, 700, 3000),
];

/// Where each system is of use.
const SYSTEMS: [(i32, &str); 8] = [
    (2056, "lon BETWEEN 5 AND 11 AND lat BETWEEN 45 AND 48.5"),
    (27200, "lon BETWEEN 165 AND 179 AND lat BETWEEN -48 AND -33"),
    (2193, "(lon > 160 OR lon < -170) AND lat BETWEEN -60 AND -25"),
    (3031, "lat < -55"),
    (3035, "lon BETWEEN -15 AND 45 AND lat BETWEEN 30 AND 80"),
    (4269, "abs(lat) < 90"),
    (5070, "lon BETWEEN -130 AND -60 AND lat BETWEEN 20 AND 55"),
    (32633, "lon BETWEEN 5 AND 25 AND lat BETWEEN -80 AND 84"),
];

/// Points, lines and polygons, 0.2° wide at most: their edges are straight in any system.
async fn fill(db: &TestDatabase) {
    db.sql(&format!(
        "CREATE TABLE w AS SELECT lon, lat FROM ({WORLD}) AS w UNION ALL
           SELECT lon, lat FROM generate_series(5, 11, 0.5) lon, generate_series(45, 48, 0.5) lat
           UNION ALL
           SELECT lon, lat FROM generate_series(165, 179) lon, generate_series(-48, -33) lat"
    ))
    .await;
    for (srid, within) in SYSTEMS {
        let unit = if srid == 4269 { 0.1 } else { 10_000.0 };
        db.sql(&format!(
            "CREATE TABLE t{srid} AS SELECT row_number() OVER () AS id, geom FROM (
               SELECT unnest(ARRAY[p, st_makeline(p, st_translate(p, {unit}, {unit})),
                 st_buffer(p, {unit})])::geometry(Geometry, {srid}) AS geom FROM (
                   SELECT st_transform(st_setsrid(st_point(lon, lat), 4326), {srid}) AS p
                   FROM w WHERE {within}) AS p) AS g;
             CREATE INDEX ON t{srid} USING gist (geom);
             CREATE TABLE d{srid} AS SELECT id, st_transform(geom, 4326) AS geom FROM t{srid}"
        ))
        .await;
    }
}

/// Ids of what is drawn in the tile; what crosses the antimeridian is drawn all around the world.
async fn truth(db: &TestDatabase, srid: i32, tile: (u8, u32, u32)) -> Vec<i64> {
    let bounds = TileCoord::new(tile.0, tile.1, tile.2).unwrap().buffered_bounds(4096, 64);
    let (west, south) = crate::tile::mercator::unproject(bounds.min().x, bounds.min().y);
    let (east, north) = crate::tile::mercator::unproject(bounds.max().x, bounds.max().y);
    db.ids(&format!(
        "SELECT id::int8 FROM d{srid} WHERE st_xmax(geom) - st_xmin(geom) < 180 AND \
         st_intersects(geom, st_makeenvelope({west}, {south}, {east}, {north}, 4326))"
    ))
    .await
}

#[tokio::test]
async fn other_systems_find_the_rows_of_a_tile_and_hardly_more() {
    let db = TestDatabase::new().await;
    fill(&db).await;
    let source = db.source();
    for (srid, _) in SYSTEMS {
        let name = format!("t{srid}");
        let settings = TableSettings { id: Some("id".into()), ..table(&name) };
        let layer = layer(&source, &settings).await;
        let total = db.ids(&format!("SELECT id::int8 FROM {name}")).await.len();
        assert!(total > 20, "{srid}");
        let mut shown = 0;
        for tile in TILES {
            let found = fetch(&source, &layer, tile).await.ids(0);
            let expected = truth(&db, srid, tile).await;
            shown += expected.len();
            for id in &expected {
                assert!(found.contains(id), "{srid} {tile:?} lacks {id}");
            }
            let enough = expected.len() * 5 / 4 + total / 25;
            assert!(tile.0 < 6 || found.len() <= enough, "{srid} {tile:?}: {}", found.len());
        }
        assert!(shown > 20, "{srid}");
    }
}

#[tokio::test]
async fn a_tile_beyond_the_system_reads_nothing() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Point, 2056));
         INSERT INTO t SELECT i, 'SRID=2056;POINT(2600000 1200000)' FROM generate_series(1, 900) i",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    for z in 6..=24u8 {
        // Around 170° W, 30° S.
        let tile = TileCoord::new(z, 1 << (z - 6), 37 << (z - 6)).unwrap();
        let seen = fetch(&source, &layer, (z, tile.x(), tile.y())).await;
        assert!(seen.rows.is_empty(), "z{z}");
    }
    for z in 6..=24u8 {
        // Bern, at 7.4386° E, 46.9511° N.
        let (x, y) = (0.520_662_8, 0.351_851_8);
        let side = f64::from(1u32 << z);
        let seen = fetch(&source, &layer, (z, (x * side) as u32, (y * side) as u32)).await;
        assert!(z > 13 || seen.rows.len() == 900, "z{z}");
    }
}

#[tokio::test]
async fn one_row_that_cannot_be_transformed_is_left_out_alone() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name text, geom geometry(Point, 32633));
         INSERT INTO t SELECT i, 'n' || i, format('SRID=32633;POINT(%s 5000000)', 400000 + i)
           FROM generate_series(1, 500) i;
         UPDATE t SET geom = 'SRID=32633;POINT(1e9 1e9)' WHERE id = 250",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    let seen = fetch(&source, &layer, (0, 0, 0)).await;
    assert_eq!(seen.untransformable, [0]);
    let expected: Vec<i64> = (1..=500).filter(|id| *id != 250).collect();
    assert_eq!(seen.ids(0), expected);
    for row in &seen.rows {
        assert_eq!(row.properties, [(0, format!("'n{}'", row.id.unwrap()))]);
        // Degrees: a POINT of SRID 4326.
        assert_eq!(row.geometry.as_ref().unwrap()[5..9], 4326i32.to_le_bytes());
    }
}

#[tokio::test]
async fn thousands_of_rows_are_searched_for_those_that_cannot_be_transformed() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Point, 32633));
         INSERT INTO t SELECT i, format('SRID=32633;POINT(%s 5000000)', 400000 + i)
           FROM generate_series(1, 3000) i;
         UPDATE t SET geom = NULL WHERE id = 5;
         UPDATE t SET geom = 'SRID=32633;POINT(1e9 1e9)' WHERE id IN (1, 700, 701, 3000);
         CREATE TABLE good (id int PRIMARY KEY, geom geometry(Point, 32633));
         INSERT INTO good VALUES (1, 'SRID=32633;POINT(400000 5000000)')",
    )
    .await;
    let source = db.source();
    let (bad, good) = (layer(&source, &table("t")).await, layer(&source, &table("good")).await);
    let seen = try_fetch(&source, &[&good, &bad, &bad], (0, 0, 0)).await.unwrap();
    assert_eq!(seen.ids(0), [1]);
    let expected: Vec<i64> = (1..=3000).filter(|id| ![1, 700, 701, 3000].contains(id)).collect();
    assert_eq!((seen.ids(1), seen.ids(2)), (expected.clone(), expected));
    assert_eq!(seen.untransformable, [1, 1, 1, 1, 2, 2, 2, 2]);
    // The connection is as good as before.
    assert_eq!(fetch(&source, &good, (0, 0, 0)).await.ids(0), [1]);
    assert_eq!((source.pool_state().connections, source.pool_state().idle), (1, 1));
}

#[tokio::test]
async fn a_system_that_went_missing_is_an_error() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(Point, 25832));
         INSERT INTO t SELECT i, 'SRID=25832;POINT(400000 5000000)' FROM generate_series(1, 100) i;
         CREATE TABLE beyond (id int PRIMARY KEY, geom geometry(Point, 32633));
         INSERT INTO beyond SELECT i, 'SRID=32633;POINT(1e9 1e9)' FROM generate_series(1, 9) i",
    )
    .await;
    let source = db.source();
    let (t, beyond) = (layer(&source, &table("t")).await, layer(&source, &table("beyond")).await);
    assert_eq!(fetch(&source, &t, (0, 0, 0)).await.ids(0).len(), 100);
    // A few bad rows are just that, even where there are no others.
    assert_eq!(fetch(&source, &beyond, (0, 0, 0)).await.untransformable, [0; 9]);
    db.sql("DELETE FROM spatial_ref_sys WHERE srid = 25832").await;
    for (z, x, y) in [(0, 0, 0), (8, 133, 92)] {
        let source = db.source();
        let error = try_fetch(&source, &[&t], (z, x, y)).await.unwrap_err();
        assert!(error.to_string().contains("spatial_ref_sys"), "{error}");
    }
}
