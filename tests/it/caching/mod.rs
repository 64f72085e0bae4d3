//! The cache: one flight for many, stale tiles, encodings, versions, purges.

mod encodings;
mod flights;
mod floods;
mod freshness;
mod omitted;
mod purges;
mod versions;

use crate::support::database::Database;
use crate::support::server::{GZIP, Response, Server};

/// Everywhere.
const WORLD: &str = "0/0/0";

/// A database whose table `cities` is read through the view `switched`: a row in `switch` decides
/// whether that works, and how long it takes.
fn switched() -> Database {
    let database = Database::with_world();
    database.execute(
        "CREATE TABLE switch (works int, seconds float8);
         INSERT INTO switch VALUES (1, 0);
         CREATE VIEW switched AS SELECT cities.id, cities.geom, cities.name
         FROM cities, (SELECT 1 / works AS one, pg_sleep(seconds) FROM switch) AS s
         WHERE s.one = 1",
    );
    database
}

/// A server of `switched`, with more TOML before the layer and in it.
fn serve(database: &Database, more: &str, layer: &str) -> Server {
    Server::configured(&format!(
        "[server]\nadmin_listen = \"127.0.0.1:0\"\n{more}\n\
         [databases.main]\nurl = \"{}\"\nacquire_timeout = \"500ms\"\npublish = {{}}\n\
         [layers.switched]\ntable = \"switched\"\nid = \"id\"\n{layer}\n",
        database.url
    ))
}

fn get(server: &Server, path: &str) -> Response {
    server.request("GET", path, &[GZIP])
}

fn switched_tile(server: &Server) -> Response {
    get(server, &format!("/switched/{WORLD}"))
}

/// Queries for tiles so far.
fn queries(server: &Server) -> f64 {
    server.metric("tesela_database_query_seconds_count")
}

fn status(answer: &Response) -> &str {
    answer.header("cache-status").unwrap_or("none")
}

/// Deletes half of the cities. Answers how many features there are then.
fn halve(database: &Database) -> usize {
    database.execute("DELETE FROM cities WHERE id % 2 = 0");
    let count = database.client().query_one("SELECT count(*) FROM cities", &[]).unwrap();
    usize::try_from(count.get::<_, i64>(0)).unwrap()
}

fn features(answer: &Response) -> usize {
    crate::support::tile::decode(&answer.mvt()).iter().map(|layer| layer.features.len()).sum()
}
