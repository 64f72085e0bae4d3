//! The inputs that fuzzing starts from, those that it found worth keeping, and those that once failed.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[path = "../../fuzz/checks/mod.rs"]
mod checks;

#[test]
fn rows_kept_from_fuzzing_make_valid_tiles() {
    replay("ewkb", checks::ewkb::check);
}

#[test]
fn requests_kept_from_fuzzing_are_answered_as_documented() {
    replay("request", checks::request::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let (mut count, mut failed) = (0, Vec::new());
    for folder in ["seeds", "corpus", "regressions"] {
        // A target without regressions has no folder for them.
        let Ok(files) = fs::read_dir(fuzz.join(folder).join(target)) else { continue };
        for file in files.map(|file| file.unwrap().path()) {
            let data = fs::read(&file).unwrap();
            count += 1;
            if catch_unwind(|| check(&data)).is_err() {
                failed.push(file);
            }
        }
    }
    println!("{count} inputs");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(count > 20, "only {count} inputs for {target} under fuzz/");
}
