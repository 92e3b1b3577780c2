//! ce-backup as its users meet it: the built program, real trees, other programs that look at the outcome.

mod reader;
