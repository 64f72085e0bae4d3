//! The command line: serve's refusals, check, init.

use std::process::Output;

use crate::support::database::Database;
use crate::support::server::{ConfigFile, Server, run, tesela};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn nothing_to_serve_says_how_to_start() {
    let output = run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("tesela serve postgres://") && text.contains("tesela init"), "{text}");
}

#[test]
fn wrong_arguments_are_explained() {
    for args in [&["serve", "--no-such-option"][..], &["fly"], &["serve", "--listen", "nowhere"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains("--help"), "{args:?}");
    }
    let output = run(&["serve", "cities.csv"]);
    assert!(stderr(&output).contains("there is no file \"cities.csv\""), "{}", stderr(&output));
}

#[test]
fn mistakes_in_the_file_name_its_line_the_path_and_an_example() {
    let toml = "[server]\nlisten = \"127.0.0.1:0\"\n[databases.main]\nurl = \"postgres://h/d\"\n\
                [layers.roads]\ntable = \"roads\"\nmin_zoom = \"five\"\nfoo = 1\n\
                [tilesets.base]\nlayers = [\"rods\"]\n";
    let file = ConfigFile::new(toml);
    for command in ["serve", "check"] {
        let output = run(&[command, "--config", &file.path]);
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert!(text.contains(&format!("{}:7", file.path)), "{text}");
        for part in ["layers.roads.min_zoom", "min_zoom = ", "rods", "roads"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
    let missing = run(&["serve", "--config", "/nonexistent/tesela.toml"]);
    assert!(stderr(&missing).contains("/nonexistent/tesela.toml"), "{}", stderr(&missing));
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--listen", &address, "postgres://127.0.0.1:1/x"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn the_environment_configures_too() {
    let database = Database::with_world();
    let mut command = tesela(&["serve"]);
    command.env("TESELA_SERVER__LISTEN", "127.0.0.1:0");
    command.env("TESELA_DATABASES__MAIN__URL", &database.url);
    command.env("TESELA_DATABASES__MAIN__PUBLISH", "{ schemas = [\"public\"] }");
    command.env("TESELA_CACHE__MAX_AGE", "7s");
    let server = Server::start(command, None);
    let answer = server.get("/cities/0/0/0");
    let control = answer.header("cache-control").unwrap();
    assert!(control.starts_with("public, max-age=7, s-maxage=86400"), "{control}");
}

#[test]
fn strict_refuses_to_start_when_a_layer_does_not_match_the_database() {
    let database = Database::with_world();
    let toml = format!(
        "[databases.main]\nurl = \"{}\"\n[layers.cities]\ntable = \"citys\"\n\
         [layers.good]\ntable = \"countries\"\n[layers.columns]\ntable = \"cities\"\n\
         properties = [\"nmae\"]\n[tilesets.all]\nlayers = [\"good\", \"cities\"]\n",
        database.url
    );
    let file = ConfigFile::new(&toml);
    let output = run(&["serve", "--strict", "--listen", "127.0.0.1:0", "--config", &file.path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("citys"), "{}", stderr(&output));

    let output =
        run(&["serve", "--strict", "--listen", "127.0.0.1:0", "postgres://x@127.0.0.1:1/d"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("\"d\" can't be reached"), "{}", stderr(&output));

    let server = Server::configured(&toml);
    assert_eq!(server.get("/good/0/0/0").status, 200);
    for disabled in ["cities", "columns", "all"] {
        assert_eq!(server.get(&format!("/{disabled}/0/0/0")).status, 503, "{disabled}");
    }
    let json = server.get("/catalog").json();
    let reason = |id: &str| json["disabled"][id]["reason"].as_str().unwrap().to_owned();
    for public in ["cities", "columns"].map(reason) {
        // What the database holds besides is nobody's business; the log says more.
        assert!(!public.contains("citys") && !public.contains("admin1"), "{public}");
    }
    assert!(server.log().contains("did you mean"), "{}", server.log());
    assert!(server.log().contains("nmae"), "{}", server.log());
    assert!(reason("all").contains("cities"), "{}", reason("all"));
    assert!(server.log().contains("disabled"));
}

#[test]
fn check_prints_what_is_published_and_what_to_look_at() {
    let database = Database::with_world();
    database.execute(
        "CREATE TABLE untyped AS SELECT name, geom::geometry FROM cities;
         CREATE TABLE unknown (id int PRIMARY KEY, geom geometry);
         INSERT INTO unknown VALUES (1, 'POINT(1 2)');
         CREATE TABLE mixed (id int PRIMARY KEY, geom geometry);
         INSERT INTO mixed VALUES (1, 'SRID=4326;POINT(1 2)'), (2, 'SRID=3857;POINT(1 2)');
         CREATE TABLE heavy (id int PRIMARY KEY, geom geometry(MultiPoint, 3857));
         ALTER TABLE heavy ALTER geom SET STORAGE EXTERNAL;
         INSERT INTO heavy SELECT 1, ST_Collect(ST_SetSRID(ST_MakePoint(n, n), 3857))
         FROM generate_series(1, 100000) n;
         ANALYZE",
    );
    let output = run(&["check", &database.url]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let section = |id: &str| {
        let start = text.find(&format!("\n{id}  ")).unwrap_or_else(|| panic!("{id}: {text}"));
        let rest = &text[start + 1..];
        let end = rest.find('\n').map_or(rest.len(), |first| {
            rest[first..].find("\n  ").map_or(first, |_| {
                let mut end = first;
                for line in rest[first + 1..].lines() {
                    if !line.starts_with("  ") {
                        break;
                    }
                    end += line.len() + 1;
                }
                end
            })
        });
        rest[..end].to_owned()
    };
    assert!(text.contains("cities  \"public\".\"cities\" (geom), zoom 0-22"), "{text}");
    assert!(section("untyped").contains("no spatial index"), "{text}");
    assert!(section("untyped").contains("sample of rows"), "{text}");
    assert!(section("untyped").contains("no key for ids"), "{text}");
    assert!(section("unknown").contains("srid = "), "{text}");
    assert!(section("mixed").contains("3857") && section("mixed").contains("4326"), "{text}");
    assert!(section("heavy").contains("ST_Subdivide"), "{text}");
    assert!(!section("countries").contains("warning"), "{text}");
}

#[test]
fn check_succeeds_when_everything_can_be_served() {
    let database = Database::with_world();
    let output = run(&["check", &database.url]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(
        stdout(&output).ends_with("3 published, 0 warnings, 0 problems\n"),
        "{}",
        stdout(&output)
    );
    let output = run(&["check", "postgres://postgres@127.0.0.1:1/x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("UNREACHABLE"), "{}", stdout(&output));
}

#[test]
fn init_prints_a_configuration_that_serves_the_same_layers() {
    let database = Database::with_world();
    database.execute(include_str!("../fixtures/odd.sql"));
    let output = run(&["init", &database.url]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(!text.contains(&database.url), "the URL stays out of the file");
    let file = ConfigFile::new(&text);
    let mut command =
        tesela(&["serve", "--strict", "--listen", "127.0.0.1:0", "--config", &file.path]);
    command.env("DATABASE_URL", &database.url);
    let configured = Server::start(command, None);
    let published = Server::publish(&database.url);
    let ids = |server: &Server| {
        let json = server.get("/catalog").json();
        json["tiles"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(ids(&configured), ids(&published));
    for path in ["/countries/2/2/1", "/cities/2/2/1", "/MixedCase/0/0/0", "/select/0/0/0"] {
        assert_eq!(configured.get(path).body, published.get(path).body, "{path}");
    }
}

#[test]
fn help_answers() {
    for args in [&["--help"][..], &["serve", "--help"], &["check", "--help"], &["init", "--help"]] {
        let output = run(args);
        assert!(output.status.success() && stdout(&output).contains("Usage:"), "{args:?}");
    }
    assert!(stdout(&run(&["--version"])).starts_with("tesela 0."));
}

/// Whoever may create a table must not be able to write into the file.
#[test]
fn init_writes_names_of_any_kind_without_a_way_out_of_them() {
    let database = Database::new();
    database.execute(
        "CREATE SCHEMA private; CREATE TABLE private.s (id int PRIMARY KEY, geom geometry(Point, 4326));
         CREATE TABLE \"a\n[layers.z]\ntable = 'private.s'\n#\" (id int PRIMARY KEY, geom geometry);
         CREATE TABLE \"${HOME}\" (id int PRIMARY KEY, \"${PATH}\" int, geom geometry(Point, 4326));",
    );
    let output = run(&["init", &database.url]);
    let text = String::from_utf8(output.stdout).unwrap();
    let parsed: toml::Table = text.parse().unwrap();
    let layers: Vec<&String> = parsed["layers"].as_table().unwrap().keys().collect();
    assert_eq!(layers.len(), 2, "{text}");
    assert!(!parsed["layers"].as_table().unwrap().contains_key("z"), "{text}");
    let file = ConfigFile::new(&text.replace("${DATABASE_URL}", &database.url));
    let check = run(&["check", "--config", &file.path]);
    let shown = String::from_utf8(check.stdout).unwrap();
    assert!(shown.contains("\"public\".\"${HOME}\" (geom)"), "{shown}");
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    for (shell, what) in
        [("bash", "complete "), ("zsh", "#compdef tesela"), ("fish", "complete -c tesela")]
    {
        let output = run(&["completions", shell]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(what), "{shell}: {text}");
        for word in ["serve", "check", "init", "inspect", "drill", "config"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    let output = run(&["man"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains(".TH tesela 1"), "{page}");
    for what in ["TESELA SERVE", "TESELA CHECK", "TESELA DRILL", "Exit status", "\\-\\-strict"] {
        assert!(page.contains(what), "{what} is missing:\n{page}");
    }
}

#[test]
fn who_gives_no_command_is_told_how_to_begin() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("tesela serve postgres://user:password@host/database"), "{text}");
    let output = run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("there is nothing to serve") && text.contains("tesela init"), "{text}");
}
