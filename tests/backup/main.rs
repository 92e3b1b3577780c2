//! ce-backup as it must survive: hostile trees, hostile neighbours, tampering, crashes.

mod fidelity;
mod tree;
mod vault;
