//! Tilesets of which a layer can't be read.

use super::{WORLD, get, serve, status, switched};
use crate::support::database::Database;
use crate::support::eventually;
use crate::support::server::{Response, Server};
use crate::support::tile::decode;

const TILESETS: &str = "[tilesets.strict]\nlayers = [\"cities\", \"switched\"]\n\
                        [tilesets.lenient]\nlayers = [\"cities\", \"switched\"]\n\
                        on_layer_error = \"omit\"\n";

fn layers(answer: &Response) -> Vec<String> {
    decode(&answer.mvt()).into_iter().map(|layer| layer.name).collect()
}

fn lenient(server: &Server) -> Response {
    get(server, &format!("/lenient/{WORLD}"))
}

#[test]
fn a_failing_layer_fails_the_tile_unless_the_tileset_goes_without() {
    let database = switched();
    let server = serve(&database, TILESETS, "");
    database.execute("UPDATE switch SET works = 0");
    assert_eq!(get(&server, &format!("/strict/{WORLD}")).status, 500);
    assert_eq!(get(&server, &format!("/cities,switched/{WORLD}")).status, 500);
    for expected in ["tesela; fwd=uri-miss; stored", "tesela; hit"] {
        let answer = lenient(&server);
        assert_eq!((answer.status, layers(&answer)), (200, vec!["cities".to_owned()]));
        assert_eq!(answer.header("tesela-truncated"), Some("switched;failed"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=0, s-maxage=10"));
        assert_eq!(status(&answer), expected);
    }
    let series = "tesela_layer_truncated_total{layer=\"switched\",reason=\"failed\"}";
    assert_eq!(server.metric(series), 1.0);
    assert!(server.log().contains("division by zero"));
    database.execute("UPDATE switch SET works = 1");
    // After error_ttl, and never as an old tile.
    eventually("it is whole again", || {
        let answer = lenient(&server);
        assert!(!status(&answer).contains("ttl=-"), "{answer:?}");
        layers(&answer) == ["cities", "switched"]
    });
    let whole = lenient(&server);
    assert_eq!(whole.header("tesela-truncated"), None);
    assert_eq!(status(&whole), "tesela; hit");
}

#[test]
fn an_old_tile_with_all_layers_comes_before_a_new_one_without_some() {
    let database = switched();
    let cache = format!("[cache]\nttl = \"50ms\"\nstale_while_revalidate = \"0s\"\n{TILESETS}");
    let server = serve(&database, &cache, "");
    let whole = lenient(&server);
    database.execute("UPDATE switch SET works = 0");
    eventually("its time is over", || status(&lenient(&server)).contains("ttl=-"));
    assert_eq!(lenient(&server).body, whole.body);
}

#[test]
fn a_tileset_of_which_no_layer_can_be_read_fails() {
    let database = switched();
    let server = serve(&database, TILESETS, "");
    super::flights::allow_connections(&database, false);
    assert_eq!(lenient(&server).status, 503);
    super::flights::allow_connections(&database, true);
    eventually("the tile is made", || lenient(&server).status == 200);
}

#[test]
fn a_lenient_tileset_and_a_strict_one_of_the_same_layers_do_not_wait_for_each_other() {
    let database = switched();
    // The first to look at the row waits, then divides.
    database.execute(
        "CREATE OR REPLACE VIEW switched AS SELECT cities.id, cities.geom, cities.name
         FROM cities, (SELECT 1 / (works + length(pg_sleep(seconds)::text)) AS one FROM switch) AS s
         WHERE s.one = 1",
    );
    let server = serve(&database, TILESETS, "");
    database.execute("UPDATE switch SET works = 0, seconds = 1");
    let statuses = std::thread::scope(|scope| {
        let ask = |name: &'static str| {
            let server = &server;
            scope.spawn(move || get(server, &format!("/{name}/{WORLD}")).status)
        };
        let asked = ["lenient", "strict", "lenient", "strict"].map(ask);
        asked.map(|answer| answer.join().unwrap())
    });
    assert_eq!(statuses, [200, 500, 200, 500]);
}

#[test]
fn a_layer_that_is_disabled_is_omitted_too() {
    let database = Database::with_world();
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\n\
         [databases.gone]\nurl = \"postgres://nobody@127.0.0.1:1/none\"\nacquire_timeout = \"100ms\"\n\
         [layers.cities]\ndatabase = \"main\"\ntable = \"cities\"\n\
         [layers.typo]\ndatabase = \"main\"\ntable = \"citees\"\n\
         [layers.far]\ndatabase = \"gone\"\ntable = \"far\"\n\
         [tilesets.strict]\nlayers = [\"cities\", \"far\"]\n\
         [tilesets.lenient]\nlayers = [\"cities\", \"typo\", \"far\"]\non_layer_error = \"omit\"\n\
         [tilesets.nothing]\nlayers = [\"typo\", \"far\"]\non_layer_error = \"omit\"\n",
        database.url
    ));
    assert_eq!(get(&server, &format!("/strict/{WORLD}")).status, 503);
    assert_eq!(get(&server, &format!("/nothing/{WORLD}")).status, 503);
    let partial = lenient(&server);
    assert_eq!(layers(&partial), ["cities"]);
    assert_eq!(partial.header("tesela-truncated"), Some("typo;failed, far;failed"));
    assert_eq!(partial.header("cache-control"), Some("public, max-age=0, s-maxage=10"));
    assert_eq!(status(&lenient(&server)), "tesela; hit", "it isn't made each time");
    // Put together with others it can't say what it lacks.
    assert_eq!(get(&server, &format!("/lenient,cities/{WORLD}")).status, 503);
}

/// They have the same members, and one of them lacks something.
#[test]
fn tilesets_that_lack_different_layers_share_no_tiles() {
    let database = Database::with_world();
    let server = Server::configured(&format!(
        "[databases.main]\nurl = \"{}\"\n[layers.cities]\ntable = \"cities\"\n\
         [layers.typo]\ntable = \"citees\"\n\
         [tilesets.whole]\nlayers = [\"cities\"]\non_layer_error = \"omit\"\n\
         [tilesets.lenient]\nlayers = [\"cities\", \"typo\"]\non_layer_error = \"omit\"\n",
        database.url
    ));
    for _ in 0..2 {
        let whole = get(&server, &format!("/whole/{WORLD}"));
        assert_eq!(whole.header("tesela-truncated"), None);
        assert_eq!(lenient(&server).header("tesela-truncated"), Some("typo;failed"));
    }
    let url = |name: &str| server.get(&format!("/{name}")).json()["tiles"][0].clone();
    let version = |name: &str| url(name).as_str().unwrap().split_once("?v=").unwrap().1.to_owned();
    assert_ne!(version("whole"), version("lenient"));
}

#[test]
fn members_may_come_from_several_databases_of_which_one_may_fail() {
    let (first, second) = (Database::with_world(), Database::with_world());
    let server = Server::configured(&format!(
        "[databases.first]\nurl = \"{}\"\n\
         [databases.second]\nurl = \"{}\"\nacquire_timeout = \"300ms\"\n\
         [layers.cities]\ndatabase = \"first\"\ntable = \"cities\"\n\
         [layers.countries]\ndatabase = \"second\"\ntable = \"countries\"\n\
         [tilesets.strict]\nlayers = [\"cities\", \"countries\"]\n\
         [tilesets.lenient]\nlayers = [\"cities\", \"countries\"]\non_layer_error = \"omit\"\n",
        first.url, second.url
    ));
    for tileset in ["strict", "lenient", "countries,cities"] {
        let answer = get(&server, &format!("/{tileset}/1/1/0"));
        assert_eq!(layers(&answer), ["cities", "countries"], "{tileset}");
    }
    super::flights::allow_connections(&second, false);
    for strict in ["strict", "countries,cities"] {
        assert_eq!(get(&server, &format!("/{strict}/1/0/0")).status, 503, "{strict}");
    }
    let partial = get(&server, "/lenient/1/0/0");
    assert_eq!(layers(&partial), ["cities"]);
    assert_eq!(partial.header("tesela-truncated"), Some("countries;failed"));
    assert_eq!(partial.header("cache-control"), Some("public, max-age=0, s-maxage=10"));
    super::flights::allow_connections(&second, true);
    eventually("it is whole again", || layers(&get(&server, "/lenient/1/0/0")).len() == 2);
}
