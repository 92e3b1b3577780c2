//! What the records of one stream share: it need not be said, what differs must be.

use crate::{Record, State, one_line};

/// Which parts of the key differ within a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) hosts: bool,
    pub(crate) checks: bool,
    pub(crate) vantages: bool,
}

impl Scope {
    pub(crate) fn of(records: &[Record]) -> Self {
        let Some((first, rest)) = records.split_first() else {
            return Self::default();
        };
        Self {
            hosts: rest.iter().any(|record| record.host != first.host),
            checks: rest.iter().any(|record| record.check != first.check),
            vantages: rest.iter().any(|record| record.from != first.from),
        }
    }

    /// What a record is about, without what all of them share; may be empty.
    pub(crate) fn subject(self, record: &Record) -> String {
        let mut parts = Vec::new();
        parts.extend(self.hosts.then_some(record.host.as_str()));
        parts.extend(self.checks.then_some(record.check.as_str()));
        parts.extend(record.object.as_deref());
        let mut subject = one_line(&parts.join(" "));
        if let Some(from) = record.from.as_deref().filter(|_| self.vantages) {
            subject = format!("{subject} from {}", one_line(from))
                .trim_start()
                .to_owned();
        }
        subject
    }
}

/// Worst first; records of one state stay in the order in which they came.
pub(crate) fn worst_first(records: &[Record]) -> Vec<&Record> {
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort_by_key(|record| std::cmp::Reverse(record.state));
    sorted
}

/// `2 critical, 1 warning, 14 ok`, worst first, without states that nobody is in.
pub(crate) fn tally(records: &[&Record]) -> String {
    let counted = State::ALL.into_iter().rev().filter_map(|state| {
        let count = records
            .iter()
            .filter(|record| record.state == state)
            .count();
        (count > 0).then(|| format!("{count} {state}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// At most `max_bytes` of a text, cut between characters, with `...` in place of what is missing.
pub(crate) fn cut(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max_bytes.saturating_sub(3));
    format!("{}...", text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures::{disk, web};

    #[test]
    fn a_subject_says_only_what_differs() {
        let mut records = disk();
        assert_eq!(Scope::of(&records).subject(&records[0]), "/var");
        records.extend(web());
        let subjects: Vec<_> = records
            .iter()
            .map(|it| Scope::of(&records).subject(it))
            .collect();
        assert_eq!(subjects[0], "db1 disk /var");
        assert_eq!(subjects[3], "www.example.org http from mon1");
    }

    #[test]
    fn a_tally_counts_worst_first() {
        assert_eq!(
            tally(&disk().iter().collect::<Vec<_>>()),
            "1 critical, 1 warning, 1 ok"
        );
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("größer", 6), "gr...");
        assert_eq!(cut("größer", 8), "größer");
        assert_eq!(cut("größer", 0), "...");
    }
}
