//! What a tree needs: its chunks, by skeletons alone, so that neither prune nor check must read a name.

use std::collections::HashSet;

use crate::error::Result;
use crate::id::Id;
use crate::reader::Reader;
use crate::repository::Repository;

/// Calls `visit` with every chunk that these nodes need; each node and leaf is entered once for each `seen`.
pub(crate) fn visit(
    reader: &Reader<'_>,
    nodes: &[(Id, Id)],
    seen: &mut HashSet<Id>,
    visit: &mut dyn FnMut(&Id),
) -> Result<()> {
    for (skeleton, private) in nodes {
        if !seen.insert(*skeleton) {
            visit(private);
            continue;
        }
        visit(skeleton);
        visit(private);
        for (leaf, items) in reader.leaves(skeleton)? {
            visit(&items);
            if !seen.insert(leaf) {
                continue;
            }
            visit(&leaf);
            for reference in reader.references(&leaf)? {
                visit(&reference.id);
                if reference.list && seen.insert(reference.id) {
                    reader
                        .list(&reference.id)?
                        .iter()
                        .for_each(|(id, _)| visit(id));
                }
            }
        }
    }
    Ok(())
}

/// Whether a tree needs a chunk that is in no other pack than these.
pub(crate) fn relies_on(
    repository: &Repository,
    writer: &[u8; 16],
    nodes: &[(Id, Id)],
    packs: impl Fn(&Id) -> bool,
) -> Result<bool> {
    let reader = Reader::new(repository, *writer, |_| {})?;
    let index = reader.index();
    let mut relies = false;
    visit(&reader, nodes, &mut HashSet::new(), &mut |id| {
        relies |= !index
            .places(&id.short())
            .any(|place| !packs(&index.packs[place.pack as usize]));
    })?;
    Ok(relies)
}
