use super::*;

fn sql(text: &str) -> String {
    Template::parse(text, &Params::default()).unwrap().sql("gis", 3857)
}

fn error(text: &str) -> String {
    Template::parse(text, &Params::default()).unwrap_err()
}

#[test]
fn tokens_become_parameters() {
    assert_eq!(
        sql("SELECT {zoom} z, {x}, {y} FROM t WHERE g && {bbox} AND w > {pixel_width}"),
        "SELECT  $11  z,  $12 ,  $13  FROM t WHERE g &&  \"gis\".ST_MakeEnvelope($1, $2, $3, $4, 3857)  \
         AND w >  $18 "
    );
    assert_eq!(
        sql("{tile_bbox}{scale_denominator}"),
        " \"gis\".ST_MakeEnvelope($14, $15, $16, $17, 3857)  $19 "
    );
}

#[test]
fn tokens_count_only_where_sql_reads_expressions() {
    for quoted in [
        "'{zoom}'",
        "'it''s {zoom}'",
        "'\\'",
        "E'\\'{zoom}'",
        "e'\\\\'",
        "E'a' -- it's\n '\\'{zoom}'",
        "\"{zoom}\"",
        "\"a\"\"{zoom}\"",
        "$${zoom}$$",
        "$a$ $$ {zoom} $b$ $a$",
        "$größe${zoom}$größe$",
        "-- {zoom}\n",
        "/* {zoom} /* {zoom} */ {zoom} */",
        "a$b$c",
        "1$$2",
        "U&'{zoom}'",
    ] {
        let text = format!("SELECT {quoted} WHERE {{bbox}}");
        let expected = format!("SELECT {quoted} WHERE {}", sql("{bbox}"));
        assert_eq!(sql(&text), expected);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, what) in [
        ("SELECT 1", "it has no {bbox}"),
        ("SELECT '{bbox}'", "it has no {bbox}"),
        ("SELECT {box}", "{box} is no token; there are {bbox}, {tile_bbox}"),
        (
            "SELECT {bbox} AND\n x = {zoom",
            "a { is never closed, in line 2 of the query at character 6",
        ),
        ("SELECT {bbox}}", "a } without a {, in line 1 of the query at character 14"),
        ("SELECT {bbox} 'it", "a ' is never closed"),
        ("SELECT {bbox} E'it\\'", "a ' is never closed"),
        ("SELECT {bbox} \"it", "a \" is never closed"),
        ("SELECT {bbox} /* /* */", "a /* is never closed"),
        ("SELECT {bbox} $a$ $b$", "a $a$ is never closed"),
        ("SELECT {bbox} ((1)", "a ( is never closed"),
        ("SELECT {bbox}) q; DROP TABLE t; --", "a ) without a ("),
        ("SELECT {bbox}; DROP TABLE t", "a second statement after ;"),
        ("SELECT ({bbox};", "a ( is not closed before ;"),
        ("SELECT {bbox}; SELECT {bbox}", "a second statement after ;"),
        ("SELECT {bbox} WHERE a = $1", "a $ parameter"),
        ("SELECT {bbox} FROM roads_{zoom}", "can't be part of a name"),
        ("SELECT {bbox}, ${zoom}, ${x}", "can't be part of a name"),
        ("SELECT {bbox}\0", "a NUL character"),
    ] {
        assert!(error(text).contains(what), "{text}: {}", error(text));
    }
}

#[test]
fn a_semicolon_at_the_end_is_left_out() {
    for end in [";", " ; ", ";;\n", "; -- done\n", "; /* done */"] {
        assert_eq!(
            sql(&format!("{{zoom}}{{bbox}}{end}")).trim_end(),
            sql("{zoom}{bbox}").trim_end()
        );
    }
}

#[test]
fn only_an_order_of_the_whole_query_counts() {
    let ordered = |text: &str| Template::parse(text, &Params::default()).unwrap().ordered;
    assert!(ordered("SELECT * FROM t WHERE {bbox} order by a"));
    assert!(!ordered("SELECT * FROM (SELECT * FROM t ORDER BY a) t WHERE {bbox}"));
    assert!(!ordered("SELECT t.order FROM t WHERE {bbox}"));
    assert!(!ordered("SELECT 'ORDER BY' FROM t WHERE {bbox} -- ORDER BY a"));
}
