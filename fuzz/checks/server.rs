//! The server without sockets and without a database.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_http::Request;
use actix_web::body::to_bytes;
use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::rt::SystemRunner;
use actix_web::{test, web};
use bytes::Bytes;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tesela::catalog::{Builder, Database, NamedSource, Tables};
use tesela::config::{self, Settings};
use tesela::engine::{Engine, EngineSettings};
use tesela::http::{Origins, Readiness, State, app};
use tesela::metrics::Metrics;
use tesela::source::postgis::{Inventory, Publish, SpatialTable};
use tesela::source::{
    Deadline, FeatureRequest, FetchStats, LayerRequest, Source, SourceError, TileSink,
};

use super::tile::testing::{Owned, Row, line, point};

/// What is served: published tables, layers with all that a layer can say, one that is disabled.
const SETTINGS: &str = r#"
[databases.main]
url = "postgres://user-7f3a91c2@127.0.0.1:1/none"
[layers.roads]
table = "roads"
layer_name = "same"
[layers.paths]
table = "roads"
layer_name = "same"
[layers.points]
table = "points"
allow_filter = ["name"]
[layers.deep]
table = "points"
min_zoom = 10
max_zoom = 12
[layers.gone]
table = "nowhere"
[tilesets.basemap]
layers = ["roads", "points", "deep"]
attribution = "\"<&>"
"#;

const TABLES: [&str; 7] = ["roads", "points", "nothing", "down", "slow", "道路", "a.b-c"];

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

type Call = Box<dyn Fn(Request) -> LocalBoxFuture<'static, Reply>>;

pub struct Server {
    call: Call,
    system: SystemRunner,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// A server with `more` settings than those that all have.
    pub fn new(more: &str) -> Self {
        let file = format!("{more}\n{SETTINGS}");
        let settings = config::load_from(Some(("fuzz", &file)), &BTreeMap::new()).expect("valid");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let state = web::Data::new(state(&settings, runtime.handle().clone()));
        let system = actix_web::rt::System::new();
        let service = Rc::new(system.block_on(test::init_service(app(state))));
        let call: Call = Box::new(move |request| {
            let service = service.clone();
            Box::pin(async move {
                let response = match service.call(request).await {
                    Ok(response) => response.into_parts().1.map_into_boxed_body(),
                    Err(error) => error.error_response(),
                };
                let (status, headers) = (response.status(), response.headers().clone());
                let body = to_bytes(response.into_body()).await.expect("a body");
                Reply { status, headers, body }
            })
        });
        Self { call, system, _runtime: runtime }
    }

    pub fn answer(&self, mut request: Request) -> Reply {
        request.head_mut().peer_addr = Some(SocketAddr::from(([10, 0, 0, 1], 4000)));
        self.system.block_on((self.call)(request))
    }

    /// For what only works where answers are made.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.system.block_on(async { work() })
    }
}

fn state(settings: &Settings, runtime: tokio::runtime::Handle) -> State {
    let engine_settings = EngineSettings {
        cache: settings.cache.clone(),
        request_timeout: settings.server.request_timeout,
    };
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let engine = Engine::new(engine_settings, metrics, runtime);
    let database = Database {
        source: NamedSource { name: "main".into(), source: Arc::new(Memory) },
        publish: Some(Publish { schemas: None }),
        tables: Tables::Known(Arc::new(Inventory {
            postgis_schema: "public".to_owned(),
            tables: TABLES.map(|name| SpatialTable::example(name, &["name"])).into(),
            ..Inventory::default()
        })),
    };
    let (layers, tilesets) = (&settings.layers, &settings.tilesets);
    let versions = &BTreeMap::new();
    engine.publish(
        Builder { databases: &[database], layers, tilesets, files: &[], versions }.build(),
    );
    State {
        engine: Arc::new(engine),
        origins: Origins::new(&settings.server.cors_origins),
        settings: settings.server.clone(),
        draining: Arc::new(AtomicBool::new(false)),
        readiness: Box::new(|| Readiness { ready: true, ..Readiness::default() }),
        sample_metrics: Box::new(|| {}),
    }
}

/// Has the same few rows for every tile.
struct Memory;

impl Source for Memory {
    fn fetch<'a>(
        &'a self,
        requests: &'a [LayerRequest<'a>],
        sink: &'a mut dyn TileSink,
        _: Deadline,
    ) -> BoxFuture<'a, Result<FetchStats, SourceError>> {
        Box::pin(async move {
            for (index, request) in requests.iter().enumerate() {
                rows(&request.spec.name)?.iter().for_each(|row| sink.feature(index, row));
            }
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

fn rows(layer: &str) -> Result<Vec<Row>, SourceError> {
    let (database, reason) = ("main".to_owned(), "reason-7f3a91c2".to_owned());
    let row = |geometry| Row {
        id: Some(1),
        geometry: Some(geometry),
        values: vec![(0, Owned::Text("name".to_owned()))],
        ..Row::default()
    };
    match layer {
        "down" => Err(SourceError::Unavailable { database, reason }),
        "slow" => Err(SourceError::Timeout { database, reason }),
        "nothing" => Ok(Vec::new()),
        "same" => Ok(vec![row(line(&[(-170.0, -80.0), (170.0, 80.0)]))]),
        _ => Ok(vec![row(point(0.0, 0.0)), row(point(10.0, 10.0))]),
    }
}
