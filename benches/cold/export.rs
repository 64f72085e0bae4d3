//! The dataset's tables as GeoJSON files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use postgres::fallible_iterator::FallibleIterator;

use super::dataset::Dataset;

/// Files that are gone with the value.
pub struct Files {
    folder: PathBuf,
}

impl Files {
    pub fn new() -> Self {
        let folder =
            std::env::temp_dir().join(format!("tesela-bench-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self { folder }
    }

    /// The table as a FeatureCollection in degrees with nine digits, a feature a line; its path.
    pub fn geojson(&self, dataset: &Dataset, table: &str) -> PathBuf {
        let path = self.folder.join(format!("{table}.geojson"));
        if path.exists() {
            return path;
        }
        let sql = format!(
            "SELECT json_build_object('type', 'Feature', 'id', id,
                 'properties', to_jsonb(t) - 'id' - 'geom',
                 'geometry', ST_AsGeoJSON(ST_Transform(geom, 4326), 9)::json)::text
             FROM {table} AS t"
        );
        let mut file = BufWriter::new(File::create(&path).expect("a file"));
        let mut client = dataset.client();
        let none: [&str; 0] = [];
        let mut rows = client.query_raw(&sql, none).expect("the table's rows");
        let mut before = "{\"type\":\"FeatureCollection\",\"features\":[\n";
        while let Some(row) = rows.next().expect("a row") {
            write!(file, "{before}{}", row.get::<_, &str>(0)).expect("space on the disk");
            before = ",\n";
        }
        file.write_all(b"\n]}\n").expect("space on the disk");
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
