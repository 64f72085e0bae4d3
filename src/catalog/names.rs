//! Ids of what is published without a name of its own.

use std::collections::{HashMap, HashSet};

/// Names that routes of their own answer to.
pub const RESERVED: &[&str] = &["t", "_", "catalog", "health", "metrics", "index"];

/// Endings that a URL reads as a format.
pub const FORMATS: &[&str] = &[".json", ".html", ".mvt", ".pbf"];

/// Letters and digits of any script, `_`, `.` and `-`.
pub fn is_id_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// The nearest valid id.
fn sanitize(name: &str) -> String {
    let mut id: String = name.chars().map(|c| if is_id_char(c) { c } else { '_' }).collect();
    if id.is_empty()
        || RESERVED.contains(&id.as_str())
        || FORMATS.iter().any(|format| id.ends_with(format))
        // Clients resolve the path segments `.` and `..` away.
        || id.chars().all(|c| c == '.')
    {
        id.push('_');
    }
    id
}

/// A geometry column that needs an id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub database: &'a str,
    pub schema: &'a str,
    pub table: &'a str,
    pub column: &'a str,
}

impl Candidate<'_> {
    /// From the shortest id to the longest, which tells any two columns apart unless only
    /// replaced characters do.
    fn spellings(&self) -> [String; 4] {
        let Self { database, schema, table, column } = self;
        [
            sanitize(table),
            sanitize(&format!("{schema}.{table}")),
            sanitize(&format!("{schema}.{table}.{column}")),
            sanitize(&format!("{database}.{schema}.{table}.{column}")),
        ]
    }

    /// `schema.table`, which always answers too.
    pub fn alias(&self) -> String {
        sanitize(&format!("{}.{}", self.schema, self.table))
    }
}

/// Gives each candidate the shortest spelling that no other candidate has and that is not in
/// `taken`. The result depends on the set only, not on its order, but for the number that sets
/// the very last collisions apart.
pub(super) fn assign(candidates: &[Candidate<'_>], taken: &HashSet<String>) -> Vec<String> {
    let spellings: Vec<_> = candidates.iter().map(Candidate::spellings).collect();
    let mut uses = HashMap::<&str, u32>::new();
    for spelling in spellings.iter().flatten() {
        *uses.entry(spelling).or_default() += 1;
    }
    let mut given = taken.clone();
    spellings
        .iter()
        .map(|own| {
            let unique = own.iter().find(|s| uses[s.as_str()] == 1 && !given.contains(*s));
            let id = unique.cloned().unwrap_or_else(|| numbered(&own[3], &given));
            given.insert(id.clone());
            id
        })
        .collect()
}

fn numbered(base: &str, given: &HashSet<String>) -> String {
    let mut id = base.to_owned();
    let mut number = 2;
    while given.contains(&id) {
        id = format!("{base}_{number}");
        number += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(tables: &[(&str, &str, &str)], taken: &[&str]) -> Vec<String> {
        let candidates: Vec<_> = tables
            .iter()
            .map(|&(schema, table, column)| Candidate { database: "main", schema, table, column })
            .collect();
        assign(&candidates, &taken.iter().map(|&s| s.to_owned()).collect())
    }

    #[test]
    fn a_table_is_published_under_its_name() {
        assert_eq!(ids(&[("public", "roads", "geom")], &[]), ["roads"]);
    }

    #[test]
    fn collisions_get_the_schema_then_the_column() {
        let tables = [("a", "roads", "geom"), ("b", "roads", "geom"), ("b", "roads", "geom2")];
        assert_eq!(ids(&tables, &[]), ["a.roads", "b.roads.geom", "b.roads.geom2"]);
    }

    #[test]
    fn configured_names_win() {
        assert_eq!(ids(&[("public", "roads", "geom")], &["roads"]), ["public.roads"]);
    }

    #[test]
    fn other_characters_become_underscores_and_letters_of_any_script_stay() {
        let tables = [("public", "Straßen & Wege", "g"), ("public", "道路", "g")];
        assert_eq!(ids(&tables, &[]), ["Straßen___Wege", "道路"]);
    }

    #[test]
    fn names_that_differ_only_in_replaced_characters_are_numbered() {
        let tables = [("public", "a b", "g"), ("public", "a_b", "g")];
        assert_eq!(ids(&tables, &[]), ["main.public.a_b.g", "main.public.a_b.g_2"]);
    }

    #[test]
    fn reserved_names_and_formats_are_avoided() {
        let tables = [("public", "catalog", "g"), ("public", "x.json", "g"), ("public", "..", "g")];
        assert_eq!(ids(&tables, &[]), ["catalog_", "x.json_", ".._"]);
    }
}
