//! All actix code: routes, headers, errors.

mod settings;

pub use settings::Settings;
