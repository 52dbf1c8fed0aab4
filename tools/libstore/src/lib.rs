//! The store: a directory that is an OCI image layout at its root, with the snapshots, cache records,
//! logs and cache mounts of builds beside the blobs (stagepipe-store(5)).
//!
//! Promises. A blob's name is its content, at every instant. A reference is published only when the image that it names
//! is durable. After a command has reported success, a power cut loses nothing. All locks are those of flock(2), so the
//! kernel releases them when their holder ends, and reading takes none. A corrupt entry is found when it is used, and
//! moved to `quarantine/`, so that it can be made again.
//!
//! This crate runs, prints and mounts nothing.

mod arrival;
mod blob;
mod builds;
mod cache;
mod cachemount;
mod collector;
mod config;
mod content_sizes;
mod contexts;
mod decompress;
mod earlier;
mod error;
pub mod export;
mod failure;
mod faults;
mod find;
mod image;
pub mod import;
mod index;
mod intact;
mod inventory;
mod layers;
mod layout;
mod lease;
mod location;
mod lock;
mod place;
mod random;
mod remote;
mod snapshot;
mod step_lock;
mod store;
mod stored;
mod tree_content;
mod tree_totals;
mod unpack;
mod verified;
mod write;

pub use arrival::Incoming;
pub use blob::{BlobReader, BlobWriter};
pub use cachemount::{CacheMount, Sharing};
pub use collector::Collector;
pub use config::check_config;
pub use decompress::{Compression, Decoder};
pub use error::StoreError;
pub use failure::{FailedMount, FailedSource, FailedStep, KeptFailure};
pub use faults::Fault;
pub use find::start_of_digest;
pub use image::Image;
pub use import::{ARCHIVE, Documents, Fetch, Imported, ReadImage, Select, peek_layout, read_top};
pub use index::Named;
pub use inventory::{Entry, EntryId, Inventory};
pub use layers::LayerKey;
pub use layout::is_rest;
pub use lease::{BUILD_LEASE, Held, build_lease, leases};
pub use location::{Environment, default_path, locate};
pub use remote::Remote;
pub use snapshot::{NewSnapshot, SnapshotMeta};
pub use step_lock::StepLock;
pub use store::{Limits, Options, Store};
pub use tree_totals::TreeTotals;
pub use unpack::{LayerTar, Mount, Unpack};
