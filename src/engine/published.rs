//! What is published, with all that answers need of it.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::asked::Takes;
use super::policy::Policy;
use super::slot::Slot;
use crate::cache::{Generations, Member, Members};
use crate::catalog::{Catalog, Layer, Lifetimes, LookupError, Tileset};
use crate::metrics::{LayerMetrics, Metrics};
use crate::tile::MAX_ZOOM;

/// Ad-hoc composites that are kept ready.
const AD_HOC: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// A tileset, ready to be served.
pub struct Served {
    pub tileset: Arc<Tileset>,
    /// See [`Tileset::version`].
    pub version: String,
    /// Value of `Surrogate-Key`: the tileset and its layers, with spaces between.
    pub surrogate_key: Bytes,
    /// Value of `Cache-Tag`: the same with commas.
    pub cache_tag: Bytes,
    pub slot: Slot,
    pub(super) members: Arc<Members>,
    pub(super) takes: Takes,
    is_versioned: bool,
    /// By zoom.
    policies: Box<[Arc<Policy>]>,
}

/// What a version in a URL says of the tiles under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Nothing: there is none, or it doesn't tell of the rows.
    None,
    /// They never change.
    Forever,
    /// They are those of another version: one that is over, or one that another server knows of
    /// already. A shared cache must not keep what this server has now under that name.
    Other,
}

impl Served {
    /// `before` is what was served under the name; tiles in memory hold its list of members.
    fn new(
        tileset: Arc<Tileset>,
        before: Option<&Served>,
        generations: &Generations,
        policies: &mut Policies,
    ) -> Self {
        let same = before.filter(|before| before.tileset.identity == tileset.identity);
        let members = match same {
            Some(before) => before.members.clone(),
            None => generations.members(tileset.members.iter().map(|layer| member(layer))),
        };
        let tags = tags(&tileset);
        Self {
            version: tileset.version(),
            is_versioned: tileset.is_versioned(),
            surrogate_key: tags.join(" ").into(),
            cache_tag: tags.join(",").into(),
            slot: Slot::default(),
            takes: Takes::of(&tileset),
            policies: (0..=MAX_ZOOM).map(|z| policies.of(&tileset, z)).collect(),
            members,
            tileset,
        }
    }

    /// How long tiles of zoom `z` may be kept.
    pub fn policy(&self, z: u8) -> &Policy {
        &self.policies[usize::from(z.min(MAX_ZOOM))]
    }

    /// What a URL with the version `v` says of its tiles.
    pub fn pin(&self, v: &str) -> Pin {
        match (self.is_versioned, v == self.version) {
            (true, true) => Pin::Forever,
            (true, false) if !v.is_empty() => Pin::Other,
            _ => Pin::None,
        }
    }

    /// Whether nothing of what the tileset shows was purged since `read`, a generation of before.
    pub fn is_current(&self, read: u64) -> bool {
        self.members.generation() == read
    }
}

fn member(layer: &Layer) -> Member {
    Member {
        layer: layer.identity,
        margin: layer.margin(),
        zooms: [layer.min_zoom, layer.max_zoom],
    }
}

/// The tileset's name, unless it is but a list of layers, and those of its layers. Ids have no
/// spaces or commas.
fn tags(tileset: &Tileset) -> Vec<String> {
    let layers = tileset.members.iter().map(|layer| layer.id.as_str());
    let own = (!tileset.ad_hoc).then_some(tileset.id.as_str());
    let mut tags: Vec<String> = Vec::new();
    for id in own.into_iter().chain(layers) {
        let tag = utf8_percent_encode(id, CONTROLS).to_string();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// Policies, each made once.
struct Policies {
    defaults: Lifetimes,
    known: HashMap<Lifetimes, Arc<Policy>>,
}

impl Policies {
    fn of(&mut self, tileset: &Tileset, z: u8) -> Arc<Policy> {
        let lifetimes = tileset.lifetimes(self.defaults, z);
        let policy =
            self.known.entry(lifetimes).or_insert_with(|| Arc::new(Policy::new(lifetimes)));
        policy.clone()
    }
}

/// What is published, swapped as one.
pub(super) struct Published {
    pub(super) catalog: Arc<Catalog>,
    /// By layer id.
    pub(super) counters: HashMap<String, LayerMetrics>,
    policies: Mutex<Policies>,
    generations: Arc<Generations>,
    /// By all names of which each has one.
    named: HashMap<String, Arc<Served>>,
    /// By the names as clients wrote them.
    ad_hoc: Mutex<LruCache<Box<str>, Arc<Served>>>,
}

impl Published {
    pub(super) fn new(
        catalog: Catalog,
        before: Option<&Published>,
        defaults: Lifetimes,
        generations: Arc<Generations>,
        metrics: &Metrics,
    ) -> Self {
        let layers = catalog.tilesets().flat_map(|tileset| &tileset.members);
        let counters =
            layers.map(|layer| (layer.id.clone(), metrics.layers.layer(&layer.id))).collect();
        let mut policies = Policies { defaults, known: HashMap::new() };
        let mut named: HashMap<String, Arc<Served>> = HashMap::new();
        for tileset in catalog.tilesets() {
            let before = before.and_then(|before| before.named.get(&tileset.id));
            let before = before.map(Arc::as_ref);
            let served = Served::new(tileset.clone(), before, &generations, &mut policies);
            named.insert(tileset.id.clone(), Arc::new(served));
        }
        for (alias, tileset) in catalog.aliases() {
            if let Some(served) = named.get(&tileset.id).cloned() {
                named.entry(alias.clone()).or_insert(served);
            }
        }
        let (catalog, ad_hoc) = (Arc::new(catalog), Mutex::new(LruCache::new(AD_HOC)));
        let policies = Mutex::new(policies);
        Self { catalog, counters, policies, generations, named, ad_hoc }
    }

    /// The tileset that a URL's first segment names.
    pub(super) fn lookup(&self, name: &str) -> Result<Arc<Served>, LookupError> {
        if let Some(served) = self.ready(name) {
            return Ok(served);
        }
        let tileset = self.catalog.lookup(name)?;
        let mut policies = self.policies.lock();
        let served = Arc::new(Served::new(tileset, None, &self.generations, &mut policies));
        drop(policies);
        self.ad_hoc.lock().put(name.into(), served.clone());
        Ok(served)
    }

    /// The same, if it was prepared before.
    pub(super) fn ready(&self, name: &str) -> Option<Arc<Served>> {
        let named = self.named.get(name).cloned();
        named.or_else(|| self.ad_hoc.lock().get(name).cloned())
    }

    /// Every tileset that is listed.
    pub(super) fn served(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.catalog.tilesets().filter_map(|tileset| self.named.get(&tileset.id))
    }
}
