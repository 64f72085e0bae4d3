//! A database for one test.

use std::sync::atomic::{AtomicU32, Ordering};

use postgres::{Client, NoTls};

/// A new database, dropped at the end.
pub struct Database {
    pub name: String,
    pub url: String,
    admin_url: String,
}

impl Database {
    /// A new database with PostGIS in `public`.
    pub fn new() -> Self {
        let database = Self::bare();
        database.execute("CREATE EXTENSION postgis");
        database
    }

    /// A new database without PostGIS.
    pub fn bare() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let admin_url = std::env::var("TESELA_TEST_DATABASE_URL").expect(
            "TESELA_TEST_DATABASE_URL is not set: run scripts/test, or scripts/with-postgis cargo test",
        );
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tesela_it_{}_{count}", std::process::id());
        let mut admin = connect(&admin_url);
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
        let url = with_database(&admin_url, &name);
        Self { name, url, admin_url }
    }

    /// A database with the fixture countries and cities in `public`.
    pub fn with_world() -> Self {
        let database = Self::new();
        database.execute(include_str!("../../fixtures/world.sql"));
        database.execute("ANALYZE");
        database
    }

    pub fn client(&self) -> Client {
        connect(&self.url)
    }

    /// A connection to the server's own database.
    pub fn admin(&self) -> Client {
        connect(&self.admin_url)
    }

    pub fn execute(&self, sql: &str) {
        self.client().batch_execute(sql).unwrap();
    }

    /// The URL with another user and password.
    pub fn url_for(&self, user: &str, password: &str) -> String {
        let (_, after_user) = self.url.split_once('@').expect("the test URL names a user");
        format!("postgres://{user}:{password}@{after_user}")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = connect(&self.admin_url).batch_execute(&drop);
    }
}

fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).unwrap_or_else(|error| panic!("the test database: {error}"))
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (host, _) = base.rsplit_once('/').expect("the test URL names a database");
    query.map_or(format!("{host}/{name}"), |query| format!("{host}/{name}?{query}"))
}
