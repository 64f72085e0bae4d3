//! Encoder, simplification, budgets, and what is different at some zooms.

use super::{load, refused, report, report_with, with_layer};

/// A range of zooms in a layer with zooms 2 to 18; its lines begin on line 8.
fn with_range(lines: &str) -> String {
    with_layer(&format!("min_zoom = 2\nmax_zoom = 18\n[[layers.roads.zooms]]\n{lines}"))
}

#[test]
fn values_have_ranges() {
    for (line, expected) in [
        (
            "simplify = -0.5",
            "tesela.toml:5: layers.roads.simplify: expected a number of grid units from 0 to 64, \
             got -0.5\n    example: simplify = 0.5",
        ),
        ("simplify = 64.1", "layers.roads.simplify: expected a number of grid units"),
        ("simplify = nan", "layers.roads.simplify: expected a number of grid units"),
        ("simplify = true", "layers.roads.simplify: expected a number of grid units"),
        ("min_size = -1", "min_size: expected a number of grid units from 0 to 1024, got -1"),
        ("min_size = 1025", "min_size: expected a number of grid units from 0 to 1024, got 1025"),
        ("max_features = 0", "expected an integer from 1 to 4294967295, got 0\n    example: "),
        ("max_features = -1", "max_features: expected an integer from 1 to 4294967295, got -1"),
        ("max_features = 4294967296", "max_features: expected an integer from 1 to 4294967295"),
        (
            "max_tile_bytes = \"999B\"",
            "max_tile_bytes: expected a size of at least 1KB, got \"999B\"\n    \
             example: max_tile_bytes = \"2MB\"",
        ),
        ("max_tile_bytes = \"big\"", "max_tile_bytes: expected a size of at least 1KB"),
        ("encoder = \"tippecanoe\"", "layers.roads.encoder: expected \"rows\" or \"postgis\""),
    ] {
        refused(&with_layer(line), expected);
        if !line.starts_with("encoder") {
            let (_, expected) = expected.split_once("expected ").unwrap_or_default();
            let expected = expected.lines().next().unwrap_or_default();
            refused(&with_range(&format!("zooms = [3, 4]\n{line}")), expected);
        }
    }
}

#[test]
fn the_ends_of_the_ranges_are_allowed() {
    for line in [
        "simplify = 0\nmin_size = 0",
        "simplify = 64\nmin_size = 1024",
        "max_features = 1\nmax_tile_bytes = \"1KB\"",
        "max_features = 4294967295",
    ] {
        load(&with_layer(line)).unwrap();
        load(&with_range(&format!("zooms = [2, 18]\n{line}"))).unwrap();
    }
    load(&with_layer("encoder = \"postgis\"")).unwrap();
}

#[test]
fn what_the_database_cannot_do_is_refused_where_it_makes_the_tiles() {
    let by = |lines: &str| format!("encoder = \"postgis\"\n{lines}");
    for (line, expected) in [
        (
            "max_tile_bytes = \"2MB\"",
            "max_tile_bytes: expected no such limit with encoder = \"postgis\", got \"2MB\"\n    \
             example: encoder = \"rows\"",
        ),
        (
            "simplify = 0.5",
            "simplify: expected 0, or nothing, with encoder = \"postgis\", got 0.5\n    \
             example: encoder = \"rows\"",
        ),
        ("simplify = 65", "simplify: expected a number of grid units from 0 to 64, got 65"),
        ("max_tile_bytes = \"1B\"", "max_tile_bytes: expected a size of at least 1KB"),
    ] {
        refused(&with_layer(&by(line)), &format!("tesela.toml:6: layers.roads.{expected}"));
        let range = format!("[[layers.roads.zooms]]\nzooms = [3, 4]\n{line}");
        let expected = format!("tesela.toml:8: layers.roads.zooms[0].{expected}");
        refused(&with_layer(&by(&range)), &expected);
        if line != "simplify = 65" && !line.contains("1B") {
            load(&with_layer(line)).unwrap();
        }
    }
    let errors = load(&with_layer(&by("simplify = 1\nmax_tile_bytes = \"2MB\""))).unwrap_err();
    assert_eq!(errors.count(), 2, "{errors}");
    load(&with_layer(&by("simplify = 0\nmin_size = 2\nmax_features = 5"))).unwrap();
    // The encoder may come from elsewhere, and so does the way out.
    let variable = ("TESELA_LAYERS__ROADS__ENCODER", "postgis");
    let report = report_with(&with_layer("simplify = 2"), &[variable]);
    let expected = "tesela.toml:5: layers.roads.simplify: expected 0, or nothing, with encoder = \
                    \"postgis\", got 2\n    example: TESELA_LAYERS__ROADS__ENCODER='rows'";
    assert!(report.starts_with(expected), "{report}");
}

#[test]
fn an_order_is_a_list_of_columns() {
    load(&with_layer("order_by = 'z_order DESC NULLS LAST, \"name:en\"'")).unwrap();
    assert_eq!(
        report(&with_layer("order_by = \"length(name) DESC\"")),
        "tesela.toml:5: layers.roads.order_by: expected columns, each with ASC or DESC and NULLS \
         FIRST or NULLS LAST if need be, got \"length(name) DESC\": expressions can't be used, \
         only columns\n    example: order_by = \"z_order DESC\""
    );
    refused(&with_layer("order_by = \"\""), "got \"\": a column is missing");
    refused(&with_layer("order_by = 7"), "layers.roads.order_by: expected columns");
}

#[test]
fn an_order_that_a_variable_holds_is_not_repeated() {
    let text = with_layer("order_by = \"${ORDER}\"");
    let report = report_with(&text, &[("ORDER", "hush DESC more")]);
    assert!(report.contains("order_by: expected columns"), "{report}");
    assert!(!report.contains("hush") && !report.contains("`more`"), "{report}");
}

#[test]
fn a_range_lies_within_the_zooms_of_its_layer() {
    for (zooms, expected) in [
        (
            "[8, 5]",
            "tesela.toml:8: layers.roads.zooms[0].zooms: expected the lower zoom first, got \
             [8, 5]\n    example: zooms = [5, 8]",
        ),
        ("[3, 25]", "expected the first and the last zoom of a range, from 0 to 24, got [3, 25]"),
        ("[3, 300]", "expected the first and the last zoom of a range, from 0 to 24"),
        ("[3]", "expected the first and the last zoom of a range, from 0 to 24, got [3]"),
        ("[3, 4, 5]", "expected the first and the last zoom of a range, from 0 to 24, got [3, 4"),
        ("5", "expected the first and the last zoom of a range, from 0 to 24, got 5"),
        ("[1, 5]", "expected zooms from the layer's min_zoom to its max_zoom, 2 to 18, got [1, 5]"),
        ("[5, 19]", "expected zooms from the layer's min_zoom to its max_zoom, 2 to 18"),
    ] {
        refused(&with_range(&format!("zooms = {zooms}\nsimplify = 1")), expected);
    }
}

#[test]
fn ranges_do_not_overlap() {
    let ranges = |[first, second, third]: [&str; 3]| {
        with_range(&format!(
            "zooms = {first}\nsimplify = 1\n[[layers.roads.zooms]]\nzooms = {second}\nsimplify = 1\n\
             [[layers.roads.zooms]]\nzooms = {third}\nsimplify = 1\n"
        ))
    };
    load(&ranges(["[8, 9]", "[2, 7]", "[10, 10]"])).unwrap();
    for third in ["[7, 8]", "[2, 2]", "[3, 3]", "[2, 9]"] {
        refused(
            &ranges(["[10, 12]", "[2, 7]", third]),
            "tesela.toml:14: layers.roads.zooms[2].zooms: expected zooms that no other range has, \
             but layers.roads.zooms[1].zooms at tesela.toml:11 has some of them, got [",
        );
    }
}

#[test]
fn a_range_says_which_zooms_it_is_for_and_what_is_different_there() {
    refused(
        &with_range("simplify = 1"),
        "tesela.toml:7: layers.roads.zooms[0].zooms: missing, expected the first and the last zoom",
    );
    refused(
        &with_range("zooms = [3, 4]"),
        "tesela.toml:7: layers.roads.zooms[0]: expected another source (table, sql, function, filter, …), \
         simplify, min_size, max_features, max_tile_bytes or how long tiles live (ttl, max_age, …) \
         for these zooms, got none of them\n    example: simplify = 2.0",
    );
    refused(
        &with_range("zooms = [3, 4]\nmax_feature = 5"),
        "tesela.toml:9: layers.roads.zooms[0].max_feature: unknown key, did you mean \
         `max_features`? Here can be: zooms, table, sql, function, file, geometry, \
         srid, id, properties, filter, simplify, min_size, max_features, max_tile_bytes, \
         ttl, max_age, s_maxage, stale_while_revalidate, stale_if_error\n    example: max_features = 20000",
    );
}

#[test]
fn ranges_are_tables_in_a_list() {
    for (zooms, expected) in [
        ("zooms = [[3, 4]]", "tesela.toml:5: layers.roads.zooms[0]: expected a table, got [3, 4]"),
        (
            "[layers.roads.zooms]\nzooms = [3, 4]\nsimplify = 1",
            "tesela.toml:5: layers.roads.zooms: expected a list of tables, each under \
             [[layers.NAME.zooms]], got a table\n    example: zooms = [{ zooms = [5, 8], ",
        ),
        ("zooms = [3, 4]", "layers.roads.zooms[0]: expected a table, got 3"),
    ] {
        let report = report(&with_layer(zooms));
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn a_mistake_in_one_range_hides_none_in_another() {
    let text = with_range(
        "zooms = [3, 4]\nsimplify = \"much\"\n[[layers.roads.zooms]]\nzooms = [5, 6]\nmin_size = false",
    );
    let errors = load(&text).expect_err("two mistakes");
    let found: Vec<_> = errors.iter().map(|p| format!("{} {}", p.place, p.path)).collect();
    assert_eq!(
        found,
        [
            "tesela.toml:9 layers.roads.zooms[0].simplify",
            "tesela.toml:12 layers.roads.zooms[1].min_size"
        ]
    );
}

#[test]
fn a_variable_sets_all_ranges_of_a_layer() {
    let zooms = |value: &str| {
        let env = super::env(&[("TESELA_LAYERS__ROADS__ZOOMS", value)]);
        super::load_from(Some(("tesela.toml", &with_layer(""))), &env)
    };
    let settings = zooms("[{ zooms = [3, 4], max_features = 7 }]").unwrap();
    assert_eq!(settings.layers["roads"].zooms[0].max_features, Some(7));
    let report = zooms("[{ zooms = [3, 4], max_features = 0 }]").expect_err("none").to_string();
    let expected = "environment TESELA_LAYERS__ROADS__ZOOMS: layers.roads.zooms[0].max_features: \
                    expected an integer from 1 to 4294967295, got 0\n    \
                    example: TESELA_LAYERS__ROADS__ZOOMS='[{ zooms = [5, 8], table = \"public.roads_major\", ";
    assert!(report.starts_with(expected), "{report}");
}
