//! What no database does on demand: a source that panics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::runtime::Handle;

use super::{Engine, EngineSettings, Origin, TileErrorKind};
use crate::cache;
use crate::catalog::{Builder, Database, NamedSource, Tables};
use crate::metrics::Metrics;
use crate::source::postgis::{Inventory, Publish, SpatialTable};
use crate::source::{Deadline, FetchStats, LayerRequest, Source, SourceError, TileSink};
use crate::tile::TileCoord;

/// Panics the first time, and has no rows from then on.
#[derive(Default)]
struct Panics(AtomicU32);

impl Source for Panics {
    fn fetch<'a>(
        &'a self,
        _: &'a [LayerRequest<'a>],
        _: &'a mut dyn TileSink,
        _: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
            Ok(FetchStats::default())
        })
    }
}

fn engine(source: Arc<Panics>) -> Engine {
    let settings = EngineSettings {
        cache: cache::Settings::default(),
        request_timeout: Duration::from_secs(5),
    };
    let engine = Engine::new(settings, Arc::new(Metrics::new().unwrap()), Handle::current());
    let database = Database {
        source: NamedSource { name: "main".into(), source },
        publish: Some(Publish { schemas: None }),
        tables: Tables::Known(Arc::new(Inventory {
            tables: vec![SpatialTable::example("roads", &["name"])],
            ..Inventory::default()
        })),
    };
    let (layers, tilesets, versions) = (&BTreeMap::new(), &BTreeMap::new(), &BTreeMap::new());
    engine.publish(Builder { databases: &[database], layers, tilesets, versions }.build());
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_reaches_all_who_wait_and_is_not_kept() {
    let source = Arc::new(Panics::default());
    let engine = engine(source.clone());
    let served = engine.lookup("roads").unwrap();
    let tile = TileCoord::new(0, 0, 0).unwrap();
    let answers = join_all((0..50).map(|_| engine.tile(&served, tile))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), TileErrorKind::Aborted);
    }
    assert_eq!(source.0.load(Ordering::SeqCst), 1, "one load for all");
    let next = engine.tile(&served, tile).await.unwrap();
    assert!(matches!(next.origin, Origin::Miss { stored: true, .. }));
}
