//! Prometheus collectors.
