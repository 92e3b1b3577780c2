//! Databases: which there are, one as a stream of SQL, and one back from it.

pub(crate) mod scan;
pub(crate) mod tables;
