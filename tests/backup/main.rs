//! ce-backup as it must survive: hostile trees, hostile neighbours, tampering, crashes.

mod fidelity;
mod hostile;
mod tree;
mod vault;
