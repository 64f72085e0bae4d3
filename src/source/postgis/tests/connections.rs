//! What happens to connections and statements.

use std::time::Instant;

use super::*;

async fn point_table(db: &TestDatabase) {
    db.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a int, geom geometry(Point, 3857));
         INSERT INTO t VALUES (1, 2, 'SRID=3857;POINT(0 0)')",
    )
    .await;
}

fn only_value(seen: &Collector) -> &str {
    &seen.rows[0].properties[0].1
}

#[tokio::test]
async fn a_changed_table_is_prepared_again() {
    let db = TestDatabase::new().await;
    point_table(&db).await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    assert_eq!(only_value(&fetch(&source, &layer, (0, 0, 0)).await), "2i");
    db.sql("ALTER TABLE t ADD b text").await;
    assert_eq!(only_value(&fetch(&source, &layer, (0, 0, 0)).await), "2i");
    db.sql("ALTER TABLE t ALTER a TYPE text USING 'x' || a").await;
    assert_eq!(only_value(&fetch(&source, &layer, (0, 0, 0)).await), "'x2'");
    db.sql("ALTER TABLE t ALTER a TYPE float8 USING 0.5").await;
    let seen = try_fetch(&source, &[&layer, &layer], (0, 0, 0)).await.unwrap();
    assert_eq!(seen.rows.len(), 2);
    assert_eq!(only_value(&seen), "0.5");
    let state = source.pool_state();
    assert_eq!((state.connections, state.idle), (1, 1));
}

#[tokio::test]
async fn statements_that_the_server_forgot_are_prepared_again() {
    let db = TestDatabase::new().await;
    point_table(&db).await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    fetch(&source, &layer, (0, 0, 0)).await;
    let connection = source.pool.checkout(deadline()).await.unwrap();
    connection.client().batch_execute("DEALLOCATE ALL").await.unwrap();
    connection.finish(&Ok(()));
    assert_eq!(fetch(&source, &layer, (0, 0, 0)).await.ids(0), [1]);
}

#[tokio::test]
async fn a_dropped_table_is_a_query_error_that_says_so() {
    let db = TestDatabase::new().await;
    point_table(&db).await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    db.sql("DROP TABLE t").await;
    let error = try_fetch(&source, &[&layer], (0, 0, 0)).await.unwrap_err();
    assert!(matches!(error, SourceError::Query { .. }), "{error}");
    assert!(error.to_string().contains("SQLSTATE 42P01"), "{error}");
    // One layer's error leaves the connection to the others.
    assert_eq!(source.pool_state().idle, 1);
}

#[tokio::test]
async fn a_terminated_connection_is_replaced() {
    let db = TestDatabase::new().await;
    point_table(&db).await;
    let source = db.source();
    let layer = layer(&source, &table("t")).await;
    for _ in 0..3 {
        db.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'tesela'",
        )
        .await;
        assert_eq!(fetch(&source, &layer, (0, 0, 0)).await.ids(0), [1]);
    }
}

#[tokio::test]
async fn a_statement_beyond_its_timeout_is_a_timeout() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(30)::text AS nap,
         'SRID=3857;POINT(0 0)'::geometry(Point, 3857) AS geom",
    )
    .await;
    let timeout = Duration::from_millis(200);
    let settings = Settings { statement_timeout: timeout, ..db.settings() };
    let source = PostgisSource::new("main", &settings).unwrap();
    let layer = layer(&source, &table("slow")).await;
    let started = Instant::now();
    let error = try_fetch(&source, &[&layer], (0, 0, 0)).await.unwrap_err();
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(error.to_string().contains("statement timeout"), "{error}");
}

#[tokio::test]
async fn a_fetch_beyond_its_deadline_leaves_nothing_to_the_next() {
    let db = TestDatabase::new().await;
    db.sql(
        "CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(30)::text AS nap,
         'SRID=3857;POINT(0 0)'::geometry(Point, 3857) AS geom",
    )
    .await;
    point_table(&db).await;
    let settings =
        Settings { statement_timeout: Duration::from_secs(60), pool_max: 1, ..db.settings() };
    let source = PostgisSource::new("main", &settings).unwrap();
    let (slow, fast) = (layer(&source, &table("slow")).await, layer(&source, &table("t")).await);
    let tile = TileCoord::new(0, 0, 0).unwrap();
    let spec = spec(0);
    let arguments = &Arguments::default();
    let requests = [LayerRequest { layer: &slow, tile, spec: &spec, arguments }];
    let mut sink = Collector::default();
    let deadline = Deadline::after(Duration::from_millis(200));
    let error = source.fetch(&requests, &mut sink, deadline).await.unwrap_err();
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    let started = Instant::now();
    assert_eq!(fetch(&source, &fast, (0, 0, 0)).await.ids(0), [1]);
    assert!(started.elapsed() < Duration::from_secs(5));
    // And the server stops what nobody waits for.
    let sleeping = "SELECT 1::int8 FROM pg_stat_activity WHERE datname = current_database()
                    AND application_name = 'tesela' AND state = 'active'";
    let started = Instant::now();
    while !db.ids(sleeping).await.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(10), "still running");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_dead_host_is_unavailable_within_the_acquire_timeout() {
    let acquire_timeout = Duration::from_millis(500);
    // Nothing listens on the first; the second never answers.
    for (url, why) in [
        ("postgres://u:s3cret@127.0.0.1:1/db", "refused"),
        ("postgres://u:s3cret@10.255.255.1:5432/db", "no connection"),
    ] {
        let settings = Settings { acquire_timeout, ..Settings::for_url(DatabaseUrl::new(url)) };
        let source = PostgisSource::new("main", &settings).unwrap();
        let started = Instant::now();
        let error = source.ping(deadline()).await.unwrap_err();
        assert!(started.elapsed() < 3 * acquire_timeout, "{:?}", started.elapsed());
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
        assert!(
            error.to_string().contains(why) && !error.to_string().contains("s3cret"),
            "{error}"
        );
        assert_eq!(source.pool_state().timeouts, 1);
        assert!(!source.is_busy());
    }
}

#[tokio::test]
async fn a_refused_login_is_unavailable_and_says_why() {
    let db = TestDatabase::empty().await;
    let url = db.url().replace(&db.name, "tesela_src_no_such_database");
    let settings = Settings {
        acquire_timeout: Duration::from_millis(300),
        ..Settings::for_url(DatabaseUrl::new(url))
    };
    let source = PostgisSource::new("main", &settings).unwrap();
    let error = source.ping(deadline()).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_full_pool_is_unavailable() {
    let db = TestDatabase::new().await;
    let acquire_timeout = Duration::from_millis(100);
    let settings = Settings { acquire_timeout, pool_max: 1, ..db.settings() };
    let source = PostgisSource::new("main", &settings).unwrap();
    let held = source.pool.checkout(deadline()).await.unwrap();
    let error = source.ping(deadline()).await.unwrap_err();
    assert!(error.to_string().contains("1 of 1 in use"), "{error}");
    assert!(source.is_busy());
    held.finish(&Ok(()));
    source.ping(deadline()).await.unwrap();
    assert!(!source.is_busy());
}

#[tokio::test]
async fn sessions_are_read_only() {
    let db = TestDatabase::new().await;
    let source = db.source();
    let connection = source.pool.checkout(deadline()).await.unwrap();
    let error = connection.client().batch_execute("CREATE TABLE x ()").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25006");
    let row = connection.client().query_typed_one("SELECT current_setting('jit'), current_setting('statement_timeout'), current_setting('TimeZone')", &[]);
    let row = row.await.unwrap();
    let [jit, timeout, zone]: [String; 3] = std::array::from_fn(|index| row.get(index));
    assert_eq!((jit.as_str(), timeout.as_str(), zone.as_str()), ("off", "5s", "UTC"));
    connection.finish(&Ok(()));
}

#[tokio::test]
async fn every_call_can_be_spawned() {
    fn spawnable<T: Send>(future: T) -> T {
        future
    }
    let db = TestDatabase::new().await;
    db.sql("CREATE TABLE t (geom geometry(Point, 3857))").await;
    let source = db.source();
    let inventory = spawnable(source.inventory(None)).await.unwrap();
    spawnable(source.largest_row(&inventory.tables[0])).await.unwrap();
    spawnable(source.ping(deadline())).await.unwrap();
}
