//! What a database publishes by itself, under which names.

use std::collections::BTreeSet;

use crate::support::database::Database;
use crate::support::server::Server;

fn odd() -> (Database, Server) {
    let database = Database::new();
    database.execute(include_str!("../fixtures/odd.sql"));
    database.execute("ANALYZE");
    let server = Server::publish(&database.url);
    (database, server)
}

fn keys(json: &serde_json::Value) -> BTreeSet<String> {
    json.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn odd_names_become_ids_that_urls_can_hold() {
    let (_database, server) = odd();
    let ids = keys(&server.get("/catalog").json()["tiles"]);
    for id in [
        "MixedCase",
        "quo_te_d",
        "dotted.name",
        "a_b",
        "tiles.json_",
        "catalog_",
        "straßen_道路_дороги",
        "select",
        "order",
        "a_name_of_exactly_sixty_three_bytes_which_is_the_longest_allows",
        // One table name in two schemas.
        "odd.twice",
        "odd2.twice",
        // Two geometry columns in one table, of one name in two schemas.
        "odd.two_geometries.outline",
        "odd.two_geometries.label_point",
        "odd2.two_geometries.outline",
        "odd2.two_geometries.centre",
        // They differ only in a replaced character.
        "odd.with_space.geom",
        "odd.with_space.geom_geom",
        // Kinds of relation.
        "a_view",
        "a_typed_view",
        "a_matview",
        "partitioned",
        "untyped",
        "geography_points",
        "geography_untyped",
    ] {
        assert!(ids.contains(id), "{id} is not among {ids:#?}");
    }
    for none in ["no_geometry", "partitioned_a", "twice", "two_geometries"] {
        assert!(!ids.contains(none), "{none} is published");
    }
}

#[test]
fn every_published_table_answers_with_its_rows() {
    let (_database, server) = odd();
    let json = server.get("/catalog").json();
    let mut answered = 0;
    for id in keys(&json["tiles"]) {
        let layers = server.tile(&format!("/{id}/0/0/0"));
        // Nothing to show: no rows, or only such as vanish at zoom 0.
        if layers.is_empty() {
            assert!(["empty_table"].contains(&id.as_str()), "{id} is empty");
            continue;
        }
        assert_eq!(layers.len(), 1, "{id}");
        assert_eq!(layers[0].name, id, "the layer inside the tile has the id as its name");
        let fields = server.get(&format!("/{id}")).json()["vector_layers"][0]["fields"].clone();
        for feature in &layers[0].features {
            let known = keys(&fields);
            let unknown: Vec<_> =
                feature.properties.keys().filter(|name| !known.contains(*name)).collect();
            assert!(unknown.is_empty(), "{id}: {unknown:?} are not in TileJSON");
        }
        answered += 1;
    }
    assert!(answered > 60, "only {answered} layers answered");
    let warnings = server.log().matches("ids above 9007199254740992").count();
    assert_eq!(warnings, 1, "for key_big, once");
}

#[test]
fn what_cannot_be_served_is_listed_with_the_reason() {
    let (_database, server) = odd();
    let disabled = server.get("/catalog").json()["disabled"].clone();
    let expected = ["a_matview_unfilled", "srid_0", "srid_mixed", "untyped_empty"];
    assert_eq!(keys(&disabled), expected.map(str::to_owned).into());
    let reason = |id: &str| disabled[id]["reason"].as_str().unwrap().to_owned();
    assert!(reason("srid_0").contains("set srid"), "{}", reason("srid_0"));
    assert!(reason("srid_mixed").contains("several SRIDs"), "{}", reason("srid_mixed"));
    assert!(server.log().contains("0, 3857, 4326"), "the log says which");
    for id in expected {
        assert_eq!(server.get(&format!("/{id}/0/0/0")).status, 503, "{id}");
    }
}

#[test]
fn schema_and_table_always_answer() {
    let (_database, server) = odd();
    for (alias, id) in [
        ("odd.MixedCase", "MixedCase"),
        ("odd.twice", "odd.twice"),
        ("odd.select", "select"),
        ("odd2.two_geometries", "odd2.two_geometries.centre"),
    ] {
        assert_eq!(server.get(&format!("/{alias}")).json()["name"], id);
        assert_eq!(server.get(&format!("/{alias}/0/0/0")).status, 200, "{alias}");
    }
}

#[test]
fn names_work_percent_encoded_and_in_tilejson_urls() {
    let (_database, server) = odd();
    let encoded = "/stra%C3%9Fen_%E9%81%93%E8%B7%AF_%D0%B4%D0%BE%D1%80%D0%BE%D0%B3%D0%B8";
    let json = server.get(encoded).json();
    let url = json["tiles"][0].as_str().unwrap();
    assert!(url.is_ascii() && url.contains(encoded), "{url}");
    let tile = url.replace("{z}/{x}/{y}", "0/0/0").replace(&server.base, "");
    assert_eq!(server.tile(&tile)[0].features.len(), 1);
}

#[test]
fn postgis_may_live_in_any_schema_and_the_search_path_may_be_empty() {
    let database = Database::bare();
    database.execute(
        "CREATE SCHEMA \"my gis\"; CREATE EXTENSION postgis SCHEMA \"my gis\";
         SET search_path = public, \"my gis\";
         CREATE TABLE utm (id int PRIMARY KEY, geom geometry(Point, 32633));
         INSERT INTO utm VALUES (1, ST_Transform('SRID=4326;POINT(15 50)'::geometry, 32633));
         CREATE TABLE curved AS SELECT 1 AS id, 'SRID=4326;CIRCULARSTRING(0 0, 1 1, 2 0)'::geometry AS geom;
         CREATE TABLE world (id int PRIMARY KEY, geog geography(Point));
         INSERT INTO world VALUES (1, 'POINT(10 10)');",
    );
    database.execute(&format!("ALTER DATABASE {} SET search_path = ''", database.name));
    let server = Server::publish(&database.url);
    for id in ["utm", "curved", "world"] {
        assert_eq!(server.tile(&format!("/{id}/0/0/0"))[0].features.len(), 1, "{id}");
    }
    assert_eq!(server.tile("/utm/10/554/347")[0].features.len(), 1, "with a box in its own SRID");
    assert_eq!(server.get("/world/6/33/30").status, 200);
}

#[test]
fn only_what_the_role_may_read_is_published() {
    let database = Database::with_world();
    let role = format!("{}_reader", database.name);
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON cities TO {role};
         CREATE SCHEMA closed; CREATE TABLE closed.hidden AS SELECT * FROM cities;
         GRANT SELECT ON closed.hidden TO {role}"
    ));
    let server = Server::publish(&database.url_for(&role, "x"));
    assert_eq!(keys(&server.get("/catalog").json()["tiles"]), ["cities".to_owned()].into());
    assert_eq!(server.get("/cities/0/0/0").status, 200);
    drop(server);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn only_the_listed_schemas_are_published_and_configured_layers_win() {
    let database = Database::with_world();
    database.execute(include_str!("../fixtures/odd.sql"));
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\npublish = {{ schemas = [\"public\"] }}\n\
         [layers.towns]\ntable = \"cities\"\nproperties = [\"name\"]\n\
         [layers.countries]\ntable = \"odd.MixedCase\"\n",
        database.url
    ));
    let ids = keys(&server.get("/catalog").json()["tiles"]);
    let expected = ["countries", "countries_10m", "public.countries", "towns"];
    assert_eq!(ids, expected.map(str::to_owned).into());
    assert_eq!(server.get("/public.cities").json()["name"], "towns");
    assert_eq!(server.tile("/countries/0/0/0")[0].features.len(), 1, "the configured table");
    let fields = server.get("/towns").json()["vector_layers"][0]["fields"].clone();
    assert_eq!(fields, serde_json::json!({ "name": "String" }));
}
