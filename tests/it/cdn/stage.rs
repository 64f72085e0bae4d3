//! Tesela with a cache in front and layers that tests control.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::cache::{Cache, Kind};
use crate::support::database::Database;
use crate::support::eventually;
use crate::support::server::{ConfigFile, Response, Server, send, tesela};

/// One place at 10° east and 50° north, in views that a test can close, break and change.
const SQL: &str = "
    CREATE TABLE place (id int PRIMARY KEY, geom geometry(Point, 4326) NOT NULL);
    INSERT INTO place VALUES (1, ST_SetSRID(ST_MakePoint(10, 50), 4326));
    CREATE TABLE switches (
        layer text PRIMARY KEY, gate int GENERATED ALWAYS AS IDENTITY,
        works int NOT NULL DEFAULT 1, label text NOT NULL DEFAULT 'old');
    -- A new snapshot for each statement: what the gate's opener changed is seen.
    CREATE FUNCTION label(layer text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
        DECLARE now switches;
        BEGIN
            SELECT * INTO now FROM switches s WHERE s.layer = label.layer;
            PERFORM pg_advisory_xact_lock_shared(now.gate);
            SELECT * INTO now FROM switches s WHERE s.layer = label.layer;
            PERFORM 1 / now.works;
            RETURN now.label;
        END $$;
    ANALYZE place";

/// Tiles with the place in them, by zoom.
const PLACE: [&str; 7] = ["0/0/0", "1/1/0", "2/2/1", "3/4/2", "4/8/5", "5/16/10", "6/33/21"];

/// Tesela's own memory is off: what reaches Tesela, reaches the database.
pub const NO_MEMORY: &str = "
    [server]
    trusted_proxies = [\"127.0.0.0/8\"]
    [cache]
    memory = 0
    encodings = [\"br\", \"zstd\", \"gzip\"]
";

/// Renewed behind the client's back.
const AT_ONCE: &str =
    "s_maxage = \"1s\"\nstale_while_revalidate = \"1m\"\nstale_if_error = \"1m\"\n";
/// Renewed while the client waits, and served past its time for errors only.
const FOR_ERRORS: &str =
    "s_maxage = \"1s\"\nstale_while_revalidate = \"0s\"\nstale_if_error = \"1m\"\n";
/// Not even for errors.
const NEVER: &str = "s_maxage = \"1s\"\nstale_while_revalidate = \"0s\"\nstale_if_error = \"0s\"\n";

/// Layers and when their tiles may be served past their time. Tests that change one have their own.
const LAYERS: [(&str, &str); 20] = [
    ("popular", ""),
    ("warm", ""),
    ("cold", ""),
    ("roads", ""),
    ("buildings", ""),
    ("rivers", ""),
    ("roads_old", ""),
    ("old-roads", ""),
    ("a.roads", ""),
    ("aXroads", ""),
    ("refreshed", ""),
    ("versioned", "data_version = \"1\"\n"),
    ("broken", ""),
    ("renewed", AT_ONCE),
    ("renewed_in_vain", AT_ONCE),
    ("awaited", FOR_ERRORS),
    ("awaited_in_vain", FOR_ERRORS),
    ("failing", FOR_ERRORS),
    ("unchanged", NEVER),
    ("too_old", NEVER),
];

/// In a database that can go away.
const MORTAL: (&str, &str) = ("mortal", FOR_ERRORS);

/// A cache, Tesela behind it, and the databases behind that, which go away in this order.
pub struct Stage {
    pub cache: Cache,
    pub tesela: Server,
    database: Database,
    mortal: Database,
}

impl Stage {
    /// The one stage of all tests that run at the time.
    pub fn shared(kind: Kind) -> Arc<Self> {
        static NGINX: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        static VARNISH: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        let shared = match kind {
            Kind::Nginx => &NGINX,
            Kind::Varnish => &VARNISH,
        };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let stage = Arc::new(Self::start(kind, NO_MEMORY));
            *shared = Arc::downgrade(&stage);
            stage
        })
    }

    /// A stage of a test's own, with other settings than the shared one's.
    pub fn start(kind: Kind, settings: &str) -> Self {
        let [database, mortal] = [(); 2].map(|()| {
            let database = Database::new();
            database.execute(SQL);
            database
        });
        let mut toml = format!(
            "{settings}\n[databases.main]\nurl = \"{}\"\n[databases.mortal]\nurl = \"{}\"\n\
             acquire_timeout = \"500ms\"\n[tilesets.basemap]\nlayers = [\"roads\", \"buildings\"]\n",
            database.url, mortal.url
        );
        let databases = LAYERS.map(|layer| (layer, &database, "main"));
        for ((layer, freshness), home, name) in
            databases.into_iter().chain([(MORTAL, &mortal, "mortal")])
        {
            let view = format!(
                "INSERT INTO switches (layer) VALUES ('{layer}');
                 CREATE VIEW \"{layer}\" AS SELECT id, geom, label('{layer}') FROM place"
            );
            home.execute(&view);
            toml += &format!(
                "[layers.\"{layer}\"]\ndatabase = \"{name}\"\ntable = '\"{layer}\"'\n{freshness}"
            );
        }
        let tesela = start_tesela(&toml);
        let cache = Cache::start(kind, tesela.base.trim_start_matches("http://"));
        Self { cache, tesela, database, mortal }
    }

    /// Asks the cache.
    pub fn get(&self, path: &str) -> Response {
        self.get_with(path, &[("accept-encoding", "gzip")])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let answer = send(&self.cache.base, "GET", path, headers, "");
        answer.check_tile();
        answer
    }

    /// The statuses with which Tesela has answered requests for a path.
    pub fn seen(&self, path: &str) -> Vec<u16> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("/marker-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.tesela.get(&marker);
        // A line is written before its answer leaves: once this one is there, all before are.
        eventually("the log is complete", || !self.seen_so_far(&marker).is_empty());
        self.seen_so_far(path)
    }

    /// The same, with the last ones perhaps not there yet.
    pub fn seen_so_far(&self, path: &str) -> Vec<u16> {
        let log = self.tesela.log();
        let events = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        let requests = events.filter(|event: &serde_json::Value| {
            event["message"] == "request" && event["path"] == path
        });
        requests.map(|event| event["status"].as_u64().unwrap().try_into().unwrap()).collect()
    }

    /// How many requests have joined another one for the same tile, in Tesela.
    pub fn collapsed(&self) -> f64 {
        self.tesela.metric("tesela_cache_collapsed_total")
    }

    /// Changes what a layer's query does: `works = 0`, `label = 'new'`.
    pub fn switch(&self, layer: &str, how: &str) {
        let home = if layer == MORTAL.0 { &self.mortal } else { &self.database };
        home.execute(&format!("UPDATE switches SET {how} WHERE layer = '{layer}'"));
    }

    /// Holds up the layer's queries until the value goes away.
    pub fn close_gate(&self, layer: &str) -> Gate {
        let mut client = self.database.client();
        let sql = "SELECT gate::bigint FROM switches WHERE layer = $1";
        let number: i64 = client.query_one(sql, &[&layer]).unwrap().get(0);
        client.execute("SELECT pg_advisory_lock($1)", &[&number]).unwrap();
        Gate { client, number }
    }

    /// Ends the connections to the database of `mortal`, and forbids new ones or allows them.
    pub fn let_database_live(&self, lives: bool) {
        let mut admin = self.mortal.admin();
        let name = &self.mortal.name;
        let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {lives}");
        admin.batch_execute(&allow).unwrap();
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        admin.execute(end, &[name]).unwrap();
    }
}

/// Holds up a layer's queries.
pub struct Gate {
    client: postgres::Client,
    number: i64,
}

impl Gate {
    /// Opens until the query that waits has run.
    pub fn let_one_through(&mut self) {
        self.client.execute("SELECT pg_advisory_unlock($1)", &[&self.number]).unwrap();
        self.client.execute("SELECT pg_advisory_lock($1)", &[&self.number]).unwrap();
    }

    /// How many queries wait.
    pub fn waiting(&mut self) -> i64 {
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND objid::bigint = $1";
        self.client.query_one(sql, &[&self.number]).unwrap().get(0)
    }
}

fn start_tesela(toml: &str) -> Server {
    let config = ConfigFile::new(toml);
    let args = ["serve", "--log-format", "json", "--listen", "127.0.0.1:0", "--config"];
    let mut command = tesela(&[&args[..], &[&config.path]].concat());
    command.env("RUST_LOG", "tesela=debug");
    Server::start(command, Some(config))
}

/// The path of the tile with the place in it. Tests of one layer take a zoom each.
pub fn tile(layer: &str, zoom: usize) -> String {
    format!("/{layer}/{}", PLACE[zoom])
}

/// The path of a tile with nothing in it.
pub fn empty_tile(layer: &str) -> String {
    format!("/{layer}/6/0/0")
}

/// What the cache says of an answer.
pub fn verdict(answer: &Response) -> &str {
    answer.header("x-cache").unwrap_or_default()
}

/// Whether the cache says that the answer is past its time.
pub fn is_stale(answer: &Response) -> bool {
    ["STALE", "UPDATING"].contains(&verdict(answer))
}

/// The label of the place in a tile.
pub fn label(answer: &Response) -> String {
    use crate::support::tile::{Property, decode};
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    match &decode(&answer.mvt())[0].features[0].properties["label"] {
        Property::Text(label) => label.clone(),
        other => panic!("the label is {other:?}"),
    }
}

/// How often a status is among those that Tesela answered with.
pub fn count(seen: &[u16], status: u16) -> usize {
    seen.iter().filter(|&&seen| seen == status).count()
}
