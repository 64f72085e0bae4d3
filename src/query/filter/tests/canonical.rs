use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[test]
fn all_spellings_have_one_text() {
    let canonical = text("n >= 1 AND n <= 2 AND s IN ('a', 'b')").canonical();
    assert_eq!(canonical, "&(<=1:nn2e0,>=1:nn1e0,in1:s(s1:a,s1:b))");
    for spelling in [
        "(n>=1.0 and 2 >= \"n\") AND s in ('b','a','b')",
        "s IN ('a', 'b') AND n BETWEEN 1 AND 2",
        "((n >= 1) AND (n <= 20e-1 AND s IN ('a', 'b')))",
    ] {
        assert_eq!(text(spelling).canonical(), canonical, "{spelling}");
    }
    let json = json(
        r#"{"args": [{"op": "in", "args": [{"property": "s"}, ["a", "b"]]},
            {"op": "between", "args": [{"property": "n"}, 1, 2.0]}], "op": "AND"}"#,
    );
    assert_eq!(json.canonical(), canonical);
    assert_eq!(text("n = -0.0").canonical(), text("n = 0").canonical());
    let typed = text("t = '2020-01-01'").typed(&kind_of).unwrap();
    assert_eq!(typed.canonical(), text("t = DATE('2020-01-01')").canonical());
}

#[test]
fn no_text_can_be_taken_for_another_filter() {
    let filters = [
        "s = 'a'",
        "s <> 'a'",
        "s < 'a'",
        "s <= 'a'",
        "s > 'a'",
        "s >= 'a'",
        "S = 'a'",
        "s LIKE 'a'",
        "s IN ('a')",
        "s IN ('a,s1:b')",
        "s IN ('a', 'b')",
        "s IS NULL",
        "NOT s IS NULL",
        "TRUE",
        "FALSE",
        "s = TRUE",
        "s = 'true'",
        "s = 1",
        "s = '1'",
        "s = 10",
        "s = '1e0'",
        "t = DATE('1970-01-01')",
        "t = 0",
        "s = 'a' AND t = 0",
        "s = 'a' OR t = 0",
        "NOT (s = 'a' AND t = 0)",
        "NOT s = 'a' AND t = 0",
        "s = 'a),=1:tn0e0' AND TRUE",
        "\"s1:a\" IS NULL",
        "\"\" IS NULL",
    ];
    let texts: BTreeSet<String> = filters.iter().map(|filter| text(filter).canonical()).collect();
    assert_eq!(texts.len(), filters.len());
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<bool>().prop_map(Literal::Bool),
        (-2..2_i8).prop_map(|value| Literal::Number(f64::from(value) / 2.0)),
        "[a1:,()]{0,3}".prop_map(Literal::Text),
        (-2..2_i64).prop_map(Literal::Time),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let name = "[a1:,()]{0,2}";
    let leaf = prop_oneof![
        any::<bool>().prop_map(Condition::Constant),
        (name, literal()).prop_map(|(name, value)| compare(&name, Comparison::Less, value)),
        (name, literal()).prop_map(|(name, value)| compare(&name, Comparison::LessOrEqual, value)),
        (name, prop::collection::vec(literal(), 1..3))
            .prop_map(|(property, values)| Condition::In { property, values }),
        (name, name).prop_map(|(property, pattern)| Condition::Like { property, pattern }),
        name.prop_map(|property| Condition::IsNull { property }),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner, 2..4).prop_map(Condition::Or),
        ]
    })
}

/// With what `AND`, `OR` and `IN` join in one order.
fn sorted(condition: &Condition) -> Condition {
    let all = |conditions: &[Condition]| {
        let mut all: Vec<Condition> = conditions.iter().map(sorted).collect();
        all.sort_by_key(|condition| format!("{condition:?}"));
        all.dedup();
        all
    };
    match condition {
        Condition::And(conditions) => Condition::And(all(conditions)),
        Condition::Or(conditions) => Condition::Or(all(conditions)),
        Condition::Not(condition) => Condition::Not(Box::new(sorted(condition))),
        Condition::In { property, values } => {
            let mut values = values.clone();
            values.sort_by_key(|value| format!("{value:?}"));
            values.dedup();
            Condition::In { property: property.clone(), values }
        }
        condition => condition.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn filters_have_the_same_text_only_if_they_are_the_same(
        conditions in prop::collection::vec(condition(), 50)
    ) {
        let mut known = HashMap::new();
        for condition in conditions {
            let text = Filter { condition: condition.clone() }.canonical();
            let sorted = sorted(&condition);
            prop_assert_eq!(known.entry(text).or_insert_with(|| sorted.clone()), &sorted);
        }
    }
}
