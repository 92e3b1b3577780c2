//! Records as their readers want them.
