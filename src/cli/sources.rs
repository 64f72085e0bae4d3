//! Databases and files given as arguments.

use std::path::Path;

use super::CommandError;
use crate::catalog::is_id_char;
use crate::config::Settings;
use crate::source::postgis::{self, DatabaseUrl, Publish};

/// Adds each source to the settings, as something of which everything is published: a database by
/// its URL, or a file, a folder or a pattern of files.
///
/// # Errors
/// A source is not something that Tesela can read.
pub fn add(settings: &mut Settings, sources: &[String]) -> Result<(), CommandError> {
    for source in sources {
        if !source.starts_with("postgres://") && !source.starts_with("postgresql://") {
            let is_setting = source.contains('=') && !source.contains('/');
            let is_secret = source.contains("://") || source.contains('@');
            let is_secret = is_secret || is_setting || source.contains("password");
            if is_secret && !Path::new(source).exists() {
                // Not echoed: it may be a connection string with a password.
                return Err("a source has to be a database's URL, such as \
                            postgres://user@host/database, or a file or folder that exists"
                    .into());
            }
            settings.files.publish.push(source.clone());
            continue;
        }
        let url = DatabaseUrl::new(source);
        let target = url.parse()?;
        let name = free_name(settings, target.database_name().unwrap_or_default());
        let mut database = postgis::Settings::for_url(url);
        database.publish = Some(Publish::default());
        settings.databases.insert(name, database);
    }
    Ok(())
}

/// Whether there is anything to serve.
pub fn has_any(settings: &Settings) -> bool {
    let of_files = |layer: &crate::catalog::LayerSettings| layer.files().next().is_some();
    !settings.databases.is_empty()
        || !settings.files.publish.is_empty()
        || settings.layers.values().any(of_files)
}

/// The database's own name, numbered when it is taken.
fn free_name(settings: &Settings, database: &str) -> String {
    let own: String = database.chars().map(|c| if is_id_char(c) { c } else { '_' }).collect();
    let own = if own.is_empty() { "main".to_owned() } else { own };
    let mut name = own.clone();
    let mut number = 2;
    while settings.databases.contains_key(&name) {
        name = format!("{own}{number}");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_a_file() {
        let mut settings = Settings::default();
        add(&mut settings, &["data/", "*.geojson", "a/year=*/b.fgb"].map(str::to_owned)).unwrap();
        assert_eq!(settings.files.publish, ["data/", "*.geojson", "a/year=*/b.fgb"]);
        assert!(has_any(&settings) && !has_any(&Settings::default()));
    }

    #[test]
    fn databases_are_named_after_themselves() {
        let mut settings = Settings::default();
        let sources =
            ["postgres://u:p@h/gis?sslmode=disable", "postgresql://h/gis", "postgres://h"];
        add(&mut settings, &sources.map(str::to_owned)).unwrap();
        let names: Vec<_> = settings.databases.keys().map(String::as_str).collect();
        assert_eq!(names, ["gis", "gis2", "main"]);
        assert!(settings.databases.values().all(|database| database.publish.is_some()));
    }

    #[test]
    fn no_part_of_a_password_becomes_a_name() {
        for url in ["postgres://u:ab/s3cret@h:1/gis", "postgres://u@h:1?password=aa/s3cret"] {
            let mut settings = Settings::default();
            let added = add(&mut settings, &[url.to_owned()]);
            let shown = format!("{added:?} {:?}", settings.databases.keys());
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for source in [
            "host=h password=secret",
            "host=/run/pg password=secret",
            "u:secret@h/gis",
            "mysql://u:secret@h",
        ] {
            let error = add(&mut Settings::default(), &[source.to_owned()]);
            assert!(!error.unwrap_err().to_string().contains("secret"), "{source}");
        }
    }
}
