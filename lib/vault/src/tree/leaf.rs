//! Leaves: some hundred items in path order, cut where a name says so, that a later snapshot takes over unread.
//!
//! A leaf's skeleton names its chunks in order, so that prune and check need no names; its private half has the items,
//! which point into the skeleton by number. Nodes name the leaves, the snapshot names the nodes.

use std::collections::HashMap;

use super::item::{Item, Owner};
use crate::error::Malformed;
use crate::id::Id;
use crate::wire::{Cursor, put_bytes, put_varint};

/// A chunk that a leaf's items point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Its name.
    pub id: Id,
    /// Whether it is a list of further chunks, and no content itself.
    pub list: bool,
}

/// Gathers a leaf.
#[derive(Debug, Default)]
pub(crate) struct LeafBuilder {
    items: Vec<u8>,
    count: usize,
    before: Vec<u8>,
    owners: Vec<Owner>,
    references: Vec<Reference>,
    numbers: HashMap<Reference, u32>,
}

/// A leaf as its two chunks, still to be stored.
pub(crate) struct Leaf {
    pub skeleton: Vec<u8>,
    pub private: Vec<u8>,
    pub references: Vec<Reference>,
}

impl LeafBuilder {
    /// The number of a chunk in this leaf.
    pub fn reference(&mut self, reference: Reference) -> u32 {
        *self.numbers.entry(reference).or_insert_with(|| {
            self.references.push(reference);
            self.references.len() as u32 - 1
        })
    }

    /// A number whose chunk is known later, by [`LeafBuilder::resolve`].

    pub fn push(&mut self, item: &Item) {
        let owner = self
            .owners
            .iter()
            .position(|owner| *owner == item.metadata.owner);
        let owner = owner.unwrap_or_else(|| {
            self.owners.push(item.metadata.owner.clone());
            self.owners.len() - 1
        });
        item.encode(&self.before, owner, &mut self.items);
        self.before.clone_from(&item.path);
        self.count += 1;
    }

    pub fn finish(self) -> Leaf {
        let mut private = Vec::with_capacity(self.items.len() + 64);
        put_varint(&mut private, self.owners.len() as u64);
        for owner in &self.owners {
            put_varint(&mut private, u64::from(owner.uid));
            put_varint(&mut private, u64::from(owner.gid));
            put_bytes(&mut private, owner.user.as_bytes());
            put_bytes(&mut private, owner.group.as_bytes());
        }
        put_varint(&mut private, self.count as u64);
        private.extend_from_slice(&self.items);
        Leaf {
            skeleton: encode_references(&self.references),
            private,
            references: self.references,
        }
    }
}

/// The items of a leaf's private half.
pub(crate) fn decode_leaf(bytes: &[u8]) -> Result<Vec<Item>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let small =
        |value: u64| u32::try_from(value).map_err(|_| Malformed("an owner's number is too large"));
    let owners = (0..cursor.count(4)?)
        .map(|_| {
            Ok(Owner {
                uid: small(cursor.varint()?)?,
                gid: small(cursor.varint()?)?,
                user: name(cursor.bytes()?),
                group: name(cursor.bytes()?),
            })
        })
        .collect::<Result<Vec<_>, Malformed>>()?;
    let count = cursor.count(7)?;
    let mut items: Vec<Item> = Vec::with_capacity(count);
    for _ in 0..count {
        let before = items.last().map_or(&[][..], |item| &item.path);
        let item = Item::decode(&mut cursor, before, &owners)?;
        items.push(item);
    }
    cursor.end()?;
    Ok(items)
}

/// A count, a bit for each reference that says whether it is a list, the ids.
pub(crate) fn encode_references(references: &[Reference]) -> Vec<u8> {
    let mut out = Vec::with_capacity(references.len() * 33 + 8);
    put_varint(&mut out, references.len() as u64);
    for eight in references.chunks(8) {
        out.push(
            eight
                .iter()
                .rev()
                .fold(0, |bits, reference| bits << 1 | u8::from(reference.list)),
        );
    }
    for reference in references {
        out.extend_from_slice(&reference.id.0);
    }
    out
}

pub(crate) fn decode_references(bytes: &[u8]) -> Result<Vec<Reference>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.count(32)?;
    let bits = cursor.take(count.div_ceil(8))?;
    let references = (0..count)
        .map(|at| {
            Ok(Reference {
                list: bits[at / 8] >> (at % 8) & 1 != 0,
                id: Id(cursor.array()?),
            })
        })
        .collect::<Result<_, Malformed>>()?;
    cursor.end()?;
    Ok(references)
}

/// A list: chunks of a large file in order, with their lengths.
pub(crate) fn encode_list(chunks: &[(Id, u32)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(chunks.len() * 36);
    for (id, len) in chunks {
        out.extend_from_slice(&id.0);
        out.extend_from_slice(&len.to_le_bytes());
    }
    out
}

pub(crate) fn decode_list(bytes: &[u8]) -> Result<Vec<(Id, u32)>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let mut chunks = Vec::with_capacity(bytes.len() / 36);
    while !cursor.is_empty() {
        chunks.push((Id(cursor.array()?), cursor.u32()?));
    }
    Ok(chunks)
}

/// A run of leaves: `skeleton` names each leaf's two chunks, `private` the path that each begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Skeleton and private chunk of each leaf.
    pub leaves: Vec<(Id, Id)>,
    /// The first path of each leaf.
    pub firsts: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(crate) struct NodeBuilder {
    skeleton: Vec<u8>,
    private: Vec<u8>,
    count: usize,
}

impl NodeBuilder {
    pub fn push(&mut self, skeleton: &Id, private: &Id, first: &[u8]) {
        self.skeleton.extend_from_slice(&skeleton.0);
        self.skeleton.extend_from_slice(&private.0);
        put_bytes(&mut self.private, first);
        self.count += 1;
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// The two chunks.
    pub fn finish(self) -> (Vec<u8>, Vec<u8>) {
        (self.skeleton, self.private)
    }
}

impl Node {
    /// What the skeleton alone tells.
    pub fn leaves(skeleton: &[u8]) -> Result<Vec<(Id, Id)>, Malformed> {
        let mut cursor = Cursor::new(skeleton);
        let mut leaves = Vec::with_capacity(skeleton.len() / 64);
        while !cursor.is_empty() {
            leaves.push((Id(cursor.array()?), Id(cursor.array()?)));
        }
        Ok(leaves)
    }

    pub fn decode(skeleton: &[u8], private: &[u8]) -> Result<Self, Malformed> {
        let leaves = Node::leaves(skeleton)?;
        let mut cursor = Cursor::new(private);
        let firsts = leaves
            .iter()
            .map(|_| Ok(cursor.bytes()?.to_vec()))
            .collect::<Result<_, Malformed>>()?;
        cursor.end()?;
        Ok(Node { leaves, firsts })
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::{Extent, Kind, Metadata};
    use super::*;
    use proptest::prelude::*;

    fn items() -> impl Strategy<Value = Vec<Item>> {
        let extent = prop_oneof![
            (any::<u32>(), any::<u32>(), any::<u32>())
                .prop_map(|(chunk, offset, len)| Extent::Data { chunk, offset, len }),
            (any::<u32>(), any::<u64>()).prop_map(|(chunk, len)| Extent::List { chunk, len }),
            any::<u64>().prop_map(|len| Extent::Hole { len }),
        ];
        let kind = prop_oneof![
            (prop::collection::vec(extent, 0..5), any::<bool>())
                .prop_map(|(extents, torn)| Kind::File { extents, torn }),
            Just(Kind::Folder),
            any::<Vec<u8>>().prop_map(Kind::Symlink),
            Just(Kind::Fifo),
            Just(Kind::Socket),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::Char(major, minor)),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::Block(major, minor)),
            any::<Vec<u8>>().prop_map(Kind::Hardlink),
        ];
        let xattrs = prop::collection::vec(any::<(Vec<u8>, Vec<u8>)>(), 0..3);
        let item = (
            any::<Vec<u8>>(),
            kind,
            0u32..0o10000,
            any::<(i64, u32)>(),
            xattrs,
            0u32..3,
        )
            .prop_map(|(path, kind, mode, mtime, xattrs, uid)| {
                let owner = Owner {
                    uid,
                    gid: 7,
                    user: "www-data".into(),
                    group: String::new(),
                };
                Item {
                    path,
                    kind,
                    metadata: Metadata {
                        mode,
                        owner,
                        mtime,
                        xattrs,
                    },
                }
            });
        prop::collection::vec(item, 0..20)
    }

    proptest! {
        #[test]
        fn items_come_back(items in items()) {
            let mut leaf = LeafBuilder::default();
            for item in &items {
                leaf.push(item);
            }
            prop_assert_eq!(decode_leaf(&leaf.finish().private).ok(), Some(items));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode_leaf(&bytes);
            let _ = decode_references(&bytes);
            let _ = decode_list(&bytes);
            let _ = Node::decode(&bytes, &bytes);
        }

        #[test]
        fn references_come_back(lists: Vec<bool>) {
            let references: Vec<_> = lists.iter().enumerate()
                .map(|(at, list)| Reference { id: Id::of(&at.to_le_bytes()), list: *list }).collect();
            prop_assert_eq!(decode_references(&encode_references(&references)).ok(), Some(references));
        }
    }

    #[test]
    fn a_chunk_has_one_number_in_a_leaf() {
        let mut leaf = LeafBuilder::default();
        let reference = Reference {
            id: Id::of(b"a"),
            list: false,
        };
        let list = Reference {
            list: true,
            ..reference
        };
        assert_eq!(
            [reference, list, reference].map(|chunk| leaf.reference(chunk)),
            [0, 1, 0]
        );
        assert_eq!(leaf.finish().references, [reference, list]);
    }
}
