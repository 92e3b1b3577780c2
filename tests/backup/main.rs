//! ce-backup as it must survive: hostile trees, hostile neighbours, tampering, crashes.

mod browse;
mod crash;
mod fidelity;
mod hostile;
mod races;
mod reader;
mod tamper;
mod tree;
mod vault;
