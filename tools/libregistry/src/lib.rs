//! Talks to registries (OCI distribution-spec): the addresses of a repository, its servers and logins, and
//! authenticated requests. A password or token is sent only to its own server, and is in no message.

mod blob;
pub mod challenge;
mod client;
mod config_file;
mod hosts;
mod logins;
mod publish;
mod reading;
mod refusal;
mod repository;
mod retry;
mod session;
mod token;
mod upload;
mod warnings;

pub use blob::BlobStream;
pub use client::{Access, Client};
pub use hosts::{HostFiles, Hosts};
pub use logins::{Found, Login, Logins};
pub use publish::Published;
pub use reading::{Blob, Head, Manifest};
pub use repository::Repository;
pub use session::Session;
pub use upload::{Delivery, Upload};
