//! The preview page as it is sent: addresses, statuses, headers. What it does is tried in `browser.rs`.

use tesela::http::viewer::{self, Library};

use crate::support::database::Database;
use crate::support::server::{GZIP, Response, Server};

/// What browsers ask for pages with.
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

fn world() -> (Database, Server) {
    let database = Database::with_world();
    let server = Server::publish(&database.url);
    (database, server)
}

fn assert_page(answer: &Response) {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = viewer::policy(Library::BUILT);
    assert_eq!(answer.header("content-security-policy"), Some(&*policy));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.text(), viewer::html(Library::BUILT));
}

#[test]
fn the_page_is_at_the_root_and_at_each_tileset() {
    let (_database, server) = world();
    let paths =
        ["/", "/index.html", "/cities.html", "/public.cities.html", "/cities,countries.html"];
    for path in paths {
        let answer = server.request("GET", path, &[HTML]);
        assert_eq!(answer.status, 200, "{path}");
        assert_page(&answer);
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        let etag = answer.header("etag").unwrap();
        let again = server.request("GET", path, &[HTML, ("if-none-match", etag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let head = server.request("HEAD", path, &[HTML]);
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(etag)));
        assert_eq!(server.request("POST", path, &[]).status, 405, "{path}");
    }
}

#[test]
fn a_tileset_that_is_not_there_has_a_page_for_people_and_a_problem_for_programs() {
    let database = Database::with_world();
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\npublish = {{}}\n[layers.gone]\ntable = \"public.gone\"\n",
        database.url
    ));
    for (path, status, retry) in [("/nothing.html", 404, None), ("/gone.html", 503, Some("5"))] {
        let page = server.request("GET", path, &[HTML]);
        assert_eq!(page.status, status, "{path}");
        assert_page(&page);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("etag"), None);
        assert_eq!(page.header("retry-after"), retry);
        let problem = server.get(path);
        assert_eq!(problem.status, status, "{path}");
        assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    }
}

#[test]
fn the_pages_files_never_change_at_their_addresses() {
    let (_database, server) = world();
    let page = server.request("GET", "/", &[HTML]);
    let files = page.text().split('"').filter(|part| part.starts_with("_/"));
    let files: Vec<_> =
        files.map(|path| format!("/{path}")).filter(|path| path.contains('.')).collect();
    assert!(files.len() >= 5, "{files:?}");
    for path in &files {
        let gzip = server.request("GET", path, &[GZIP]);
        assert_eq!((gzip.status, gzip.header("content-encoding")), (200, Some("gzip")), "{path}");
        assert_eq!(gzip.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(gzip.header("x-content-type-options"), Some("nosniff"));
        let plain = server.get(path);
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.body, gzip.mvt(), "{path}");
        assert_ne!(plain.header("etag"), gzip.header("etag"));
        for (answer, headers) in [(&gzip, &[GZIP][..]), (&plain, &[])] {
            let tag = ("if-none-match", answer.header("etag").unwrap());
            let again = server.request("GET", path, &[headers, &[tag]].concat());
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        }
        let kind = gzip.header("content-type").unwrap();
        let expected = match path.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        assert_eq!(kind, expected, "{path}");
        assert_eq!(server.request("POST", path, &[]).status, 405);
    }
    let (folder, _) = files[0].rsplit_once('/').unwrap();
    for unknown in
        [format!("{folder}/other.mjs"), "/_/0123456789abcdef/app.mjs".to_owned(), "/_/x".to_owned()]
    {
        assert_eq!(server.get(&unknown).status, 404, "{unknown}");
    }
}

#[test]
fn geometry_types_are_told_where_they_are_declared() {
    let (database, _) = world();
    database.execute(
        "CREATE TABLE mixed (id int PRIMARY KEY, geom geometry(Geometry, 4326));
         CREATE TABLE roads (id int PRIMARY KEY, geom geometry(MultiLineString, 3857));
         INSERT INTO mixed VALUES (1, 'SRID=4326;POINT(1 1)')",
    );
    let server = Server::publish(&database.url);
    let catalogue = server.get("/catalog").json();
    for (id, kind) in [("cities", "point"), ("roads", "line"), ("countries", "polygon")] {
        assert_eq!(catalogue["tiles"][id]["geometry_type"], kind);
        let tilejson = server.get(&format!("/{id}")).json();
        assert_eq!(tilejson["vector_layers"][0]["geometry_type"], kind);
    }
    assert!(catalogue["tiles"]["mixed"].get("geometry_type").is_none());
    let both = server.get("/cities,countries").json();
    assert_eq!(both["vector_layers"][0]["geometry_type"], "point");
    assert_eq!(both["vector_layers"][1]["geometry_type"], "polygon");
}
