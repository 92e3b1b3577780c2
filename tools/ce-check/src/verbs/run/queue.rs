//! Who is next: the target with the fewest checks under way, so that one that never answers cannot hold up the rest.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// Waiting checks by target. Numbers stand for checks.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ids: HashMap<String, usize>,
    targets: Vec<Target>,
    /// Targets with something waiting, the one to serve next first: (under way, when last served, target).
    ready: BTreeSet<(usize, u64, usize)>,
    served: u64,
}

#[derive(Debug, Default)]
struct Target {
    waiting: VecDeque<usize>,
    under_way: usize,
    last_served: u64,
}

impl Queue {
    /// Puts a check at the end of its target's line.
    pub(super) fn push(&mut self, target: &str, check: usize) {
        let id = match self.ids.get(target) {
            Some(id) => *id,
            None => {
                self.targets.push(Target::default());
                self.ids.insert(target.to_owned(), self.targets.len() - 1);
                self.targets.len() - 1
            }
        };
        let line = &mut self.targets[id];
        line.waiting.push_back(check);
        self.ready.insert((line.under_way, line.last_served, id));
    }

    /// The next check and the number of its target, for [`Queue::done`].
    pub(super) fn next(&mut self) -> Option<(usize, usize)> {
        let (_, _, id) = self.ready.pop_first()?;
        self.served += 1;
        let line = &mut self.targets[id];
        let check = line.waiting.pop_front();
        line.under_way += 1;
        line.last_served = self.served;
        if !line.waiting.is_empty() {
            self.ready.insert((line.under_way, line.last_served, id));
        }
        check.map(|check| (check, id))
    }

    /// A check of this target has ended.
    pub(super) fn done(&mut self, id: usize) {
        let line = &mut self.targets[id];
        let was_ready = self.ready.remove(&(line.under_way, line.last_served, id));
        line.under_way -= 1;
        if was_ready {
            self.ready.insert((line.under_way, line.last_served, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_target_holds_no_more_than_its_share() {
        let mut queue = Queue::default();
        (0..100).for_each(|check| queue.push("silent", check));
        (100..110).for_each(|check| queue.push("quick", check));
        let mut order = Vec::new();
        // Four slots; the quick target's checks end at once, the silent one's never.
        let mut slots = 4;
        while slots > 0 {
            let Some((check, target)) = queue.next() else {
                break;
            };
            order.push(check);
            if check >= 100 {
                queue.done(target);
            } else {
                slots -= 1;
            }
        }
        let quick_done = order.iter().position(|check| *check == 109).unwrap();
        assert!(
            order[..quick_done]
                .iter()
                .filter(|check| **check < 100)
                .count()
                <= 2,
            "{order:?}"
        );
    }

    #[test]
    fn everything_comes_out_once_in_its_targets_order() {
        let mut queue = Queue::default();
        for check in 0..1000 {
            queue.push(["a", "b", "c"][check % 3], check);
        }
        let mut seen = Vec::new();
        while let Some((check, target)) = queue.next() {
            seen.push(check);
            if check % 2 == 0 {
                queue.done(target);
            }
        }
        for line in 0..3 {
            let of_line: Vec<usize> = seen
                .iter()
                .copied()
                .filter(|check| check % 3 == line)
                .collect();
            assert!(of_line.is_sorted());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }
}
