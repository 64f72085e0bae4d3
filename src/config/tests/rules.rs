use super::{load, refused, with_layer};

const DATABASES: &str =
    "[databases.a]\nurl = \"postgres://a\"\n[databases.b]\nurl = \"postgres://b\"\n";

#[test]
fn layer_values_have_ranges() {
    for (line, expected) in [
        (
            "max_zoom = 25",
            "tesela.toml:5: layers.roads.max_zoom: expected an integer from 0 to 24, got 25",
        ),
        ("min_zoom = 25\nmax_zoom = 24", "min_zoom: expected an integer from 0 to 24, got 25"),
        (
            "min_zoom = 9\nmax_zoom = 4",
            "tesela.toml:5: layers.roads.min_zoom: expected an integer not above the layer's max_zoom, 4, got 9",
        ),
        ("min_zoom = 23", "expected an integer not above the layer's max_zoom, 22, got 23"),
        ("extent = 255", "expected an integer from 256 to 8192, got 255"),
        ("extent = 8193", "expected an integer from 256 to 8192, got 8193"),
        ("extent = 256\nbuffer = 257", "expected an integer from 0 to the layer's extent, got 257"),
        ("srid = 0", "expected an integer from 1 to 998999, got 0"),
        ("srid = 999000", "expected an integer from 1 to 998999, got 999000"),
        (
            "bounds = [10, 0, 5, 1]",
            "expected west, south, east, north in degrees, west < east and south < north, got [10, 0, 5, 1]",
        ),
        ("bounds = [0, 5, 1, 5]", "layers.roads.bounds: expected west"),
        ("bounds = [-181, 0, 0, 1]", "layers.roads.bounds: expected west"),
        ("bounds = [0, 0, 1, 91]", "layers.roads.bounds: expected west"),
        ("bounds = [0, nan, 1, 2]", "layers.roads.bounds: expected west"),
        ("bounds = [0, 1, 2]", "layers.roads.bounds: expected west"),
        ("bounds = [0, 1, 2, 3, 4]", "layers.roads.bounds: expected west"),
        ("ttl = \"2y\"", "layers.roads.ttl: expected a duration of at most 366d, got \"2y\""),
        ("layer_name = \" \"", "layers.roads.layer_name: expected a string that isn't empty"),
        (
            "database = \"mian\"",
            "layers.roads.database: expected one of the databases, perhaps main, got \"mian\"",
        ),
    ] {
        refused(&with_layer(line), expected);
    }
}

#[test]
fn the_ends_of_the_ranges_are_allowed() {
    for line in [
        "min_zoom = 24\nmax_zoom = 24",
        "extent = 256\nbuffer = 256",
        "extent = 8192\nbuffer = 0",
        "srid = 998999",
        "bounds = [-180, -90, 180, 90]",
        "ttl = \"0s\"",
    ] {
        load(&with_layer(line)).unwrap();
    }
}

#[test]
fn server_cache_and_database_values_have_ranges() {
    for (section, line, expected) in [
        ("server", "workers = 0", "server.workers: expected an integer from 1 to 1024, got 0"),
        (
            "server",
            "request_timeout = \"0s\"",
            "server.request_timeout: expected a duration of at least 1ms, got \"0s\"",
        ),
        (
            "server",
            "drain_delay = \"2d\"",
            "server.drain_delay: expected a duration of at most 1d, got \"2d\"",
        ),
        (
            "server",
            "ready_requires = [\"main\"]",
            "server.ready_requires[0]: expected a name under [databases], but there is none",
        ),
        ("cache", "empty_tile = 404", "cache.empty_tile: expected 200 or 204, got 404"),
        (
            "databases.main",
            "url = \"postgres://h\"\npool_max = 0",
            "databases.main.pool_max: expected an integer from 1 to 1000, got 0",
        ),
        (
            "databases.main",
            "url = \"postgres://h\"\npool_max = 4294967295",
            "databases.main.pool_max: expected an integer from 1 to 1000, got 4294967295",
        ),
        (
            "databases.main",
            "url = \"postgres://h\"\nacquire_timeout = \"0s\"",
            "acquire_timeout: expected a duration of at least 1ms",
        ),
        (
            "databases.main",
            "url = \"postgres://h\"\nstatement_timeout = \"10us\"",
            "statement_timeout: expected a duration of at least 1ms",
        ),
        (
            "databases.main",
            "url = \"${UNSET:-}\"",
            "databases.main.url: expected a postgres:// URL or a key=value connection string, got an empty string",
        ),
    ] {
        refused(&format!("[{section}]\n{line}\n"), expected);
    }
}

#[test]
fn a_layer_may_leave_its_database_out_only_when_there_is_one() {
    load(&with_layer("")).unwrap();
    let layer = "[layers.roads]\ntable = \"roads\"\n";
    refused(
        &format!("{DATABASES}{layer}"),
        "layers.roads.database: missing, expected one of the databases: a, b",
    );
    refused(
        layer,
        "layers.roads.database: expected a database to read the layer from, but there is none\n    example: [databases.main] url = ",
    );
    load(&format!("{DATABASES}{layer}database = \"b\"\n")).unwrap();
}

#[test]
fn a_tileset_names_layers_that_there_are_each_once() {
    for (layers, expected) in [
        (
            "[\"roads\", \"road\"]",
            "tesela.toml:6: tilesets.base.layers[1]: expected one of the layers, perhaps roads, got \"road\"",
        ),
        ("[\"rivers\"]", "expected one of the layers roads, got \"rivers\""),
        ("[]", "tilesets.base.layers: expected at least one layer, got []"),
        (
            "[\"roads\", \"roads\"]",
            "tilesets.base.layers[1]: expected each layer once, got \"roads\"",
        ),
    ] {
        refused(&with_layer(&format!("[tilesets.base]\nlayers = {layers}")), expected);
    }
    load(&with_layer("[tilesets.base]\nlayers = [\"roads\"]")).unwrap();
}

#[test]
fn a_tileset_may_name_what_a_database_will_publish() {
    let text = with_layer("[tilesets.base]\nlayers = [\"roads\", \"rivers\"]")
        .replace("[layers.roads]", "publish = {}\n[layers.roads]");
    load(&text).unwrap();
    // A database with a mistake might have been meant to publish it.
    refused(&text.replace("publish = {}", "publish = true"), "databases.main.publish");
}

#[test]
fn layers_of_a_tileset_have_names_of_their_own_inside_the_tile() {
    refused(
        &with_layer(
            "[layers.paths]\ntable = \"paths\"\nlayer_name = \"roads\"\n[tilesets.base]\nlayers = [\"roads\", \"paths\"]",
        ),
        "tilesets.base.layers[1]: expected layers whose layer_name differs from that of \"roads\", got \"paths\"",
    );
}

#[test]
fn a_tileset_cannot_have_the_name_of_a_layer() {
    refused(
        &with_layer("[tilesets.roads]\nlayers = [\"roads\"]"),
        "tesela.toml:5: tilesets.roads: expected a name that no layer has, but layers.roads is at tesela.toml:3",
    );
}

#[test]
fn names_are_fit_for_urls() {
    let named = |name: &str| with_layer("").replace("layers.roads", &format!("layers.\"{name}\""));
    for good in ["roads", "Straßen", "道路", "a.b-c_9", "_roads", "tiles"] {
        load(&named(good)).unwrap_or_else(|errors| panic!("{good}: {errors}"));
    }
    for (bad, expected) in [
        ("a,b", "expected a name of letters, digits, `_`, `.` and `-`"),
        ("a b", "expected a name of letters"),
        ("a/b", "expected a name of letters"),
        ("", "expected a name of letters"),
        ("..", "expected a name of letters"),
        ("roads.pbf", "expected a name that doesn't end in .pbf"),
        ("roads.json", "expected a name that doesn't end in .json"),
        ("catalog", "expected another name: t, _, catalog, health, metrics, index are reserved"),
        ("_", "expected another name"),
    ] {
        refused(&named(bad), expected);
    }
    let two = "database = \"main\"\n[databases.\"a b\"]\nurl = \"postgres://h\"";
    refused(&with_layer(two), "databases.\"a b\": expected a name of letters");
    refused(
        &with_layer("[tilesets.health]\nlayers = [\"roads\"]"),
        "tilesets.health: expected another name",
    );
}

#[test]
fn the_public_url_is_an_http_url_and_loses_its_trailing_slash() {
    for (url, kept) in [
        ("https://tiles.example.com/", "https://tiles.example.com"),
        ("http://localhost:3000/a/b/", "http://localhost:3000/a/b"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ] {
        let settings = load(&format!("[server]\npublic_url = \"{url}\"\n")).unwrap();
        assert_eq!(settings.server.public_url.as_deref(), Some(kept));
    }
    for url in [
        "",
        "tiles.example.com",
        "ftp://h",
        "https://",
        "https:///a",
        "https://h?a",
        "https://h/a#b",
        "https://u@h",
        "https://h:99999",
        "https://h:",
        "https://a b",
    ] {
        refused(
            &format!("[server]\npublic_url = \"{url}\"\n"),
            "server.public_url: expected an http:// or https:// URL",
        );
    }
}

#[test]
fn cors_origins_are_everybody_or_origins_as_browsers_write_them() {
    for list in [
        "[]",
        "[\"*\"]",
        "[\"https://a.example:8443\", \"http://localhost:8080\", \"capacitor://localhost\"]",
    ] {
        load(&format!("[server]\ncors_origins = {list}\n")).unwrap();
    }
    for list in [
        "[\"https://a.example/\"]",
        "[\"a.example\"]",
        "[\"https://A.example\"]",
        "[\"https://*.a.example\"]",
        "[\"*\", \"https://a.example\"]",
        "[\"null\"]",
    ] {
        refused(
            &format!("[server]\ncors_origins = {list}\n"),
            "server.cors_origins[0]: expected \"*\" alone, or origins",
        );
    }
}

#[test]
fn a_layer_needs_a_source_at_some_zoom_at_least() {
    let layer =
        |text: &str| format!("[databases.main]\nurl = \"postgres://x\"\n[layers.a]\n{text}\n");
    let range = "[[layers.a.zooms]]\nzooms = [3, 4]\n";
    load(&layer(&format!("{range}table = \"b\""))).unwrap();
    load(&layer(&format!("table = \"a\"\n{range}properties = [\"b\"]"))).unwrap();
    for (text, expected) in [
        (
            format!("{range}simplify = 1"),
            "layers.a.table: missing, expected table, sql, function or file",
        ),
        (
            format!("{range}properties = []\n[[layers.a.zooms]]\nzooms = [5, 6]\ntable = \"a\""),
            "layers.a.zooms[0]: expected table, sql, function or file, here or in the layer",
        ),
        (
            format!("table = \"a\"\n{range}table = \"b\"\nsql = \"SELECT {{bbox}}\""),
            "layers.a.zooms[0].sql: expected table or sql, not both",
        ),
        (format!("{range}table = \" \""), "layers.a.zooms[0].table: expected a string that isn't"),
        (format!("table = \"a\"\n{range}srid = 0"), "layers.a.zooms[0].srid: expected"),
    ] {
        refused(&layer(&text), expected);
    }
}
