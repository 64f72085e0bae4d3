use super::{load, report, with_layer};

#[test]
fn a_wrong_type_says_file_line_path_what_was_expected_and_an_example() {
    assert_eq!(
        report(&with_layer("min_zoom = \"five\"")),
        "tesela.toml:5: layers.roads.min_zoom: expected an integer from 0 to 24, got \"five\"\n    \
         example: min_zoom = 5"
    );
}

#[test]
fn every_kind_of_setting_says_what_it_expects() {
    for (section, line, expected) in [
        (
            "server",
            "listen = \"localhost\"",
            "server.listen: expected an IP address and port such as \"127.0.0.1:3000\", got \"localhost\"\n    example: listen = \"127.0.0.1:3000\"",
        ),
        (
            "server",
            "request_timeout = \"10 parsecs\"",
            "server.request_timeout: expected a duration such as \"10s\", \"5m\" or \"1h\", got \"10 parsecs\"\n    example: request_timeout = \"10s\"",
        ),
        (
            "server",
            "request_timeout = 10",
            "expected a duration such as \"10s\", \"5m\" or \"1h\", got 10",
        ),
        (
            "server",
            "trusted_proxies = [\"10.0.0.0/8\", \"proxy\"]",
            "server.trusted_proxies[1]: expected a network such as \"10.0.0.0/8\", got \"proxy\"",
        ),
        (
            "server",
            "cors_origins = \"*\"",
            "server.cors_origins: expected \"*\" alone, or origins such as",
        ),
        (
            "server",
            "admin_listen = \"0.0.0.0:3001\"",
            "server.admin_token: missing, expected a secret of at least 16 characters because \
             admin_listen, 0.0.0.0:3001, is not a loopback address",
        ),
        (
            "server",
            "admin_listen = \"127.0.0.1:3000\"",
            "server.admin_listen: expected another address than listen",
        ),
        (
            "server",
            "admin_token = \"0123456789abcdef\\n\"",
            "server.admin_token: expected visible ASCII only, without spaces or line breaks, got a \
             string",
        ),
        (
            "server",
            "admin_token = \"short\"",
            "server.admin_token: expected a secret of at least 16",
        ),
        (
            "server",
            "admin_listen = \"[::]:3001\"\nadmin_token = \"only-an-example-of-a-token\"",
            "server.admin_token: expected a secret of your own, not the one of the example",
        ),
        (
            "cache",
            "encodings = [\"br\"]",
            "cache.encodings: expected \"gzip\" and perhaps \"br\" and \"zstd\", each once",
        ),
        ("cache", "encodings = [\"gzip\", \"gzip\"]", "cache.encodings: expected \"gzip\" and"),
        ("cache", "encodings = [\"deflate\"]", "cache.encodings[0]: expected"),
        (
            "cache",
            "memory = 5",
            "cache.memory: expected \"0\", or a size from 64KiB to 1PiB, got 5",
        ),
        ("server", "workers = -1", "server.workers: expected an integer from 1 to 1024, got -1"),
        (
            "server",
            "ready_requires = \"main\"",
            "server.ready_requires: expected a list of strings, got \"main\"",
        ),
        (
            "cache",
            "memory = \"lots\"",
            "cache.memory: expected \"0\", or a size from 64KiB to 1PiB, got \"lots\"",
        ),
        (
            "databases.main",
            "url = \"postgres://h\"\npublish = true",
            "databases.main.publish: expected a table, got true\n    example: publish = { schemas = [\"public\"] }",
        ),
        (
            "databases.main",
            "url = \"postgres://h\"\npublish = { schemas = \"public\" }",
            "databases.main.publish.schemas: expected a list of strings",
        ),
    ] {
        let report = report(&format!("[{section}]\n{line}\n"));
        assert!(report.contains(expected), "{line}: {report}");
    }
}

#[test]
fn an_unknown_key_is_told_its_nearest_neighbour_and_what_can_be_there() {
    let report = report(&with_layer("maxzoom = 9"));
    let start = "tesela.toml:5: layers.roads.maxzoom: unknown key, did you mean `max_zoom`? \
                 Here can be: database, table, sql, function,";
    assert!(report.starts_with(start), "{report}");
    assert!(report.ends_with("\n    example: max_zoom = 18"), "{report}");
}

#[test]
fn an_unknown_key_like_no_other_is_only_told_what_can_be_there() {
    let report = report("[cache]\nverbosity = 3\n");
    assert_eq!(
        report,
        "tesela.toml:2: cache.verbosity: unknown key, expected one of: memory, ttl, \
         encodings, max_age, s_maxage, stale_while_revalidate, stale_if_error, error_ttl, \
         version_interval, empty_tile"
    );
}

#[test]
fn an_unknown_section_is_an_error() {
    let report = report("[servers]\nlisten = \"127.0.0.1:80\"\n");
    assert!(
        report.starts_with("tesela.toml:1: servers: unknown key, did you mean `server`?"),
        "{report}"
    );
}

#[test]
fn a_missing_key_is_reported_at_its_table() {
    let report = report("\n[databases.main]\npool_max = 3\n");
    assert!(
        report.starts_with("tesela.toml:2: databases.main.url: missing, expected a postgres://"),
        "{report}"
    );
    assert!(report.contains("\n    example: url = \"${DATABASE_URL:-"), "{report}");
}

#[test]
fn everything_wrong_is_reported_at_once_in_the_order_of_the_file() {
    let errors = load(
        "[tilesets.base]\nlayers = [\"roads\", \"rivers\"]\n\
         [layers.roads]\ntable = \"roads\"\nmin_zoom = \"five\"\nmax_zoom = 99\ncolour = \"red\"\n\
         [layers.pois]\nmin_zoom = 3\n\
         [databases.main]\nurl = \"postgres://h\"\npool_max = 0\n\
         [server]\nlisten = 80\n",
    )
    .expect_err("much is wrong");
    let found: Vec<_> = errors.iter().map(|p| format!("{} {}", p.place, p.path)).collect();
    assert_eq!(
        found,
        [
            "tesela.toml:2 tilesets.base.layers[1]",
            "tesela.toml:5 layers.roads.min_zoom",
            "tesela.toml:7 layers.roads.colour",
            "tesela.toml:8 layers.pois.table",
            "tesela.toml:12 databases.main.pool_max",
            "tesela.toml:14 server.listen",
        ]
    );
}

#[test]
fn a_name_defined_twice_tells_both_lines() {
    let report = report(&with_layer("[layers.roads]\ntable = \"streets\""));
    assert_eq!(
        report,
        "tesela.toml:5: layers.roads: defined twice, first on line 3; expected each name once"
    );
}

#[test]
fn a_key_given_twice_tells_both_lines() {
    assert_eq!(
        report("[cache]\nttl = \"1m\"\nempty_tile = 204\nttl = \"2m\"\n"),
        "tesela.toml:4: cache.ttl: defined twice, first on line 2; expected each name once"
    );
    assert_eq!(
        report(
            "[databases.main]\nurl = \"postgres://h\"\npublish = { schemas = [], schemas = [] }\n"
        ),
        "tesela.toml:3: databases.main.publish.schemas: defined twice, first on line 3; \
         expected each name once"
    );
}

#[test]
fn a_text_that_is_not_toml_tells_each_line_once() {
    let report = report("[server]\nlisten = 127.0.0.1:3000\n\n[cache\nttl = \"1m\"\n");
    let lines: Vec<_> = report.lines().filter(|line| line.starts_with("tesela.toml:")).collect();
    assert_eq!(lines.len(), 2, "{report}");
    assert!(lines[0].starts_with("tesela.toml:2: not valid TOML: "), "{report}");
    assert!(lines[1].starts_with("tesela.toml:4: not valid TOML: "), "{report}");
    assert!(report.contains("    example: "), "{report}");
}

#[test]
fn an_entry_that_is_no_table_is_an_error_and_its_name_still_counts() {
    let report = report("layers.roads = 5\ntilesets.base.layers = [\"roads\"]\n");
    assert_eq!(
        report,
        "tesela.toml:1: layers.roads: expected a table, got 5\n    example: [layers.roads]"
    );
}

#[test]
fn a_list_is_not_taken_for_a_table() {
    for (text, path) in [
        ("[[layers.roads]]\ntable = \"roads\"\n", "layers.roads"),
        ("cache = [\"1GB\", \"1m\", \"1m\", \"1d\", 204]\n", "cache"),
        ("tilesets.base = [[\"roads\"]]\n", "tilesets.base"),
        ("[databases.main]\nurl = \"x\"\npublish = [[\"public\"]]\n", "databases.main.publish"),
    ] {
        let report = report(text);
        assert!(report.contains(&format!(": {path}: expected a table, got ")), "{report}");
    }
}

#[test]
fn a_section_that_is_no_table_is_an_error_by_itself() {
    let report = report("databases = \"city\"\n[layers.roads]\ntable = \"roads\"\n");
    assert_eq!(
        report,
        "tesela.toml:1: databases: expected a table for each name, got a string\n    \
         example: [databases.main]"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = std::path::Path::new("/nonexistent/tesela.toml");
    let report = crate::config::load(Some(missing)).expect_err("there is no such file").to_string();
    assert!(report.starts_with("/nonexistent/tesela.toml: cannot be read: "), "{report}");
}
