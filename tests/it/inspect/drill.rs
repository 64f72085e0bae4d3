//! `tesela drill`.

use serde_json::Value;

use super::{failure, json, stdout};
use crate::support::database::Database;
use crate::support::server::{ConfigFile, run};

/// Where Amsterdam is.
const PLACE: [&str; 2] = ["--lonlat", "4.9,52.37"];

fn drill(args: &[&str]) -> Value {
    json(&[&["drill"], args, &PLACE].concat())
}

fn steps<'a>(report: &'a Value, layer: &str) -> Vec<&'a Value> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["layer"] == layer).collect()
}

#[test]
fn each_layer_of_each_zoom_tells_its_rows_features_and_bytes() {
    let database = Database::with_world();
    let report = drill(&[&database.url, "--zooms", "0-5"]);
    for layer in ["cities", "countries", "countries_10m"] {
        let steps = steps(&report, layer);
        let zooms: Vec<_> = steps.iter().map(|step| step["zoom"].as_u64().unwrap()).collect();
        assert_eq!(zooms, [0, 1, 2, 3, 4, 5], "{layer}");
        assert!(steps.iter().all(|step| step["ms"].as_f64() > Some(0.0)), "{steps:?}");
        assert!(steps.iter().all(|step| step["ms"].as_f64() >= step["db_ms"].as_f64()));
    }
    let world = steps(&report, "countries")[0];
    assert_eq!((&world["tile"], &world["rows"]), (&"0/0/0".into(), &177.into()));
    assert_eq!(world["features"], 177);
    let deep = steps(&report, "cities")[5];
    assert_eq!(deep["tile"], "5/16/10");
    let inspected = json(&["inspect", &database.url, "5/16/10", "--layer", "cities"]);
    for field in ["bytes", "gzip"] {
        assert_eq!(deep[field], inspected[field], "{field}");
    }
    let of = |step: &Value| step["gzip"].as_u64().unwrap();
    let heaviest = &report["steps"][report["heaviest"].as_u64().unwrap() as usize];
    let most = report["steps"].as_array().unwrap().iter().map(of).max().unwrap();
    assert_eq!(of(heaviest), most);
    let text = stdout(&run(&[&["drill", &database.url, "--zooms", "0-2"], &PLACE[..]].concat()));
    assert!(text.lines().any(|line| line.ends_with("  !")), "{text}");
    assert!(text.contains("heaviest: cities 0/0/0, "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn a_slow_layer_and_a_heavy_one_are_named() {
    let database = Database::with_world();
    let file = ConfigFile::new(&format!(
        "[databases.main]\nurl = \"{}\"\n\
         [layers.cities]\ntable = \"cities\"\nmax_features = 50\n\
         [layers.made]\ntable = \"cities\"\nencoder = \"postgis\"\nmax_zoom = 1\n\
         [layers.countries]\ntable = \"countries\"\nmin_zoom = 1\nmax_zoom = 3\n\
         [layers.slow]\nsrid = 4326\nmin_zoom = 2\nmax_zoom = 2\n\
         sql = \"SELECT geom FROM cities, pg_sleep(0.4) WHERE geom && {{bbox}} LIMIT 3\"\n\
         [layers.broken]\nsrid = 4326\nmin_zoom = 3\nmax_zoom = 3\n\
         sql = \"SELECT geom, 1 / (id - id) AS q FROM countries WHERE geom && {{bbox}}\"\n",
        database.url
    ));
    let working = ["--layer", "cities,made,countries,slow", "--zooms", "0-3"];
    let report = drill(&[&["--config", &file.path], &working[..]].concat());
    let slowest = &report["steps"][report["slowest"].as_u64().unwrap() as usize];
    assert_eq!((&slowest["layer"], &slowest["zoom"]), (&"slow".into(), &2.into()));
    assert!(slowest["db_ms"].as_f64() > Some(400.0), "{slowest}");
    let heaviest = &report["steps"][report["heaviest"].as_u64().unwrap() as usize];
    assert_eq!(heaviest["layer"], "made", "{report}");
    let zooms = |layer| {
        let zooms = steps(&report, layer).into_iter().map(|step| step["zoom"].as_u64().unwrap());
        zooms.collect::<Vec<_>>()
    };
    assert_eq!((zooms("made"), zooms("countries")), (vec![0, 1], vec![1, 2, 3]));
    let cut = steps(&report, "cities")[0];
    assert_eq!((&cut["truncated"], &cut["features"]), (&"max_features".into(), &50.into()));
    let made = steps(&report, "made")[0];
    assert!(made["rows"].is_null() && made["features"] == 2000, "nobody counts rows: {made}");
    // One that fails leaves the others, and the exit status says so.
    let output = run(&[&["drill", "--config", &file.path, "--zooms", "3"], &PLACE[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("broken 3/4/2  FAILED: ") && text.contains("division by zero"), "{text}");
    assert!(text.contains("cities"), "{text}");
}

#[test]
fn what_cant_be_drilled_is_explained() {
    let nowhere = ["drill", "postgres://u:s3cret@127.0.0.1:1/x"];
    let text = failure(&[&nowhere[..], &PLACE].concat());
    assert!(text.contains("can't reach database x") && !text.contains("s3cret"), "{text}");
    let text = failure(&[&["drill"], &PLACE[..]].concat());
    assert!(text.contains("there is no source to ask"), "{text}");
    let text = failure(&[&["drill", "http://127.0.0.1:1/x"], &PLACE[..]].concat());
    assert!(text.contains("tesela inspect URL z/x/y"), "{text}");
    for (args, why) in [
        (&["--lonlat", "4.9"][..], "a longitude and a latitude"),
        (&["--lonlat", "52.37,104.9"], "the longitude comes first"),
        (&["--lonlat", "-200,0"], "between -180 and 180"),
        (&["--lonlat", "0,0", "--zooms", "9-3"], "such as 5-14"),
        (&[], "--lonlat"),
    ] {
        let output = run(&[&nowhere[..], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(why), "{why}: {text}");
    }
    let database = Database::with_world();
    let file = ConfigFile::new(&format!(
        "[databases.main]\nurl = \"{}\"\n[layers.c]\ntable = \"cities\"\nmax_zoom = 5\n",
        database.url
    ));
    let late = ["drill", "--config", &file.path, "--zooms", "6-9"];
    let text = failure(&[&late[..], &PLACE].concat());
    assert!(text.contains("from zoom 0 to 5"), "{text}");
    let sea = ["drill", "--config", &file.path, "--lonlat", "-30,-50", "--zooms", "5"];
    assert!(stdout(&run(&sea)).contains("no layer has anything here"));
}
