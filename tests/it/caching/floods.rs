//! What clients can make up doesn't push out what others ask for.

use super::{get, serve, status, switched};

/// Europe's countries, a tile of some size.
const REAL: &str = "/countries/4/8/5";

#[test]
fn floods_of_empty_tiles_composites_and_queries_push_no_real_tile_out() {
    let database = switched();
    // The flood is larger than all of it.
    let server = serve(&database, "[cache]\nmemory = \"200KB\"", "");
    get(&server, REAL);
    for n in 0..400 {
        let sea = format!("/cities/12/{}/{}", n, 2_000 + n % 7);
        assert_eq!(get(&server, &sea).status, 204);
        let names = ["cities", "switched", "countries"];
        let composite = format!("{},{}", names[n % 3], names[(n + 1) % 3]);
        get(&server, &format!("/{composite}/9/{}/{}", 262 + n % 20, 174 + n / 20));
    }
    for query in ["", "?made=up", "?v=1&made=up"] {
        assert_eq!(status(&get(&server, &format!("{REAL}{query}"))), "tesela; hit");
    }
    assert!(server.metric("tesela_cache_evictions_total") > 100.0, "they push each other out");
    assert!(server.metric("tesela_cache_bytes") <= 200_000.0);
}
