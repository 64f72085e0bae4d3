use super::*;

#[test]
fn a_comparison_may_have_its_property_on_either_side() {
    use Comparison::*;
    for (comparison, left, right) in [
        (Equal, "n = 5", "5 = n"),
        (NotEqual, "n <> 5", "5 != n"),
        (Less, "n < 5", "5 > n"),
        (LessOrEqual, "n <= 5", "5 >= n"),
        (Greater, "n > 5", "5 < n"),
        (GreaterOrEqual, "n >= 5", "5 <= n"),
    ] {
        let expected = compare("n", comparison, number(5.0));
        assert_eq!(text(left).condition, expected, "{left}");
        assert_eq!(text(right).condition, expected, "{right}");
    }
}

#[test]
fn text_and_json_say_the_same() {
    for (text, json) in [
        ("s = 'it''s'", r#"{"op":"=","args":[{"property":"s"},"it's"]}"#),
        ("b = TRUE", r#"{"op":"=","args":[{"property":"b"},true]}"#),
        ("n >= -1.5e2", r#"{"op":">=","args":[{"property":"n"},-150]}"#),
        ("TRUE", "true"),
        ("not FALSE", r#"{"op":"not","args":[false]}"#),
        ("s IS NULL", r#"{"op":"isNull","args":[{"property":"s"}]}"#),
        ("s like 'a%'", r#"{"op":"like","args":[{"property":"s"},"a%"]}"#),
        ("n IN (1, 2)", r#"{"op":"in","args":[{"property":"n"},[1,2]]}"#),
        ("n BETWEEN 1 AND 2", r#"{"op":"between","args":[{"property":"n"},1,2]}"#),
        ("t > DATE('2020-01-01')", r#"{"op":">","args":[{"property":"t"},{"date":"2020-01-01"}]}"#),
        (
            "t > TIMESTAMP('2020-01-01T01:00:00+01:00')",
            r#"{"op":">","args":[{"property":"t"},{"timestamp":"2020-01-01T00:00:00Z"}]}"#,
        ),
        (
            "n = 1 AND (s = 'a' OR NOT b = TRUE)",
            r#"{"op":"and","args":[
                {"op":"=","args":[{"property":"n"},1]},
                {"op":"or","args":[
                    {"op":"=","args":[{"property":"s"},"a"]},
                    {"op":"not","args":[{"op":"=","args":[{"property":"b"},true]}]}]}]}"#,
        ),
    ] {
        assert_eq!(super::text(text), super::json(json), "{text}");
    }
}

#[test]
fn the_configuration_file_may_have_either() {
    let text = Filter::read("n = 1").unwrap();
    assert_eq!(Filter::read(" \n{\"op\":\"=\",\"args\":[{\"property\":\"n\"},1]}"), Ok(text));
    assert_eq!(Language::parse("cql2-text"), Some(Language::Text));
    assert_eq!(Language::parse("cql2-json"), Some(Language::Json));
    assert_eq!(Language::parse("CQL2-TEXT"), None);
}

#[test]
fn between_is_two_comparisons() {
    let from_1_to_2 = text("n >= 1 AND n <= 2");
    assert_eq!(text("n BETWEEN 1 AND 2"), from_1_to_2);
    let negated = Condition::Not(Box::new(from_1_to_2.condition));
    assert_eq!(text("n NOT BETWEEN 1 AND 2").condition, negated);
}

#[test]
fn and_and_or_are_flat_and_never_of_one() {
    assert_eq!(text("(n = 1 AND n = 2) AND n = 3"), text("n = 1 AND (n = 2 AND n = 3)"));
    assert_eq!(text("n = 0 AND n BETWEEN 1 AND 2"), text("n = 0 AND n >= 1 AND n <= 2"));
    let one = json(r#"{"op":"or","args":[{"op":"=","args":[{"property":"n"},1]}]}"#);
    assert_eq!(one, text("n = 1"));
}

#[test]
fn names_are_as_they_are() {
    let expected = BTreeSet::from(["Größe", "a.b:c_d", "größe", "not \"it\"", "true"]);
    let filter = r#"Größe = 1 AND größe IS NULL AND "not ""it""" = 2 AND a.b:c_d LIKE '%'
        AND "true" IN (1) AND größe = 3"#;
    assert_eq!(text(filter).properties(), expected);
}

#[test]
fn a_date_is_its_midnight_in_utc() {
    let day = 86_400_000_000;
    let time = |filter| match text(filter).condition {
        Condition::Compare { value: Literal::Time(time), .. } => time,
        condition => panic!("{condition:?}"),
    };
    assert_eq!(time("t = DATE('1970-01-02')"), day);
    assert_eq!(time("t = DATE('1969-12-31')"), -day);
    assert_eq!(time("t = TIMESTAMP('1970-01-01T00:00:00.000001Z')"), 1);
    assert_eq!(time("t = TIMESTAMP('1970-01-02T01:30:00+01:30')"), day);
    assert_eq!(time("t = DATE('9999-12-31')"), time("t = TIMESTAMP('9999-12-31T00:00:00Z')"));
}

#[test]
fn what_can_not_be_used_is_named() {
    for (filter, reason) in [
        ("flag", "`flag` alone is no condition, write `flag = TRUE`"),
        ("NOT flag", "`flag` alone is no condition, write `flag = TRUE`"),
        ("5", "the number 5e0 is no condition"),
        ("'yes'", "the text `yes` is no condition"),
        ("NULL", "NULL is no condition"),
        ("x = NULL", "nothing compares with NULL, write `x IS NULL`"),
        ("NULL <> x", "nothing compares with NULL, write `x IS NOT NULL`"),
        ("x IN (1, NULL)", "NULL can't be compared"),
        ("a = b", "`a` is compared with `b`, and not with a value"),
        ("1 = 1", "two values are compared, and no property"),
        ("a + 1 = 2", "arithmetic `+` can't be compared"),
        ("a = 2 * 3", "arithmetic `*` can't be compared, nor can a `-` before a property"),
        ("-a = 2", "arithmetic `*` can't be compared, nor can a `-` before a property"),
        ("casei(a) = 'x'", "the function `casei` can't be compared, only the texts as they are"),
        ("a LIKE casei('x')", "after LIKE should be a text instead of the function `casei`"),
        (
            "accenti(a) LIKE 'x'",
            "before LIKE should be a property instead of the function `accenti`",
        ),
        ("pg_sleep(10)", "the function `pg_sleep` can't be used"),
        ("S_INTERSECTS(geom, POINT(1 2))", "the spatial condition `s_intersects` can't be used"),
        (
            "T_AFTER(t, DATE('2020-01-01'))",
            "the temporal condition `t_after` can't be used, write it with `<`, `<=`, `=`, `>=` or `>`",
        ),
        ("A_CONTAINS(a, (1, 2))", "the condition on lists `a_contains` can't be used"),
        ("a = POINT(1 2)", "a geometry can't be compared"),
        ("a = INTERVAL('..', '..')", "an interval can't be compared"),
        ("a = (1, 2)", "a list can't be compared"),
        ("(a = 1) = TRUE", "the condition `=` can't be compared"),
        ("a IN (b)", "after IN should be values instead of `b`"),
        ("5 IN (1, 2)", "before IN should be a property instead of the number 5e0"),
        ("a BETWEEN b AND 2", "after BETWEEN should be values instead of `b`"),
        ("5 BETWEEN 1 AND 2", "before BETWEEN should be a property instead of the number 5e0"),
        ("5 IS NULL", "before IS NULL should be a property instead of the number 5e0"),
        (
            "a = DATE('2020-13-01')",
            "DATE needs a text such as `2020-01-31` instead of `2020-13-01`",
        ),
        (
            "a = DATE('2020-01-01T12:00:00')",
            "DATE needs a text such as `2020-01-31` instead of `2020-01-01T12:00:00`",
        ),
        (
            "a = TIMESTAMP(b)",
            "TIMESTAMP needs a text such as `2020-01-31T12:00:00Z` instead of the property `b`",
        ),
        ("a LIKE 'x\\'", "`x\\` ends in a `\\` with nothing to escape"),
        ("a LIKE 'x\\\\\\'", "`x\\\\\\` ends in a `\\` with nothing to escape"),
    ] {
        assert_eq!(refusal(filter), format!("the filter can't be used: {reason}"), "{filter}");
    }
    text("a LIKE 'x\\\\'");
}

#[test]
fn json_of_a_wrong_shape_is_refused() {
    for (filter, reason) in [
        (r#"{"op":"and","args":[]}"#, "`and` joins nothing"),
        (r#"{"op":"=","args":[1]}"#, "`=` has 1 operands instead of 2"),
        (r#"{"op":"not","args":[true,true]}"#, "`not` has 2 operands instead of 1"),
        (
            r#"{"op":"between","args":[{"property":"a"},1]}"#,
            "`between` has 2 operands instead of 3",
        ),
        (r#"{"op":"in","args":[{"property":"a"},[]]}"#, "the list after IN is empty"),
        (
            r#"{"op":"in","args":[{"property":"a"},1]}"#,
            "after IN should be a list instead of the number 1e0",
        ),
        (r#"{"op":"in","args":[{"property":"a"},[[1]]]}"#, "a list can't be compared"),
        (
            r#"{"op":"like","args":[{"property":"a"},1]}"#,
            "after LIKE should be a text instead of the number 1e0",
        ),
        (
            r#"{"op":"=","args":[{"property":"a"},{"date":1}]}"#,
            "DATE needs a text such as `2020-01-31` instead of the number 1e0",
        ),
        (r#"{"op":"eq","args":[{"property":"a"},1]}"#, "the function `eq` can't be used"),
        (r#"{"op":"; DROP TABLE a","args":[]}"#, "the function `; DROP TABLE a` can't be used"),
        (r#"{"op":"=","args":[{"property":"a"},"\u0000"]}"#, "a text has a NUL character"),
        (r#"{"op":"=","args":[{"property":"\u0000"},1]}"#, "a text has a NUL character"),
        (r#"{"op":"like","args":[{"property":"a"},"\u0000"]}"#, "a text has a NUL character"),
        ("[1, 2]", "a list is no condition"),
        ("null", "NULL is no condition"),
    ] {
        assert_eq!(json_refusal(filter), format!("the filter can't be used: {reason}"), "{filter}");
    }
    for filter in [
        "{}",
        r#"{"op":"and"}"#,
        r#"{"args":[true,true]}"#,
        r#"{"op":1,"args":[true]}"#,
        r#"{"op":"not","args":true}"#,
        r#"{"op":"not","op":"not","args":[true]}"#,
        r#"{"op":"not","args":[{"property":1}]}"#,
    ] {
        assert!(
            json_refusal(filter).starts_with("the filter can't be read: a part of it"),
            "{filter}"
        );
    }
    assert_eq!(
        json_refusal(r#"{"op":"#),
        "the filter can't be read: it isn't JSON: EOF while parsing a value at line 1 column 6"
    );
}

#[test]
fn numbers_that_would_be_others_are_refused() {
    for filter in ["n = 9007199254740991", "n = -9007199254740991", "n = 0.1", "n = 1e-300"] {
        text(filter);
    }
    for filter in ["9007199254740992", "-9007199254740993", "1e300"] {
        let reason = refusal(&format!("n = {filter}"));
        assert!(reason.ends_with("is not below 2^53: it might have been rounded"), "{reason}");
        assert_eq!(
            json_refusal(&format!(r#"{{"op":"=","args":[{{"property":"n"}},{filter}]}}"#)),
            reason
        );
    }
    assert_eq!(refusal("n IN (1, -1e999)"), "the filter can't be used: a number is too large");
    let json = r#"{"op":"=","args":[{"property":"n"},1e999]}"#;
    assert!(json_refusal(json).contains("number out of range"));
}

#[test]
fn an_error_quotes_the_place_in_short_and_on_one_line() {
    for (filter, reason) in [
        ("", "it ends too early"),
        ("n >", "it ends too early"),
        ("n = 1 AND", "it ends too early"),
        ("n == 1", "something else should stand at `= 1`"),
        ("n = 1 n = 2", "something else should stand at `n = 2`"),
        ("n = 1; DROP TABLE a", "something else should stand at `; DROP TABLE a`"),
        ("n IN ()", "something else should stand at `)`"),
        ("(n = 1", "a `(` isn't closed"),
        ("n = 1)", "a `)` has no `(`"),
        ("s = 'a", "a `'` isn't closed"),
        ("\"s = 'a'", "a `\"` isn't closed"),
        ("DATE() = t", "`date` has no value"),
        ("n = 1\0", "it has a NUL character"),
        ("n = \u{1b}[31m\u{202e}\n", "something else should stand at `\\u{1b}[31m\\u{202e}`"),
    ] {
        assert_eq!(refusal(filter), format!("the filter can't be read: {reason}"), "{filter}");
    }
    let long = refusal(&format!("{} alone", "ä".repeat(100)));
    assert!(long.contains("`alone`"), "{long}");
    let long = refusal(&"ä".repeat(100));
    assert!(long.contains(&format!("`{}…`", "ä".repeat(60))), "{long}");
}
