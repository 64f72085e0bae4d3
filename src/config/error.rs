//! What is wrong with a configuration: everything at once, each with its place and a way out.

use std::fmt;

/// Everything wrong with a configuration, in the order of the file.
#[derive(Debug)]
pub struct Errors(Vec<Problem>);

impl Errors {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.offset);
        Self(problems)
    }

    /// How many there are; never 0.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Sorts by place; variables come after the file.
    pub(super) offset: usize,
    /// `tesela.toml:12`, or `environment TESELA_SERVER__LISTEN`.
    pub place: String,
    /// `layers.roads.min_zoom`; empty when the text isn't TOML at all.
    pub path: String,
    /// What was expected, and what was found unless that may be a secret.
    pub message: String,
    /// A line that would be right there.
    pub example: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(example) = &self.example {
            write!(f, "\n    example: {example}")?;
        }
        Ok(())
    }
}
