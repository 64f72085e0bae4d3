//! One load at a time for each key, however many ask.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The load ended without a result: it panicked, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted;

type Slot<V> = watch::Receiver<Option<V>>;

/// Loads under way, by key.
///
/// A load runs as a task of its own on the given runtime, so that it doesn't end with the
/// request that started it.
pub struct SingleFlight<K, V> {
    flights: Arc<Mutex<HashMap<K, Slot<V>>>>,
    runtime: Handle,
}

/// A wait for a load.
pub struct Ticket<V> {
    slot: Slot<V>,
    /// This caller started the load; the others joined it.
    pub leader: bool,
}

/// Either the value was there after all, or there is a load to wait for.
pub enum Joined<V> {
    Ready(V),
    Waiting(Ticket<V>),
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new(runtime: Handle) -> Self {
        Self { flights: Arc::default(), runtime }
    }

    /// Loads under way.
    pub fn len(&self) -> usize {
        self.flights.lock().len()
    }

    /// Whether nothing is being loaded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Joins the load of `key`, starting it with `load` when none is under way.
    ///
    /// `recheck` looks the key up again under the lock. Without it: A misses the cache; B's load
    /// of the same key stores its value and leaves the map; A finds no load and starts a second.
    pub fn join<L, F>(&self, key: K, recheck: impl FnOnce() -> Option<V>, load: L) -> Joined<V>
    where
        L: FnOnce() -> F,
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock();
        if let Some(slot) = flights.get(&key) {
            return Joined::Waiting(Ticket { slot: slot.clone(), leader: false });
        }
        if let Some(value) = recheck() {
            return Joined::Ready(value);
        }
        let (sender, slot) = watch::channel(None);
        flights.insert(key.clone(), slot.clone());
        drop(flights);
        let landing = Landing { flights: self.flights.clone(), key };
        let load = load();
        self.runtime.spawn(async move {
            let value = load.await;
            // Leave the map first: who comes now finds the stored value, not a finished load.
            drop(landing);
            sender.send_replace(Some(value));
        });
        Joined::Waiting(Ticket { slot, leader: true })
    }
}

impl<V: Clone> Ticket<V> {
    /// The load's value.
    ///
    /// # Errors
    /// The load panicked or was dropped.
    pub async fn wait(mut self) -> Result<V, Aborted> {
        let value = self.slot.wait_for(Option::is_some).await.map_err(|_| Aborted)?;
        value.clone().ok_or(Aborted)
    }
}

/// Takes the load out of the map, even when it panics.
struct Landing<K: Eq + Hash, V> {
    flights: Arc<Mutex<HashMap<K, Slot<V>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    fn key() -> (u8, u64) {
        (3, 1)
    }

    fn waiting<V>(joined: Joined<V>) -> Ticket<V> {
        match joined {
            Joined::Waiting(ticket) => ticket,
            Joined::Ready(_) => panic!("the value is not there yet"),
        }
    }

    #[tokio::test]
    async fn many_callers_share_one_load_that_outlives_its_leader() {
        let flights = SingleFlight::new(Handle::current());
        let (loads, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let join = || {
            let (loads, gate) = (loads.clone(), gate.clone());
            waiting(flights.join(
                key(),
                || None,
                || async move {
                    gate.notified().await;
                    loads.fetch_add(1, Ordering::SeqCst)
                },
            ))
        };
        let leader = join();
        assert!(leader.leader);
        let followers: Vec<_> = (0..100).map(|_| join()).collect();
        drop(leader);
        gate.notify_one();
        for follower in followers {
            assert!(!follower.leader);
            assert_eq!(follower.wait().await, Ok(0));
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_panic_releases_the_waiters_and_the_key() {
        let flights = SingleFlight::<_, u32>::new(Handle::current());
        let broken = waiting(flights.join(key(), || None, || async { panic!("on purpose") }));
        assert_eq!(broken.wait().await, Err(Aborted));
        let next = waiting(flights.join(key(), || None, || async { 5 }));
        assert!(next.leader);
        assert_eq!(next.wait().await, Ok(5));
    }

    #[tokio::test]
    async fn a_value_stored_since_the_miss_is_not_loaded_again() {
        let flights = SingleFlight::<_, u32>::new(Handle::current());
        let joined = flights.join(key(), || Some(9), || async { panic!("must not load") });
        assert!(matches!(joined, Joined::Ready(9)));
    }
}
