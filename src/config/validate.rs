//! What types can't say: references between entries, ranges, and names that share the URL space.

mod files;
mod levels;
mod questions;

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

pub(super) use self::files::resolve;
use super::path::{Path, printable};
use super::tree::Document;
use super::{Settings, hints, names, urls};
use crate::catalog::{Freshness, LayerSettings, RowSource, TilesetSettings, ZoomSettings};
use crate::http;
use crate::source::postgis;
use crate::tile::Encoding;
use crate::tile::coord::MAX_ZOOM;

/// PostGIS accepts no larger one.
const MAX_SRID: i32 = 998_999;
/// Below 256 a grid unit is coarser than a pixel; above 8192, MapLibre's own grid, nobody sees
/// the difference. Renderers rescale, so it needn't be a power of two.
const EXTENTS: std::ops::RangeInclusive<u32> = 256..=8192;
const MAX_WORKERS: usize = 1024;
/// Shorter ones can be guessed.
const MIN_TOKEN: usize = 16;
/// Less holds no tile; more is no machine's.
const MEMORY: std::ops::RangeInclusive<u64> = 65_536..=1 << 50;
/// In config/example.toml.
const EXAMPLE_TOKEN: &str = "only-an-example-of-a-token";
/// Shorter timeouts reach PostgreSQL as 0, which there means none at all.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(366 * 86_400);

/// Notes what is wrong with settings that could be read. Entries of which a part could not are
/// left out: their defaults would raise questions that the file doesn't.
pub(super) fn validate(settings: &Settings, document: &mut Document<'_>) {
    server(settings, document);
    cache(settings, document);
    files::files(settings, document);
    for (name, database) in &settings.databases {
        self::database(&Path::of(["databases", name]), database, document);
    }
    names_of(document, "databases");
    for (name, layer) in &settings.layers {
        self::layer(&Path::of(["layers", name]), layer, document);
    }
    names_of(document, "layers");
    for (name, tileset) in &settings.tilesets {
        self::tileset(&Path::of(["tilesets", name]), tileset, &settings.layers, document);
    }
    names_of(document, "tilesets");
    shared_names(document);
}

/// Notes that the value at `path` should be as the hints have it.
fn require(document: &mut Document<'_>, path: &Path, right: bool) {
    if !right && document.is_clean(path) {
        document.expected(path, &hints::expected(path));
    }
}

fn within(
    document: &mut Document<'_>,
    path: &Path,
    value: Duration,
    least: Duration,
    most: Duration,
) {
    if value < least {
        document.expected(path, "a duration of at least 1ms");
    } else if value > most {
        let days = most.as_secs() / DAY.as_secs();
        document.expected(path, &format!("a duration of at most {days}d"));
    }
}

fn server(settings: &Settings, document: &mut Document<'_>) {
    let (path, server) = (Path::of(["server"]), &settings.server);
    if !document.is_clean(&path) {
        return;
    }
    if let Some(url) = &server.public_url {
        require(document, &path.key("public_url"), urls::is_base(url));
    }
    admin(&path, server, document);
    let origins = &server.cors_origins;
    for (i, origin) in origins.iter().enumerate() {
        let right = if origin == "*" { origins.len() == 1 } else { urls::is_origin(origin) };
        require(document, &path.key("cors_origins").index(i), right);
    }
    if let Some(workers) = server.workers {
        require(document, &path.key("workers"), (1..=MAX_WORKERS).contains(&workers));
    }
    within(document, &path.key("request_timeout"), server.request_timeout, MIN_TIMEOUT, DAY);
    within(document, &path.key("drain_delay"), server.drain_delay, Duration::ZERO, DAY);
    within(document, &path.key("shutdown_grace"), server.shutdown_grace, Duration::ZERO, DAY);
    for (i, name) in server.ready_requires.iter().enumerate() {
        let path = path.key("ready_requires").index(i);
        reference(document, &path, name, "databases");
    }
}

/// Who can reach the admin listener from elsewhere has to know the token.
fn admin(path: &Path, server: &http::Settings, document: &mut Document<'_>) {
    let path_of_token = path.key("admin_token");
    match (server.admin_listen, server.admin_token()) {
        // Whatever else stands in it, clients can't send in a header.
        (_, Some(token)) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            let expected = "visible ASCII only, without spaces or line breaks";
            document.expected(&path_of_token, expected);
        }
        (_, Some(token)) if token.len() < MIN_TOKEN => require(document, &path_of_token, false),
        (Some(address), Some(EXAMPLE_TOKEN)) if !address.ip().is_loopback() => {
            let expected = "a secret of your own, not the one of the example, which all know";
            document.expected(&path_of_token, expected);
        }
        (Some(address), None) if !address.ip().is_loopback() => {
            let message = format!(
                "missing, expected {} because admin_listen, {address}, is not a loopback address",
                hints::expected(&path_of_token)
            );
            document.report(&path_of_token, message, document.example(&path_of_token));
        }
        _ => {}
    }
    if server.admin_listen.is_some_and(|admin| admin == server.listen && admin.port() != 0) {
        document.expected(&path.key("admin_listen"), "another address than listen");
    }
}

fn cache(settings: &Settings, document: &mut Document<'_>) {
    let (path, cache) = (Path::of(["cache"]), &settings.cache);
    if !document.is_clean(&path) {
        return;
    }
    let times = Freshness {
        ttl: Some(cache.ttl),
        max_age: Some(cache.max_age),
        s_maxage: Some(cache.s_maxage),
        stale_while_revalidate: Some(cache.stale_while_revalidate),
        stale_if_error: Some(cache.stale_if_error),
    };
    levels::freshness(&path, times, document);
    within(document, &path.key("error_ttl"), cache.error_ttl, Duration::ZERO, DAY);
    let interval = cache.version_interval;
    within(document, &path.key("version_interval"), interval, MIN_TIMEOUT, DAY);
    let memory = cache.memory.as_u64();
    require(document, &path.key("memory"), memory == 0 || MEMORY.contains(&memory));
    let encodings = &cache.encodings;
    let twice = (1..encodings.len()).any(|i| encodings[..i].contains(&encodings[i]));
    let right = encodings.contains(&Encoding::Gzip) && !twice;
    require(document, &path.key("encodings"), right);
    require(document, &path.key("empty_tile"), [200, 204].contains(&cache.empty_tile));
}

fn database(path: &Path, database: &postgis::Settings, document: &mut Document<'_>) {
    if !document.is_clean(path) {
        return;
    }
    if database.url.expose().trim().is_empty() {
        let path = path.key("url");
        let message = format!("expected {}, got an empty string", hints::expected(&path));
        document.report(&path, message, document.example(&path));
    }
    require(document, &path.key("pool_max"), (1..=1000).contains(&database.pool_max));
    within(document, &path.key("acquire_timeout"), database.acquire_timeout, MIN_TIMEOUT, DAY);
    within(document, &path.key("statement_timeout"), database.statement_timeout, MIN_TIMEOUT, DAY);
}

fn layer(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    if !document.is_clean(path) {
        return;
    }
    match layer.files().next() {
        Some(_) => files::layer(path, layer, document),
        None => layer_database(path, layer, document),
    }
    source(path, &layer.own_source(), document);
    if layer.layer_name.as_ref().is_some_and(|name| name.trim().is_empty()) {
        document.expected(&path.key("layer_name"), "a string that isn't empty");
    }
    if !layer.own_source().is_somewhere() {
        sources_of_ranges(path, layer, document);
    }
    questions::layer(path, layer, document);
    if let Some([west, south, east, north]) = layer.bounds {
        let inside = west >= -180.0 && east <= 180.0 && south >= -90.0 && north <= 90.0;
        let four = document.len(&path.key("bounds")) == 4;
        require(document, &path.key("bounds"), four && inside && west < east && south < north);
    }
    require(document, &path.key("min_zoom"), layer.min_zoom <= MAX_ZOOM);
    require(document, &path.key("max_zoom"), layer.max_zoom <= MAX_ZOOM);
    if layer.min_zoom > layer.max_zoom && layer.min_zoom <= MAX_ZOOM {
        let expected = format!("an integer not above the layer's max_zoom, {}", layer.max_zoom);
        document.expected(&path.key("min_zoom"), &expected);
    }
    require(document, &path.key("extent"), EXTENTS.contains(&layer.extent));
    require(document, &path.key("buffer"), layer.buffer <= layer.extent);
    levels::freshness(path, layer.freshness(), document);
    if let (Some(_), Some(_)) = (&layer.data_version, &layer.version_sql) {
        document.expected(&path.key("version_sql"), "data_version or version_sql, not both");
    }
    for (key, text) in [("data_version", &layer.data_version), ("version_sql", &layer.version_sql)]
    {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            document.expected(&path.key(key), "a string that isn't empty");
        }
    }
    levels::layer(path, layer, document);
}

/// Without a source of the layer's own each range needs one.
fn sources_of_ranges(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    let ranges = || layer.zooms.iter().map(ZoomSettings::own_source);
    for (i, own) in ranges().enumerate() {
        if !own.is_somewhere() && own != RowSource::default() {
            let path = path.key("zooms").index(i);
            document.expected(&path, "table, sql, function or file, here or in the layer");
        }
    }
    if !ranges().any(|own| own.is_somewhere()) {
        let path = path.key("table");
        let message = "missing, expected table, sql, function or file".to_owned();
        document.report(&path, message, document.example(&path));
    }
}

/// Where rows come from.
fn source(path: &Path, own: &RowSource, document: &mut Document<'_>) {
    let texts = [
        ("table", &own.table),
        ("sql", &own.sql),
        ("function", &own.function),
        ("file", &own.file),
        ("geometry", &own.geometry),
        ("id", &own.id),
    ];
    for (key, text) in texts {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            document.expected(&path.key(key), "a string that isn't empty");
        }
    }
    let given: Vec<&str> =
        texts[..4].iter().filter(|(_, t)| t.is_some()).map(|(k, _)| *k).collect();
    // The table of a file is one of the layers in it.
    if let [first, second, ..] = given[..]
        && given != ["table", "file"]
    {
        document.expected(&path.key(second), &format!("{first} or {second}, not both"));
    }
    if let Some(srid) = own.srid {
        require(document, &path.key("srid"), (1..=MAX_SRID).contains(&srid));
    }
}

fn layer_database(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    let path = path.key("database");
    if document.was_rejected(&Path::of(["databases"])) {
        return;
    }
    let known = document.keys(&Path::of(["databases"]));
    match &layer.database {
        Some(name) => reference(document, &path, name, "databases"),
        None if known.len() == 1 => {}
        None if known.is_empty() => {
            let message = "expected a database to read the layer from, but there is none";
            let url = Path::of(["databases", "main", "url"]);
            let line = hints::example_line(&url).map(|line| format!("[databases.main] {line}"));
            document.report(&path, message.to_owned(), line);
        }
        None => {
            let message = format!("missing, expected one of the databases: {}", shortened(&known));
            document.report(&path, message, document.example(&path));
        }
    }
}

/// Notes that there is no `name` in `section`, unless there is.
fn reference(document: &mut Document<'_>, path: &Path, name: &str, section: &str) {
    // By the tree, so that an entry with a mistake of its own still is one.
    let known = document.keys(&Path::of([section]));
    if known.iter().any(|known| known == name) || document.was_rejected(&Path::of([section])) {
        return;
    }
    let mut expected = match known.is_empty() {
        true => format!("a name under [{section}], but there is none"),
        false => format!("one of the {section} {}", shortened(&known)),
    };
    if let Some(near) = hints::nearest(name, known.iter().map(String::as_str)) {
        expected = format!("one of the {section}, perhaps {}", printable(near));
    }
    document.expected(path, &expected);
}

fn shortened(names: &[String]) -> String {
    let more = if names.len() > 10 { ", …" } else { "" };
    let names: Vec<_> = names.iter().take(10).map(|name| printable(name)).collect();
    format!("{}{more}", names.join(", "))
}

fn tileset(
    path: &Path,
    tileset: &TilesetSettings,
    layers: &BTreeMap<String, LayerSettings>,
    document: &mut Document<'_>,
) {
    if !document.is_clean(path) {
        return;
    }
    let path = path.key("layers");
    if tileset.layers.is_empty() {
        document.expected(&path, "at least one layer");
    }
    let known = document.keys(&Path::of(["layers"]));
    let mut inside: BTreeMap<&str, &str> = BTreeMap::new();
    for (i, name) in tileset.layers.iter().enumerate() {
        let path = path.index(i);
        if !known.contains(name) {
            // A table that a database publishes is known once the database has been asked; the
            // catalogue checks that.
            if !publishes(document) {
                reference(document, &path, name, "layers");
            }
        } else if tileset.layers[..i].contains(name) {
            document.expected(&path, "each layer once");
        } else if let Some(layer) = layers.get(name) {
            // MVT 2.1, 4.1: layer names are unique within a tile.
            let inner = layer.layer_name.as_deref().unwrap_or(name);
            if let Some(other) = inside.insert(inner, name) {
                let expected = format!("layers whose layer_name differs from that of {other:?}");
                document.expected(&path, &expected);
            }
        }
    }
}

/// Whether a database publishes tables, or may be meant to.
fn publishes(document: &Document<'_>) -> bool {
    let databases = Path::of(["databases"]);
    document.keys(&databases).iter().map(|name| databases.key(name)).any(|database| {
        document.get(&database.key("publish")).is_some() || !document.is_clean(&database)
    })
}

fn names_of(document: &mut Document<'_>, section: &str) {
    for name in document.keys(&Path::of([section])) {
        let objection = match section {
            "databases" => names::unfit(&name),
            _ => names::objection(&name),
        };
        if let Some(objection) = objection {
            let path = Path::of([section, &name]);
            document.report(&path, objection, document.example(&path));
        }
    }
}

/// Layers and tilesets answer under the same URLs.
fn shared_names(document: &mut Document<'_>) {
    let layers = Path::of(["layers"]);
    for name in document.keys(&Path::of(["tilesets"])) {
        let layer = layers.key(&name);
        if matches!(document.get(&layer), Some(DeValue::Table(_))) {
            let place = document.place(document.offset(&layer));
            let message = format!("expected a name that no layer has, but {layer} is at {place}");
            let path = Path::of(["tilesets", &name]);
            document.report(&path, message, document.example(&path));
        }
    }
}
