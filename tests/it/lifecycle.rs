//! Start, stop, and databases that come and go.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::database::Database;
use crate::support::eventually;
use crate::support::server::{GZIP, Response, Server, run, tesela};

fn cities(database: &Database, more: &str) -> String {
    format!(
        "{more}\n[databases.main]\nurl = \"{}\"\nacquire_timeout = \"500ms\"\n\
         [layers.cities]\ntable = \"cities\"\n",
        database.url
    )
}

/// Forbids or allows connections. Existing ones are ended.
fn allow_connections(database: &Database, allowed: bool) {
    let mut admin = database.admin();
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allowed}", database.name);
    admin.batch_execute(&sql).unwrap();
    if !allowed {
        terminate(database);
    }
}

fn terminate(database: &Database) {
    let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
    database.admin().execute(sql, &[&database.name]).unwrap();
}

fn assert_unavailable(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

#[test]
fn sigterm_drains_and_exits_with_0() {
    let database = Database::with_world();
    let mut server = Server::configured(&cities(&database, "[server]\ndrain_delay = \"1s\""));
    server.signal("-TERM");
    eventually("ready turns red", || server.get("/health/ready").status == 503);
    assert_eq!(server.get("/health/ready").json()["draining"], true);
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/cities/0/0/0").status, 200, "still accepting");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_request_in_flight_is_finished_before_the_server_ends() {
    let database = Database::with_world();
    database.execute(
        "CREATE VIEW slow AS SELECT c.id, c.geom FROM cities c, pg_sleep(2) WHERE c.id < 1000000",
    );
    let toml = format!(
        "[server]\ndrain_delay = \"0s\"\n[databases.main]\nurl = \"{}\"\n\
         [layers.slow]\ntable = \"slow\"\nsrid = 4326\n",
        database.url
    );
    let mut server = Server::configured(&toml);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| server.get("/slow/0/0/0").status);
        eventually("the query runs", || {
            let sql = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = $1 AND state = 'active' AND query LIKE '%slow%'";
            database.admin().query_one(sql, &[&database.name]).unwrap().get::<_, i64>(0) > 0
        });
        server.signal("-TERM");
        assert_eq!(answer.join().unwrap(), 200);
    });
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn sigint_stops_at_once() {
    let database = Database::with_world();
    let mut server = Server::configured(&cities(&database, ""));
    let started = Instant::now();
    server.signal("-INT");
    assert_eq!(server.wait().code(), Some(130));
    assert!(started.elapsed() < Duration::from_secs(3), "no drain: {:?}", started.elapsed());
}

#[test]
fn a_database_that_is_down_at_the_start_is_published_once_it_is_up() {
    let database = Database::with_world();
    allow_connections(&database, false);
    let server = Server::configured(&cities(&database, ""));
    assert_unavailable(&server.get("/cities/0/0/0"));
    let ready = server.get("/health/ready");
    assert_eq!((ready.status, &ready.json()["databases"][0]["reachable"]), (200, &false.into()));
    let reason = server.get("/catalog").json()["disabled"]["cities"]["reason"].clone();
    assert_eq!(reason, "database \"main\" can't be reached");
    allow_connections(&database, true);
    eventually("the layer is published", || server.get("/cities/0/0/0").status == 200);
    assert_eq!(server.get("/health/ready").json()["databases"][0]["reachable"], true);
}

#[test]
fn a_whole_database_that_is_down_at_the_start_is_503_and_not_404() {
    let database = Database::with_world();
    allow_connections(&database, false);
    let server = Server::publish(&database.url);
    assert_unavailable(&server.get("/cities/0/0/0"));
    assert_unavailable(&server.get("/cities"));
    allow_connections(&database, true);
    eventually("the tables are published", || server.get("/cities/0/0/0").status == 200);
    assert_eq!(server.get("/nothing/0/0/0").status, 404);
}

#[test]
fn slow_views_of_one_database_hold_up_neither_its_tables_nor_another() {
    let (slow, good) = (Database::with_world(), Database::with_world());
    for n in 0..20 {
        slow.execute(&format!(
            "CREATE VIEW slow{n} AS SELECT c.id, ST_Force2D(c.geom) AS geom FROM cities c, pg_sleep(10)"
        ));
    }
    let started = Instant::now();
    let server = Server::configured(&format!(
        "[databases.slow]\nurl = \"{}\"\npublish = {{}}\n[databases.good]\nurl = \"{}\"\n\
         [layers.towns]\ndatabase = \"good\"\ntable = \"cities\"\n",
        slow.url, good.url
    ));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(server.get("/towns/0/0/0").status, 200);
    eventually("the tables are published", || server.get("/countries/0/0/0").status == 200);
    let json = server.get("/catalog").json();
    assert!(json["disabled"]["slow0"].is_object(), "{json}");
}

#[test]
fn a_table_that_was_locked_at_the_start_is_published_later() {
    let database = Database::with_world();
    database.execute("CREATE TABLE untyped AS SELECT id, ST_Force2D(geom) AS geom FROM cities");
    let mut client = database.client();
    let mut lock = client.transaction().unwrap();
    lock.batch_execute("LOCK TABLE untyped IN ACCESS EXCLUSIVE MODE").unwrap();
    let server = Server::publish(&database.url);
    let disabled = server.get("/catalog").json()["disabled"]["untyped"].clone();
    assert!(disabled.is_object(), "not looked at");
    assert_eq!(server.get("/cities/0/0/0").status, 200, "the others are there");
    lock.commit().unwrap();
    eventually("it is published", || server.get("/untyped/0/0/0").status == 200);
}

#[test]
fn signals_are_heard_while_databases_are_awaited() {
    // Accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://x@{}/x", silent.local_addr().unwrap());
    for (signal, code) in [("-TERM", 0), ("-INT", 130)] {
        let mut child = tesela(&["serve", "--listen", "127.0.0.1:0", &url]).spawn().unwrap();
        let pid = child.id().to_string();
        let caught = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << 14 | 1 << 1) == (1 << 14 | 1 << 1)
        };
        eventually("the signals are caught", caught);
        Command::new("kill").args([signal, &pid]).status().unwrap();
        let mut status = None;
        let started = Instant::now();
        eventually("it ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(code));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[test]
fn a_signal_sent_to_the_process_and_its_group_is_one_request_to_drain() {
    let database = Database::with_world();
    let mut server = Server::configured(&cities(&database, "[server]\ndrain_delay = \"1500ms\""));
    server.signal("-TERM");
    server.signal("-TERM");
    let answer = server.get("/cities/0/0/0");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_busy_pool_does_not_make_its_database_unreachable() {
    let database = Database::with_world();
    database.execute(
        "CREATE VIEW slow AS SELECT c.id, c.geom FROM cities c, pg_sleep(4) WHERE c.id < 1000000",
    );
    let server = Server::configured(&format!(
        "[server]\nready_requires = [\"main\"]\n[databases.main]\nurl = \"{}\"\npool_max = 1\n\
         acquire_timeout = \"9s\"\n[layers.slow]\ntable = \"slow\"\nsrid = 4326\n",
        database.url
    ));
    std::thread::scope(|scope| {
        let tiles = [0, 1].map(|x| {
            scope.spawn({
                let server = &server;
                move || server.get(&format!("/slow/1/{x}/0")).status
            })
        });
        while tiles.iter().any(|tile| !tile.is_finished()) {
            assert_eq!(server.get("/health/ready").status, 200);
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(tiles.map(|tile| tile.join().unwrap()), [200, 200]);
    });
}

#[test]
fn a_flood_of_failures_is_not_a_flood_of_log_lines() {
    let database = Database::with_world();
    let server = Server::configured(&cities(&database, ""));
    assert_eq!(server.get("/cities/0/0/0").status, 200);
    allow_connections(&database, false);
    std::thread::scope(|scope| {
        for x in 0..32 {
            let server = &server;
            scope.spawn(move || assert_unavailable(&server.get(&format!("/cities/5/{x}/9"))));
        }
    });
    let lines = server.log().matches("no tile").count();
    assert!((1..10).contains(&lines), "{lines} lines for 32 failures");
    assert_eq!(server.metric("tesela_database_errors_total{kind=\"unavailable\"}"), 32.0);
}

#[test]
fn a_required_database_decides_about_readiness() {
    let database = Database::with_world();
    let server = Server::configured(&cities(&database, "[server]\nready_requires = [\"main\"]"));
    assert_eq!(server.get("/health/ready").status, 200);
    allow_connections(&database, false);
    eventually("ready turns red", || server.get("/health/ready").status == 503);
    allow_connections(&database, true);
    eventually("ready turns green", || server.get("/health/ready").status == 200);
}

#[test]
fn cached_tiles_outlive_the_database_and_cold_ones_say_503() {
    let database = Database::with_world();
    let server = Server::configured(&cities(&database, ""));
    let warm = server.request("GET", "/cities/0/0/0", &[GZIP]);
    allow_connections(&database, false);
    let started = Instant::now();
    assert_unavailable(&server.get("/cities/1/0/0"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let still = server.request("GET", "/cities/0/0/0", &[GZIP]);
    assert_eq!((still.status, still.body), (200, warm.body));
    allow_connections(&database, true);
    eventually("cold tiles are back", || server.get("/cities/1/0/0").status == 200);
}

#[test]
fn connections_that_the_server_ended_cost_no_request() {
    let database = Database::with_world();
    let server = Server::configured(&cities(&database, ""));
    for x in 0..4 {
        assert_eq!(server.get(&format!("/cities/2/{x}/1")).status, 200);
        terminate(&database);
    }
    assert_eq!(server.metric("tesela_database_errors_total{kind=\"unavailable\"}"), 0.0);
}

#[test]
fn a_slow_statement_is_504_and_a_broken_one_500_without_details() {
    let database = Database::with_world();
    database.execute(
        "CREATE VIEW slow AS SELECT c.id, c.geom FROM cities c, pg_sleep(20);
         CREATE TABLE gone AS SELECT * FROM cities; ANALYZE gone",
    );
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\nstatement_timeout = \"300ms\"\n\
         [layers.slow]\ntable = \"slow\"\nsrid = 4326\n[layers.gone]\ntable = \"gone\"\n",
        database.url
    ));
    let slow = server.get("/slow/0/0/0");
    assert_eq!(slow.status, 504, "{}", slow.text());
    database.execute("DROP TABLE gone");
    let broken = server.get("/gone/0/0/0");
    assert_eq!(broken.status, 500);
    for answer in [&slow, &broken] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        for secret in ["SELECT", "public", "127.0.0.1", "relation"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
    }
    assert!(
        server.log().contains("relation \\\"public.gone\\\" does not exist")
            || server.log().contains("relation \"public.gone\" does not exist")
    );
    database.execute("CREATE TABLE gone AS SELECT * FROM cities");
    assert_eq!(server.get("/gone/0/0/0").status, 200, "errors are not kept");
}

#[test]
fn passwords_are_shown_nowhere() {
    let database = Database::with_world();
    const PASSWORD: &str = "hunter2-s3cr3t";
    let good = database.url_for("postgres", PASSWORD);
    let slashed = database.url_for("postgres", "aa/hunter2-s3cr3t");
    let dead = format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/nothing");
    let server = Server::configured(&format!(
        "[databases.good]\nurl = \"{good}\"\npublish = {{}}\n\
         [databases.dead]\nurl = \"{dead}\"\nacquire_timeout = \"300ms\"\n\
         [layers.dead]\ndatabase = \"dead\"\ntable = \"x\"\n",
    ));
    let answers =
        ["/catalog", "/cities/0/0/0", "/dead/0/0/0", "/metrics", "/health/ready", "/cities"]
            .map(|path| server.request("GET", path, &[]))
            .map(|answer| {
                format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body))
            });
    for text in answers.iter().chain([&server.log()]) {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    let output = run(&["check", &slashed]);
    let text = format!("{output:?}");
    assert!(!text.contains(PASSWORD), "{text}");
    let malformed = [
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:notaport/x"),
        format!("postgres://postgres:{PASSWORD}@[::1/x"),
        format!("postgres://postgres:{PASSWORD}@127.0.0.1/x?sslmode={PASSWORD}"),
        format!("host=127.0.0.1 password={PASSWORD}"),
    ];
    for url in &malformed {
        let output = run(&["serve", "--listen", "127.0.0.1:0", url]);
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("error: ") && !text.contains(PASSWORD), "{text}");
    }
}

#[test]
fn the_log_can_be_json_with_paths_escaped() {
    let database = Database::with_world();
    let mut command =
        tesela(&["serve", "--log-format", "json", "--listen", "127.0.0.1:0", &database.url]);
    command.env("RUST_LOG", "tesela=debug");
    let server = Server::start(command, None);
    server.get("/a%0ab%1b%5b31m/0/0/0");
    server.get(&format!("/{}/0/0/0", "x".repeat(2000)));
    eventually("both are logged", || server.log().matches("\"request\"").count() == 2);
    let log = server.log();
    let events = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let requests: Vec<_> = events.filter(|event| event["message"] == "request").collect();
    assert_eq!(requests[0]["path"], "/a%0ab%1b%5b31m/0/0/0");
    assert_eq!((&requests[0]["status"], &requests[0]["method"]), (&404.into(), &"GET".into()));
    assert_eq!(requests[1]["path"].as_str().unwrap().len(), 512);
}
