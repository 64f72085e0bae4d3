use super::{env, load_from, report_with};

#[test]
fn variables_are_replaced_in_strings_and_defaults_fill_in_for_unset_or_empty_ones() {
    let text =
        "[databases.main]\nurl = \"postgres://${USER}@${HOST:-db}:${PORT:-5432}/${EMPTY:-city}\"\n";
    let variables = env(&[("USER", "me"), ("PORT", "6432"), ("EMPTY", "")]);
    let settings = load_from(Some(("t", text)), &variables).unwrap();
    assert_eq!(settings.databases["main"].url.expose(), "postgres://me@db:6432/city");
}

#[test]
fn variables_are_replaced_inside_lists_too() {
    let text = "[server]\ncors_origins = [\"https://${SITE}\"]\n";
    let settings = load_from(Some(("t", text)), &env(&[("SITE", "a.example")])).unwrap();
    assert_eq!(settings.server.cors_origins, ["https://a.example"]);
}

#[test]
fn a_doubled_dollar_keeps_the_braces() {
    let text = "[layers.a]\ntable = \"a\"\ndescription = \"$${NAME} costs $5\"\n[databases.m]\nurl = \"postgres://h\"\n";
    let settings = load_from(Some(("t", text)), &env(&[])).unwrap();
    assert_eq!(settings.layers["a"].description.as_deref(), Some("${NAME} costs $5"));
}

#[test]
fn a_value_cannot_add_keys_or_break_the_file() {
    let text = "[databases.main]\nurl = \"${URL}\"\n";
    let value = "x\"\npool_max = 1 ${HOME} #";
    let settings = load_from(Some(("t", text)), &env(&[("URL", value)])).unwrap();
    assert_eq!(settings.databases["main"].url.expose(), value);
    assert_eq!(settings.databases["main"].pool_max, 16);
}

#[test]
fn an_unset_variable_is_named_with_its_line_and_nothing_else_is_said_of_the_key() {
    let report = report_with("[databases.main]\nurl = \"${DATABASE_URL}\"\n", &[]);
    assert!(
        report.starts_with("tesela.toml:2: databases.main.url: the environment variable DATABASE_URL is not set\n    example: "),
        "{report}"
    );
    assert_eq!(report.lines().count(), 2, "{report}");
}

#[test]
fn a_malformed_reference_is_an_error() {
    for (text, expected) in [
        ("${", "`${` without a closing `}`"),
        ("${A", "`${` without a closing `}`"),
        ("${}", "expected ${NAME} or ${NAME:-default}"),
        ("${A-b}", "expected ${NAME} or ${NAME:-default}"),
        ("${1}", "expected ${NAME} or ${NAME:-default}"),
        ("${A:-${B}}", "expected ${NAME} or ${NAME:-default}"),
    ] {
        let report = report_with(&format!("[server]\npublic_url = \"{text}\"\n"), &[("A", "a")]);
        assert!(report.contains(expected), "{text}: {report}");
    }
}

#[test]
fn a_variable_sets_a_key_without_a_file() {
    let variables = env(&[
        ("TESELA_SERVER__LISTEN", "0.0.0.0:80"),
        ("TESELA_SERVER__WORKERS", "3"),
        ("TESELA_SERVER__CORS_ORIGINS", "[\"https://a.example\"]"),
        ("TESELA_CACHE__TTL", "3m"),
        ("TESELA_DATABASES__MAIN__URL", "postgres://h/1"),
        ("TESELA_DATABASES__MAIN__PUBLISH", "{ schemas = ['a'] }"),
    ]);
    let settings = load_from(None, &variables).unwrap();
    assert_eq!(settings.server.listen.port(), 80);
    assert_eq!(settings.server.workers, Some(3));
    assert_eq!(settings.server.cors_origins, ["https://a.example"]);
    assert_eq!(settings.cache.ttl.as_secs(), 180);
    let main = &settings.databases["main"];
    assert_eq!(main.url.expose(), "postgres://h/1");
    assert_eq!(main.publish.as_ref().unwrap().schemas.as_deref(), Some(&["a".to_owned()][..]));
}

#[test]
fn a_variable_wins_over_the_file_and_finds_names_of_any_case_and_with_dashes() {
    let text = "[databases.City-Map]\nurl = \"postgres://h\"\npool_max = 3\n";
    let variables = env(&[("TESELA_DATABASES__CITY_MAP__POOL_MAX", "7")]);
    let settings = load_from(Some(("t", text)), &variables).unwrap();
    assert_eq!(settings.databases.len(), 1);
    assert_eq!(settings.databases["City-Map"].pool_max, 7);
}

#[test]
fn a_variable_for_text_is_taken_as_it_is_even_when_it_looks_like_a_number_or_a_date() {
    let text = "[databases.main]\nurl = \"postgres://h\"\n[layers.a]\ntable = \"a\"\n";
    for (value, expected) in
        [("2026", "2026"), ("2026-11-01", "2026-11-01"), ("true", "true"), ("\"quoted\"", "quoted")]
    {
        let variables = env(&[("TESELA_LAYERS__A__TABLE", value)]);
        let settings = load_from(Some(("t", text)), &variables).unwrap();
        assert_eq!(settings.layers["a"].table.as_deref(), Some(expected));
    }
}

#[test]
fn a_variable_stands_in_for_a_value_that_cannot_be_had() {
    let text = "[databases.main]\nurl = \"${DATABASE_URL}\"\n";
    let variables = env(&[("TESELA_DATABASES__MAIN__URL", "postgres://h")]);
    let settings = load_from(Some(("t", text)), &variables).unwrap();
    assert_eq!(settings.databases["main"].url.expose(), "postgres://h");
}

#[test]
fn a_variable_is_not_searched_for_references() {
    let variables = env(&[("TESELA_DATABASES__MAIN__URL", "postgres://u:pa${HOME}@h")]);
    let settings = load_from(None, &variables).unwrap();
    assert_eq!(settings.databases["main"].url.expose(), "postgres://u:pa${HOME}@h");
}

#[test]
fn a_wrong_variable_is_named_instead_of_a_line() {
    let report = report_with("[server]\n", &[("TESELA_LAYERS__ROADS__MIN_ZOOM", "33")]);
    assert!(
        report.contains("environment TESELA_LAYERS__ROADS__MIN_ZOOM: layers.roads.table: missing"),
        "{report}"
    );
    let report = report_with("", &[("TESELA_CACHE__EMPTY_TILE", "404")]);
    assert_eq!(
        report,
        "environment TESELA_CACHE__EMPTY_TILE: cache.empty_tile: expected 200 or 204, got 404\n    \
         example: TESELA_CACHE__EMPTY_TILE='204'"
    );
}

#[test]
fn a_wrong_member_of_a_list_in_a_variable_is_not_looked_up_in_the_file() {
    let text = "# a comment that is long enough to be mistaken for the value\n";
    let report = report_with(text, &[("TESELA_SERVER__CORS_ORIGINS", "[\"*\", \"https://a\"]")]);
    assert!(
        report.starts_with(
            "environment TESELA_SERVER__CORS_ORIGINS: server.cors_origins[0]: expected \"*\" alone"
        ),
        "{report}"
    );
    assert!(!report.contains("comment"), "{report}");
}

#[test]
fn an_unknown_variable_is_an_error() {
    let report = report_with("", &[("TESELA_SERVER__LISTN", "0.0.0.0:80")]);
    assert!(
        report.starts_with(
            "environment TESELA_SERVER__LISTN: server.listn: unknown key, did you mean `listen`?"
        ),
        "{report}"
    );
    assert!(report.ends_with("example: TESELA_SERVER__LISTEN='127.0.0.1:3000'"), "{report}");
}

#[test]
fn a_variable_that_cannot_be_placed_is_an_error() {
    let text = "[databases.a-b]\nurl = \"postgres://h\"\n[databases.a_b]\nurl = \"postgres://h\"\n";
    for (name, expected) in [
        ("TESELA_DATABASES__A_B__POOL_MAX", "`a-b` and `a_b` are both meant"),
        ("TESELA_DATABASES____URL", "expected keys joined by `__`"),
        ("TESELA_SERVER__", "expected keys joined by `__`"),
        ("TESELA_DATABASES__A-B__URL__X", "are both meant"),
    ] {
        let report = report_with(text, &[(name, "1")]);
        assert!(report.starts_with(&format!("environment {name}: ")), "{report}");
        assert!(report.contains(expected), "{name}: {report}");
    }
    let report =
        report_with("[server]\nlisten = \"[::]:80\"\n", &[("TESELA_SERVER__LISTEN__PORT", "1")]);
    assert!(report.contains("expected server.listen to be a table"), "{report}");
}

#[test]
fn variables_that_are_not_settings_are_left_alone() {
    let others = env(&[
        ("TESELA_LOG", "debug"),
        ("TESELA_CONFIG", "/etc/tesela.toml"),
        ("TESELA_TEST_DATABASE__URL", "x"),
        ("TESELA_SERVICE_HOST", "10.0.0.1"),
        ("SERVER__LISTEN", "x"),
    ]);
    let settings = load_from(None, &others).unwrap();
    assert_eq!(settings.server, crate::http::Settings::default());
}
