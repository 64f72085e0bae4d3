//! How long tiles may be kept, as caches are told: Cache-Control (RFC 9111, RFC 5861, RFC 8246),
//! CDN-Cache-Control (RFC 9213) and Surrogate-Control.

use bytes::Bytes;

use super::slot::Slot;
use crate::catalog::Lifetimes;

/// A year: what RFC 9111 implementations take for forever.
const FOREVER: u64 = 31_536_000;

/// Seconds that shared caches keep a tile whose time is over.
const STALE_S_MAXAGE: u64 = 10;

/// The control headers of one answer.
#[derive(Debug)]
pub struct Control {
    pub cache_control: Bytes,
    pub cdn_cache_control: Bytes,
    pub surrogate_control: Bytes,
    pub slot: Slot,
}

impl Control {
    fn new(cache_control: String, cdn_cache_control: String, surrogate_control: String) -> Self {
        Self {
            cache_control: cache_control.into(),
            cdn_cache_control: cdn_cache_control.into(),
            surrogate_control: surrogate_control.into(),
            slot: Slot::default(),
        }
    }
}

/// How long the tiles of a layer and zoom may be kept. Made once, and shared by all their answers.
#[derive(Debug)]
pub struct Policy {
    pub lifetimes: Lifetimes,
    /// Of a tile that is as it should be.
    pub fresh: Control,
    /// Of one that never changes under its URL.
    pub immutable: Control,
    /// Of one whose time is over, or that was purged while it was made.
    pub stale: Control,
}

impl Policy {
    pub fn new(lifetimes: Lifetimes) -> Self {
        let Lifetimes { max_age, s_maxage, stale_while_revalidate, stale_if_error, .. } = lifetimes;
        let (max_age, s_maxage) = (max_age.as_secs(), s_maxage.as_secs());
        let (swr, sie) = (stale_while_revalidate.as_secs(), stale_if_error.as_secs());
        let stale = format!("stale-while-revalidate={swr}, stale-if-error={sie}");
        let over = format!("max-age=0, s-maxage={STALE_S_MAXAGE}");
        Self {
            lifetimes,
            fresh: Control::new(
                format!("public, max-age={max_age}, s-maxage={s_maxage}, {stale}"),
                format!("public, max-age={s_maxage}, {stale}"),
                format!("max-age={s_maxage}, {stale}"),
            ),
            immutable: Control::new(
                format!("public, max-age={FOREVER}, immutable"),
                format!("public, max-age={FOREVER}, {stale}"),
                format!("max-age={FOREVER}, {stale}"),
            ),
            stale: Control::new(
                format!("public, {over}"),
                format!("public, {over}"),
                // Surrogates know no s-maxage: with 0 they would keep nothing.
                format!("max-age={STALE_S_MAXAGE}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn browsers_shared_caches_and_surrogates_are_told_what_concerns_them() {
        let seconds = Duration::from_secs;
        let policy = Policy::new(Lifetimes {
            ttl: seconds(1),
            max_age: seconds(60),
            s_maxage: seconds(3600),
            stale_while_revalidate: seconds(30),
            stale_if_error: seconds(90),
        });
        let stale = "stale-while-revalidate=30, stale-if-error=90";
        assert_eq!(
            policy.fresh.cache_control,
            format!("public, max-age=60, s-maxage=3600, {stale}")
        );
        assert_eq!(policy.fresh.cdn_cache_control, format!("public, max-age=3600, {stale}"));
        assert_eq!(policy.fresh.surrogate_control, format!("max-age=3600, {stale}"));
        assert_eq!(policy.immutable.cache_control, "public, max-age=31536000, immutable");
        for control in [policy.stale.cache_control, policy.stale.cdn_cache_control] {
            assert_eq!(control, "public, max-age=0, s-maxage=10");
        }
        assert_eq!(policy.stale.surrogate_control, "max-age=10");
    }
}
