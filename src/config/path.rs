//! Where in the tree of settings a value lives.

use std::borrow::Cow;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// For example `layers.roads.min_zoom` or `server.cors_origins[1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// Sections whose keys are names that the operator chose.
const NAMED: [&str; 3] = ["databases", "layers", "tilesets"];

impl Path {
    pub fn of<const N: usize>(keys: [&str; N]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Without the position in a list, if it ends in one.
    pub fn whole_list(&self) -> Self {
        let end = self.0.iter().rposition(|step| matches!(step, Step::Key(_)));
        Self(self.0[..end.map_or(0, |last| last + 1)].to_vec())
    }

    /// The outermost list that it leads into, or itself: what a variable can set.
    pub fn settable(&self) -> Self {
        let keys = self.0.iter().take_while(|step| matches!(step, Step::Key(_)));
        Self(keys.cloned().collect())
    }

    /// The kind of setting, whatever its entry is called and wherever in a list it is:
    /// `layers.*.min_zoom`, `layers.*.zooms.simplify`, `layers.*.params.*.type`.
    pub fn pattern(&self) -> String {
        let mut pattern = String::new();
        for (i, step) in self.0.iter().enumerate() {
            let Step::Key(key) = step else { continue };
            let named = i == 1 && matches!(&self.0[0], Step::Key(s) if NAMED.contains(&&**s))
                || i == 3 && pattern == "layers.*.params";
            if i > 0 {
                pattern.push('.');
            }
            pattern.push_str(if named { "*" } else { key });
        }
        pattern
    }

    /// Whether it leads to a layer's parameters.
    pub fn is_of_params(&self) -> bool {
        self.pattern().starts_with("layers.*.params")
    }

    /// `TESELA_LAYERS__ROADS__MIN_ZOOM`
    pub fn variable(&self) -> String {
        let keys = self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.to_uppercase().replace('-', "_")),
            Step::Index(_) => None,
        });
        format!("TESELA_{}", keys.collect::<Vec<_>>().join("__"))
    }
}

impl Extend<Step> for Path {
    fn extend<T: IntoIterator<Item = Step>>(&mut self, steps: T) {
        self.0.extend(steps);
    }
}

impl From<&serde_path_to_error::Path> for Path {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let steps = path.iter().map_while(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Self(steps.collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    f.write_str(if i > 0 { "." } else { "" })?;
                    f.write_str(&printable(key))?;
                }
            }
        }
        Ok(())
    }
}

/// A key for a message, as TOML would have it. One that looks like a connection string on the
/// wrong side of a `=` is left out.
pub(super) fn printable(key: &str) -> Cow<'_, str> {
    if key.contains(['@', ':', '=']) {
        Cow::Borrowed("…")
    } else if !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)) {
        Cow::Borrowed(key)
    } else {
        Cow::Owned(format!("{key:?}"))
    }
}
