//! Functions that can't be layers, that fail, and that change what isn't theirs.

use super::{ROWS, TILE, ZXY, function, with_functions};
use crate::support::eventually;
use crate::support::server::{ConfigFile, Server, run};
use crate::support::tile::Property;

#[test]
fn what_can_not_be_had_of_finished_tiles_is_refused() {
    let database = with_functions(&[function("f", ZXY, "bytea", TILE)]);
    for (line, what) in [
        ("filter = \"name = 'x'\"", "`filter` can't be had of"),
        ("allow_filter = [\"name\"]", "`allow_filter` can't be had of"),
        ("properties = [\"name\"]", "`properties` can't be had of"),
        ("details = [\"name\"]", "`details` can't be had of"),
        ("max_features = 5", "`max_features` can't be had of"),
    ] {
        let toml = format!(
            "[databases.main]\nurl = \"{}\"\n[layers.a]\nfunction = \"f\"\n{line}\n",
            database.url
        );
        let file = ConfigFile::new(&toml);
        let output = run(&["check", "--config", &file.path]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(what), "{line}: {text}");
    }
}

#[test]
fn what_is_looked_up_without_a_tile_can_not_be_had_of_a_function() {
    let database = with_functions(&[function("g", ZXY, "SETOF cities", ROWS)]);
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.a]\nfunction = \"g\"\nid = \"id\"\n\
         details = [\"name\"]\n",
        database.url
    );
    let file = ConfigFile::new(&toml);
    let output = run(&["check", "--config", &file.path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("a  DISABLED: details can only be had of a table or of sql"), "{text}");
}

#[test]
fn functions_that_one_call_could_mean_are_refused_before_the_first_tile() {
    let database = with_functions(&[
        function("f", "z int, x int, y int, p json", "bytea", TILE),
        function(
            "f",
            "z int, x int, y int, p json, extra int DEFAULT 1",
            "bytea",
            "SELECT ''::bytea",
        ),
    ]);
    let toml =
        format!("[databases.main]\nurl = \"{}\"\n[layers.a]\nfunction = \"f\"\n", database.url);
    let file = ConfigFile::new(&toml);
    let output = run(&["check", "--config", &file.path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("a  DISABLED") && text.contains("is not unique"), "{text}");
}

#[test]
fn check_tells_of_parameters_that_nothing_takes() {
    let database = with_functions(&[function("f", ZXY, "bytea", TILE)]);
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.a]\nfunction = \"f\"\n\
         params.year = {{ type = \"int\" }}\n\
         [layers.b]\nsql = \"SELECT * FROM cities WHERE geom && {{bbox}} AND id > {{least}}\"\n\
         params.least = {{ type = \"int\", default = 0 }}\nparams.most = {{ type = \"int\" }}\n",
        database.url
    );
    let file = ConfigFile::new(&toml);
    let output = run(&["check", "--config", &file.path]);
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["layers.a.params.year", "layers.b.params.most"] {
        assert!(text.contains(&format!("{name}: neither sql nor a function takes it")), "{text}");
    }
    assert!(!text.contains("least"), "{text}");
}

#[test]
fn an_error_in_a_function_is_the_tiles_and_no_other() {
    let database = with_functions(&[
        "CREATE FUNCTION fails(z int, x int, y int) RETURNS bytea LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'secret of the function'; END $$"
            .to_owned(),
        "CREATE FUNCTION writes(z int, x int, y int) RETURNS bytea LANGUAGE plpgsql AS
         $$ BEGIN DELETE FROM cities; RETURN ''; END $$"
            .to_owned(),
    ]);
    let server = Server::of(
        &database,
        "[layers.fails]\nfunction = \"fails\"\n[layers.writes]\nfunction = \"writes\"\n\
         [layers.cities]\ntable = \"cities\"\n",
    );
    for layer in ["fails", "writes"] {
        let answer = server.gzip(&format!("/{layer}/0/0/0"));
        assert_eq!(answer.status, 500, "{layer}");
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
    eventually("it is logged", || server.log().contains("secret of the function"));
    assert_eq!(server.gzip("/cities/0/0/0").status, 200);
}

/// One connection, which the next request uses too.
#[test]
fn what_a_function_sets_for_its_session_is_undone_before_the_next_request() {
    let database = with_functions(&[
        "CREATE TABLE written (n int)".to_owned(),
        "CREATE FUNCTION sets(z int, x int, y int) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN
           PERFORM set_config('default_transaction_read_only', 'off', false),
             set_config('client_encoding', 'LATIN1', false), set_config('search_path', '', false),
             set_config('TimeZone', 'Asia/Kathmandu', false), pg_advisory_lock(99);
           BEGIN INSERT INTO written VALUES (1); EXCEPTION WHEN OTHERS THEN NULL; END;
           PERFORM set_config('role', 'pg_monitor', false);
           RETURN NULL; END $$"
            .to_owned(),
    ]);
    let server = Server::configured(&format!(
        "[cache]\nmemory = \"0\"\n[databases.main]\nurl = \"{}\"\npool_max = 1\n\
         [layers.sets]\nfunction = \"public.sets\"\n\
         [layers.shows]\nsrid = 3857\nsql = \"\"\"SELECT current_setting('TimeZone') AS zone, 'Lomé' AS name, current_user = session_user AS same,
           current_setting('default_transaction_read_only') AS ro, (SELECT count(*) FROM pg_locks
           WHERE locktype = 'advisory') AS locks, (SELECT count(*) FROM written) AS written,
           {{tile_bbox}} AS geom\"\"\"\n",
        database.url
    ));
    for _ in 0..3 {
        assert_eq!(server.gzip("/sets/0/0/0").status, 204, "{}", server.log());
        let layers = server.tile("/shows/0/0/0");
        let shown = &layers[0].features[0].properties;
        let text = |text: &str| Property::Text(text.to_owned());
        assert_eq!((&shown["zone"], &shown["ro"]), (&text("UTC"), &text("on")));
        assert_eq!((&shown["name"], &shown["same"]), (&text("Lomé"), &Property::Bool(true)));
        assert_eq!((&shown["locks"], &shown["written"]), (&Property::Int(0), &Property::Int(0)));
    }
}

/// What nobody wants isn't even called.
#[test]
fn only_functions_that_are_wanted_are_called() {
    let database = with_functions(&[
        "CREATE FUNCTION probe(z int, x int, y int) RETURNS TABLE(id int, geom geometry)
         LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called'; PERFORM pg_sleep(3); RETURN; END $$"
            .to_owned(),
        "CREATE FUNCTION other(p int, q int, r int) RETURNS TABLE(id int, geom geometry)
         LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN; END $$"
            .to_owned(),
    ]);
    let started = std::time::Instant::now();
    let server = Server::of(&database, "[layers.cities]\ntable = \"cities\"\n");
    assert_eq!(server.gzip("/cities/0/0/0").status, 200);
    assert!(!server.log().contains("can't call"), "{}", server.log());
    println!("started in {:?}", started.elapsed());
    let server = Server::publish(&database.url);
    assert!(server.log().contains("probe"), "this one is published");
    assert!(!server.log().contains("\"other\""), "and this one isn't: {}", server.log());
}
