//! What a snapshot holds: items in path order, in leaves; each leaf as a private chunk and a skeleton chunk.

mod item;
mod leaf;

pub use item::{Extent, Item, Kind, Metadata, Owner};
pub(crate) use item::{decode_extents, encode_extents};
pub use leaf::Reference;
pub(crate) use leaf::{
    LeafBuilder, Node, NodeBuilder, decode_leaf, decode_list, decode_references, encode_list,
    encode_references,
};

/// The order of paths in a snapshot: name by name, so that a folder is followed by all that is below it.
#[must_use]
pub fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let parts = |path| <[u8]>::split(path, |byte: &u8| *byte == b'/');
    parts(a).cmp(parts(b))
}
