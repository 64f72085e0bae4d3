//! Parameters that a layer declares, and what requests give for them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Pairs, Type, Value};

/// Items of a list at most.
const MAX_ITEMS: usize = 256;
/// Characters of a value that an error repeats.
const MAX_SHOWN: usize = 60;
/// Choices that an error or a description lists.
const MAX_LISTED: usize = 20;

/// One `[layers.NAME.params.NAME]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ParamSettings {
    /// `text`, `int`, `float`, `bool`, `date`, `timestamp` or `enum`; with `[]` behind it for a
    /// list of those.
    pub r#type: String,
    /// What holds where a request gives none; SQL's NULL when absent.
    pub default: Option<toml::Value>,
    pub min: Option<toml::Value>,
    pub max: Option<toml::Value>,
    /// All values that there are.
    pub values: Option<Vec<toml::Value>>,
    /// A request has to give one.
    #[serde(default)]
    pub required: bool,
    pub description: Option<String>,
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub name: String,
    pub kind: Type,
    pub is_list: bool,
    pub default: Value,
    pub required: bool,
    pub description: Option<String>,
    min: Option<Value>,
    max: Option<Value>,
    values: Vec<Value>,
}

/// The parameters of a layer, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Vec<Param>);

/// What is wrong with a declaration: the key, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamMistake {
    pub key: &'static str,
    pub expected: String,
}

/// A value that can't be used. The text is public.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("parameter {name}: expected {expected}, got {got}")]
pub struct ParamError {
    name: String,
    expected: String,
    got: String,
}

/// How a parameter is described in TileJSON.
#[derive(Clone, Debug, Serialize)]
pub struct Described<'a> {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    default: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<serde_json::Value>,
    required: bool,
}

impl ParamError {
    /// It has to be given and isn't.
    pub fn is_missing(&self) -> bool {
        self.got == NONE
    }
}

/// What a request gives that gives none.
const NONE: &str = "none";

impl Param {
    /// The parameter that settings declare.
    ///
    /// # Errors
    /// The first of the keys that can't be so.
    pub fn new(name: &str, settings: &ParamSettings) -> Result<Self, ParamMistake> {
        let (one, is_list) = match settings.r#type.strip_suffix("[]") {
            Some(one) => (one, true),
            None => (settings.r#type.as_str(), false),
        };
        let all = [Type::Text, Type::Int, Type::Float, Type::Bool, Type::Date, Type::Timestamp];
        let found = all.into_iter().find(|kind| kind.described().0 == one);
        let kind = found.or((one == "enum").then_some(Type::Text));
        let Some(kind) = kind else { return Err(mistake("type", TYPES)) };
        let mut param = Self {
            name: name.to_owned(),
            kind,
            is_list,
            default: Value::Null,
            required: settings.required,
            description: settings.description.clone(),
            min: None,
            max: None,
            values: Vec::new(),
        };
        param.values = param.all_of("values", settings.values.as_deref().unwrap_or_default())?;
        if param.values.is_empty() && (one == "enum" || settings.values.is_some()) {
            return Err(mistake("values", "a list of the values that there are"));
        }
        param.min = param.bound("min", settings.min.as_ref())?;
        param.max = param.bound("max", settings.max.as_ref())?;
        if let (Some(min), Some(max)) = (&param.min, &param.max)
            && min.compare(max).is_some_and(std::cmp::Ordering::is_gt)
        {
            return Err(mistake("min", format!("{} not above max, {max}", kind.described().1)));
        }
        if let Some(default) = &settings.default {
            let read = param.of_toml(default).filter(|value| param.allows(value));
            let expected = || mistake("default", param.expected());
            param.default = read.ok_or_else(expected)?;
        }
        if param.required && param.default != Value::Null {
            return Err(mistake("required", "false, or no default"));
        }
        Ok(param)
    }

    /// Values of a list in the settings.
    fn all_of(&self, key: &'static str, items: &[toml::Value]) -> Result<Vec<Value>, ParamMistake> {
        let expected = || mistake(key, format!("a list of {}", self.kind.described().2));
        items.iter().map(|item| one_of_toml(self.kind, item).ok_or_else(expected)).collect()
    }

    fn bound(
        &self,
        key: &'static str,
        value: Option<&toml::Value>,
    ) -> Result<Option<Value>, ParamMistake> {
        let Some(value) = value else { return Ok(None) };
        if matches!(self.kind, Type::Text | Type::Bool) {
            return Err(mistake(key, "no such limit: texts and truths have none"));
        }
        let expected = || mistake(key, self.kind.described().1);
        one_of_toml(self.kind, value).map(Some).ok_or_else(expected)
    }

    fn of_toml(&self, value: &toml::Value) -> Option<Value> {
        if !self.is_list {
            return one_of_toml(self.kind, value);
        }
        let items = value.as_array()?;
        let items: Option<Vec<Value>> =
            items.iter().map(|item| one_of_toml(self.kind, item)).collect();
        items.map(Value::List)
    }

    /// Whether the declaration has room for the value.
    fn allows(&self, value: &Value) -> bool {
        if let Value::List(items) = value {
            return items.len() <= MAX_ITEMS && items.iter().all(|item| self.allows(item));
        }
        let out = |limit: &Option<Value>, wrong: fn(std::cmp::Ordering) -> bool| {
            limit.as_ref().and_then(|limit| value.compare(limit)).is_some_and(wrong)
        };
        !out(&self.min, std::cmp::Ordering::is_lt)
            && !out(&self.max, std::cmp::Ordering::is_gt)
            && (self.values.is_empty() || self.values.contains(value))
    }

    /// What is expected of a value, for people.
    pub fn expected(&self) -> String {
        let (_, one, many) = self.kind.described();
        let mut text =
            if self.is_list { format!("{many}, separated by commas") } else { one.into() };
        if !self.values.is_empty() {
            let values = self.values.iter().take(MAX_LISTED).map(ToString::to_string);
            let more = if self.values.len() > MAX_LISTED { ", …" } else { "" };
            let one = if self.is_list { "of" } else { "one of" };
            text = format!("{one} {}{more}", values.collect::<Vec<_>>().join(", "));
        }
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => text.push_str(&format!(", from {min} to {max}")),
            (Some(min), None) => text.push_str(&format!(", at least {min}")),
            (None, Some(max)) => text.push_str(&format!(", at most {max}")),
            (None, None) => {}
        }
        text
    }

    /// The value that a request gives; the default where it gives none.
    fn given(&self, pairs: &Pairs<'_>) -> Result<Value, ParamError> {
        let given: Vec<&str> = pairs.values(&self.name).collect();
        let error =
            |got: String| ParamError { name: self.name.clone(), expected: self.expected(), got };
        let value = match given.as_slice() {
            [] if self.required => return Err(error(NONE.into())),
            [] => return Ok(self.default.clone()),
            all if self.is_list => self.list(all),
            [one] => self.kind.read(one),
            _ => return Err(error("several".into())),
        };
        value.filter(|value| self.allows(value)).ok_or_else(|| error(shown(&given.join(","))))
    }

    /// A list is written with commas, by repetition, or as JSON where a text has a comma in it.
    fn list(&self, given: &[&str]) -> Option<Value> {
        let mut items = Vec::new();
        for text in given.iter().filter(|text| !text.is_empty()) {
            if text.starts_with('[') {
                let all: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
                for item in all {
                    items.push(match item {
                        serde_json::Value::String(text) => self.kind.read(&text)?,
                        item if self.kind != Type::Text => self.kind.read(&item.to_string())?,
                        _ => return None,
                    });
                }
            } else {
                for item in text.split(',') {
                    items.push(self.kind.read(item)?);
                }
            }
        }
        Some(Value::List(items))
    }

    /// How many values there are, if that can be told and isn't beyond counting.
    fn count(&self) -> Option<u64> {
        if self.is_list {
            return None;
        }
        if !self.values.is_empty() {
            return u64::try_from(self.values.len()).ok();
        }
        match (self.kind, &self.min, &self.max) {
            (Type::Bool, ..) => Some(2),
            (_, Some(Value::Int(min)), Some(Value::Int(max))) => max.abs_diff(*min).checked_add(1),
            (_, Some(Value::Date(min)), Some(Value::Date(max))) => {
                u64::from(max.abs_diff(*min)).checked_add(1)
            }
            _ => None,
        }
    }

    pub fn described(&self) -> Described<'_> {
        let list = if self.is_list { "[]" } else { "" };
        Described {
            r#type: format!("{}{list}", self.kind.described().0),
            description: self.description.as_deref(),
            default: self.default.json(),
            min: self.min.as_ref().map(Value::json),
            max: self.max.as_ref().map(Value::json),
            values: self.values.iter().map(Value::json).collect(),
            required: self.required,
        }
    }
}

const TYPES: &str = "\"text\", \"int\", \"float\", \"bool\", \"date\", \"timestamp\" or \"enum\", with \
                     [] behind it for a list";

fn mistake(key: &'static str, expected: impl Into<String>) -> ParamMistake {
    ParamMistake { key, expected: expected.into() }
}

fn one_of_toml(kind: Type, value: &toml::Value) -> Option<Value> {
    match (kind, value) {
        (Type::Int, toml::Value::Integer(number)) => Some(Value::Int(*number)),
        (Type::Float, toml::Value::Integer(number)) => kind.read(&number.to_string()),
        (Type::Float, toml::Value::Float(number)) => kind.read(&format!("{number:?}")),
        (Type::Bool, toml::Value::Boolean(value)) => Some(Value::Bool(*value)),
        (Type::Date | Type::Timestamp, toml::Value::Datetime(time)) => kind.read(&time.to_string()),
        (Type::Date | Type::Timestamp | Type::Text, toml::Value::String(text)) => kind.read(text),
        _ => None,
    }
}

/// A value as an error repeats it.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(MAX_SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

impl Params {
    /// What a layer declares.
    ///
    /// # Errors
    /// The first declaration that is wrong, by its name.
    pub fn new(settings: &BTreeMap<String, ParamSettings>) -> Result<Self, (String, ParamMistake)> {
        let param = |(name, settings): (&String, &ParamSettings)| {
            Param::new(name, settings).map_err(|mistake| (name.clone(), mistake))
        };
        settings.iter().map(param).collect::<Result<_, _>>().map(Self)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of a parameter among [`iter`](Self::iter) and in [`given`](Self::given).
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|param| param.name == name)
    }

    /// Values for where a request gives none; NULL where one has to be given.
    pub fn defaults(&self) -> Vec<Value> {
        self.0.iter().map(|param| param.default.clone()).collect()
    }

    /// The values that a request gives, in the order of [`iter`](Self::iter).
    ///
    /// # Errors
    /// The first value that can't be used, or is missing.
    pub fn given(&self, pairs: &Pairs<'_>) -> Result<Vec<Value>, ParamError> {
        self.0.iter().map(|param| param.given(pairs)).collect()
    }

    /// The canonical text of values; no two lists of values have the same.
    pub fn canonical(&self, values: &[Value], text: &mut String) {
        for (param, value) in self.0.iter().zip(values) {
            let written = match value {
                Value::Null => String::new(),
                value => format!("={value}"),
            };
            // Lengths keep what clients write apart from what separates it. Writing to a String
            // can't fail.
            let _ = write!(text, "{}{}:{written};", param.name, written.len());
        }
    }

    /// How many tiles there may be of one, as far as clients choose these values and not the
    /// defaults; `None` for any number.
    pub fn variety(&self, values: &[Value]) -> Option<u64> {
        let chosen = self.0.iter().zip(values).filter(|(param, value)| param.default != **value);
        let mut all = Some(1u64);
        for (param, _) in chosen {
            all = all.zip(param.count()).and_then(|(all, count)| all.checked_mul(count));
        }
        all
    }

    /// The values as one JSON object, without those that are NULL.
    pub fn json(&self, values: &[Value]) -> String {
        let given = self.0.iter().zip(values).filter(|(_, value)| **value != Value::Null);
        let object: serde_json::Map<String, serde_json::Value> =
            given.map(|(param, value)| (param.name.clone(), value.json())).collect();
        serde_json::Value::Object(object).to_string()
    }
}

impl fmt::Display for ParamMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.key, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(toml: &str) -> Result<Params, (String, ParamMistake)> {
        Params::new(&toml::from_str(toml).unwrap())
    }

    fn given(params: &Params, query: &str) -> Result<Vec<Value>, String> {
        let pairs = Pairs::read(query, |name| params.position(name).is_some()).unwrap();
        params.given(&pairs).map_err(|error| error.to_string())
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
        assert_eq!(
            values("year=1999&kind=b&ids=3%2C4&ids=5"),
            ["[3,4,5]", "b", "2026-01-01", "1999"]
        );
        assert_eq!(
            values("ids=%5B7,%208%5D&since=2025-12-31"),
            ["[7,8]", "", "2025-12-31", "2026"]
        );
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
            ("", "parameter kind: expected one of a, b, got none"),
            ("kind=c", "parameter kind: expected one of a, b, got \"c\""),
            ("kind=a&kind=b", "parameter kind: expected one of a, b, got several"),
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
                "parameter tags: expected texts, separated by commas, got \"[1]\"",
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
            ("type = \"int\"\ndefault = 5\nmax = 3", "default", "an integer, at most 3"),
            ("type = \"int\"\nmin = 5\nmax = 3", "min", "an integer not above max, 3"),
            ("type = \"text\"\nmin = 5", "min", "no such limit"),
            ("type = \"enum\"", "values", "a list of the values"),
            ("type = \"date\"\nvalues = [1]", "values", "a list of dates"),
            ("type = \"int[]\"\ndefault = 5", "default", "integers, separated by commas"),
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
            params(&format!("{YEAR}\nq = {{ type = \"text\" }}\nd = {{ type = \"date[]\" }}"))
                .unwrap();
        let json = |query: &str| params.json(&given(&params, query).unwrap());
        assert_eq!(json(""), r#"{"year":2026}"#);
        assert_eq!(json("q=%22&d=2026-01-01"), r#"{"d":["2026-01-01"],"q":"\"","year":2026}"#);
    }
}
