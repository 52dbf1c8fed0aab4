//! Asking registries (OCI distribution-spec): a repository's addresses, the servers and logins for it, and requests
//! that are let in. A password or token goes to the server it is for and to no other, and into no message.

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
