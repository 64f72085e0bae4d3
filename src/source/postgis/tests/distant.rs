//! Large rows that reach far beyond a tile.

use super::*;

/// A ring of 20,000 corners, its radius wavering, as SQL: centre and radius in the units of the
/// SRID. Stored, it takes 320 kB.
fn ring(srid: u32, x: f64, y: f64, radius: f64) -> String {
    format!(
        "(SELECT ST_MakePolygon(ST_MakeLine(array_agg(ST_SetSRID(ST_MakePoint(
           {x} + {radius} * (1 + 0.1 * sin(50 * a) + 0.01 * sin(1700 * a)) * cos(a),
           {y} + {radius} * (1 + 0.1 * sin(50 * a) + 0.01 * sin(1700 * a)) * sin(a)), {srid})
           ORDER BY i))) FROM (SELECT i, 2 * pi() * (i % 20000) / 20000 AS a
           FROM generate_series(0, 20000) i) AS angles)"
    )
}

async fn large_table(db: &TestDatabase, kind: &str, srid: u32, geometry: &str) {
    db.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry({kind}, {srid}));
         ALTER TABLE t ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO t VALUES (1, {geometry})"
    ))
    .await;
}

/// What SQL makes of `$1`, the only row of a fetch.
async fn measure(db: &TestDatabase, seen: &Collector, sql: &str) -> f64 {
    assert_eq!(seen.rows.len(), 1);
    let geometry = seen.rows[0].geometry.as_ref().unwrap();
    let rows = db.client.query_typed(sql, &[(geometry, tokio_postgres::types::Type::BYTEA)]).await;
    let rows =
        rows.unwrap_or_else(|error| panic!("{}: {sql}", super::super::error::describe(&error)));
    rows[0].get(0)
}

fn side(z: u8) -> f64 {
    40_075_016.685_578_49 / f64::from(1u32 << z)
}

/// The tile at a place in metres.
fn tile_at(z: u8, x: f64, y: f64) -> (u8, u32, u32) {
    let half = side(0) / 2.0;
    (z, ((x + half) / side(z)) as u32, ((half - y) / side(z)) as u32)
}

#[tokio::test]
async fn only_tables_with_long_values_are_looked_at_for_large_rows() {
    let db = TestDatabase::new().await;
    db.sql(&format!(
        "CREATE TABLE small (id int PRIMARY KEY, geom geometry(Polygon, 3857));
         INSERT INTO small VALUES (1, ST_MakeEnvelope(0, 0, 1, 1, 3857));
         CREATE TABLE large (id int, geom geometry(Polygon, 3857));
         ALTER TABLE large ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO large SELECT 1, {ring};
         CREATE TABLE heir (more int) INHERITS (small);
         CREATE TABLE other_heir () INHERITS (heir);
         CREATE TABLE parts (id int, geom geometry(Polygon, 3857)) PARTITION BY LIST (id);
         CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
         CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (id);
         CREATE TABLE part_2_1 PARTITION OF part_2 DEFAULT;
         CREATE TABLE small_parts (id int, geom geometry(Polygon, 3857)) PARTITION BY LIST (id);
         CREATE TABLE small_part PARTITION OF small_parts DEFAULT;
         INSERT INTO small_parts SELECT * FROM small;
         ALTER TABLE part_2_1 ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO parts SELECT 2, geom FROM large;
         CREATE VIEW seen AS SELECT * FROM small",
        ring = ring(3857, 0.0, 0.0, 1e6),
    ))
    .await;
    let source = db.source();
    let long = async || {
        let tables = source.inventory(None).await.unwrap().tables;
        let long = tables.iter().filter(|table| table.long_values);
        long.map(|table| table.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(long().await, ["large", "parts", "seen"]);
    db.sql(
        "ALTER TABLE other_heir ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO other_heir SELECT id, geom FROM large",
    )
    .await;
    assert_eq!(long().await, ["heir", "large", "other_heir", "parts", "seen", "small"]);
}

#[tokio::test]
async fn a_large_row_is_cut_where_it_reaches_far_and_looks_the_same() {
    let db = TestDatabase::new().await;
    large_table(&db, "Polygon", 3857, &ring(3857, 1e6, 6e6, 2e5)).await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    for z in [4, 8, 10, 13, 15, 19, 22] {
        let tile = tile_at(z, 1e6 + 2e5, 6e6);
        let seen = fetch(&source, &layer, tile).await;
        let vertices = measure(&db, &seen, "SELECT ST_NPoints($1::geometry)::float8").await;
        assert_eq!(vertices < 10_000.0, z >= 13, "zoom {z}: {vertices} vertices");
        let unit = side(z) / 4096.0;
        let area =
            format!("ST_Expand(ST_TileEnvelope({}, {}, {}), {} * 64)", z, tile.1, tile.2, unit);
        let differs = format!(
            "SELECT ST_Area(ST_SymDifference(ST_Intersection($1::geometry, {area}),
               ST_Intersection(geom, {area}))) / ({unit} * {unit}) FROM t"
        );
        let differs = measure(&db, &seen, &differs).await;
        // Hundredths of a unit along some tens of thousands of them; half of one along a tile's
        // side where the cut's grid is the tile's.
        let most = if z < 18 { 500.0 } else { 2200.0 };
        assert!(differs < most, "zoom {z}: {differs} square units");
    }
}

#[tokio::test]
async fn cuts_of_neighbours_agree_in_metres_and_degrees() {
    let db = TestDatabase::new().await;
    // A wave from west to east with a corner every 20 m, closed in the south.
    let wave = "(SELECT ST_MakePolygon(ST_MakeLine(CASE WHEN i IN (-1, 20001)
        THEN ST_SetSRID(ST_MakePoint(1e6, 9e6), 3857)
        ELSE ST_SetSRID(ST_MakePoint(8e5 + i * 20, 1e7 + 100 * sin(i)), 3857) END ORDER BY i))
        FROM generate_series(-1, 20001) i)";
    large_table(&db, "Polygon", 3857, wave).await;
    db.sql(
        "CREATE TABLE degrees (id int PRIMARY KEY, geom geometry(Geometry, 4326));
         ALTER TABLE degrees ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO degrees SELECT id, ST_Transform(geom, 4326) FROM t",
    )
    .await;
    let source = db.source();
    for (name, srid) in [("t", 3857), ("degrees", 4326)] {
        let layer = layer(&source, &table(name)).await;
        for z in [11, 14] {
            let (_, x, y) = tile_at(z, 1e6, 1e7);
            let mut shown = Vec::new();
            for tile in [(z, x, y), (z, x + 1, y)] {
                let seen = fetch(&source, &layer, tile).await;
                // Vertices in the strip that both tiles show, in tenths of millimetres.
                let sql = format!(
                    "SELECT string_agg(round((ST_X(p) * 1e4)::numeric) || ' ' ||
                        round((ST_Y(p) * 1e4)::numeric), ', ' ORDER BY ST_X(p), ST_Y(p))
                     FROM (SELECT ST_Transform((ST_DumpPoints(
                         ST_SetSRID($1::geometry, {srid}))).geom, 3857) AS p) AS points,
                       ST_TileEnvelope({z}, {x}, {y}) AS tile
                     WHERE abs(ST_X(p) - ST_XMax(tile)) < {}",
                    side(z) / 4096.0 * 60.0,
                );
                let geometry = seen.rows[0].geometry.as_ref().unwrap();
                assert!(geometry.len() < 100_000, "{name}, zoom {z}: cut");
                let parameter = (geometry as _, tokio_postgres::types::Type::BYTEA);
                let rows = db.client.query_typed(&sql, &[parameter]).await.unwrap();
                shown.push(rows[0].get::<_, Option<String>>(0).unwrap());
            }
            assert_eq!(shown[0], shown[1], "{name}, zoom {z}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_cut_comes_whole() {
    let db = TestDatabase::new().await;
    let ring = ring(3857, 1e6, 6e6, 2e5);
    large_table(&db, "Geometry", 3857, &ring).await;
    db.sql(
        "INSERT INTO t
         SELECT 2, ST_Collect(geom, ST_SetSRID(ST_MakePoint(1e6, 6e6), 3857)) FROM t WHERE id = 1
         UNION ALL SELECT 3, ST_SetPoint(ST_ExteriorRing(geom), 500,
           ST_MakePoint('NaN', 6e6)) FROM t WHERE id = 1
         UNION ALL SELECT 4, ST_SetPoint(ST_ExteriorRing(geom), 500,
           ST_MakePoint('Infinity', 6e6)) FROM t WHERE id = 1
         UNION ALL SELECT 5, ST_SetSRID(ST_Collect(ARRAY(SELECT ST_MakePoint(1e6 + i * 100, 6e6)
           FROM generate_series(-4000, 4000) i)), 3857)",
    )
    .await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    let seen = fetch(&source, &layer, tile_at(14, 1e6, 6e6)).await;
    let sizes: Vec<(i64, usize)> = (seen.rows.iter())
        .map(|row| (row.id.unwrap(), row.geometry.as_ref().unwrap().len()))
        .collect();
    for (id, size) in sizes {
        // The third line loses its NaN with the part outside.
        assert_eq!(size < 10_000, [1, 3].contains(&id), "row {id} takes {size} bytes");
    }
    assert_eq!(seen.ids(0), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_invalid_large_row_shows_its_inside_and_a_missed_one_does_not_come() {
    let db = TestDatabase::new().await;
    // Two lobes, the second one the other way round.
    let eight = "(SELECT ST_MakePolygon(ST_MakeLine(array_agg(ST_SetSRID(ST_MakePoint(
        1e6 + 2e5 * sin(2 * pi() * (i % 20000) / 20000),
        6e6 + 1e5 * sin(4 * pi() * (i % 20000) / 20000)), 3857) ORDER BY i)))
        FROM generate_series(0, 20000) i)";
    large_table(&db, "Polygon", 3857, eight).await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    for (x, shown) in [(1.1e6, true), (0.9e6, true)] {
        let seen = fetch(&source, &layer, tile_at(14, x, 6e6)).await;
        let tile = side(14) * side(14);
        let area = measure(&db, &seen, "SELECT ST_Area($1::geometry)").await;
        assert_eq!(area > tile, shown, "at {x}: {area} of {tile}");
    }
    // Inside of its box, outside of its lobes.
    let seen = fetch(&source, &layer, tile_at(14, 1e6, 6.09e6)).await;
    assert!(seen.rows.is_empty(), "{} rows", seen.rows.len());
}

#[tokio::test]
async fn a_layer_learns_of_large_rows_from_the_first_that_comes() {
    let db = TestDatabase::new().await;
    db.sql("CREATE TABLE t (id int PRIMARY KEY, geom geometry(Geometry, 3857))").await;
    let source = db.source();
    let before = layer(&source, &table("t")).await;
    // What is stored is larger than 64 kB, what is sent is not.
    db.sql(
        "ALTER TABLE t ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO t SELECT 1, ST_Collect(ST_MakeEnvelope(i * 100, 0, i * 100 + 50, 50, 3857))
         FROM generate_series(-345, 345) i",
    )
    .await;
    let after = layer(&source, &table("t")).await;
    assert_eq!(before.definition(), after.definition());
    let sizes = "SELECT pg_column_size(geom)::int8, length(geom::bytea)::int8 FROM t";
    let sizes = &db.client.query_typed(sizes, &[]).await.unwrap()[0];
    let (stored, sent): (i64, i64) = (sizes.get(0), sizes.get(1));
    assert!(sent < 65_536 && stored > 65_536, "{stored}, {sent}");
    for _ in 0..2 {
        let tile = tile_at(18, 10.0, 10.0);
        let [seen, known] =
            [fetch(&source, &before, tile).await, fetch(&source, &after, tile).await];
        let sizes = [&seen, &known].map(|seen| seen.rows[0].geometry.as_ref().unwrap().len());
        assert_eq!((seen.rows.len(), sizes[0]), (1, sizes[1]));
        assert!(sizes[0] < 1000, "{sizes:?}");
    }
}

#[tokio::test]
async fn rows_across_the_world_are_cut_while_their_steps_fit() {
    let db = TestDatabase::new().await;
    // From one side of the world to the other, through the middle of the tiles; the corners that
    // make it large are far away.
    large_table(
        &db,
        "LineString",
        3857,
        "(SELECT ST_MakeLine(p ORDER BY i) FROM (SELECT i, ST_SetSRID(CASE
            WHEN i > 0 THEN ST_MakePoint(1.9e7 + 100 * sin(i), 1.9e7 - i * 10)
            ELSE ST_MakePoint(-2e7, -1.9e7) END, 3857) AS p
          FROM generate_series(0, 10000) i) AS points)",
    )
    .await;
    db.sql(
        "CREATE TABLE area (id int PRIMARY KEY, geom geometry(Polygon, 3857));
         ALTER TABLE area ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO area SELECT id, ST_MakePolygon(ST_AddPoint(geom, ST_StartPoint(geom))) FROM t;
         CREATE TABLE degrees (id int PRIMARY KEY, geom geometry(Polygon, 4326));
         ALTER TABLE degrees ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO degrees SELECT id, ST_SetSRID(ST_Scale(geom, 9e-6, 4e-6), 4326) FROM area",
    )
    .await;
    let source = db.source();
    // Two thirds of the world are more than a cut's integers hold from these zooms on.
    for (name, srid, scale, whole_from) in
        [("t", 3857, 1.0, 20), ("area", 3857, 1.0, 20), ("degrees", 4326, 9e-6, 19)]
    {
        let layer = layer(&source, &table(name)).await;
        for z in [6, 8, 11, 14, 16, 17, 18, 19, 20, 21, 24] {
            // In the tile where the long edge crosses a tile in the west.
            let place = format!(
                "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Transform(ST_LineInterpolatePoint(
                   ST_MakeLine(ST_PointN(line, 1), ST_PointN(line, 2)), 0.3), 3857) AS p
                 FROM (SELECT CASE '{name}' WHEN 't' THEN geom ELSE ST_ExteriorRing(geom) END
                   AS line FROM {name}) AS lines) AS points"
            );
            let place = &db.client.query_typed(&place, &[]).await.unwrap()[0];
            let tile = tile_at(z, place.get(0), place.get(1));
            let seen = fetch(&source, &layer, tile).await;
            let vertices = measure(&db, &seen, "SELECT ST_NPoints($1::geometry)::float8").await;
            let message = format!("{name}, zoom {z}: {vertices} vertices");
            assert_eq!(vertices > 10_000.0, z >= whole_from, "{message}");
            let unit = side(z) / 4096.0;
            let differs = format!(
                "SELECT ST_HausdorffDistance(ST_Intersection(ST_MakeValid($1::geometry), box),
                   ST_Intersection(ST_MakeValid(geom), box)) / {unit} / {scale} FROM {name},
                 ST_Expand(ST_Transform(ST_TileEnvelope({z}, {}, {}), {srid}), 0) AS box",
                tile.1, tile.2
            );
            let differs = measure(&db, &seen, &differs).await;
            assert!(differs < 2.0, "{name}, zoom {z}: {differs} units");
        }
    }
}
