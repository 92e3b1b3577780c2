//! The connections of a store: made when one is needed, kept for the next who needs one, dropped when broken.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// At most so many of something at once.
#[derive(Debug)]
pub struct Pool<T> {
    most: usize,
    state: Mutex<State<T>>,
    freed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    idle: Vec<T>,
    lent: usize,
}

impl<T> Pool<T> {
    pub fn new(most: usize) -> Self {
        Pool {
            most: most.max(1),
            state: Mutex::new(State {
                idle: Vec::new(),
                lent: 0,
            }),
            freed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One for the caller alone, new where none is idle; waits while all are lent.
    pub fn take<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<Lease<'_, T>, E> {
        let idle = {
            let mut state = self.state();
            while state.lent >= self.most {
                state = self
                    .freed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            state.lent += 1;
            state.idle.pop()
        };
        let mut lease = Lease {
            pool: self,
            item: idle,
        };
        if lease.item.is_none() {
            lease.item = Some(make()?);
        }
        Ok(lease)
    }
}

/// Something lent; it goes back when this is dropped.
#[derive(Debug)]
pub struct Lease<'a, T> {
    pool: &'a Pool<T>,
    item: Option<T>,
}

impl<T> Lease<'_, T> {
    pub fn get(&mut self) -> &mut T {
        self.item
            .as_mut()
            .expect("taken only by condemn and drop, which end the lease")
    }

    /// It is broken, and so are most likely those that have been idle for longer.
    pub fn condemn(mut self) {
        let idle = std::mem::take(&mut self.pool.state().idle);
        drop((self.item.take(), idle));
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.lent -= 1;
        state.idle.extend(self.item.take());
        drop(state);
        self.pool.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_are_made_than_allowed_and_broken_ones_are_replaced() {
        let pool = Pool::new(2);
        let made = AtomicUsize::new(0);
        let make = || Ok::<_, ()>(made.fetch_add(1, Ordering::SeqCst));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        assert!(*pool.take(make).expect("made").get() < 2);
                    }
                });
            }
        });
        pool.take(make).expect("made").condemn();
        assert!(pool.take(|| Err::<usize, _>("refused")).is_err());
        assert!(*pool.take(make).expect("made").get() > 0);
    }
}
