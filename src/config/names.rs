//! The rules for names that the operator chooses.

use crate::catalog::{FORMATS, RESERVED, is_id_char};

/// Why `name` can't be a layer's or a tileset's, if so.
pub(super) fn objection(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("expected another name: {} are reserved", RESERVED.join(", ")));
    }
    if let Some(suffix) = FORMATS.iter().find(|suffix| name.ends_with(**suffix)) {
        return Some(format!("expected a name that doesn't end in {suffix}, as URLs do"));
    }
    unfit(name)
}

/// Why `name` can't be any entry's, if so. Databases have theirs in metrics and in
/// `/health/ready`.
pub(super) fn unfit(name: &str) -> Option<String> {
    // A comma joins the members of an ad-hoc composite; `.` and `..` vanish from URLs.
    (!name.chars().all(is_id_char) || name.chars().all(|c| c == '.'))
        .then(|| "expected a name of letters, digits, `_`, `.` and `-`".to_owned())
}
