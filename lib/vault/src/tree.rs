//! What a snapshot holds: items in path order, in leaves; each leaf as a private chunk and a skeleton chunk.

mod item;
mod leaf;

pub use item::{Extent, Item, Kind, Metadata, Owner};
pub(crate) use leaf::{LeafBuilder, Node, NodeBuilder, Reference, decode_leaf, decode_list, decode_references, encode_list};
