//! A small model of guard, flight and purge, run by shuttle through thousands of schedules.
//!
//! One tile, whose true content is a number that a writer raises before it purges. What is
//! promised: who asks after a purge was answered sees what it purged for, and memory holds nothing
//! older. Each of the three rules is also left out once, to see that the model notices.

use std::collections::HashMap;
use std::panic::catch_unwind;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

/// The rules that make a purge hold.
#[derive(Clone, Copy)]
struct Rules {
    /// The generation is raised before memory is swept.
    raise_before_sweep: bool,
    /// Inserting compares the generation with that from before the read, under the lock.
    compare_under_lock: bool,
    /// A flight is only joined by those who see the generation that it began with.
    flights_by_generation: bool,
}

const ALL: Rules =
    Rules { raise_before_sweep: true, compare_under_lock: true, flights_by_generation: true };

/// A load that others wait for.
#[derive(Default)]
struct Flight {
    value: Mutex<Option<u64>>,
    landed: Condvar,
}

struct World {
    rules: Rules,
    /// What the database has.
    truth: AtomicU64,
    generation: AtomicU64,
    memory: Mutex<Option<u64>>,
    flights: Mutex<HashMap<u64, Arc<Flight>>>,
}

impl World {
    fn new(rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            truth: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            memory: Mutex::new(None),
            flights: Mutex::default(),
        })
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn remembered(&self) -> Option<u64> {
        *self.memory.lock().unwrap()
    }

    /// As `Engine::tile`.
    fn ask(self: &Arc<Self>) -> u64 {
        if let Some(value) = self.remembered() {
            return value;
        }
        let stamp = self.generation();
        let key = if self.rules.flights_by_generation { stamp } else { 0 };
        let mut flights = self.flights.lock().unwrap();
        if let Some(flight) = flights.get(&key).cloned() {
            drop(flights);
            return flight.wait();
        }
        if let Some(value) = self.remembered() {
            return value;
        }
        let flight = Arc::new(Flight::default());
        flights.insert(key, flight.clone());
        drop(flights);
        let (world, landing) = (self.clone(), flight.clone());
        thread::spawn(move || world.load(stamp, key, &landing));
        flight.wait()
    }

    fn load(&self, stamp: u64, key: u64, flight: &Flight) {
        let value = self.truth.load(Ordering::SeqCst);
        self.insert(value, stamp);
        self.flights.lock().unwrap().remove(&key);
        *flight.value.lock().unwrap() = Some(value);
        flight.landed.notify_all();
    }

    fn insert(&self, value: u64, stamp: u64) {
        if self.rules.compare_under_lock {
            let mut memory = self.memory.lock().unwrap();
            if self.generation() == stamp {
                *memory = Some(value);
            }
        } else if self.generation() == stamp {
            *self.memory.lock().unwrap() = Some(value);
        }
    }

    fn purge(&self) {
        let sweep = || *self.memory.lock().unwrap() = None;
        let raise = || self.generation.fetch_add(1, Ordering::SeqCst);
        if self.rules.raise_before_sweep {
            raise();
            sweep();
        } else {
            sweep();
            raise();
        }
    }
}

impl Flight {
    fn wait(&self) -> u64 {
        let mut value = self.value.lock().unwrap();
        loop {
            if let Some(value) = *value {
                return value;
            }
            value = self.landed.wait(value).unwrap();
        }
    }
}

/// Readers before, during and after a change with its purge.
fn scenario(rules: Rules) {
    let world = World::new(rules);
    let reader = || {
        let world = world.clone();
        thread::spawn(move || world.ask())
    };
    let readers = [reader(), reader()];
    let writer = {
        let world = world.clone();
        thread::spawn(move || {
            world.truth.store(1, Ordering::SeqCst);
            world.purge();
            assert_eq!(world.ask(), 1, "asked after the purge was answered");
        })
    };
    writer.join().unwrap();
    let late = reader();
    for reader in readers {
        // It asked early enough to get either.
        assert!(reader.join().unwrap() <= 1);
    }
    assert_eq!(late.join().unwrap(), 1, "asked after the purge was answered");
    assert_ne!(world.remembered(), Some(0), "memory holds what was purged");
}

fn holds(rules: Rules) -> bool {
    catch_unwind(|| shuttle::check_pct(move || scenario(rules), 5_000, 3)).is_ok()
        && catch_unwind(|| shuttle::check_random(move || scenario(rules), 5_000)).is_ok()
}

#[test]
fn nothing_stale_survives_a_purge_in_any_schedule() {
    assert!(holds(ALL));
}

#[test]
fn without_any_of_its_rules_something_does() {
    assert!(!holds(Rules { raise_before_sweep: false, ..ALL }));
    assert!(!holds(Rules { compare_under_lock: false, ..ALL }));
    assert!(!holds(Rules { flights_by_generation: false, ..ALL }));
}
