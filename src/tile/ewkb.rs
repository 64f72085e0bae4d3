//! ewkb
