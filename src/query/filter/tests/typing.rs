use super::*;

fn typed(filter: &str) -> Result<Filter, String> {
    text(filter).typed(&kind_of).map_err(|error| error.to_string())
}

#[test]
fn what_goes_together_stays_as_it_is() {
    let filter = "b = TRUE AND b <> FALSE AND (n < 5 OR n IN (1, 2)) AND NOT s LIKE 'a%' AND s > 'b'
        AND t > DATE('2020-01-01') AND TRUE AND b IS NULL AND n IS NULL AND s IS NULL AND t IS NULL";
    assert_eq!(typed(filter), Ok(text(filter)));
}

#[test]
fn texts_become_times_where_times_are() {
    let date = text("t > DATE('2020-01-01')");
    for filter in
        ["t > '2020-01-01'", "t > '2020-01-01T00:00:00Z'", "t > '2020-01-01T02:00:00+02:00'"]
    {
        assert_eq!(typed(filter), Ok(date.clone()), "{filter}");
    }
    let list = "t IN ('2020-01-01', DATE('2020-01-02'))";
    assert_eq!(typed(list), Ok(text("t IN (DATE('2020-01-01'), DATE('2020-01-02'))")));
    assert_eq!(
        typed("t > 'now'").unwrap_err(),
        "the filter can't be used: `t` is compared with `now`, which is no date or timestamp such \
         as `2020-01-31` or `2020-01-31T12:00:00Z`"
    );
    assert!(typed("t > 'infinity'").is_err());
    assert!(typed("t > '-004800-01-01T00:00:00Z'").is_err());
}

#[test]
fn an_unknown_property_is_named_wherever_it_is() {
    for filter in ["x = 1", "x IN (1)", "x LIKE 'a'", "x IS NULL", "n = 1 AND (n = 2 OR NOT x = 1)"]
    {
        let error = text(filter).typed(&kind_of).unwrap_err();
        assert_eq!(error, FilterError::Property("x".to_owned()), "{filter}");
        assert_eq!(error.to_string(), "the filter names `x`, which can't be filtered by");
    }
    assert!(matches!(text("N = 1").typed(&kind_of), Err(FilterError::Property(_))));
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (filter, reason) in [
        ("b = 1", "the values of `b` are TRUE or FALSE, not a number"),
        ("b > FALSE", "the values of `b` are TRUE or FALSE, only `=` and `<>` compare them"),
        ("b LIKE 'a'", "the values of `b` are TRUE or FALSE, LIKE needs texts"),
        ("n = '1'", "the values of `n` are numbers, not a text"),
        ("n IN (1, TRUE)", "the values of `n` are numbers, not TRUE or FALSE"),
        ("n LIKE '1%'", "the values of `n` are numbers, LIKE needs texts"),
        ("s = 1", "the values of `s` are texts, not a number"),
        ("s < DATE('2020-01-01')", "the values of `s` are texts, not a date or timestamp"),
        ("t = 2020", "the values of `t` are dates or timestamps, not a number"),
        ("t LIKE '2020%'", "the values of `t` are dates or timestamps, LIKE needs texts"),
    ] {
        let expected = format!("the filter can't be used: {reason}");
        assert_eq!(typed(filter), Err(expected), "{filter}");
    }
}
