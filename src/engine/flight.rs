//! One tile from its sources to finished bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use tracing::warn;

use super::{TileError, TileErrorKind, TileRequest, truncation};
use crate::cache::CachedTile;
use crate::catalog::{Layer, NamedSource, Part};
use crate::metrics::{LayerMetrics, Metrics};
use crate::query::Arguments;
use crate::source::{Deadline, FetchStats, LayerRequest, TileSink};
use crate::tile::{
    FORMAT, Feature, LayerBuilder, LayerSpec, LayerStats, MAX_EXACT_ID, TileCoord, Truncation,
    compress,
};

/// Bytes of a tile, uncompressed, from which making it takes about half a millisecond.
const HEAVY: usize = 32_768;

/// Members that are read alone at the same time, after one of them has failed.
const ALONE_AT_ONCE: usize = 4;

/// Where the time went, and for how many rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting for a connection.
    pub queue: Duration,
    /// From there to the last row; clipping of the rows that came before included.
    pub db: Duration,
    /// Ordering and encoding.
    pub tile: Duration,
    pub gzip: Duration,
    /// Rows that came; where a source makes a layer itself, that is one.
    pub rows: u64,
}

/// A tile that was made.
pub(super) struct Flown {
    pub(super) tile: CachedTile,
    pub(super) timing: Timing,
    /// Layers that are missing, because they couldn't be read.
    pub(super) failed: Vec<(Arc<Layer>, TileError)>,
}

/// A layer of a tile, with where it comes from and what is asked of it.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) layer: &'a Arc<Layer>,
    part: &'a Part,
    arguments: &'a Arguments,
}

/// The members that have a source at the tile's zoom. A layer may have zooms without one, where it is
/// empty.
fn members(request: &TileRequest) -> Vec<Member<'_>> {
    let TileRequest { served, coord, asked } = request;
    let members = served.tileset.members.iter().enumerate();
    let members = members.filter(|(_, layer)| layer.has_zoom(coord.z()));
    let members = members.filter_map(|(place, layer)| {
        let arguments = asked.as_ref().map_or(&layer.defaults, |asked| asked.of(place));
        Some(Member { layer, part: layer.at(coord.z())?, arguments })
    });
    members.collect()
}

/// Makes a tile: one fetch for each database involved, all at once.
pub(super) async fn make(
    request: &TileRequest,
    timeout: Duration,
    metrics: &Metrics,
    counters: impl Fn(&str) -> Option<LayerMetrics>,
) -> Result<Flown, TileError> {
    let (members, coord) = (members(request), request.coord);
    let deadline = Deadline::after(timeout);
    let fetcher = Fetcher { members: &members, coord, deadline, metrics };
    let fetches = by_database(&members).into_iter().map(|(source, places)| async {
        match request.served.tileset.omits_failing {
            true => Ok(fetcher.fetch_what_works(source, places).await),
            false => fetcher.fetch(source, places, deadline).await.map(|fetched| vec![Ok(fetched)]),
        }
    });
    let mut timing = Timing::default();
    let (mut sinks, mut failed) = (Vec::new(), Vec::new());
    for fetched in try_join_all(fetches).await?.into_iter().flatten() {
        match fetched {
            Ok((sink, stats)) => {
                timing.queue = timing.queue.max(stats.queue);
                timing.db = timing.db.max(stats.db);
                timing.rows += stats.rows;
                sinks.push(sink);
            }
            Err((place, error)) => {
                sinks.push(fetcher.without(place));
                failed.push((members[place].layer.clone(), error));
            }
        }
    }
    // Without any layer it is no tile.
    if failed.len() == members.len()
        && let Some((_, error)) = failed.pop()
    {
        return Err(error);
    }
    let size: usize = sinks.iter().flat_map(|sink| &sink.layers).map(SinkLayer::size).sum();
    let missing = &request.served.tileset.missing;
    let finish = || finish((&members, missing), sinks.into_iter(), coord, timing, counters);
    // Encoding a heavy tile takes tens of milliseconds: let the runtime move its other tasks away.
    // For a light one, waking another thread for them would take longer than the work.
    let (tile, timing) = if size > HEAVY { tokio::task::block_in_place(finish) } else { finish() };
    metrics.tile_bytes.observe(f64::from(u32::try_from(tile.body().len()).unwrap_or(u32::MAX)));
    Ok(Flown { tile, timing, failed })
}

/// The databases of the members, each with its members' places in the tile.
fn by_database<'a>(members: &[Member<'a>]) -> Vec<(&'a NamedSource, Vec<usize>)> {
    let mut groups: Vec<(&NamedSource, Vec<usize>)> = Vec::new();
    for (place, Member { layer, .. }) in members.iter().enumerate() {
        match groups.iter_mut().find(|(source, _)| source.name == layer.database.name) {
            Some((_, places)) => places.push(place),
            None => groups.push((&layer.database, vec![place])),
        }
    }
    groups
}

/// Reads the members of a tile.
struct Fetcher<'m, 'a> {
    members: &'m [Member<'a>],
    coord: TileCoord,
    deadline: Deadline,
    metrics: &'m Metrics,
}

impl<'a> Fetcher<'_, 'a> {
    /// Reads the members at `places`, which are all of one database.
    async fn fetch(
        &self,
        source: &NamedSource,
        places: Vec<usize>,
        deadline: Deadline,
    ) -> Result<(Sink<'a>, FetchStats), TileError> {
        let Self { members, coord, metrics, .. } = *self;
        let request = |&place: &usize| {
            let Member { part, arguments, .. } = members[place];
            LayerRequest { layer: &part.query, tile: coord, spec: &part.spec, arguments }
        };
        let requests: Vec<_> = places.iter().map(request).collect();
        let new = |&place: &usize| SinkLayer::new(place, &members[place].part.spec, coord);
        let layers = places.iter().map(new);
        let mut sink = Sink { layers: layers.collect(), coord };
        let started = Instant::now();
        match source.source.fetch(&requests, &mut sink, deadline).await {
            Ok(stats) => {
                metrics.queue_seconds.observe(stats.queue.as_secs_f64());
                metrics.query_seconds.observe(stats.db.as_secs_f64());
                Ok((sink, stats))
            }
            Err(error) => {
                let error = TileError::from(error);
                metrics.count_query_error(error.kind().label());
                // Where the wait for a connection was in vain, there was no query.
                let spent = match error.kind() {
                    TileErrorKind::Unavailable => &metrics.queue_seconds,
                    _ => &metrics.query_seconds,
                };
                spent.observe(started.elapsed().as_secs_f64());
                Err(error)
            }
        }
    }

    /// The same, but members that can't be read are told apart from those that can. They are looked
    /// for one by one, and only once it turns out that there are some.
    async fn fetch_what_works(
        &self,
        source: &NamedSource,
        places: Vec<usize>,
    ) -> Vec<Result<(Sink<'a>, FetchStats), (usize, TileError)>> {
        // Half the time, so that there is some left for the others if one takes too long.
        let soon = match places.len() {
            1 => self.deadline,
            _ => Deadline::after(self.deadline.remaining() / 2),
        };
        let error = match self.fetch(source, places.clone(), soon).await {
            Ok(fetched) => return vec![Ok(fetched)],
            Err(error) => error,
        };
        // A database that is down is down for all of them.
        if places.len() == 1 || error.kind() == TileErrorKind::Unavailable {
            return places.into_iter().map(|place| Err((place, error.clone()))).collect();
        }
        // At the same time: a slow one must not take the others' time. But each has a connection.
        let alone = places.into_iter().map(|place| async move {
            self.fetch(source, vec![place], self.deadline).await.map_err(|error| (place, error))
        });
        stream::iter(alone).buffer_unordered(ALONE_AT_ONCE).collect().await
    }

    /// Nothing of a member.
    fn without(&self, place: usize) -> Sink<'a> {
        let mut layer = SinkLayer::new(place, &self.members[place].part.spec, self.coord);
        layer.truncated = Some(Truncation::Failed);
        Sink { layers: vec![layer], coord: self.coord }
    }
}

/// Encodes the layers, joins them in the tileset's order and compresses.
fn finish<'a>(
    (members, missing): (&[Member<'_>], &[String]),
    sinks: impl Iterator<Item = Sink<'a>>,
    coord: TileCoord,
    mut timing: Timing,
    counters: impl Fn(&str) -> Option<LayerMetrics>,
) -> (CachedTile, Timing) {
    let started = Instant::now();
    let mut encoded: Vec<Vec<u8>> = vec![Vec::new(); members.len()];
    let mut tags: Vec<Option<Vec<u8>>> = vec![None; members.len()];
    let mut cuts = Vec::new();
    for layer in sinks.flat_map(|sink| sink.layers) {
        let (mut bytes, stats) = layer.builder.finish();
        if !layer.encoded.is_empty() {
            bytes = layer.encoded;
        }
        let reasons = layer.truncated.into_iter().chain(stats.truncated);
        cuts.extend(reasons.map(|reason| (layer.place, reason)));
        report_large_ids(members[layer.place].layer, stats);
        if let Some(counters) = counters(&members[layer.place].layer.id) {
            count(&counters, stats, layer.untransformable);
        }
        encoded[layer.place] = bytes;
        tags[layer.place] = layer.tag;
    }
    let digest = digest(&encoded, &tags);
    let tile = joined(encoded);
    timing.tile = started.elapsed();
    let started = Instant::now();
    let gzip = if tile.is_empty() { Vec::new() } else { compress::gzip(&tile) };
    timing.gzip = started.elapsed();
    let digest = digest.unwrap_or_else(|| compress::digest(&tile));
    let etag = format!("\"{digest:032x}-{FORMAT}-gz\"");
    let note = truncation::report((members, missing), cuts, coord, counters).unwrap_or_default();
    (CachedTile::new(etag.as_bytes(), note.as_bytes(), &gzip), timing)
}

/// Digest of layers of which some have a tag, which stands for their bytes; `None` if none has.
fn digest(encoded: &[Vec<u8>], tags: &[Option<Vec<u8>>]) -> Option<u128> {
    tags.iter().any(Option::is_some).then(|| {
        let mut text = Vec::new();
        for (bytes, tag) in encoded.iter().zip(tags) {
            let (kind, part) = tag.as_ref().map_or((0u8, bytes), |tag| (1, tag));
            text.extend([&[kind][..], &part.len().to_le_bytes(), part].concat());
        }
        compress::digest(&text)
    })
}

/// A tile is a protobuf message with a repeated field: joined messages are one tile.
fn joined(mut layers: Vec<Vec<u8>>) -> Vec<u8> {
    layers.retain(|layer| !layer.is_empty());
    match layers.len() {
        1 => layers.swap_remove(0),
        _ => layers.concat(),
    }
}

/// Says once per layer that its ids are too large.
fn report_large_ids(layer: &Layer, stats: LayerStats) {
    if stats.large_ids > 0 && !layer.large_ids_reported.swap(true, Ordering::Relaxed) {
        warn!(
            layer = layer.id,
            "ids above {MAX_EXACT_ID} lose their last digits in browsers; set id = \"…\" to a column \
             with smaller numbers"
        );
    }
}

fn count(counters: &LayerMetrics, stats: LayerStats, untransformable: u64) {
    counters.tiles.inc();
    counters.features.inc_by(stats.features);
    counters.rows_empty.inc_by(stats.empty);
    counters.rows_not_finite.inc_by(stats.not_finite);
    counters.rows_malformed.inc_by(stats.malformed);
    counters.rows_untransformable.inc_by(untransformable);
}

/// The layers that come from one database.
struct Sink<'a> {
    layers: Vec<SinkLayer<'a>>,
    coord: TileCoord,
}

struct SinkLayer<'a> {
    /// Index among the tileset's members.
    place: usize,
    spec: &'a LayerSpec,
    builder: LayerBuilder<'a>,
    /// The layer where the source has made it.
    encoded: Vec<u8>,
    /// What the source tells that layer apart by.
    tag: Option<Vec<u8>>,
    /// Why the source left rows out.
    truncated: Option<Truncation>,
    untransformable: u64,
}

impl<'a> SinkLayer<'a> {
    fn new(place: usize, spec: &'a LayerSpec, coord: TileCoord) -> Self {
        let builder = LayerBuilder::new(spec, coord);
        let (encoded, tag) = (Vec::new(), None);
        Self { place, spec, builder, encoded, tag, truncated: None, untransformable: 0 }
    }

    fn size(&self) -> usize {
        self.encoded.len() + self.builder.size_hint()
    }
}

impl TileSink for Sink<'_> {
    fn feature(&mut self, index: usize, feature: &dyn Feature) {
        self.layers[index].builder.add(feature);
    }

    fn encoded(&mut self, index: usize, layer: &[u8], tag: Option<&[u8]>) {
        let into = &mut self.layers[index];
        into.encoded.extend_from_slice(layer);
        into.tag = tag.map(<[u8]>::to_vec);
    }

    fn truncated(&mut self, index: usize, reason: Truncation) {
        self.layers[index].truncated = Some(reason);
    }

    fn restart(&mut self, index: usize) {
        let layer = &mut self.layers[index];
        *layer = SinkLayer::new(layer.place, layer.spec, self.coord);
    }

    fn untransformable(&mut self, index: usize) {
        self.layers[index].untransformable += 1;
    }
}
