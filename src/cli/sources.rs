//! Databases given as arguments.

use super::CommandError;
use crate::config::Settings;
use crate::source::postgis::{self, DatabaseUrl, Publish};

/// Adds each source to the settings as a database that publishes everything.
///
/// # Errors
/// A source is not something that Tesela can read.
pub fn add(settings: &mut Settings, sources: &[String]) -> Result<(), CommandError> {
    for source in sources {
        if !source.starts_with("postgres://") && !source.starts_with("postgresql://") {
            // Not echoed: it may be a connection string with a password.
            return Err("a source has to be a URL such as postgres://user@host/database".into());
        }
        let name = free_name(settings, source);
        let mut database = postgis::Settings::for_url(DatabaseUrl::new(source));
        database.publish = Some(Publish::default());
        settings.databases.insert(name, database);
    }
    Ok(())
}

/// The database's own name, numbered when it is taken.
fn free_name(settings: &Settings, url: &str) -> String {
    let after_host = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let own: String = after_host
        .map_or("", |(_, path)| path)
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
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
    fn what_is_no_url_is_refused_without_being_repeated() {
        let error = add(&mut Settings::default(), &["host=h password=secret".to_owned()]);
        assert!(!error.unwrap_err().to_string().contains("secret"));
    }
}
