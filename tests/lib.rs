//! Shared by the whole-program tests: finding the binary, running it, starting real servers.
