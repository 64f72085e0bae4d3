//! What the inventory finds and says.

use std::time::Instant;

use super::*;

async fn inventory(db: &TestDatabase) -> Inventory {
    db.source().inventory(None).await.unwrap()
}

fn named<'a>(inventory: &'a Inventory, name: &str) -> &'a SpatialTable {
    let mut found = inventory.tables.iter().filter(|table| table.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} twice");
    first
}

#[tokio::test]
async fn odd_names_are_found_and_answer() {
    let db = TestDatabase::new().await;
    let odd = [
        "Mixed Case",
        "sp ace",
        "quo\"te",
        "do.t",
        "Größe",
        "select",
        "percent%s",
        "道路",
        "a'b",
        "$1",
    ];
    for (id, name) in odd.iter().enumerate() {
        let quoted = super::sql::quote(name);
        db.sql(&format!(
            "CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} text, \"from\" int,
               \"WHERE\" int, {geom} geometry(Point, 3857), \"I D\" int PRIMARY KEY);
             INSERT INTO {quoted}.{quoted} VALUES ('v', 1, 2, 'SRID=3857;POINT(0 0)', {id})",
            geom = super::sql::quote(&format!("{name} g")),
        ))
        .await;
    }
    let source = db.source();
    for (id, name) in odd.iter().enumerate() {
        let quoted = super::sql::quote(name);
        for written in [quoted.clone(), format!("{quoted}.{quoted}")] {
            let layer = layer(&source, &table(&written)).await;
            assert_eq!(layer.keys(), [name, "from", "WHERE"]);
            let seen = fetch(&source, &layer, (0, 0, 0)).await;
            assert_eq!(seen.ids(0), [id as i64], "{written}");
            assert_eq!(seen.rows[0].properties[0].1, "'v'");
        }
    }
}

#[tokio::test]
async fn a_name_in_two_schemas_and_two_geometry_columns_must_be_chosen() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE SCHEMA a; CREATE SCHEMA b;
         CREATE TABLE a.roads (g1 geometry(Point, 3857), g2 geometry(Point, 4326));
         CREATE TABLE b.roads (geom geometry(Point, 3857), name text); CREATE TABLE \"Case\" (g geometry(Point, 3857))",
    )
    .await;
    let inventory = inventory(&db).await;
    let error = |settings: TableSettings| inventory.find(&settings).unwrap_err().to_string();
    let ambiguous = error(table("roads"));
    assert!(ambiguous.contains(r#"`"a"."roads"`, `"b"."roads"`"#), "{ambiguous}");
    let geometry = error(table("a.roads"));
    assert!(geometry.contains("`g1`, `g2`"), "{geometry}");
    let chosen = TableSettings { geometry: Some("g2".into()), ..table("a.roads") };
    assert_eq!(inventory.find(&chosen).unwrap().geometry.srid, Some(4326));
    let wrong = TableSettings { geometry: Some("g3".into()), ..table("a.roads") };
    assert!(error(wrong).contains("`g1`, `g2`"));
    assert!(error(table("b.raods")).contains("did you mean `b.roads`?"));
    assert!(error(table("\"roads")).contains("double quotes"));
    assert_eq!(inventory.find(&table("case")).unwrap().name, "Case");
    let roads = inventory.find(&table("B.Roads")).unwrap();
    let mismatch =
        |settings| TableLayer::new(&inventory, roads, &settings).unwrap_err().to_string();
    let settings = || table("b.roads");
    let columns = TableSettings { properties: Some(vec!["nmae".into()]), ..settings() };
    assert!(mismatch(columns).contains("did you mean `name`?"));
    let geometry = TableSettings { properties: Some(vec!["geom".into()]), ..settings() };
    assert!(mismatch(geometry).contains("can't be a property"));
    let id = TableSettings { id: Some("name".into()), ..settings() };
    assert!(mismatch(id).contains("it is text"));
    let srid = TableSettings { srid: Some(4326), ..settings() };
    assert!(mismatch(srid).contains("has SRID 3857"));
}

#[tokio::test]
async fn every_kind_of_relation_is_found_with_its_rows() {
    let db = TestDatabase::new().await;
    db.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, kind text, geom geometry(Point, 3857));
         COMMENT ON TABLE t IS 'a comment';
         INSERT INTO t SELECT i, 'k', 'SRID=3857;POINT(0 0)' FROM generate_series(1, 3) i;
         CREATE INDEX ON t USING gist (geom);
         CREATE VIEW v AS SELECT * FROM t;
         CREATE VIEW computed AS SELECT id, st_buffer(geom, 1) AS geom FROM t;
         CREATE MATERIALIZED VIEW mv AS SELECT * FROM t;
         CREATE TABLE p (id int, kind text, geom geometry(Point, 3857)) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
         INSERT INTO p SELECT * FROM t;
         CREATE EXTENSION postgres_fdw;
         CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw
           OPTIONS (dbname '{name}', host '127.0.0.1', port '{port}');
         CREATE USER MAPPING FOR CURRENT_USER SERVER loop
           OPTIONS (user '{user}', password_required 'false');
         CREATE FOREIGN TABLE f (id int, kind text, geom geometry(Point, 3857))
           SERVER loop OPTIONS (table_name 't');
         CREATE SERVER down FOREIGN DATA WRAPPER postgres_fdw
           OPTIONS (dbname 'x', host '127.0.0.1', port '1');
         CREATE USER MAPPING FOR CURRENT_USER SERVER down OPTIONS (user 'x');
         CREATE FOREIGN TABLE dead (id int, geom geometry) SERVER down;
         CREATE TEMP TABLE tmp (geom geometry);
         CREATE TABLE plain (id int)",
        name = db.name,
        port = server().get_ports().first().unwrap_or(&5432),
        user = server().get_user().unwrap_or("postgres"),
    ))
    .await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    let kinds: Vec<(&str, Relation)> =
        inventory.tables.iter().map(|table| (table.name.as_str(), table.relation)).collect();
    let expected = [
        ("computed", Relation::View),
        ("dead", Relation::ForeignTable),
        ("f", Relation::ForeignTable),
        ("mv", Relation::MaterializedView),
        ("p", Relation::PartitionedTable),
        ("t", Relation::Table),
        ("v", Relation::View),
    ];
    assert_eq!(kinds, expected);
    let t = named(&inventory, "t");
    assert_eq!(t.comment.as_deref(), Some("a comment"));
    assert!(t.geometry.indexed && !named(&inventory, "p").geometry.indexed);
    assert_eq!(t.primary_key.as_deref(), Some("id"));
    assert_eq!(named(&inventory, "dead").geometry.srid, None);
    for name in ["t", "v", "mv", "p", "f"] {
        let settings = TableSettings { id: Some("id".into()), ..table(name) };
        let layer = layer(&source, &settings).await;
        assert_eq!(fetch(&source, &layer, (0, 0, 0)).await.ids(0), [1, 2, 3], "{name}");
    }
    let dead = TableSettings { srid: Some(3857), ..table("dead") };
    let dead = layer(&source, &dead).await;
    let error = try_fetch(&source, &[&dead], (0, 0, 0)).await.unwrap_err();
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
    // The foreign server is gone, the connection to this one is as good as before.
    assert_eq!(source.pool_state().idle, 1);
}

#[tokio::test]
async fn columns_without_modifier_are_sampled() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE ctas AS SELECT i AS id, st_setsrid(st_makepoint(i, i, i), 25832) AS geom
           FROM generate_series(1, 5) i;
         CREATE TABLE mixed (geom geometry);
         INSERT INTO mixed VALUES ('SRID=3857;POINT(0 0)'), ('SRID=4326;LINESTRING(0 0,1 1)');
         CREATE TABLE none (geom geometry);
         CREATE TABLE typed (geom geometry(MultiPolygonZ, 2193));
         CREATE TABLE geog (geom geography); INSERT INTO geog VALUES ('LINESTRING(0 0,1 1)');
         CREATE DOMAIN place AS geometry(Point, 4326); CREATE TABLE domained (geom place)",
    )
    .await;
    let inventory = inventory(&db).await;
    let geometry = |name| {
        let column = &named(&inventory, name).geometry;
        (column.srid, column.geometry_type.as_str(), column.sampled)
    };
    assert_eq!(geometry("ctas"), (Some(25832), "POINT", true));
    assert_eq!(geometry("mixed"), (None, "GEOMETRY", true));
    assert_eq!(named(&inventory, "mixed").geometry.mixed_srids, [3857, 4326]);
    assert_eq!(geometry("none"), (None, "GEOMETRY", true));
    assert_eq!(geometry("typed"), (Some(2193), "MULTIPOLYGON", false));
    assert_eq!(geometry("geog"), (Some(4326), "LINESTRING", true));
    assert_eq!(geometry("domained"), (Some(4326), "POINT", false));
    let mixed = TableLayer::new(&inventory, named(&inventory, "mixed"), &table("mixed"));
    assert!(mixed.unwrap_err().to_string().contains("3857, 4326"));
}

#[tokio::test]
async fn postgis_may_be_in_any_schema() {
    let db = TestDatabase::empty().await;
    db.sql(&format!(
        "CREATE SCHEMA \"my gis\"; CREATE EXTENSION postgis SCHEMA \"my gis\";
         ALTER DATABASE {} SET search_path = '';
         CREATE SCHEMA s; SET search_path = \"my gis\";
         CREATE TABLE s.m (id int PRIMARY KEY, geom geometry(Geometry, 3857));
         CREATE TABLE s.u (id int PRIMARY KEY, geom geometry);
         CREATE TABLE s.g (id int PRIMARY KEY, geom geography(Point, 4326));
         INSERT INTO s.m VALUES (1, 'SRID=3857;POINT(0 0)');
         INSERT INTO s.u VALUES (1, 'SRID=32633;POINT(500000 5000000)'),
           (2, 'SRID=32633;POINT(1e9 1e9)');
         INSERT INTO s.g VALUES (1, 'POINT(0 0)')",
        db.name
    ))
    .await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    assert_eq!(inventory.postgis_schema, "my gis");
    assert!(inventory.tables.iter().all(|table| table.schema == "s"));
    assert!(named(&inventory, "m").bounds.is_some());
    for (name, tile) in [("m", (3, 4, 4)), ("u", (0, 0, 0)), ("g", (5, 16, 16))] {
        let layer = layer(&source, &table(name)).await;
        assert_eq!(fetch(&source, &layer, tile).await.ids(0), [1], "{name}");
    }
}

#[tokio::test]
async fn bounds_are_in_degrees() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE m AS SELECT st_transform(st_setsrid(st_point(i, i), 4326), 3857)
           ::geometry(Point, 3857) AS geom FROM generate_series(10, 20) i;
         CREATE TABLE d AS SELECT st_setsrid(st_point(i % 11 + 10, i % 11 + 10), 4326)
           ::geometry(Point, 4326) AS geom FROM generate_series(1, 30000) i;
         CREATE INDEX ON d USING gist (geom); ANALYZE d;
         CREATE TABLE u AS SELECT st_transform(st_setsrid(st_point(i, i), 4326), 32633)
           ::geometry(Point, 32633) AS geom FROM generate_series(10, 20) i;
         CREATE TABLE g AS SELECT st_point(i, i)::geography(Point, 4326) AS geom
           FROM generate_series(10, 20) i;
         CREATE TABLE empty (geom geometry(Point, 3857));
         CREATE TABLE infinite (geom geometry(Point, 3857));
         INSERT INTO infinite VALUES (st_setsrid(st_makepoint('Infinity', 1), 3857))",
    )
    .await;
    let inventory = inventory(&db).await;
    for name in ["m", "d", "u", "g"] {
        let bounds = named(&inventory, name).bounds.unwrap_or_else(|| panic!("{name}"));
        let edges = [bounds.min().x, bounds.min().y, bounds.max().x, bounds.max().y];
        for (edge, expected) in edges.iter().zip([10.0, 10.0, 20.0, 20.0]) {
            assert!((edge - expected).abs() < 0.3, "{name}: {edges:?}");
        }
    }
    assert_eq!(named(&inventory, "empty").bounds, None);
    assert_eq!(named(&inventory, "infinite").bounds, None);
    assert_eq!(named(&inventory, "d").estimated_rows, Some(30_000));
}

#[tokio::test]
async fn a_locked_table_does_not_hold_up_the_inventory() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE open (geom geometry); INSERT INTO open VALUES ('SRID=3857;POINT(0 0)');
         CREATE TABLE locked (geom geometry); INSERT INTO locked VALUES ('SRID=3857;POINT(0 0)')",
    )
    .await;
    db.sql("BEGIN; LOCK TABLE locked").await;
    let started = Instant::now();
    let inventory = inventory(&db).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(named(&inventory, "open").geometry.srid, Some(3857));
    assert_eq!(named(&inventory, "locked").geometry.srid, None);
}

#[tokio::test]
async fn only_what_the_role_may_read_is_found() {
    let db = TestDatabase::new().await;
    let role = format!("{}_role", db.name);
    db.sql(&format!(
        "CREATE ROLE {role} LOGIN; CREATE SCHEMA hidden;
         CREATE TABLE open (id int, secret text, geom geometry(Point, 3857));
         CREATE TABLE partly (id int, secret text, geom geometry(Point, 3857));
         CREATE TABLE closed (geom geometry(Point, 3857));
         CREATE TABLE hidden.t (geom geometry(Point, 3857));
         GRANT SELECT ON open, hidden.t TO {role}; GRANT SELECT (id, geom) ON partly TO {role};
         CREATE EXTENSION postgis_topology"
    ))
    .await;
    let user = format!("user='{}'", server().get_user().unwrap_or("postgres"));
    let url = db.url().replace(&user, &format!("user='{role}'"));
    let source = PostgisSource::new("main", &Settings::for_url(DatabaseUrl::new(url))).unwrap();
    let inventory = source.inventory(None).await.unwrap();
    let names: Vec<&str> = inventory.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["open", "partly"]);
    assert_eq!(named(&inventory, "partly").columns.len(), 1);
    let layer = layer(&source, &table("partly")).await;
    fetch(&source, &layer, (0, 0, 0)).await;
    let none = source.inventory(Some(&["hidden".to_owned()])).await.unwrap();
    assert!(none.tables.is_empty());
    db.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_database_without_postgis_says_how_to_get_it() {
    let db = TestDatabase::empty().await;
    let error = db.source().inventory(None).await.unwrap_err();
    assert!(error.to_string().contains("CREATE EXTENSION postgis"), "{error}");
}

#[tokio::test]
async fn the_largest_row_is_measured() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE TABLE t (geom geometry(Geometry, 3857)); CREATE TABLE e (geom geometry);
         INSERT INTO t VALUES (NULL), ('SRID=3857;POINT(0 0)'),
           (st_setsrid(st_buffer('POINT(0 0)', 1, 100), 3857)); ANALYZE t",
    )
    .await;
    let source = db.source();
    let inventory = source.inventory(None).await.unwrap();
    let largest = source.largest_row(named(&inventory, "t")).await.unwrap().unwrap();
    assert!(largest > 3000, "{largest}");
    assert_eq!(source.largest_row(named(&inventory, "e")).await.unwrap(), None);
}
