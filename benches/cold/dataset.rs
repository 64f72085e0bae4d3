//! The database: made once per version and size, or for this run alone.

use std::time::Instant;

use postgres::{Client, NoTls};

use super::city::Country;
use super::counties;
use super::islands;
use super::options::Options;

/// Counts changes to the data: a kept database of another version is made anew.
const VERSION: i32 = 2;

/// The city's tables and their columns besides the id and the geometry.
pub const KINDS: [(&str, &str); 3] = [
    ("points", "kind, name, opening_hours, rating, seats, wheelchair"),
    ("lines", "highway, name, ref, maxspeed, oneway"),
    ("polygons", "building, name, housenumber, levels, height"),
];

/// What a layer's share of the results is.
#[derive(Clone, Copy, PartialEq)]
pub enum Group {
    /// Counts towards the mean.
    City,
    /// Must only not be slower.
    Other,
}

#[derive(Clone)]
pub struct Layer {
    pub name: String,
    /// Layers of one subject are asked for the same tiles.
    pub subject: String,
    pub group: Group,
}

pub struct Dataset {
    pub url: String,
    name: String,
    admin: String,
    keep: bool,
}

impl Dataset {
    pub fn open(options: &Options) -> Self {
        let admin = std::env::var("TESELA_TEST_DATABASE_URL")
            .expect("TESELA_TEST_DATABASE_URL is not set: run scripts/bench");
        let own = format!("tesela_cold_{}", std::process::id());
        let name = options.keep.clone().unwrap_or(own);
        let (server, _) = admin.rsplit_once('/').expect("the test URL names a database");
        let url = format!("{server}/{name}");
        let dataset = Self { url, name, admin, keep: options.keep.is_some() };
        if dataset.is_current(options.rows) {
            eprintln!("using the kept database {}", dataset.name);
        } else {
            dataset.build(options.rows);
        }
        load_counties(&mut dataset.client());
        dataset
    }

    pub fn client(&self) -> Client {
        connect(&self.url)
    }

    fn is_current(&self, rows: usize) -> bool {
        let current = |mut client: Client| {
            let row = client.query_one("SELECT version, rows FROM dataset", &[]).ok()?;
            Some(row.get::<_, i32>(0) == VERSION && row.get::<_, i64>(1) == rows as i64)
        };
        Client::connect(&self.url, NoTls).ok().and_then(current).unwrap_or(false)
    }

    fn build(&self, rows: usize) {
        let started = Instant::now();
        self.drop_database();
        let mut admin = connect(&self.admin);
        admin.batch_execute(&format!("CREATE DATABASE {}", self.name)).expect("a database");
        let mut client = self.client();
        client.batch_execute("CREATE EXTENSION IF NOT EXISTS postgis").expect("PostGIS");
        // Half of the rows: the other half are the same in degrees.
        let country = Country::new(rows / 2);
        let counts = [&country.points, &country.lines, &country.polygons].map(|rows| rows.len());
        eprintln!("{counts:?} points, lines, polygons after {:.1?}", started.elapsed());
        client.batch_execute(TABLES).expect("the tables");
        country.points.copy(&mut client, "points_3857");
        country.lines.copy(&mut client, "lines_3857");
        country.polygons.copy(&mut client, "polygons_3857");
        islands::rows().copy(&mut client, "oversized");
        eprintln!("copied after {:.1?}", started.elapsed());
        for kind in ["points", "lines", "polygons"] {
            client.batch_execute(&in_degrees(kind)).expect(kind);
        }
        client.batch_execute(include_str!("../../tests/fixtures/world.sql")).expect("the world");
        client.batch_execute("CREATE INDEX ON oversized USING gist (geom)").expect("an index");
        client.batch_execute("VACUUM ANALYZE").expect("VACUUM");
        let done = format!(
            "CREATE TABLE dataset AS SELECT {VERSION} AS version, {rows}::bigint AS rows; CHECKPOINT"
        );
        client.batch_execute(&done).expect("a mark");
        let size = "SELECT pg_size_pretty(pg_database_size(current_database()))";
        let size: String = client.query_one(size, &[]).expect("a size").get(0);
        eprintln!("{} built in {:.1?}, {size}", self.name, started.elapsed());
    }

    fn drop_database(&self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        connect(&self.admin).batch_execute(&drop).expect("the old database goes");
    }

    /// Those that were asked for.
    pub fn layers(&self, options: &Options) -> Vec<Layer> {
        let mut layers = Vec::new();
        for subject in ["points", "lines", "polygons"] {
            for srid in [3857, 4326] {
                let name = format!("{subject}_{srid}");
                layers.push(Layer { name, subject: subject.to_owned(), group: Group::City });
            }
        }
        for name in ["countries", "counties", "oversized"] {
            let name = name.to_owned();
            layers.push(Layer { subject: name.clone(), name, group: Group::Other });
        }
        layers.retain(|layer| options.wants(layer));
        assert!(!layers.is_empty(), "--layers names none that there is");
        layers
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        if !self.keep {
            self.drop_database();
        }
    }
}

fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).unwrap_or_else(|error| panic!("the database: {error}"))
}

/// Kept databases may be older than this table and are as good with it.
fn load_counties(client: &mut Client) {
    let there = client.query_one("SELECT to_regclass('counties') IS NOT NULL", &[]);
    if there.expect("a table or none").get(0) {
        return;
    }
    let table = "BEGIN; CREATE TABLE counties (id bigint PRIMARY KEY, name text,
                   geom geometry(MultiPolygon, 4326)) WITH (autovacuum_enabled = off)";
    client.batch_execute(table).expect("a table");
    counties::rows().copy(client, "counties");
    let index = "CREATE INDEX ON counties USING gist (geom); COMMIT";
    client.batch_execute(index).expect("an index");
    client.batch_execute("VACUUM ANALYZE counties").expect("VACUUM");
}

const TABLES: &str = "
CREATE TABLE points_3857 (id bigint, kind text, name text, opening_hours text,
  rating double precision, seats integer, wheelchair boolean, geom geometry(Point, 3857))
  WITH (autovacuum_enabled = off);
CREATE TABLE lines_3857 (id bigint, highway text, name text, ref text, maxspeed integer,
  oneway boolean, geom geometry(LineString, 3857)) WITH (autovacuum_enabled = off);
CREATE TABLE polygons_3857 (id bigint, building text, name text, housenumber text, levels integer,
  height double precision, geom geometry(Polygon, 3857)) WITH (autovacuum_enabled = off);
CREATE TABLE oversized (id bigint PRIMARY KEY, name text, geom geometry(MultiPolygon, 3857))
  WITH (autovacuum_enabled = off)";

/// The same rows in the same order in degrees, and the keys and indexes of both.
fn in_degrees(kind: &str) -> String {
    let shape = match kind {
        "points" => "Point",
        "lines" => "LineString",
        _ => "Polygon",
    };
    // Rewriting the column keeps the rows in their order.
    format!(
        "CREATE TABLE {kind}_4326 (LIKE {kind}_3857) WITH (autovacuum_enabled = off);
         INSERT INTO {kind}_4326 SELECT * FROM {kind}_3857;
         ALTER TABLE {kind}_4326 ALTER geom TYPE geometry({shape}, 4326)
           USING ST_Transform(geom, 4326);
         ALTER TABLE {kind}_3857 ADD PRIMARY KEY (id);
         ALTER TABLE {kind}_4326 ADD PRIMARY KEY (id);
         CREATE INDEX ON {kind}_3857 USING gist (geom);
         CREATE INDEX ON {kind}_4326 USING gist (geom)"
    )
}
