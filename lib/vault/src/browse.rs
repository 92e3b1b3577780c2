//! Looks into snapshots: items one by one, a file's content, and what differs between two.

use std::collections::VecDeque;
use std::io::Write;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::reader::Reader;
use crate::repository::Repository;
use crate::restore::{is_below, may_hold};
use crate::snapshot::Snapshot;
use crate::tree::{Extent, Item, Kind, Metadata, Owner, Reference, Xattrs, compare};

/// One snapshot, to be looked into.
pub struct Browser<'a> {
    reader: Reader<'a>,
    nodes: Vec<(Id, Id)>,
}

impl<'a> Browser<'a> {
    /// Opens a snapshot with the organisation's key.
    ///
    /// # Errors
    /// When there is no such key, or the snapshot cannot be read.
    pub fn new(repository: &'a Repository, snapshot: &Snapshot) -> Result<Self> {
        if !repository.reads_content() {
            return Err(Error::NeedsIdentity);
        }
        let nodes = repository.head(snapshot)?.nodes;
        let reader = Reader::new(repository, snapshot.writer, |_| {})?;
        Ok(Browser { reader, nodes })
    }

    /// Calls `visit` with each item at or below these paths, or with all, in order.
    ///
    /// # Errors
    /// When a part of the tree cannot be read, or `visit` fails.
    pub fn items(
        &self,
        paths: &[Vec<u8>],
        mut visit: impl FnMut(&Item, &[Reference]) -> Result<()>,
    ) -> Result<()> {
        for pair in &self.nodes {
            let node = self.reader.node(pair)?;
            for (at, (skeleton, private)) in node.leaves.iter().enumerate() {
                if !may_hold(paths, &node.firsts[at], node.firsts.get(at + 1)) {
                    continue;
                }
                let references = self.reader.references(skeleton)?;
                for item in self.reader.items(private)? {
                    let wanted = |path: &Vec<u8>| item.path == *path || is_below(&item.path, path);
                    if paths.is_empty() || paths.iter().any(wanted) {
                        visit(&item, &references)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes a file's content.
    ///
    /// # Errors
    /// When a chunk cannot be read, or the output cannot be written; `name` is for the message.
    pub fn content(
        &self,
        item: &Item,
        references: &[Reference],
        out: &mut dyn Write,
        name: &str,
    ) -> Result<()> {
        let parts = crate::restore::flatten(&self.reader, item, references)?;
        let zeros = vec![0; 64 << 10];
        for part in parts {
            let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(Error::io("write", name));
            match part.chunk {
                Some((id, offset)) => {
                    let chunk = self.reader.chunk(&id)?;
                    let end = offset as usize + part.len as usize;
                    write(chunk.get(offset as usize..end).ok_or(Error::Damaged {
                        object: format!("chunk {id}"),
                        why: "it is shorter than the snapshot says",
                    })?)?;
                }
                None => {
                    let mut left = part.len;
                    while left > 0 {
                        let len = left.min(zeros.len() as u64) as usize;
                        write(&zeros[..len])?;
                        left -= len as u64;
                    }
                }
            }
        }
        Ok(())
    }

    /// What differs from here to a later snapshot, in order; what both share is not even read.
    ///
    /// # Errors
    /// When a part of a tree cannot be read, or `visit` fails.
    pub fn changes_to(
        &self,
        later: &Browser<'_>,
        mut visit: impl FnMut(Change, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let (mut old, mut new) = (Items::of(self), Items::of(later));
        loop {
            let ahead = (old.ahead()?, new.ahead()?);
            if ahead.0.is_some() && ahead.0 == ahead.1 {
                old.skip();
                new.skip();
                continue;
            }
            old.fill()?;
            new.fill()?;
            let order = match (old.leaf.front(), new.leaf.front()) {
                (None, None) => return Ok(()),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((old, _)), Some((new, _))) => compare(&old.path, &new.path),
            };
            let before = (order != std::cmp::Ordering::Greater).then(|| old.next());
            let after = (order != std::cmp::Ordering::Less).then(|| new.next());
            match (before.flatten(), after.flatten()) {
                (Some(old), Some(new)) => {
                    if let Some(change) = differs(&old, &new) {
                        visit(change, &new.0.path)?;
                    }
                }
                (Some((item, _)), None) => visit(Change::Removed, &item.path)?,
                (None, Some((item, _))) => visit(Change::Added, &item.path)?,
                (None, None) => {}
            }
        }
    }
}

/// A snapshot's items, a leaf of its tree at a time.
struct Items<'a> {
    reader: &'a Reader<'a>,
    nodes: std::slice::Iter<'a, (Id, Id)>,
    leaves: std::vec::IntoIter<(Id, Id)>,
    /// What is left of the leaf that was read last, and which that is while none of it was taken.
    leaf: VecDeque<(Item, Vec<Id>)>,
    whole: Option<(Id, Id)>,
}

impl<'a> Items<'a> {
    fn of(browser: &'a Browser<'_>) -> Self {
        Items {
            reader: &browser.reader,
            nodes: browser.nodes.iter(),
            leaves: Vec::new().into_iter(),
            leaf: VecDeque::new(),
            whole: None,
        }
    }

    /// The leaf that comes next as a whole, unless some of it was taken.
    fn ahead(&mut self) -> Result<Option<(Id, Id)>> {
        if !self.leaf.is_empty() {
            return Ok(self.whole);
        }
        while self.leaves.as_slice().is_empty() {
            let Some(pair) = self.nodes.next() else {
                return Ok(None);
            };
            self.leaves = self.reader.node(pair)?.leaves.into_iter();
        }
        Ok(self.leaves.as_slice().first().copied())
    }

    /// Passes over what `ahead` named.
    fn skip(&mut self) {
        if self.leaf.is_empty() {
            self.leaves.next();
        }
        self.leaf.clear();
    }

    /// Reads the next leaf when nothing is left of the last.
    fn fill(&mut self) -> Result<()> {
        while self.leaf.is_empty() && self.ahead()?.is_some() {
            self.whole = self.leaves.next();
            let Some((skeleton, private)) = &self.whole else {
                break;
            };
            let references = self.reader.references(skeleton)?;
            let items = self.reader.items(private)?.into_iter();
            self.leaf = items
                .map(|item| {
                    let ids = content_ids(&item, &references);
                    (item, ids)
                })
                .collect();
        }
        Ok(())
    }

    fn next(&mut self) -> Option<(Item, Vec<Id>)> {
        self.whole = None;
        self.leaf.pop_front()
    }
}

/// How an item differs between two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is in the later one only.
    Added,
    /// It is in the earlier one only.
    Removed,
    /// Its content or kind is another.
    Content,
    /// Owner, permissions, time or attributes are others.
    Metadata,
}

/// The chunks of a file, by name and place: equal when the content is, unless it was stored in another bundle.
fn content_ids(item: &Item, references: &[Reference]) -> Vec<Id> {
    let Kind::File { extents, .. } = &item.kind else {
        return Vec::new();
    };
    let id = |extent: &Extent| match extent {
        Extent::Data { chunk, .. } | Extent::List { chunk, .. } => references
            .get(*chunk as usize)
            .map(|reference| reference.id),
        Extent::Hole { .. } => None,
    };
    extents.iter().filter_map(id).collect()
}

fn differs((old, old_ids): &(Item, Vec<Id>), (new, new_ids): &(Item, Vec<Id>)) -> Option<Change> {
    let same_kind = match (&old.kind, &new.kind) {
        (Kind::File { .. }, Kind::File { .. }) => {
            // A small file that was read again is in another bundle: its time tells then.
            old.size() == new.size()
                && (old_ids == new_ids
                    || (old.size() < 64 << 10 && old.metadata.mtime == new.metadata.mtime))
        }
        (old, new) => old == new,
    };
    if !same_kind {
        return Some(Change::Content);
    }
    let is_folder = new.kind == Kind::Folder;
    let same = old.metadata == new.metadata
        || (is_folder && but_time(&old.metadata) == but_time(&new.metadata));
    (!same).then_some(Change::Metadata)
}

fn but_time(metadata: &Metadata) -> (u32, &Owner, &Xattrs) {
    (metadata.mode, &metadata.owner, &metadata.xattrs)
}
