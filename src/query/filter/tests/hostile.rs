use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// As small as no thread of the server has it.
const STACK: usize = 512 * 1024;

fn within_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test);
    thread.unwrap().join().unwrap();
}

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn no_chain_or_nest_takes_long_or_much_stack() {
    within_a_small_stack(|| {
        let (mut parsed, start) = (0, Instant::now());
        for times in [1, 2, 8, 16, 17, 40, 64, 100, 128, 200, 500, 1_000] {
            for filter in [
                nested("(", "n = 1", ")", times),
                nested("(", "n n", ")", times),
                nested("(", "1,2", ",3)", times),
                nested("f(", "n", ")", times),
                nested("f(f((", "n n", ")))", times),
                nested("NOT (", "n n", ")", times),
                nested("n IN (", "1 1", ")", times),
                nested("n BETWEEN (", "1 1", " AND 2)", times),
                nested("GEOMETRYCOLLECTION(", "POINT(1 2)", ")", times),
                nested("(n=n=n=n=", "n", ")", times),
                nested("- - - - (", "n", ")", times),
                nested("NOT NOT NOT (", "n = 1", ")", times),
                nested("NOT ", "n = 1", "", times),
                nested("- ", "n", "", times),
                nested("-", "1 = n", "", times),
                nested("n=-", "n", "", times),
                nested("n=", "n", "", times),
                nested("n LIKE ", "n", "", times),
                nested("n + ", "n", "", times),
                nested("TRUE AND ", "TRUE", "", times),
                nested("n BETWEEN 1 AND ", "2", "", times),
                nested("(", "n = 1", "", times),
                nested("f(", "", "", times),
                nested("'", "", "", times),
            ] {
                parsed += usize::from(Filter::parse(&filter, Language::Text).is_ok());
            }
        }
        // Without limits it would be years.
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(parsed > 10);
    });
}

#[test]
fn a_mistake_within_parentheses_is_not_tried_for_ever() {
    for inner in [
        "n n".to_owned(),
        format!("{} n", "1".repeat(4_000)),
        format!("'{}' n", "'".repeat(4_000)),
        format!("\"{}\" n", "x".repeat(4_000)),
        format!("MULTIPOINT({}1 1 n)", "1 1,".repeat(40)),
    ] {
        let start = Instant::now();
        refusal(&nested("(", &inner, ")", 10));
        let deeper = refusal(&nested("(", &inner, ")", 11));
        assert!(deeper.contains("too deeply"), "{deeper}");
        // Twice as long for each pair more.
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[test]
fn no_json_takes_much_stack() {
    within_a_small_stack(|| {
        for times in [1, 10, 31, 32, 33, 40, 63, 64, 127, 128, 500, 1_000] {
            for filter in [
                nested(r#"{"op":"not","args":["#, "true", "]}", times),
                nested(r#"{"op":"not","args":["#, "{}", "]}", times),
                nested(r#"{"date":"#, "1", "}", times),
                nested(r#"{"interval":["#, "1", "]}", times),
                nested(r#"{"bbox":["#, "1", "]}", times),
                nested(r#"{"type":"GeometryCollection","geometries":["#, "1", "]}", times),
                nested("[", "1", "]", times),
                nested("[", "", "", times),
                nested(r#"{"a":"#, "", "", times),
            ] {
                let expected = filter.contains("not") && filter.contains("true") && times <= 32;
                let parsed = Filter::parse(&filter, Language::Json).is_ok();
                assert_eq!(parsed, expected, "{filter}");
            }
        }
    });
}

#[test]
fn size_is_limited_and_what_is_within_the_limits_is_read() {
    let list = |values: usize, value: &str| format!("s IN ({})", vec![value; values].join(", "));
    // The operation, the property and 98 values.
    text(&list(98, "-1.5e-10"));
    text(&list(98, "'it''s a text of thirty bytes'"));
    text(&list(98, "DATE('2020-01-01')"));
    text(&format!("{}n = 1{}", "(n >= -1 OR ".repeat(10), ")".repeat(10)));
    text(&vec!["(((n <> -1.5e-10)))"; 33].join(" AND "));
    text(&vec!["n IS NOT NULL"; 33].join(" OR "));
    text(&vec!["n NOT BETWEEN -1 AND -2"; 19].join(" AND "));
    text(&format!("\"{}\" = 1", "ä".repeat(2_045)));

    let too_many =
        "the filter is too large: it has more than 100 operations, properties and values";
    assert_eq!(refusal(&list(99, "1")), too_many);
    assert_eq!(refusal(&list(300, "1")), too_many);
    assert_eq!(refusal(&vec!["n = 1"; 34].join(" AND ")), too_many);
    let json = |values| {
        format!(r#"{{"op":"in","args":[{{"property":"n"}},[{}]]}}"#, vec!["1"; values].join(","))
    };
    super::json(&json(98));
    assert_eq!(json_refusal(&json(99)), too_many);

    let too_deep = "the filter is too large: it is nested too deeply";
    assert_eq!(refusal(&nested("(", "n = 1", ")", 17)), too_deep);
    assert_eq!(json_refusal(&nested("[", "1", "]", 65)), too_deep);
    let not = |times| nested(r#"{"op":"not","args":["#, "true", "]}", times);
    super::json(&not(32));
    assert_eq!(json_refusal(&not(33)), too_deep);
    text(&nested("NOT ", "TRUE", "", 32));
    assert_eq!(refusal(&nested("NOT ", "TRUE", "", 33)), too_deep);
    text(&format!("s = '{}'", "(".repeat(100)));

    let too_long = "the filter is too large: it has more than 4096 bytes";
    text(&format!("s = '{}'", "x".repeat(4_090)));
    assert_eq!(refusal(&format!("s = '{}'", "x".repeat(4_091))), too_long);
}

const TOKENS: &[&str] = &[
    "a",
    "\"b\"",
    "'s'",
    "1",
    "-1.5e3",
    "1e999",
    "(",
    ")",
    ",",
    "=",
    "<>",
    "<=",
    "and",
    "or",
    "not",
    "in (",
    "like",
    "between",
    "is null",
    "is",
    "null",
    "true",
    "date(",
    "timestamp('2020')",
    "f(",
    "+",
    "-",
    "*",
    "div",
    "^",
    "POINT(1 2)",
    "POINT Z(1 2 3)",
    "GEOMETRYCOLLECTION(",
    "MULTIPOINT",
    "EMPTY",
    "bbox(",
    "interval(",
    "casei(",
    "é",
    "\u{663}",
    "'",
    "\"",
    "\\",
    "\0",
    ".",
    ":",
    "in()",
];

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "true",
        "null",
        "1e300",
        r#""s""#,
        r#"{"property":"a"}"#,
        r#"{"date":"2020-01-01"}"#,
        r#"{"timestamp":"é T"}"#,
        r#"{"bbox":[1]}"#,
        r#"{"type":"Point","coordinates":[1]}"#,
        "{}",
    ]);
    let op =
        prop::sample::select(vec!["and", "=", "in", "like", "between", "isNull", "not", "+", "f"]);
    leaf.prop_map(str::to_owned).prop_recursive(6, 40, 4, move |inner| {
        let args = prop::collection::vec(inner, 0..4);
        (op.clone(), args, 0..3).prop_map(|(op, args, shape)| match shape {
            0 => format!("[{}]", args.join(",")),
            _ => format!(r#"{{"op":"{op}","args":[{}]}}"#, args.join(",")),
        })
    })
}

/// Everything that is done with a filter.
fn use_up(filter: &str, language: Language) {
    let Ok(filter) = Filter::parse(filter, language) else { return };
    let _ = filter.clone().typed(&kind_of);
    filter.predicate(&|_| Some(0)).selects(&mut |_| Some(Scalar::Int(1)));
    assert!(!filter.canonical().contains('\0'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_panics(filter in any::<String>()) {
        use_up(&filter, Language::Text);
        use_up(&filter, Language::Json);
    }

    #[test]
    fn no_tokens_panic(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..12)) {
        use_up(&tokens.join(" "), Language::Text);
        use_up(&tokens.concat(), Language::Text);
    }

    #[test]
    fn no_json_panics(filter in expression()) {
        use_up(&filter, Language::Json);
    }
}
