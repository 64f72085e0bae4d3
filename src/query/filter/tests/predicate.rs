use super::*;

type Row<'a> = &'a [(&'a str, Scalar<'a>)];

/// By typed filters, as a source would ask.
fn selects(filter: &str, row: Row<'_>) -> bool {
    let filter = text(filter).typed(&kind_of).unwrap();
    filter
        .predicate(&|name| row.iter().position(|(column, _)| *column == name))
        .selects(&mut |index| Some(row[index].1))
}

/// What SQL would show for a condition: a feature is selected only by true, its negation only by
/// false.
fn truth(filter: &str, row: Row<'_>) -> Option<bool> {
    match (selects(filter, row), selects(&format!("NOT ({filter})"), row)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
        (true, true) => panic!("{filter} is true and false"),
    }
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

#[test]
fn logic_has_three_values_as_in_sql() {
    // `n` is NULL, so that comparisons with it are unknown.
    for (filter, expected) in [
        ("n = 1", None),
        ("n <> 1", None),
        ("n IN (1, 2)", None),
        ("s LIKE '%'", None),
        ("n BETWEEN 1 AND 2", None),
        ("n IS NULL", YES),
        ("n IS NOT NULL", NO),
        ("n = 1 AND TRUE", None),
        ("n = 1 AND FALSE", NO),
        ("FALSE AND n = 1", NO),
        ("n = 1 OR TRUE", YES),
        ("TRUE OR n = 1", YES),
        ("n = 1 OR FALSE", None),
        ("NOT (n = 1 OR FALSE)", None),
        ("n = 1 OR n <> 1", None),
        ("TRUE", YES),
        ("FALSE", NO),
        ("TRUE AND TRUE", YES),
        ("FALSE OR FALSE", NO),
    ] {
        assert_eq!(truth(filter, &[]), expected, "{filter}");
        assert_eq!(truth(filter, &[("n", Scalar::Double(f64::NAN))]), expected, "{filter}, NaN");
    }
}

#[test]
fn a_property_may_be_known_and_have_no_value() {
    let filter = text("n = 1").predicate(&|_| Some(7));
    assert!(!filter.selects(&mut |index| (index != 7).then_some(Scalar::Int(1))));
    assert!(filter.selects(&mut |index| (index == 7).then_some(Scalar::Int(1))));
    let is_null = text("n IS NULL").predicate(&|_| Some(7));
    assert!(is_null.selects(&mut |_| None));
    assert!(is_null.selects(&mut |_| Some(Scalar::Double(f64::NAN))));
    assert!(!is_null.selects(&mut |_| Some(Scalar::Bool(false))));
}

#[test]
fn each_comparison_is_its_own() {
    for (sign, below, equal, above) in [
        ("=", NO, YES, NO),
        ("<>", YES, NO, YES),
        ("<", YES, NO, NO),
        ("<=", YES, YES, NO),
        (">", NO, NO, YES),
        (">=", NO, YES, YES),
    ] {
        let filter = format!("n {sign} 5");
        for (value, expected) in [(4, below), (5, equal), (6, above)] {
            assert_eq!(truth(&filter, &[("n", Scalar::Int(value))]), expected, "{value} {sign} 5");
            let double = Scalar::Double(value as f64);
            assert_eq!(truth(&filter, &[("n", double)]), expected, "{value} {sign} 5");
        }
    }
    assert_eq!(truth("b = TRUE", &[("b", Scalar::Bool(true))]), YES);
    assert_eq!(truth("b <> TRUE", &[("b", Scalar::Bool(true))]), NO);
    assert_eq!(truth("b = FALSE", &[("b", Scalar::Bool(true))]), NO);
}

#[test]
fn integers_are_compared_as_they_are_and_not_as_doubles() {
    const SAFE: i64 = (1 << 53) - 1;
    for (value, filter, expected) in [
        (5, "n < 5.5", YES),
        (6, "n > 5.5", YES),
        (-5, "n > -5.5", YES),
        (-6, "n < -5.5", YES),
        (0, "n > -0.5", YES),
        (0, "n < 1e-300", YES),
        (0, "n = -0.0", YES),
        (SAFE, "n = 9007199254740991", YES),
        (SAFE + 1, "n > 9007199254740991", YES),
        (i64::MAX, "n > 9007199254740991", YES),
        (i64::MIN, "n < -9007199254740991", YES),
        (i64::MIN, "n = 0.5", NO),
    ] {
        assert_eq!(truth(filter, &[("n", Scalar::Int(value))]), expected, "{value}: {filter}");
    }
    // Beyond what filters can have, but not beyond what their type can.
    for (value, literal) in [(SAFE + 2, (1_i64 << 53) as f64), (i64::MAX - 1, 9.2e18), (0, -1e300)]
    {
        let condition = compare("n", Comparison::Greater, number(literal));
        let filter = Filter { condition }.predicate(&|_| Some(0));
        assert!(filter.selects(&mut |_| Some(Scalar::Int(value))), "{value} > {literal}");
    }
    let filter = Filter { condition: compare("n", Comparison::Less, number(i64::MAX as f64)) };
    assert!(filter.predicate(&|_| Some(0)).selects(&mut |_| Some(Scalar::Int(i64::MAX))));
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(truth("n > 1", &[("n", Scalar::Double(value))]), None, "tiles show none");
    }
    assert_eq!(truth("n = 0.1", &[("n", Scalar::Double(0.1))]), YES);
}

#[test]
fn texts_are_compared_by_bytes() {
    for (value, filter, expected) in [
        ("Z", "s < 'a'", YES),
        ("a", "s = 'A'", NO),
        ("ä", "s > 'z'", YES),
        ("a ", "s = 'a'", NO),
        ("", "s < 'a'", YES),
        ("b", "s IN ('a', 'b')", YES),
        ("c", "s IN ('a', 'b')", NO),
    ] {
        assert_eq!(truth(filter, &[("s", Scalar::Text(value))]), expected, "{value}: {filter}");
    }
}

#[test]
fn like_goes_by_characters_with_a_backslash_as_escape() {
    for (value, pattern, expected) in [
        ("", "", YES),
        ("", "%", YES),
        ("", "_", NO),
        ("Straße", "Stra_e", YES),
        ("Straße", "Stra__e", NO),
        ("Straße", "%ße", YES),
        ("Straße", "stra%", NO),
        ("a\nb", "a%b", YES),
        ("aXbXc", "a%X_", YES),
        ("aXbXcd", "a%X_", NO),
        ("aab", "%ab", YES),
        ("abab", "a%ab", YES),
        ("ab", "a%ab", NO),
        ("abc", "%%b%%", YES),
        ("100%", "100\\%", YES),
        ("1000", "100\\%", NO),
        ("a_b", "a\\_b", YES),
        ("axb", "a\\_b", NO),
        ("a\\b", "a\\\\b", YES),
        ("axb", "a\\xb", YES),
        ("%", "\\%%", YES),
        ("a", "a%a", NO),
    ] {
        let filter = format!("s LIKE '{pattern}'");
        assert_eq!(truth(&filter, &[("s", Scalar::Text(value))]), expected, "{value}: {filter}");
    }
    // Would be 2^100 steps if every `%` could give up characters.
    let filter = format!("s LIKE '{}b'", "%a".repeat(100));
    assert_eq!(truth(&filter, &[("s", Scalar::Text(&"a".repeat(1_000)))]), NO);
}

#[test]
fn times_are_read_from_what_features_have() {
    for (value, filter, expected) in [
        ("2020-01-01", "t = DATE('2020-01-01')", YES),
        ("2020-01-01T00:00:00Z", "t = DATE('2020-01-01')", YES),
        ("2020-01-01T01:30:00+01:30", "t = DATE('2020-01-01')", YES),
        ("2020-01-01T00:00:00.5Z", "t > DATE('2020-01-01')", YES),
        ("2020-01-01T00:00:00.0000019Z", "t = '2020-01-01T00:00:00.000001Z'", YES),
        ("1969-12-31T23:59:59.9999999Z", "t < DATE('1970-01-01')", YES),
        ("2020-01-01 12:00:00", "t = '2020-01-01T12:00:00Z'", YES),
        ("9999-12-31", "t > DATE('9999-12-30')", YES),
        ("9999-12-31T23:59:59Z", "t > DATE('9999-12-31')", YES),
        ("9999-12-31T23:59:59+01:00", "t > DATE('2020-01-01')", None),
        ("2020-02-30", "t > DATE('2020-01-01')", None),
        ("yesterday", "t > DATE('2020-01-01')", None),
        ("", "t <> DATE('2020-01-01')", None),
        ("yesterday", "t IS NULL", NO),
    ] {
        assert_eq!(truth(filter, &[("t", Scalar::Text(value))]), expected, "{value}: {filter}");
    }
}

#[test]
fn values_of_another_kind_are_unknown() {
    for (filter, value) in [
        ("b = TRUE", Scalar::Int(1)),
        ("b <> TRUE", Scalar::Text("true")),
        ("n = 1", Scalar::Text("1")),
        ("n <> 1", Scalar::Bool(true)),
        ("n IN (1, 2)", Scalar::Text("1")),
        ("s = '1'", Scalar::Int(1)),
        ("s LIKE '1'", Scalar::Double(1.0)),
        ("t > DATE('2020-01-01')", Scalar::Int(1_600_000_000)),
    ] {
        let name = &filter[..1];
        assert_eq!(truth(filter, &[(name, value)]), None, "{filter}: {value:?}");
        assert_eq!(truth(&format!("{name} IS NULL"), &[(name, value)]), NO);
    }
}
