//! All actix code: routes, headers, errors.

mod access_log;
mod admin;
mod base_url;
mod cache_headers;
mod catalog;
mod conditional;
mod cors;
mod edge;
mod error;
mod feature;
mod health;
mod negotiate;
mod router;
mod server;
mod settings;
mod tile;
mod tilejson;
pub mod viewer;

pub use cors::Origins;
pub use health::{DatabaseHealth, Readiness};
pub use router::State;
pub use server::{admin_server, app, server};
pub use settings::{ADMIN_LISTEN, Settings};
