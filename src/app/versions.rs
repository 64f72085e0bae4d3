//! Data versions that databases tell: the layers' `version_sql`.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::warn;

use crate::config::Settings;
use crate::source::postgis::PostgisSource;

/// What the layers of one database have said.
#[derive(Default)]
pub struct Versions {
    /// Layers with their queries.
    queries: Vec<(String, String)>,
    answers: Mutex<BTreeMap<String, Answer>>,
}

/// A layer's last version, and why there is no newer one.
#[derive(Clone, Default)]
struct Answer {
    version: Option<String>,
    failure: Option<String>,
}

impl Versions {
    /// Those of the layers that are in `database`.
    pub fn new(settings: &Settings, database: &str) -> Self {
        let queries = settings
            .layers_in(database)
            .filter_map(|(id, layer)| Some((id.clone(), layer.version_sql.clone()?)))
            .collect();
        Self { queries, answers: Mutex::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Asks for all of them. Returns whether any is another now. One that can't be told stays what
    /// it was: the tiles in all the caches haven't become wrong.
    pub async fn read(&self, source: &Arc<PostgisSource>) -> bool {
        let mut changed = false;
        // One after the other: tiles need the connections more.
        for (layer, sql) in &self.queries {
            let answer = source.version(sql).await;
            let mut known = self.answers.lock();
            let last = known.entry(layer.clone()).or_default();
            match answer {
                Ok(version) => {
                    last.failure = None;
                    changed |= last.version.replace(version.clone()) != Some(version);
                }
                Err(error) => {
                    let error = error.to_string();
                    if last.failure.as_ref() != Some(&error) {
                        warn!(layer, error, "version_sql gives no data version");
                    }
                    last.failure = Some(error);
                }
            }
        }
        changed
    }

    /// Whether any has yet to be told.
    pub fn is_incomplete(&self) -> bool {
        let answers = self.answers.lock();
        let is_known = |(id, _): &(String, String)| {
            answers.get(id).is_some_and(|last| last.version.is_some() && last.failure.is_none())
        };
        !self.queries.iter().all(is_known)
    }

    /// By layer.
    pub fn known(&self) -> BTreeMap<String, String> {
        let answers = self.answers.lock();
        answers.iter().filter_map(|(id, last)| Some((id.clone(), last.version.clone()?))).collect()
    }

    /// Layers whose query doesn't work, with the reason.
    pub fn failures(&self) -> Vec<(String, String)> {
        let answers = self.answers.lock();
        answers.iter().filter_map(|(id, last)| Some((id.clone(), last.failure.clone()?))).collect()
    }
}
