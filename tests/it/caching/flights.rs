//! One flight for all who ask for the same cold tile.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::{GZIP, WORLD, queries, serve, status, switched, switched_tile};
use crate::support::database::Database;
use crate::support::eventually;
use crate::support::server::{Response, Server};

/// Scans of the table in the database's own count, which lags behind by a second or so.
fn scans(database: &Database) -> i64 {
    let sql = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables \
               WHERE relname = 'switch'";
    database.client().query_one(sql, &[]).unwrap().get(0)
}

/// Asks for the tile from `clients` at once while its query takes long.
fn crowd(server: &Server, clients: usize) -> Vec<Response> {
    std::thread::scope(|scope| {
        let ask = || server.request("GET", &format!("/switched/{WORLD}"), &[GZIP]);
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn four_hundred_clients_on_a_cold_tile_are_one_query() {
    let database = switched();
    let server = serve(&database, "", "");
    let before = scans(&database);
    database.execute("UPDATE switch SET seconds = 2");
    let answers = crowd(&server, 400);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    assert_eq!(queries(&server), 1.0);
    let collapsed = answers.iter().filter(|answer| status(answer).ends_with("collapsed")).count();
    assert!(collapsed > 300, "{collapsed} have waited for the one that asked first");
    // The UPDATE scans too.
    eventually("the database has counted", || scans(&database) >= before + 2);
    assert_eq!(scans(&database), before + 2);
}

#[test]
fn who_asked_first_may_leave_and_the_others_get_the_tile() {
    let database = switched();
    let server = serve(&database, "", "");
    database.execute("UPDATE switch SET seconds = 1");
    let address = server.base.strip_prefix("http://").unwrap();
    let mut leader = TcpStream::connect(address).unwrap();
    write!(leader, "GET /switched/{WORLD} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n")
        .unwrap();
    eventually("the query runs", || server.metric("tesela_cache_misses_total") == 1.0);
    drop(leader);
    let follower = switched_tile(&server);
    assert_eq!(follower.status, 200);
    assert_eq!(status(&follower), "tesela; fwd=uri-miss; collapsed");
    assert_eq!(queries(&server), 1.0);
}

#[test]
fn an_error_reaches_all_who_wait_and_is_not_kept() {
    let database = switched();
    let server = serve(&database, "", "");
    // The first to look at the row waits, then divides.
    database.execute(
        "CREATE OR REPLACE VIEW switched AS SELECT cities.id, cities.geom, cities.name
         FROM cities, (SELECT 1 / (works + length(pg_sleep(seconds)::text)) AS one FROM switch) AS s
         WHERE s.one = 1",
    );
    database.execute("UPDATE switch SET works = 0, seconds = 1");
    let answers = crowd(&server, 20);
    assert!(answers.iter().all(|answer| answer.status == 500), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.header("cache-control") == Some("no-store")));
    assert_eq!(queries(&server), 1.0);
    database.execute("UPDATE switch SET works = 1, seconds = 0");
    assert_eq!(switched_tile(&server).status, 200);
}

#[test]
fn a_timeout_reaches_all_who_wait_and_is_not_kept() {
    let database = switched();
    let server = serve(&database, "request_timeout = \"700ms\"", "");
    database.execute("UPDATE switch SET seconds = 5");
    let answers = crowd(&server, 20);
    assert!(answers.iter().all(|answer| answer.status == 504), "{answers:?}");
    database.execute("UPDATE switch SET seconds = 0");
    eventually("the tile is made", || switched_tile(&server).status == 200);
}

#[test]
fn a_purge_in_the_middle_neither_joins_nor_keeps_the_old_read() {
    let database = switched();
    let server = serve(&database, "", "");
    database.execute("UPDATE switch SET seconds = 1.5");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| switched_tile(&server));
        eventually("the query runs", || server.metric("tesela_cache_misses_total") == 1.0);
        assert_eq!(server.purge(r#"{"layer": "switched"}"#).status, 200);
        let second = switched_tile(&server);
        assert_eq!(status(&second), "tesela; fwd=uri-miss; stored", "not joined");
        let first = first.join().unwrap();
        assert_eq!(status(&first), "tesela; fwd=uri-miss", "served, but not kept");
        let control = first.header("cache-control").unwrap();
        assert_eq!(control, "public, max-age=0, s-maxage=10", "by nobody else either");
    });
    assert_eq!(queries(&server), 2.0);
    assert_eq!(status(&switched_tile(&server)), "tesela; hit");
    assert_eq!(server.metric("tesela_cache_outdated_total"), 1.0);
}

#[test]
fn a_read_that_a_purge_overtakes_is_kept_by_nobody_even_where_nothing_is_kept() {
    for (cache, layer) in [("[cache]\nmemory = \"0\"", ""), ("", "ttl = \"0s\"")] {
        let database = switched();
        let server = serve(&database, cache, &format!("{layer}\ndata_version = \"7\""));
        let json = server.get("/switched").json();
        let version = json["tiles"][0].as_str().unwrap().split_once("?v=").unwrap().1.to_owned();
        database.execute("UPDATE switch SET seconds = 1");
        let path = format!("/switched/{WORLD}?v={version}");
        let answer = std::thread::scope(|scope| {
            let answer = scope.spawn(|| server.request("GET", &path, &[GZIP]));
            eventually("the query runs", || server.metric("tesela_cache_misses_total") == 1.0);
            assert_eq!(server.purge(r#"{"layer": "switched"}"#).status, 200);
            answer.join().unwrap()
        });
        let control = answer.header("cache-control");
        assert_eq!(control, Some("public, max-age=0, s-maxage=10"), "{cache}{layer}");
    }
}

#[test]
fn an_old_tile_that_is_purged_while_a_new_one_fails_does_not_stand_in_for_it() {
    let database = switched();
    let layer = "ttl = \"50ms\"\nstale_while_revalidate = \"0s\"";
    let server = serve(&database, "request_timeout = \"1s\"", layer);
    assert_eq!(switched_tile(&server).status, 200);
    std::thread::sleep(Duration::from_millis(100));
    database.execute("UPDATE switch SET seconds = 5");
    let answer = std::thread::scope(|scope| {
        let answer = scope.spawn(|| switched_tile(&server));
        eventually("the query runs", || server.metric("tesela_cache_misses_total") == 2.0);
        assert_eq!(server.purge(r#"{"layer": "switched"}"#).json()["tiles"], 1);
        answer.join().unwrap()
    });
    assert_eq!(answer.status, 504);
}

#[test]
fn a_database_that_is_down_is_not_asked_by_every_request() {
    let database = switched();
    let server = serve(&database, "[cache]\nerror_ttl = \"2s\"", "");
    database.execute("UPDATE switch SET seconds = 0");
    allow_connections(&database, false);
    let failed =
        |server: &Server| server.metric("tesela_database_errors_total{kind=\"unavailable\"}");
    assert_eq!(switched_tile(&server).status, 503);
    let started = std::time::Instant::now();
    let (before, mut asked) = (failed(&server), 0);
    while started.elapsed() < Duration::from_millis(800) {
        assert_eq!(switched_tile(&server).status, 503);
        asked += 1;
    }
    assert!(asked > 10, "{asked} answers without a wait");
    assert_eq!(failed(&server), before);
    allow_connections(&database, true);
    eventually("the tile is made", || switched_tile(&server).status == 200);
}

/// Forbids or allows connections. Existing ones are ended.
pub(super) fn allow_connections(database: &Database, allowed: bool) {
    let mut admin = database.admin();
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allowed}", database.name);
    admin.batch_execute(&sql).unwrap();
    if !allowed {
        let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        admin.execute(sql, &[&database.name]).unwrap();
    }
}
