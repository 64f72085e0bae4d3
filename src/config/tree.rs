//! The parsed file with the environment merged into it, and where each value came from.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::Problem;
use super::hints;
use super::path::{Path, Step};

/// A span beyond the end of the text stands for a variable: `text.len() + 1 + its number`.
pub(super) struct Document<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub root: DeTable<'a>,
    /// Names of the variables that set something.
    pub variables: Vec<&'a str>,
    pub problems: Vec<Problem>,
    /// What was taken out of the tree because it was wrong.
    rejected: Vec<Path>,
}

impl<'a> Document<'a> {
    /// The problems alone when the text is not TOML.
    pub fn parse(file: &'a str, text: &'a str) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Self {
            file,
            text,
            root: root.into_inner(),
            variables: Vec::new(),
            problems: Vec::new(),
            rejected: Vec::new(),
        };
        let fatal = super::syntax::report(&mut document, &errors);
        if fatal { Err(document.problems) } else { Ok(document) }
    }

    pub fn line(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// The variable that a span stands for.
    fn variable(&self, offset: usize) -> Option<&'a str> {
        self.variables.get(offset.checked_sub(self.text.len() + 1)?).copied()
    }

    pub fn place(&self, offset: Option<usize>) -> String {
        match offset {
            None => self.file.to_owned(),
            Some(offset) => match self.variable(offset) {
                Some(name) => format!("environment {name}"),
                None => format!("{}:{}", self.file, self.line(offset)),
            },
        }
    }

    /// The value at `path` and the span that names it: its key's, or its own in a list.
    fn find(&self, path: &Path) -> Option<(Range<usize>, &Spanned<DeValue<'a>>)> {
        let mut found: Option<(Range<usize>, &Spanned<DeValue<'a>>)> = None;
        for step in path.steps() {
            let node = found.map(|(_, value)| value.get_ref());
            found = match (step, node) {
                (Step::Key(key), None) => Some(self.root.get_key_value(key.as_str())?),
                (Step::Key(key), Some(DeValue::Table(table))) => {
                    Some(table.get_key_value(key.as_str())?)
                }
                (Step::Index(index), Some(DeValue::Array(array))) => {
                    let value = array.get(*index)?;
                    found = Some((value.span(), value));
                    continue;
                }
                _ => return None,
            }
            .map(|(key, value)| (key.span(), value));
        }
        found
    }

    pub fn get(&self, path: &Path) -> Option<&DeValue<'a>> {
        self.find(path).map(|(_, value)| value.get_ref())
    }

    /// Where `path`, or the nearest table around it, is written.
    pub fn offset(&self, path: &Path) -> Option<usize> {
        let mut path = path.clone();
        loop {
            if let Some((span, _)) = self.find(&path) {
                return Some(span.start);
            }
            path = path.parent()?;
        }
    }

    /// The keys of the table at `path`, in the order of the file; those taken out come last.
    pub fn keys(&self, path: &Path) -> Vec<String> {
        let table = match self.get(path) {
            Some(DeValue::Table(table)) => table,
            None if path.steps().is_empty() => &self.root,
            _ => &DeTable::new(),
        };
        let mut keys: Vec<_> = table.keys().map(|k| (k.span().start, k.to_string())).collect();
        keys.sort();
        let rejected =
            self.rejected.iter().filter(|rejected| rejected.parent().as_ref() == Some(path));
        let rejected = rejected.filter_map(|path| match path.steps().last() {
            Some(Step::Key(key)) => Some(key.clone()),
            _ => None,
        });
        keys.into_iter().map(|(_, key)| key).chain(rejected).collect()
    }

    /// Members of the list at `path`; reading a list of a fixed length ignores those beyond.
    pub fn len(&self, path: &Path) -> usize {
        self.get(path).and_then(DeValue::as_array).map_or(0, |list| list.len())
    }

    /// The value as the file has it, or only its type where it may hold a secret.
    pub fn shown(&self, path: &Path) -> String {
        let Some((_, value)) = self.find(path) else { return "nothing".to_owned() };
        let kind = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => return "a table".to_owned(),
        };
        if let (Some(_), DeValue::Integer(number)) =
            (self.variable(value.span().start), value.get_ref())
            && !hints::secret(path, &number.to_string())
        {
            return number.to_string();
        }
        // What the file says about a substituted value is only `${NAME}`; what a variable says
        // is never repeated.
        match self.text.get(value.span()) {
            Some(text) if !hints::secret(path, text) => text.to_owned(),
            _ => kind.to_owned(),
        }
    }

    /// Notes a problem with what is, or should be, at `path`.
    pub fn report(&mut self, path: &Path, message: String, example: Option<String>) {
        let offset = self.offset(path);
        let problem = Problem {
            offset: offset.unwrap_or(0),
            place: self.place(offset),
            path: path.to_string(),
            message,
            example,
        };
        self.problems.push(problem);
    }

    /// Notes that the value at `path` isn't what it should be.
    pub fn expected(&mut self, path: &Path, expected: &str) {
        let message = format!("expected {expected}, got {}", self.shown(path));
        self.report(path, message, self.example(path));
    }

    /// A right line for `path`, the way it was set: in the file or by a variable.
    pub fn example(&self, path: &Path) -> Option<String> {
        let from_environment = self.offset(path).is_some_and(|o| self.variable(o).is_some());
        if from_environment { hints::example_variable(path) } else { hints::example_line(path) }
    }

    /// Takes a wrong value out, so that what is right around it can still be read.
    pub fn reject(&mut self, path: &Path) -> bool {
        // The other members of a list would change places.
        let path = path.whole_list();
        let Some(Step::Key(key)) = path.steps().last() else { return false };
        let parent = path.parent().unwrap_or_default();
        let removed = self.table_mut(&parent).and_then(|table| table.remove(key.as_str()));
        let found = removed.is_some();
        self.rejected.push(path);
        found
    }

    fn table_mut(&mut self, path: &Path) -> Option<&mut DeTable<'a>> {
        let mut steps = path.steps().iter();
        let Some(Step::Key(key)) = steps.next() else { return Some(&mut self.root) };
        let mut value = self.root.get_mut(key.as_str())?.get_mut();
        for step in steps {
            value = match (step, value) {
                (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str())?,
                (Step::Index(index), DeValue::Array(array)) => array.get_mut(*index)?,
                _ => return None,
            }
            .get_mut();
        }
        if let DeValue::Table(table) = value { Some(table) } else { None }
    }

    /// Whether the value at `path` was taken out whole.
    pub fn was_rejected(&self, path: &Path) -> bool {
        self.rejected.contains(path)
    }

    /// Whether nothing at or below `path` was wrong.
    pub fn is_clean(&self, path: &Path) -> bool {
        !self.rejected.iter().any(|rejected| rejected.starts_with(path))
    }

    /// Deserializes what is at `path`, noting everything wrong with it: a wrong value is taken
    /// out and the rest tried again.
    pub fn read<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        self.require_table(path);
        for path in self.keys(path).iter().map(|key| path.key(key)) {
            if hints::is_table(&path) {
                self.require_table(&path);
                if path.pattern() == "layers.*.params" {
                    self.keys(&path).iter().for_each(|name| self.require_table(&path.key(name)));
                }
            } else if hints::is_list_of_tables(&path) {
                (0..self.len(&path)).for_each(|i| self.require_table(&path.index(i)));
            }
        }
        loop {
            let (_, value) = self.find(path)?;
            let deserializer = ValueDeserializer::from(value.clone());
            let error = match serde_path_to_error::deserialize(deserializer) {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let mut at = path.clone();
            at.extend(Path::from(error.path()).steps().iter().cloned());
            if !self.explain(&at, error.inner().message()) {
                return None;
            }
        }
    }

    /// Serde would take a list for a struct, its members for the fields in order.
    fn require_table(&mut self, path: &Path) {
        if !matches!(self.get(path), None | Some(DeValue::Table(_))) {
            self.expected(path, "a table");
            self.reject(path);
        }
    }

    /// Puts serde's complaint in the operator's words; its own may quote the value. False when
    /// there is nothing to take out.
    fn explain(&mut self, path: &Path, message: &str) -> bool {
        if let Some(missing) = hints::quoted_after(message, "missing field ") {
            let path = path.key(missing);
            // Wrong and therefore already reported, not missing.
            if !self.was_rejected(&path) {
                let message = format!("missing, expected {}", hints::expected(&path));
                self.report(&path, message, self.example(&path));
            }
            self.rejected.push(path);
            return false;
        }
        if message.starts_with("unknown field ") {
            let known = hints::listed(message);
            self.unknown_key(path, &known);
        } else if message.starts_with("unknown variant ") {
            let known: Vec<_> = hints::listed(message).iter().map(|v| format!("{v:?}")).collect();
            self.expected(path, &known.join(" or "));
        } else {
            self.expected(path, &hints::expected(path));
        }
        self.reject(path)
    }

    pub fn unknown_key(&mut self, path: &Path, known: &[&str]) {
        let Some(Step::Key(key)) = path.steps().last() else { return };
        let siblings = known.join(", ");
        let (message, example) = match hints::nearest(key, known.iter().copied()) {
            Some(near) => {
                let meant = path.parent().unwrap_or_default().key(near);
                (
                    format!("unknown key, did you mean `{near}`? Here can be: {siblings}"),
                    Some(meant),
                )
            }
            None => (format!("unknown key, expected one of: {siblings}"), None),
        };
        let from_environment = self.offset(path).is_some_and(|o| self.variable(o).is_some());
        let example = example.and_then(|path| match from_environment {
            true => hints::example_variable(&path),
            false => hints::example_line(&path),
        });
        self.report(path, message, example);
    }
}
