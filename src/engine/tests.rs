//! What no database does on demand: a source that panics, a layer that is gone for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::runtime::Handle;

use super::{Engine, EngineSettings, Origin, Served, TileErrorKind, TileRequest};
use crate::cache;
use crate::catalog::{Builder, Catalog, Database, LayerSettings, NamedSource, Tables};
use crate::metrics::Metrics;
use crate::source::postgis::{Inventory, SpatialTable};
use crate::source::{
    Deadline, FeatureRequest, FetchStats, LayerRequest, Source, SourceError, TileSink,
};
use crate::tile::TileCoord;

/// Has no rows; panics at the first fetches.
struct Panics {
    first: u32,
    fetches: AtomicU32,
}

impl Source for Panics {
    fn fetch<'a>(
        &'a self,
        _: &'a [LayerRequest<'a>],
        _: &'a mut dyn TileSink,
        _: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(self.fetches.fetch_add(1, Ordering::SeqCst) >= self.first, "on purpose");
            Ok(FetchStats::default())
        })
    }

    fn feature<'a>(
        &'a self,
        _: FeatureRequest<'a>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, SourceError>> {
        Box::pin(async { Ok(None) })
    }
}

fn source(first: u32) -> Arc<Panics> {
    Arc::new(Panics { first, fetches: AtomicU32::new(0) })
}

fn engine() -> Engine {
    let settings = EngineSettings {
        cache: cache::Settings::default(),
        request_timeout: Duration::from_secs(5),
    };
    Engine::new(settings, Arc::new(Metrics::new().unwrap()), Handle::current())
}

/// A catalogue of the layer `roads`, if its table is there, with a data version.
fn catalog(source: &Arc<Panics>, has_table: bool, version: &str) -> Catalog {
    let table = has_table.then(|| SpatialTable::example("roads", &["name"]));
    let inventory = Inventory { tables: table.into_iter().collect(), ..Inventory::default() };
    let database = Database {
        source: NamedSource { name: "main".into(), source: source.clone() },
        publish: None,
        tables: Tables::Known(Arc::new(inventory)),
    };
    let settings = LayerSettings::for_table("main", "roads".to_owned(), "geom");
    let layers = &BTreeMap::from([("roads".to_owned(), settings)]);
    let versions = &BTreeMap::from([("roads".to_owned(), version.to_owned())]);
    Builder { databases: &[database], layers, tilesets: &BTreeMap::new(), files: &[], versions }
        .build()
}

fn world(served: &Arc<Served>) -> TileRequest {
    let coord = TileCoord::new(0, 0, 0).unwrap();
    TileRequest { served: served.clone(), coord, asked: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_reaches_all_who_wait_and_is_not_kept() {
    let (source, engine) = (source(1), engine());
    engine.publish(catalog(&source, true, "1"));
    let served = engine.lookup("roads").unwrap();
    let request = world(&served);
    let answers = join_all((0..50).map(|_| engine.tile(&request))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), TileErrorKind::Aborted);
    }
    assert_eq!(source.fetches.load(Ordering::SeqCst), 1, "one load for all");
    let (next, _) = engine.tile(&world(&served)).await.unwrap();
    assert!(matches!(next.origin, Origin::Miss { stored: true, .. }));
}

/// The version is compared with the last one that the layer had, not with the catalogue before.
#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_was_gone_for_a_while_comes_back_without_the_tiles_of_its_old_version() {
    let (source, engine) = (source(0), engine());
    let mut origins = Vec::new();
    for (has_table, version) in [(true, "1"), (false, "1"), (true, "1"), (false, "2"), (true, "2")]
    {
        engine.publish(catalog(&source, has_table, version));
        let Ok(served) = engine.lookup("roads") else { continue };
        let (answer, _) = engine.tile(&world(&served)).await.unwrap();
        origins.push(answer.origin == Origin::Hit);
    }
    assert_eq!(origins, [false, true, false]);
}
