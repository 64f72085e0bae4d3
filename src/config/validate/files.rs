//! Layers of files: what only a database has is refused there.

use std::path::Path as FilePath;

use super::{Document, LayerSettings, Path, Settings, require};
use crate::catalog::RowSource;
use crate::source::postgis::Encoder;

/// Less holds hardly a feature; more is no machine's.
const MEMORY: std::ops::RangeInclusive<u64> = 65_536..=1 << 50;

pub(super) fn files(settings: &Settings, document: &mut Document<'_>) {
    let path = Path::of(["files"]);
    if !document.is_clean(&path) {
        return;
    }
    let limit = settings.files.memory_limit.as_u64();
    require(document, &path.key("memory_limit"), MEMORY.contains(&limit));
    for (i, source) in settings.files.publish.iter().enumerate() {
        if source.trim().is_empty() {
            document.expected(&path.key("publish").index(i), "a file, a folder or a pattern");
        }
    }
}

/// A layer that has a file anywhere has nothing of a database.
pub(super) fn layer(path: &Path, layer: &LayerSettings, document: &mut Document<'_>) {
    if layer.database.is_some() {
        document.expected(&path.key("database"), "no database beside a file");
    }
    if layer.version_sql.is_some() {
        document.expected(&path.key("version_sql"), "no query beside a file, which tells itself");
    }
    if layer.encoder == Encoder::Postgis {
        document.expected(&path.key("encoder"), "\"rows\" beside a file");
    }
    let zooms = layer.zooms.iter().enumerate();
    let of_zooms = zooms.map(|(i, zooms)| (path.key("zooms").index(i), zooms.own_source()));
    for (path, own) in std::iter::once((path.clone(), layer.own_source())).chain(of_zooms) {
        let RowSource { table, sql, function, file, geometry, srid, .. } = own;
        let refused = [
            ("geometry", geometry.is_some()),
            ("srid", srid.is_some()),
            ("sql", sql.is_some() && file.is_none()),
            ("function", function.is_some() && file.is_none()),
            ("table", table.is_some() && file.is_none() && layer.file.is_none()),
        ];
        for (key, _) in refused.into_iter().filter(|(_, is_set)| *is_set) {
            document.expected(&path.key(key), "nothing of a database in a layer of files");
        }
    }
}

fn is_pattern(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

/// Paths in the settings start where their file is.
pub(in crate::config) fn resolve(settings: &mut Settings, config: &FilePath) {
    let folder = config.parent().filter(|folder| *folder != FilePath::new(""));
    let Some(folder) = folder else { return };
    let resolved = |path: &mut String| {
        if let Some(joined) = folder.join(&*path).to_str() {
            *path = joined.to_owned();
        }
    };
    for source in &mut settings.files.publish {
        // The folder's own name is no pattern.
        let plain = folder.join(&*source);
        let escaped = folder.to_str().map(glob::Pattern::escape);
        match escaped.filter(|_| is_pattern(source) && !plain.exists()) {
            Some(folder) if FilePath::new(source).is_relative() => {
                *source = format!("{folder}/{source}");
            }
            _ => resolved(source),
        }
    }
    for layer in settings.layers.values_mut() {
        let zooms = layer.zooms.iter_mut().flat_map(|zooms| &mut zooms.file);
        layer.file.iter_mut().chain(zooms).for_each(resolved);
    }
}
