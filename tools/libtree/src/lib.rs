//! A tree on disk and its tar form: rooted paths, walking, copying bytes, reading tar strictly,
//! writing tar canonically, extracting.
//!
//! Every path from an input is resolved beneath a directory's file descriptor with openat2(2), so no symbolic link
//! leads out of it. Nothing here mounts, forks or knows about images.

pub mod copy;
pub mod extract;
pub mod holes;
pub mod idmap;
pub mod meta;
pub mod owner;
pub mod remove;
pub mod root;
pub mod scan;
pub mod tar;
pub mod totals;
pub mod walk;
pub mod xattr;

pub use meta::{FileKind, Meta};
pub use owner::Owners;
pub use root::{Root, is_too_long};
