//! One parameter: its declaration, and the values that it takes.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::query::{Pairs, Type, Value};

/// Items of a list at most.
pub(super) const MAX_ITEMS: usize = 256;
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
        if !param.values.iter().all(|value| param.allows(value)) {
            return Err(mistake("values", "values from min to max"));
        }
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
        let mut text = if self.is_list {
            format!("at most {MAX_ITEMS} {many}, separated by commas")
        } else {
            one.into()
        };
        if !self.values.is_empty() {
            let values = self.values.iter().take(MAX_LISTED).map(|value| value.json().to_string());
            let values = values.collect::<Vec<_>>().join(", ");
            let more = if self.values.len() > MAX_LISTED { ", …" } else { "" };
            text = match self.is_list {
                true => format!("any of {values}{more}, separated by commas"),
                false => format!("one of {values}{more}"),
            };
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
    pub(super) fn given(&self, pairs: &Pairs<'_>, may_lack: bool) -> Result<Value, ParamError> {
        let given: Vec<&str> = pairs.values(&self.name).collect();
        let error =
            |got: String| ParamError { name: self.name.clone(), expected: self.expected(), got };
        let value = match given.as_slice() {
            [] if self.required && !may_lack => return Err(error("none".into())),
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
    pub(super) fn count(&self) -> Option<u64> {
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

impl fmt::Display for ParamMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.key, self.expected)
    }
}
