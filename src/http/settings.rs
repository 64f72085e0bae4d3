//! `[server]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

/// The `[server]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Base of the URLs in TileJSON, for example `https://tiles.example.com/maps`.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `["*"]`, or exact origins such as `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// Threads that answer requests; one per core when absent.
    pub workers: Option<usize>,
    /// Longest time to make a tile, waiting included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long to go on accepting requests after SIGTERM, with `/health/ready` red.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// How long requests in flight may then take.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    /// Databases without which `/health/ready` is red.
    pub ready_requires: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: vec!["*".to_owned()],
            workers: None,
            request_timeout: Duration::from_secs(10),
            drain_delay: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(15),
            ready_requires: Vec::new(),
        }
    }
}
