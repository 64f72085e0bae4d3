use super::{env, load_from, report_with};

const SECRET: &str = "hunter2";

/// Files and variables with something wrong near a password.
const LEAKS: &[(&str, &[(&str, &str)])] = &[
    ("[databases.main]\nurl = [\"postgres://u:hunter2@h\"]\n", &[]),
    ("[databases.main]\nurl = \"\"\npool_max = \"postgres://u:hunter2@h\"\n", &[]),
    ("[databases.main]\nurl = postgres://u:hunter2@h\n", &[]),
    ("[databases.main]\nurl = \"postgres://u:hunter2@h\nx = 1\n", &[]),
    ("[databases.main]\nurl = 'postgres://h' hunter2\n", &[]),
    ("[databases.main]\nulr = \"postgres://u:hunter2@h\"\n", &[]),
    ("[databases.main]\npassword = \"hunter2\"\n", &[]),
    ("[databases]\nmain = \"postgres://u:hunter2@h\"\n", &[]),
    ("databases = \"postgres://u:hunter2@h\"\n", &[]),
    ("databases = { main = \"postgres://u:hunter2@h\" }\n", &[]),
    ("database = \"postgres://u:hunter2@h\"\n", &[]),
    ("\"postgres://u:hunter2@h\" = 1\n", &[]),
    ("[databases.\"postgres://u:hunter2@h\"]\npool_max = 1\n", &[]),
    (
        "[databases.\"postgres://u:hunter2@h\"]\nurl = \"\"\n[databases.b]\nurl = \"x\"\n\
         [layers.a]\ntable = \"a\"\n[layers.b]\ntable = \"b\"\ndatabase = \"postgres\"\n",
        &[],
    ),
    ("\"postgres://u:hunter2.x@h\" = 1\n\"postgres://u:hunter2.x@h\" = 1\n", &[]),
    ("[server]\nadmin_token = \"hunter2\"\n", &[]),
    ("[server]\nadmin_token = \"hunter2 hunter2 hunter2\"\n", &[]),
    ("[server]\nadmin_token = [\"hunter2\"]\n", &[]),
    ("", &[("TESELA_SERVER__ADMIN_TOKEN", SECRET)]),
    ("[server]\npublic_url = \"https://u:hunter2@h\"\n", &[]),
    ("[server]\nlisten = \"host=h password=hunter2\"\n", &[]),
    ("[layers.roads]\ntable = \"roads\"\ndatabase = \"postgres://u:hunter2@h\"\n", &[]),
    ("[cache]\nttl = \"${S}\"\n", &[("S", SECRET)]),
    ("[tilesets.a]\nlayers = [\"${S}\"]\n", &[("S", SECRET)]),
    ("[server]\nready_requires = [\"${S}\"]\n", &[("S", SECRET)]),
    ("[server]\ncors_origins = [\"${S}\"]\n", &[("S", SECRET)]),
    ("[databases.main]\nurl = \"${URL-hunter2}\"\n", &[]),
    ("[databases.main]\nurl = \"${U:-postgres://u:hunter2@h}${\"\n", &[]),
    ("[databases.main]\nurl = \"${MISSING}:hunter2\"\n", &[]),
    ("", &[("TESELA_DATABASES__MAIN", SECRET)]),
    ("", &[("TESELA_DATABASES__MAIN__POOL_MAX", SECRET)]),
    ("", &[("TESELA_DATABASES__MAIN__URL__HOST", SECRET)]),
    ("", &[("TESELA_SERVER__LISTEN", SECRET)]),
    ("", &[("TESELA_TILESETS__A__LAYERS", "[\"hunter2\"]")]),
    ("", &[("TESELA_PASSWORD__MAIN", SECRET)]),
];

#[test]
fn no_error_repeats_a_secret() {
    for (text, variables) in LEAKS {
        let errors = load_from(Some(("tesela.toml", text)), &env(variables)).expect_err(text);
        for shown in [errors.to_string(), format!("{errors:?}")] {
            assert!(!shown.contains(SECRET), "{text}{variables:?}: {shown}");
        }
    }
}

#[test]
fn settings_do_not_show_a_password_when_printed() {
    let text = "[databases.main]\nurl = \"postgres://u:hunter2@h\"\n";
    let settings = load_from(Some(("t", text)), &env(&[])).unwrap();
    assert_eq!(settings.databases["main"].url.expose(), "postgres://u:hunter2@h");
    assert!(!format!("{settings:?} {settings:#?}").contains(SECRET));
}

#[test]
fn a_wrong_substituted_value_is_shown_as_the_file_has_it() {
    let report = report_with("[cache]\nttl = \"${S}\"\n", &[("S", SECRET)]);
    assert!(report.contains("got \"${S}\"\n"), "{report}");
}
