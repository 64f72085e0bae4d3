//! Finding what a configured name means.

use super::TableSettings;
use super::inventory::{Inventory, SpatialTable};
use super::mismatch::Mismatch;
use super::query::Query;
use super::sql::qualify;

/// Splits `table` or `schema.table` at its dots; a part in double quotes may hold dots and, if
/// doubled, quotes.
///
/// # Errors
/// A quote isn't closed, or a part is empty.
pub fn parse_table_name(text: &str) -> Result<Vec<String>, Mismatch> {
    let malformed = || Mismatch::MalformedName { name: text.to_owned() };
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(char) = chars.next() {
        let part = parts.last_mut().ok_or_else(malformed)?;
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                part.push('"');
                chars.next();
            }
            '"' if quoted => match chars.peek() {
                None | Some('.') => quoted = false,
                Some(_) => return Err(malformed()),
            },
            '"' if part.is_empty() => quoted = true,
            '.' if !quoted => parts.push(String::new()),
            char => part.push(char),
        }
    }
    if quoted || parts.iter().any(String::is_empty) { Err(malformed()) } else { Ok(parts) }
}

impl Inventory {
    /// The table and geometry column that settings mean: the exact name first, then one that
    /// differs in case only.
    ///
    /// # Errors
    /// There is none, or more than one; the text says what to do.
    pub fn find(&self, settings: &TableSettings) -> Result<&SpatialTable, Mismatch> {
        let readings = readings(&settings.table)?;
        let columns = readings.iter().find_map(|(schema, name)| {
            let named = |same: fn(&str, &str) -> bool| {
                let found: Vec<&SpatialTable> = (self.tables.iter())
                    .filter(|table| same(&table.name, name))
                    .filter(|table| schema.as_ref().is_none_or(|one| same(&table.schema, one)))
                    .collect();
                (!found.is_empty()).then_some(found)
            };
            named(|a, b| a == b).or_else(|| named(|a, b| a.to_lowercase() == b.to_lowercase()))
        });
        let Some(columns) = columns else { return Err(self.missing(settings)) };
        one_table(&columns, settings)?;
        geometry_column(&columns, settings)
    }

    /// The columns of a layer's own query, with the geometry that settings mean.
    ///
    /// # Errors
    /// The query can't be used, or has another number of such columns than one.
    pub fn find_query(
        &self,
        layer: &str,
        settings: &TableSettings,
    ) -> Result<(&Query, &SpatialTable), Mismatch> {
        let Some(query) = self.queries.get(layer) else {
            let reason = "it has not been described yet".to_owned();
            return Err(Mismatch::UndescribedQuery { layer: layer.to_owned(), reason });
        };
        of_query(query, settings)
    }

    fn missing(&self, settings: &TableSettings) -> Mismatch {
        let wanted = settings.table.to_lowercase();
        let short = wanted.rsplit('.').next().unwrap_or_default();
        let closest = self
            .tables
            .iter()
            .map(|table| {
                let name = table.name.to_lowercase();
                let full = format!("{}.{name}", table.schema.to_lowercase());
                let whole = distance(&full, &wanted);
                ((whole.min(distance(&name, short)), whole), table)
            })
            .min_by_key(|(distances, _)| *distances)
            .filter(|((distance, _), _)| *distance <= 1 + short.chars().count() / 3);
        let suggestion = match closest {
            Some((_, table)) => format!("did you mean `{}.{}`?", table.schema, table.name),
            None if self.tables.is_empty() => {
                "there is no table with a geometry column that this role may read".to_owned()
            }
            None => {
                "a table needs a geometry or geography column, and SELECT and USAGE granted to \
                     this role"
                    .to_owned()
            }
        };
        Mismatch::NoTable { table: settings.table.clone(), suggestion }
    }
}

/// The columns of a query, with the geometry that settings mean.
///
/// # Errors
/// As [`Inventory::find_query`].
pub fn of_query<'a>(
    query: &'a Result<Query, Mismatch>,
    settings: &TableSettings,
) -> Result<(&'a Query, &'a SpatialTable), Mismatch> {
    let query = query.as_ref().map_err(Clone::clone)?;
    let columns: Vec<&SpatialTable> = query.tables.iter().collect();
    Ok((query, geometry_column(&columns, settings)?))
}

/// All meanings of a name, the likeliest first: a dot may belong to the table's own name.
fn readings(text: &str) -> Result<Vec<(Option<String>, String)>, Mismatch> {
    let parts = parse_table_name(text)?;
    let mut readings = Vec::new();
    if let Some((schema, rest)) = parts.split_first().filter(|(_, rest)| !rest.is_empty()) {
        readings.push((Some(schema.clone()), rest.join(".")));
    }
    readings.push((None, parts.join(".")));
    Ok(readings)
}

fn one_table(columns: &[&SpatialTable], settings: &TableSettings) -> Result<(), Mismatch> {
    let mut tables: Vec<String> =
        columns.iter().map(|table| qualify(&table.schema, &table.name)).collect();
    tables.dedup();
    if tables.len() > 1 {
        let (table, choices) = (settings.table.clone(), list(tables.iter().map(String::as_str)));
        return Err(Mismatch::AmbiguousTable { table, choices });
    }
    Ok(())
}

fn geometry_column<'a>(
    columns: &[&'a SpatialTable],
    settings: &TableSettings,
) -> Result<&'a SpatialTable, Mismatch> {
    let table = settings.table.clone();
    let choices = || list(columns.iter().map(|table| table.geometry.name.as_str()));
    let Some(wanted) = &settings.geometry else {
        return match columns {
            [only] => Ok(only),
            _ => Err(Mismatch::AmbiguousGeometry { table, choices: choices() }),
        };
    };
    let index = position(columns.iter().map(|table| table.geometry.name.as_str()), wanted);
    match index {
        Some(index) => Ok(columns[index]),
        None => Err(Mismatch::NoGeometry { table, column: wanted.clone(), choices: choices() }),
    }
}

/// Where `wanted` is among `names`: exactly, or as the only one that differs in case.
pub(super) fn position<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
) -> Option<usize> {
    if let Some(index) = names.clone().position(|name| name == wanted) {
        return Some(index);
    }
    let folded = wanted.to_lowercase();
    let mut alike = names.enumerate().filter(|(_, name)| name.to_lowercase() == folded);
    let first = alike.next()?;
    alike.next().is_none().then_some(first.0)
}

/// `a`, `b`, `c`.
pub(in crate::source) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name nearest to a misspelt one.
pub(in crate::source) fn closest<'a>(
    names: impl Iterator<Item = &'a str>,
    wanted: &str,
) -> Option<&'a str> {
    let near = names.map(|name| (distance(&name.to_lowercase(), &wanted.to_lowercase()), name));
    let limit = 1 + wanted.chars().count() / 3;
    near.min().filter(|(distance, _)| *distance <= limit).map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, char) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(char != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dot_follows_a_closing_quote() {
        let parts = |text| parse_table_name(text).ok();
        let expected = |parts: [&str; 2]| Some(parts.map(str::to_owned).to_vec());
        assert_eq!(parts(r#""a.b"."c""d""#), expected(["a.b", "c\"d"]));
        assert_eq!(parts(r#"a."b c""#), expected(["a", "b c"]));
        for malformed in [r#""rv"x.y"#, r#"a."b"c"#, r#""a" .b"#, r#""a"#, "a..b", ""] {
            assert_eq!(parts(malformed), None, "{malformed}");
        }
    }
}
