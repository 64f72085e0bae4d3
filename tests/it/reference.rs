//! The examples of docs/configuration.md, as a reader would try them.

use crate::support::database::Database;
use crate::support::files::Folder;
use crate::support::server::{Server, run, tesela};

const REFERENCE: &str = include_str!("../../docs/configuration.md");

/// What the page's example of a file is about.
const STATION: &str = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[1.2,6.1]},"properties":
    {"station_id":7,"name":"Gare","lines":2,"passengers":1000,"operator":"SNT"}}"#;

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    REFERENCE.split(start.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_examples_of_the_reference_work() {
    let database = Database::new();
    blocks("sql").into_iter().for_each(|sql| database.execute(sql));
    let toml = format!("[databases.main]\nurl = \"{}\"\n{}", database.url, blocks("toml").concat());
    let folder = Folder::new();
    std::fs::create_dir(folder.path.join("data")).unwrap();
    folder.write("data/stations.geojson", STATION);
    let config = folder.write("tesela.toml", &toml);
    let check = run(&["check", "--config", &config]);
    let said = [&check.stdout[..], &check.stderr].concat();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&said));
    let args = ["serve", "--listen", "127.0.0.1:0", "--config", &config];
    let server = Server::start(tesela(&args), None);
    let catalog = server.get("/catalog").json();
    let layers = toml.lines().filter(|line| {
        let path = line.strip_prefix("[layers.").and_then(|line| line.strip_suffix(']'));
        path.is_some_and(|path| !path.contains('.'))
    });
    for layer in layers {
        let layer = &layer["[layers.".len()..layer.len() - 1];
        let answer = server.request("GET", &format!("/{layer}/0/0/0"), &[]);
        assert!(answer.status == 200 && !answer.body.is_empty(), "{layer}: {}", answer.text());
        assert!(catalog["tiles"][layer].is_object(), "{layer}");
    }
    let mut asked = 0;
    for line in blocks("http").concat().lines() {
        let [method, path, status] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let answer = server.request(method, path, &[]);
        assert_eq!(answer.status.to_string(), status, "{line}: {:?}", answer.body);
        asked += 1;
    }
    assert!(asked > 10);
    let feature = server.get("/towns/features/1");
    assert_eq!(feature.text(), blocks("json")[0].trim());
    assert_eq!(catalog["tiles"]["places_tile"]["description"], "Places as a finished tile");
}
