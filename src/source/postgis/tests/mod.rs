//! Against a server: `TESELA_TEST_DATABASE_URL` is the URL of a superuser on one that has PostGIS.

mod budgets;
mod catalogue;
mod conditions;
mod connections;
mod discovery;
mod distant;
mod features;
mod filters;
mod small;
mod systems;
mod tls;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use super::condition::Given;
use super::filter::Filter;
use super::statement::Values;
use super::*;
use crate::query::Arguments;
use crate::source::SourceLayer;
use crate::tile::{Crs, Feature, LayerSpec, Level, Levels, TileCoord, Truncation, Value};

/// A database of its own for one test, dropped with it.
struct TestDatabase {
    name: String,
    client: Client,
}

fn server() -> tokio_postgres::Config {
    let url = std::env::var("TESELA_TEST_DATABASE_URL").expect(
        "TESELA_TEST_DATABASE_URL must be the URL of a superuser on a server with PostGIS, for \
         example postgres://postgres@127.0.0.1:5432/postgres",
    );
    url.parse().expect("TESELA_TEST_DATABASE_URL is not a database URL")
}

async fn connect(config: &tokio_postgres::Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test server answers");
    tokio::spawn(connection);
    client
}

impl TestDatabase {
    async fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tesela_src_{}_{count}", std::process::id());
        let admin = connect(&server()).await;
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
        let client = connect(server().dbname(&name)).await;
        Self { name, client }
    }

    async fn new() -> Self {
        let database = Self::empty().await;
        database.sql("CREATE EXTENSION postgis").await;
        database
    }

    async fn sql(&self, sql: &str) {
        if let Err(error) = self.client.batch_execute(sql).await {
            panic!("{}: {sql}", super::error::describe(&error));
        }
    }

    async fn ids(&self, sql: &str) -> Vec<i64> {
        let rows = self.client.query_typed(sql, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error:?}: {sql}"));
        let mut ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        ids.sort_unstable();
        ids
    }

    fn url(&self) -> String {
        let config = server();
        let host = config.get_hosts().first().expect("a host");
        let host = match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        };
        let password =
            config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        format!(
            "host='{host}' port={} user='{}' password='{}' dbname={}",
            config.get_ports().first().unwrap_or(&5432),
            config.get_user().unwrap_or("postgres"),
            password.unwrap_or_default(),
            self.name,
        )
    }

    fn settings(&self) -> Settings {
        Settings::for_url(DatabaseUrl::new(self.url()))
    }

    fn source(&self) -> PostgisSource {
        PostgisSource::new("main", &self.settings()).unwrap()
    }
}

impl Drop for TestDatabase {
    /// On a runtime of its own, so that a failed test's database goes as well.
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async { connect(&server()).await.batch_execute(&sql).await })
        });
        if !std::thread::panicking() {
            dropped.join().unwrap().unwrap();
        } else {
            let _ = dropped.join();
        }
    }
}

/// One row as the sink saw it.
#[derive(Debug)]
struct Seen {
    index: usize,
    id: Option<i64>,
    geometry: Option<Vec<u8>>,
    rank: Vec<u8>,
    properties: Vec<(usize, String)>,
}

#[derive(Debug, Default)]
struct Collector {
    rows: Vec<Seen>,
    untransformable: Vec<usize>,
    encoded: Vec<(usize, Vec<u8>)>,
    truncated: Vec<(usize, Truncation)>,
    /// Makes the sink slow, to meet deadlines.
    pause: Option<Duration>,
}

impl TileSink for Collector {
    fn feature(&mut self, index: usize, feature: &dyn Feature) {
        let mut properties = Vec::new();
        feature.properties(&mut |key, value| {
            let text = match value {
                Value::Text(text) => format!("'{text}'"),
                Value::Bool(value) => value.to_string(),
                Value::Int(value) => format!("{value}i"),
                Value::Double(value) => format!("{value:?}"),
            };
            properties.push((key, text));
        });
        let geometry = feature.geometry().map(<[u8]>::to_vec);
        let mut rank = Vec::new();
        feature.rank(&mut rank);
        self.rows.push(Seen { index, id: feature.id(), geometry, rank, properties });
        if let Some(pause) = self.pause {
            std::thread::sleep(pause);
        }
    }

    fn encoded(&mut self, index: usize, layer: &[u8], _: Option<&[u8]>) {
        self.encoded.push((index, layer.to_vec()));
    }

    fn truncated(&mut self, index: usize, reason: Truncation) {
        self.truncated.push((index, reason));
    }

    fn restart(&mut self, index: usize) {
        self.rows.retain(|row| row.index != index);
        self.untransformable.retain(|of| *of != index);
        self.encoded.retain(|(of, _)| *of != index);
        self.truncated.retain(|(of, _)| *of != index);
    }

    fn untransformable(&mut self, index: usize) {
        self.untransformable.push(index);
    }
}

impl Collector {
    fn ids(&self, index: usize) -> Vec<i64> {
        let of_layer = self.rows.iter().filter(|row| row.index == index);
        let mut ids: Vec<i64> = of_layer.filter_map(|row| row.id).collect();
        ids.sort_unstable();
        ids
    }
}

fn table(name: &str) -> TableSettings {
    TableSettings { table: name.to_owned(), ..TableSettings::default() }
}

/// The layer of a table, found as the application finds it.
async fn layer(source: &PostgisSource, settings: &TableSettings) -> SourceLayer {
    let inventory = source.inventory(None).await.unwrap();
    let table = inventory.find(settings).unwrap();
    SourceLayer::Postgis(TableLayer::new(&inventory, table, settings).unwrap().into())
}

fn spec(buffer: u32) -> LayerSpec {
    LayerSpec {
        name: "layer".to_owned(),
        keys: Vec::new(),
        crs: Crs::WebMercator,
        extent: 4096,
        buffer,
        levels: Levels::default(),
    }
}

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

async fn try_fetch(
    source: &PostgisSource,
    layers: &[&SourceLayer],
    tile: (u8, u32, u32),
) -> Result<Collector, SourceError> {
    try_fetch_level(source, layers, tile, Level::default()).await
}

/// A layer of rows.
fn rows_of(layer: &SourceLayer) -> &TableLayer {
    let SourceLayer::Postgis(layer) = layer else { panic!("it gives finished tiles") };
    layer
}

/// Values of which only the numbers of parameters matter.
fn no_values() -> Values<'static> {
    Values::with(Filter::Nothing, Given::default())
}

async fn try_fetch_level(
    source: &PostgisSource,
    layers: &[&SourceLayer],
    tile: (u8, u32, u32),
    level: Level,
) -> Result<Collector, SourceError> {
    let tile = TileCoord::new(tile.0, tile.1, tile.2).unwrap();
    let levels = Levels::new(level, 25, Vec::new());
    let spec = LayerSpec { levels, ..spec(64) };
    try_fetch_with(source, layers, (tile, &spec), &Arguments::default()).await
}

/// The world's tile of a layer, with what a request asks beside it.
async fn try_fetch_asked(
    source: &PostgisSource,
    layer: &SourceLayer,
    arguments: &Arguments,
) -> Result<Collector, SourceError> {
    let tile = TileCoord::new(0, 0, 0).unwrap();
    try_fetch_with(source, &[layer], (tile, &spec(64)), arguments).await
}

async fn try_fetch_with(
    source: &PostgisSource,
    layers: &[&SourceLayer],
    (tile, spec): (TileCoord, &LayerSpec),
    arguments: &Arguments,
) -> Result<Collector, SourceError> {
    let requests: Vec<LayerRequest<'_>> =
        layers.iter().map(|layer| LayerRequest { layer, tile, spec, arguments }).collect();
    let mut sink = Collector::default();
    let stats = source.fetch(&requests, &mut sink, deadline()).await?;
    let came = sink.rows.len() + sink.untransformable.len() + sink.encoded.len();
    assert_eq!(stats.rows as usize, came);
    Ok(sink)
}

async fn fetch(source: &PostgisSource, layer: &SourceLayer, tile: (u8, u32, u32)) -> Collector {
    try_fetch(source, &[layer], tile).await.unwrap()
}

/// A tile of a layer with a level of detail.
async fn fetch_level(
    source: &PostgisSource,
    layer: &SourceLayer,
    tile: (u8, u32, u32),
    level: Level,
) -> Collector {
    try_fetch_level(source, &[layer], tile, level).await.unwrap()
}
