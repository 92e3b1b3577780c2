//! What each table of a dump holds: how many rows, and a digest of them that their order does not change.
//!
//! A row's digest is the BLAKE3 of its text in the dump; a table's is the BLAKE3 of how many there are and of the sum
//! of theirs modulo 2^256. Servers keep rows in no order (PostgreSQL moves those that are updated), so that the
//! same rows must give the same digest in any.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// One table's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub count: u64,
    sum: [u64; 4],
}

impl Rows {
    /// Counts one more row.
    pub fn add(&mut self, row: &blake3::Hash) {
        self.count += 1;
        let mut carry = 0;
        for (sum, bytes) in self.sum.iter_mut().zip(row.as_bytes().chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            let wide = u128::from(*sum) + u128::from(u64::from_le_bytes(word)) + carry;
            *sum = wide as u64;
            carry = wide >> 64;
        }
    }

    /// The digest, 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.count.to_le_bytes());
        for word in self.sum {
            hasher.update(&word.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// All tables of a dump, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    names: HashMap<String, usize>,
    rows: Vec<(String, Rows)>,
}

impl Tables {
    /// The place of this table, which is new when it was not named before.
    pub fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.names.get(name) {
            return *place;
        }
        let place = self.rows.len();
        self.rows.push((name.to_owned(), Rows::default()));
        self.names.insert(name.to_owned(), place);
        place
    }

    /// Counts a row of the table at this place.
    pub fn add(&mut self, place: usize, row: &blake3::Hash) {
        if let Some((_, rows)) = self.rows.get_mut(place) {
            rows.add(row);
        }
    }

    pub fn get(&self, name: &str) -> Option<&Rows> {
        self.names.get(name).map(|place| &self.rows[*place].1)
    }

    /// Only this table, when it is there.
    pub fn only(&self, name: &str) -> Tables {
        let mut only = Tables::default();
        if let Some(rows) = self.get(name) {
            only.place(name);
            only.rows = vec![(name.to_owned(), *rows)];
        }
        only
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Rows)> {
        self.rows.iter().map(|(name, rows)| (name.as_str(), rows))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows of all tables.
    pub fn count(&self) -> u64 {
        self.rows.iter().map(|(_, rows)| rows.count).sum()
    }

    /// `{"TABLE": {"rows": N, "digest": "..."}}`.
    pub fn to_json(&self) -> Value {
        let tables: Map<String, Value> = self
            .iter()
            .map(|(name, rows)| {
                let value = serde_json::json!({"rows": rows.count, "digest": rows.digest()});
                (name.to_owned(), value)
            })
            .collect();
        Value::Object(tables)
    }

    /// The tables whose rows are not the same in both, each with both counts; `None` where it is missing.
    pub fn differences(&self, other: &Tables) -> Vec<(String, Option<u64>, Option<u64>)> {
        let mut differ: Vec<_> = self
            .iter()
            .filter(|(name, rows)| other.get(name) != Some(rows))
            .map(|(name, rows)| {
                let there = other.get(name).map(|rows| rows.count);
                (name.to_owned(), Some(rows.count), there)
            })
            .collect();
        let more = other.iter().filter(|(name, _)| self.get(name).is_none());
        differ.extend(more.map(|(name, rows)| (name.to_owned(), None, Some(rows.count))));
        differ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(rows: &[(&str, &str)]) -> Tables {
        let mut tables = Tables::default();
        for (table, row) in rows {
            let place = tables.place(table);
            tables.add(place, &blake3::hash(row.as_bytes()));
        }
        tables
    }

    #[test]
    fn the_order_of_rows_does_not_matter_their_number_and_table_do() {
        let one = tables(&[("a", "1"), ("a", "2"), ("b", "1")]);
        assert!(
            one.differences(&tables(&[("b", "1"), ("a", "2"), ("a", "1")]))
                .is_empty()
        );
        let twice = tables(&[("a", "1"), ("a", "2"), ("a", "2"), ("b", "1")]);
        assert_eq!(
            one.differences(&twice),
            [("a".to_owned(), Some(2), Some(3))]
        );
        let less = tables(&[("a", "1"), ("a", "2")]);
        assert_eq!(one.differences(&less), [("b".to_owned(), Some(1), None)]);
    }

    #[test]
    fn sums_carry_from_word_to_word() {
        let mut rows = Rows {
            count: 0,
            sum: [u64::MAX, u64::MAX, 0, 0],
        };
        let mut one = [0; 32];
        one[0] = 1;
        rows.add(&blake3::Hash::from_bytes(one));
        assert_eq!(rows.sum, [0, 0, 1, 0]);
    }
}
