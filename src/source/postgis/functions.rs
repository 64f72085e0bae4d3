//! Functions of a tile: what the catalogues know of them.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::Publish;
use super::function::FunctionLayer;
use super::inventory::{Inventory, SpatialTable};
use super::mismatch::Mismatch;
use super::names::{closest, list, parse_table_name};
use super::query::{Query, refused, template_described};
use super::sql::qualify;
use super::template::Template;
use crate::query::Params;

/// A function that takes a tile's zoom, column and row, and perhaps parameters as JSON.
#[derive(Clone, Debug)]
pub struct Function {
    pub schema: String,
    pub name: String,
    pub comment: Option<String>,
    /// Types of zoom, column and row, as SQL writes them.
    pub(super) types: [String; 3],
    /// The type of the fourth argument, if that is `json` or `jsonb`.
    pub(super) params: Option<&'static str>,
    /// Its arguments are called `z`, `x` and `y`: it is meant to be a function of tiles.
    pub is_named: bool,
    pub(super) returns: Returns,
    /// Somebody wants it, and it has not been described or looked at yet.
    pub(super) pending: bool,
    /// Why it can't be called, as far as somebody wanted it.
    pub(super) problem: Option<Mismatch>,
    /// What tells it from another function of its name.
    pub suffix: String,
}

/// What a function gives.
#[derive(Clone, Debug)]
pub(super) enum Returns {
    /// Finished tiles, each perhaps with a text that is another one whenever the tile is.
    Tile { tagged: bool },
    /// Rows with a geometry, or why they can't be used; `None` until somebody wants them.
    Rows(Option<Box<Result<Query, Mismatch>>>),
}

/// `$1`: PostGIS' schema, `$2`: the schemas to look in, NULL for all.
const QUERY: &str = r"
WITH spatial AS (
  SELECT t.oid FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname = $1 AND t.typname IN ('geometry', 'geography')
)
SELECT n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
  pg_catalog.obj_description(p.oid, 'pg_proc'),
  (SELECT pg_catalog.array_agg(a.type::pg_catalog.int8 ORDER BY a.place)
    FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY AS a(type, place)),
  p.proargnames[1:3], p.proretset, output.types, output.spatial,
  (p.pronargs - p.pronargdefaults)::pg_catalog.int4
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type r ON r.oid = p.prorettype
CROSS JOIN LATERAL (
  SELECT pg_catalog.array_agg(o.type::pg_catalog.int8 ORDER BY o.place) AS types,
    pg_catalog.bool_or(o.type IN (SELECT s.oid FROM spatial s)) AS spatial
  FROM (
    SELECT a.type, a.place
    FROM ROWS FROM (pg_catalog.unnest(p.proallargtypes), pg_catalog.unnest(p.proargmodes))
      WITH ORDINALITY AS a(type, mode, place)
    WHERE a.mode IN ('o', 'b', 't')
    UNION ALL
    SELECT c.atttypid, c.attnum FROM pg_catalog.pg_attribute c
    WHERE r.typrelid <> 0 AND c.attrelid = r.typrelid AND c.attnum > 0 AND NOT c.attisdropped
    UNION ALL
    SELECT p.prorettype, 1 WHERE r.typrelid = 0 AND p.proargmodes IS NULL
  ) o
) output
WHERE p.prokind = 'f' AND p.provariadic = 0
  AND p.pronargs >= 3 AND p.pronargs - p.pronargdefaults <= 4
  -- bigint, smallint, integer: from zoom 16 on, columns and rows are too large for a smallint.
  AND p.proargtypes[0] IN (20, 21, 23)
  AND p.proargtypes[1] IN (20, 23) AND p.proargtypes[2] IN (20, 23)
  AND (p.proargmodes IS NULL OR 'b' <> ALL (p.proargmodes))
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND ($2::pg_catalog.text[] IS NULL OR n.nspname::pg_catalog.text = ANY ($2))
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      AND d.objid = p.oid AND d.deptype = 'e')
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
ORDER BY n.nspname, p.proname, p.pronargs DESC, p.proargtypes::pg_catalog.text
";

/// The functions of tiles that the role may execute, those of extensions left out.
pub(super) async fn functions(
    client: &Client,
    postgis: &str,
    schemas: Option<&[String]>,
) -> Result<Vec<Function>, Error> {
    let rows =
        client.query_typed(QUERY, &[(&postgis, Type::TEXT), (&schemas, Type::TEXT_ARRAY)]).await?;
    let mut functions = Vec::new();
    for row in &rows {
        functions.extend(function(row)?);
    }
    // With arguments more that have defaults, one can't be called where there is one without them.
    let called = |(one, more): &(Function, bool)| {
        !more
            || !functions.iter().any(|(other, more)| !more && other.signature() == one.signature())
    };
    let callable: Vec<bool> = functions.iter().map(called).collect();
    let callable = functions.into_iter().zip(callable).filter(|(_, callable)| *callable);
    Ok(callable.map(|((function, _), _)| function).collect())
}

/// A function, and whether it has arguments more, which have defaults.
fn function(row: &Row) -> Result<Option<(Function, bool)>, Error> {
    let (schema, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let arguments: Vec<i64> = row.try_get(3)?;
    let names: Option<Vec<String>> = row.try_get(4)?;
    let is_set: bool = row.try_get(5)?;
    let output: Vec<i64> = row.try_get::<_, Option<_>>(6)?.unwrap_or_default();
    let is_spatial = row.try_get::<_, Option<bool>>(7)?.unwrap_or(false);
    let of = |oid: &i64| u32::try_from(*oid).ok().and_then(Type::from_oid);
    let output: Vec<Option<Type>> = output.iter().map(of).collect();
    let needed: i32 = row.try_get(8)?;
    let params = match arguments.get(3).and_then(of) {
        Some(Type::JSON) => Some("pg_catalog.json"),
        Some(Type::JSONB) => Some("pg_catalog.jsonb"),
        // Nobody would give it.
        _ if needed > 3 => return Ok(None),
        _ => None,
    };
    let kind = |index: usize| match arguments.get(index).and_then(of) {
        Some(Type::INT2) => "pg_catalog.int2".to_owned(),
        Some(Type::INT8) => "pg_catalog.int8".to_owned(),
        _ => "pg_catalog.int4".to_owned(),
    };
    let types = [kind(0), kind(1), kind(2)];
    let returns = match output.as_slice() {
        [Some(Type::BYTEA)] => Returns::Tile { tagged: false },
        [Some(Type::BYTEA), Some(Type::TEXT | Type::VARCHAR)] => Returns::Tile { tagged: true },
        // One row may be anything: a box, say.
        _ if is_spatial && is_set => Returns::Rows(None),
        _ => return Ok(None),
    };
    let is_named = names.is_some_and(|names| {
        let called = |index: usize, wanted: &[&str]| {
            names.get(index).is_some_and(|name| wanted.contains(&name.to_lowercase().as_str()))
        };
        called(0, &["z", "zoom"]) && called(1, &["x"]) && called(2, &["y"])
    });
    let comment = row.try_get(2)?;
    let suffix = suffix(&types, params);
    let more = arguments.len() > 3 + usize::from(params.is_some());
    let function = Function {
        schema,
        name,
        comment,
        types,
        params,
        is_named,
        returns,
        pending: false,
        problem: None,
        suffix,
    };
    Ok(Some((function, more)))
}

/// `zxy`, `zxy_json`, and the types of the three where they aren't plain integers.
fn suffix(types: &[String; 3], params: Option<&str>) -> String {
    let plain = types.iter().all(|kind| kind == "pg_catalog.int4");
    let types = if plain { &[][..] } else { types };
    let all = types.iter().map(String::as_str).chain(params);
    let all = all.map(|kind| kind.trim_start_matches("pg_catalog."));
    std::iter::once("zxy").chain(all).collect::<Vec<_>>().join("_")
}

impl Function {
    /// `"schema"."name"(integer, integer, integer, json)`.
    pub fn signature(&self) -> String {
        format!("{}({})", qualify(&self.schema, &self.name), self.arguments().join(", "))
    }

    /// The arguments' types in their usual spelling.
    fn arguments(&self) -> Vec<&str> {
        let types = self.types.iter().map(String::as_str).chain(self.params);
        types.map(|name| usual(name.trim_start_matches("pg_catalog."))).collect()
    }

    /// Has the database describe what it gives. It isn't called.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) async fn describe(&mut self, client: &Client, postgis: &str) -> Result<(), Error> {
        let Self { schema, name, types, params, returns, .. } = self;
        match returns {
            Returns::Rows(rows) => {
                let template = Template::of_function(schema, name, types, *params);
                let none = (None, &Params::default());
                let described = template_described(client, postgis, name, template, none).await?;
                *rows = Some(Box::new(described));
            }
            Returns::Tile { .. } => {
                let sql = FunctionLayer::new(self, &Params::default()).sql();
                if let Err(error) = client.prepare_typed(&sql, &[]).await {
                    self.problem = Some(refused(&self.name, error)?);
                }
            }
        }
        Ok(())
    }

    /// A call of it for the world, and its geometry, if that has to be looked at to learn the SRID.
    pub(super) fn unknown_srid(&self) -> Option<(String, String)> {
        let Returns::Rows(Some(rows)) = &self.returns else { return None };
        let [table] = rows.as_ref().as_ref().ok()?.tables.as_slice() else { return None };
        let json = self.params.map(|kind| format!(", '{{}}'::{kind}")).unwrap_or_default();
        let [z, x, y] = &self.types;
        let name = qualify(&self.schema, &self.name);
        let call = format!("{name}(0::{z}, 0::{x}, 0::{y}{json}) AS rows");
        table.geometry.srid.is_none().then(|| (call, table.geometry.name.clone()))
    }

    /// Its columns, if one of them is a geometry.
    pub(super) fn table(&mut self) -> Option<&mut SpatialTable> {
        let Returns::Rows(Some(rows)) = &mut self.returns else { return None };
        rows.as_mut().as_mut().ok()?.tables.first_mut()
    }

    /// Another look may tell more of it.
    pub(super) fn is_incomplete(&self) -> bool {
        let unlooked = |problem: &Mismatch| matches!(problem, Mismatch::UndescribedQuery { .. });
        let described = self.rows().and_then(|rows| rows.as_ref().err());
        self.pending || self.problem.iter().chain(described).any(unlooked)
    }

    /// Whether the database would call it, as far as somebody wanted to know.
    ///
    /// # Errors
    /// Why not.
    pub fn is_callable(&self) -> Result<(), Mismatch> {
        self.problem.clone().map_or(Ok(()), Err)
    }

    /// Whether it gives finished tiles, and not rows.
    pub fn gives_tiles(&self) -> bool {
        matches!(self.returns, Returns::Tile { .. })
    }

    /// Its rows, as far as somebody wanted them.
    pub fn rows(&self) -> Option<&Result<Query, Mismatch>> {
        match &self.returns {
            Returns::Rows(Some(rows)) => Some(rows),
            Returns::Rows(None) | Returns::Tile { .. } => None,
        }
    }
}

fn usual(name: &str) -> &str {
    match name {
        "int2" => "smallint",
        "int4" | "int" => "integer",
        "int8" => "bigint",
        name => name,
    }
}

/// What makes a function one of tiles.
const HAS_TO: &str = "(z integer, x integer, y integer), or bigint, and perhaps a json, give bytea or a set \
                      of rows with a geometry, and be granted to this role";

/// Which functions are wanted: only those are ever called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WantedFunctions {
    /// As layers name them, with their SRID if they say it.
    pub named: Vec<(String, Option<i32>)>,
    pub publish: Option<Publish>,
}

impl WantedFunctions {
    /// The places of the functions that are wanted, each with whether their rows' SRID is.
    pub(super) fn places(&self, inventory: &Inventory) -> BTreeMap<usize, bool> {
        let mut places = BTreeMap::new();
        for (place, function) in inventory.functions.iter().enumerate() {
            let is_published = self.publish.as_ref().is_some_and(|publish| {
                publish.schemas.as_ref().is_none_or(|list| list.contains(&function.schema))
            });
            if is_published && function.is_named {
                places.insert(place, true);
            }
        }
        for (name, srid) in &self.named {
            // What can't be found is told where the layer is made.
            if let Ok(place) = inventory.function_place(name) {
                *places.entry(place).or_default() |= srid.is_none();
            }
        }
        places
    }
}

impl Inventory {
    /// The function that a setting means: a name, perhaps with its schema, perhaps with the types
    /// of its arguments in parentheses.
    ///
    /// # Errors
    /// There is none, or more than one; the text says what to do.
    pub fn find_function(&self, text: &str) -> Result<&Function, Mismatch> {
        self.function_place(text).map(|place| &self.functions[place])
    }

    /// Its place among all.
    ///
    /// # Errors
    /// As [`find_function`](Self::find_function).
    fn function_place(&self, text: &str) -> Result<usize, Mismatch> {
        let (name, types) = match text.trim().strip_suffix(')').and_then(|t| t.rsplit_once('(')) {
            Some((name, types)) => (
                name,
                Some(types.split(',').map(|one| one.trim().to_lowercase()).collect::<Vec<_>>()),
            ),
            None => (text, None),
        };
        let parts = parse_table_name(name)?;
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            _ => return Err(Mismatch::MalformedName { name: text.to_owned() }),
        };
        let is_meant = |function: &Function| {
            function.name == *name
                && schema.is_none_or(|schema| function.schema == *schema)
                && types.as_ref().is_none_or(|types| {
                    let types = types.iter().map(|name| usual(name));
                    types.eq(function.arguments())
                })
        };
        let places = 0..self.functions.len();
        let found: Vec<usize> = places.filter(|place| is_meant(&self.functions[*place])).collect();
        match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(self.no_function(text, name)),
            several => {
                let choices: Vec<String> =
                    several.iter().map(|place| self.functions[*place].signature()).collect();
                let choices = list(choices.iter().map(String::as_str));
                Err(Mismatch::AmbiguousFunction { function: text.to_owned(), choices })
            }
        }
    }

    fn no_function(&self, text: &str, name: &str) -> Mismatch {
        let names = self.functions.iter().map(|function| function.name.as_str());
        let suggestion = match closest(names, name).filter(|near| *near != name) {
            Some(near) => format!("did you mean `{near}`? It has to take {HAS_TO}"),
            None => format!("it has to take {HAS_TO}"),
        };
        Mismatch::NoFunction { function: text.to_owned(), suggestion }
    }
}
