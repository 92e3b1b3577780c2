//! Whole-program tests of ce-check.
