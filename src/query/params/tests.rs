//! Declarations and what requests give.

use super::param::MAX_ITEMS;
use super::*;

fn params(toml: &str) -> Result<Params, (String, ParamMistake)> {
    Params::new(&toml::from_str(toml).unwrap())
}

fn given(params: &Params, query: &str) -> Result<Vec<Value>, String> {
    let pairs = Pairs::read(query, |name| params.position(name).is_some()).unwrap();
    params.given(&pairs, false).map_err(|error| error.to_string())
}

const YEAR: &str = "year = { type = \"int\", default = 2026, min = 1900, max = 2030 }";

#[test]
fn a_request_gives_values_or_gets_the_defaults() {
    let params = params(&format!(
        "{YEAR}\nkind = {{ type = \"enum\", values = [\"a\", \"b\"] }}\n\
         ids = {{ type = \"int[]\", default = [1, 2] }}\n\
         since = {{ type = \"date\", default = 2026-01-01 }}\n"
    ))
    .unwrap();
    let values = |query: &str| -> Vec<String> {
        given(&params, query).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(values("other=1"), ["[1,2]", "", "2026-01-01", "2026"]);
    assert_eq!(values("year=1999&kind=b&ids=3%2C4&ids=5"), ["[3,4,5]", "b", "2026-01-01", "1999"]);
    assert_eq!(values("ids=%5B7,%208%5D&since=2025-12-31"), ["[7,8]", "", "2025-12-31", "2026"]);
    assert_eq!(values("ids=")[0], "[]");
}

#[test]
fn a_value_that_can_not_be_says_what_was_expected() {
    let params = params(&format!(
        "{YEAR}\nkind = {{ type = \"enum\", values = [\"a\", \"b\"], required = true }}\n\
         tags = {{ type = \"text[]\" }}\n"
    ))
    .unwrap();
    for (query, error) in [
        ("", "parameter kind: expected one of \"a\", \"b\", got none"),
        ("kind=c", "parameter kind: expected one of \"a\", \"b\", got \"c\""),
        ("kind=a&kind=b", "parameter kind: expected one of \"a\", \"b\", got several"),
        (
            "kind=a&year=x%00y",
            "parameter year: expected an integer, from 1900 to 2030, got \"x\\0y\"",
        ),
        (
            "kind=a&year=2031",
            "parameter year: expected an integer, from 1900 to 2030, got \"2031\"",
        ),
        (
            "kind=a&tags=%5B1%5D",
            "parameter tags: expected at most 256 texts of at most 1024 bytes, separated by commas, got \"[1]\"",
        ),
    ] {
        assert_eq!(given(&params, query), Err(error.to_owned()), "{query}");
    }
    let long = given(&params, &format!("kind={}", "x".repeat(500))).unwrap_err();
    assert!(long.len() < 120 && long.ends_with("\"…"), "{long}");
    let many = vec!["x"; MAX_ITEMS + 1].join(",");
    assert!(given(&params, &format!("kind=a&tags={many}")).is_err());
}

#[test]
fn a_wrong_declaration_names_its_key() {
    for (settings, key, expected) in [
        ("type = \"integer\"", "type", "\"text\", \"int\""),
        ("type = \"int\"\ndefault = \"x\"", "default", "an integer"),
        ("type = \"int\"\nvalues = [1, 9]\nmax = 3", "values", "values from min to max"),
        ("type = \"int\"\ndefault = 5\nmax = 3", "default", "an integer, at most 3"),
        ("type = \"int\"\nmin = 5\nmax = 3", "min", "an integer not above max, 3"),
        ("type = \"text\"\nmin = 5", "min", "no such limit"),
        ("type = \"enum\"", "values", "a list of the values"),
        ("type = \"date\"\nvalues = [1]", "values", "a list of dates"),
        ("type = \"int[]\"\ndefault = 5", "default", "at most 256 integers, separated by commas"),
        ("type = \"int\"\ndefault = 5\nrequired = true", "required", "false, or no default"),
    ] {
        let (name, mistake) = params(&format!("[x]\n{settings}\n")).unwrap_err();
        assert_eq!((name.as_str(), mistake.key), ("x", key), "{settings}");
        assert!(mistake.expected.starts_with(expected), "{mistake}");
    }
}

#[test]
fn different_values_never_share_a_canonical_text() {
    let params = params("a = { type = \"text\" }\nb = { type = \"text\" }\n").unwrap();
    let canonical = |query: &str| {
        let mut text = String::new();
        params.canonical(&given(&params, query).unwrap(), &mut text);
        text
    };
    let texts = ["", "a=", "b=", "a=1", "b=1", "a=1;b2:=1", "a=1&b=1", "a=1;b2:%3D1;&b="];
    let all: std::collections::BTreeSet<String> = texts.into_iter().map(canonical).collect();
    assert_eq!(all.len(), texts.len(), "{all:?}");
}

#[test]
fn variety_tells_what_clients_can_make_up() {
    let params = params(&format!(
        "{YEAR}\nkind = {{ type = \"enum\", values = [\"a\", \"b\"] }}\n\
         q = {{ type = \"text\" }}\non = {{ type = \"bool\" }}\n"
    ))
    .unwrap();
    let variety = |query: &str| params.variety(&given(&params, query).unwrap());
    assert_eq!(variety("year=2026"), Some(1), "the default");
    assert_eq!(variety("year=2000"), Some(131));
    assert_eq!(variety("year=2000&kind=a&on=true"), Some(131 * 4));
    assert_eq!(variety("q=x"), None);
}

#[test]
fn json_holds_what_is_there() {
    let params =
        params(&format!("{YEAR}\nq = {{ type = \"text\" }}\nd = {{ type = \"date[]\" }}")).unwrap();
    let json = |query: &str| params.json(&given(&params, query).unwrap());
    assert_eq!(json(""), r#"{"year":2026}"#);
    assert_eq!(json("q=%22&d=2026-01-01"), r#"{"d":["2026-01-01"],"q":"\"","year":2026}"#);
}
