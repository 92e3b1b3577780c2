//! Gathers items into leaves; a leaf whose items are the last run's, all and in order, is taken over as it was.

use std::io;
use std::sync::Arc;

use super::cache::{CacheWriter, CachedLeaf, PathKey, Stamp};
use super::content::{Content, Piece, extent};
use super::pipeline::Lane;
use crate::error::Result;
use crate::id::Id;
use crate::tree::{Extent, Item, Kind, LeafBuilder, NodeBuilder, Reference};

/// Items of a leaf: at least, about, at most.
const ITEMS: (usize, u64, usize) = (64, 512, 4096);
/// Pieces of a leaf at most.
const PIECES: usize = 16 << 10;
/// Leaves of a node: at least, at most.
const LEAVES: (usize, usize) = (64, 1024);

/// Where an item's content is known from.
pub(super) enum Source {
    /// It was read now.
    Read(Vec<Piece>),
    /// It is unchanged since the last run.
    Cached(Arc<CachedLeaf>, usize),
}

struct Draft {
    item: Item,
    path: PathKey,
    stamp: Stamp,
    source: Source,
}

/// The leaf that is being filled, and the nodes so far.
#[derive(Default)]
pub(super) struct Leaves {
    drafts: Vec<Draft>,
    pieces: usize,
    node: NodeBuilder,
    nodes: Vec<(Id, Id)>,
    /// Whether any leaf is another than the last run's.
    pub changed: bool,
}

impl Leaves {
    /// Takes an item; its extents are still empty.
    pub fn push(
        &mut self,
        item: Item,
        path: PathKey,
        stamp: Option<Stamp>,
        source: Source,
        content: &mut Content<'_, '_, '_>,
        cache: &mut Option<CacheWriter>,
    ) -> Result<()> {
        self.pieces += match &source {
            Source::Read(pieces) => pieces.len(),
            Source::Cached(leaf, at) => leaf.items[*at].extents.len(),
        };
        let name = item
            .path
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default();
        let mixed = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let due = self.drafts.len() + 1 >= ITEMS.0 && (mixed >> 32) % ITEMS.1 == 0;
        self.drafts.push(Draft {
            item,
            path,
            stamp: stamp.unwrap_or_default(),
            source,
        });
        if due || self.drafts.len() >= ITEMS.2 || self.pieces >= PIECES {
            self.close(content, cache)?;
        }
        Ok(())
    }

    fn close(
        &mut self,
        content: &mut Content<'_, '_, '_>,
        cache: &mut Option<CacheWriter>,
    ) -> Result<()> {
        let mut drafts = std::mem::take(&mut self.drafts);
        self.pieces = 0;
        let Some(first) = drafts.first().map(|draft| draft.item.path.clone()) else {
            return Ok(());
        };
        let (skeleton, private) = if let Some(leaf) = taken_over(&drafts) {
            let leaf = leaf.clone();
            let items = leaf.items.iter().zip(&drafts);
            let items = items.map(|(cached, draft)| {
                (
                    draft.path,
                    draft.stamp,
                    &cached.extents[..],
                    &cached.xattrs[..],
                )
            });
            note(cache, |cache| {
                cache.leaf((&leaf.skeleton, &leaf.private), &leaf.references, items)
            });
            (leaf.skeleton, leaf.private)
        } else {
            self.changed = true;
            let bundles = content.take_bundles()?;
            let mut builder = LeafBuilder::default();
            for draft in &mut drafts {
                complete(draft, &bundles, &mut builder);
                builder.push(&draft.item);
            }
            let leaf = builder.finish();
            let skeleton = content.pipeline.add(Lane::Skeleton, &leaf.skeleton)?;
            let private = content.pipeline.add(Lane::Names, &leaf.private)?;
            let items = drafts.iter().map(|draft| {
                let extents = match &draft.item.kind {
                    Kind::File { extents, .. } => &extents[..],
                    _ => &[],
                };
                (
                    draft.path,
                    draft.stamp,
                    extents,
                    &draft.item.metadata.xattrs[..],
                )
            });
            note(cache, |cache| {
                cache.leaf((&skeleton, &private), &leaf.references, items)
            });
            (skeleton, private)
        };
        self.node.push(&skeleton, &private, &first);
        if self.node.count() >= LEAVES.1
            || (self.node.count() >= LEAVES.0 && private.0[0] & 0x7f == 0)
        {
            self.close_node(content)?;
        }
        Ok(())
    }

    fn close_node(&mut self, content: &mut Content<'_, '_, '_>) -> Result<()> {
        if self.node.count() > 0 {
            let (skeleton, private) = std::mem::take(&mut self.node).finish();
            let skeleton = content.pipeline.add(Lane::Skeleton, &skeleton)?;
            let private = content.pipeline.add(Lane::Names, &private)?;
            self.nodes.push((skeleton, private));
        }
        Ok(())
    }

    /// The nodes of the whole tree.
    pub fn finish(
        &mut self,
        content: &mut Content<'_, '_, '_>,
        cache: &mut Option<CacheWriter>,
    ) -> Result<Vec<(Id, Id)>> {
        self.close(content, cache)?;
        self.close_node(content)?;
        Ok(std::mem::take(&mut self.nodes))
    }
}

/// A cache that cannot be written is given up; it only saves time.
fn note(cache: &mut Option<CacheWriter>, write: impl FnOnce(&mut CacheWriter) -> io::Result<()>) {
    if cache.as_mut().is_some_and(|cache| write(cache).is_err()) {
        *cache = None;
    }
}

/// The last run's leaf, when these are its items, all, unchanged and in order.
fn taken_over(drafts: &[Draft]) -> Option<&Arc<CachedLeaf>> {
    let Source::Cached(leaf, 0) = &drafts.first()?.source else {
        return None;
    };
    let same = |(at, draft): (usize, &Draft)| match &draft.source {
        Source::Cached(other, number) => *number == at && Arc::ptr_eq(leaf, other),
        Source::Read(_) => false,
    };
    (drafts.len() == leaf.items.len() && drafts.iter().enumerate().all(same)).then_some(leaf)
}

/// Fills in the extents, with the numbers that the chunks have in this leaf.
fn complete(draft: &mut Draft, bundles: &[Id], builder: &mut LeafBuilder) {
    let Kind::File { extents, .. } = &mut draft.item.kind else {
        return;
    };
    *extents = match &draft.source {
        Source::Read(pieces) => pieces
            .iter()
            .map(|piece| extent(piece, bundles, |reference| builder.reference(reference)))
            .collect(),
        Source::Cached(leaf, at) => {
            let mut number = |chunk: u32| {
                let reference: Reference = leaf.references[chunk as usize];
                builder.reference(reference)
            };
            let renumber = |extent: &Extent| match *extent {
                Extent::Data { chunk, offset, len } => Extent::Data {
                    chunk: number(chunk),
                    offset,
                    len,
                },
                Extent::List { chunk, len } => Extent::List {
                    chunk: number(chunk),
                    len,
                },
                hole @ Extent::Hole { .. } => hole,
            };
            leaf.items[*at].extents.iter().map(renumber).collect()
        }
    };
}
