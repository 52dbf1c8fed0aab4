//! HTTP and HTTPS: connections and their settings from the caller's environment, redirects and retries of requests, the
//! choice of the server that gets a secret, and errors without secrets. It writes no file and knows no registry.

mod access;
mod agent;
mod environment;
mod error;
mod network;
mod origin;
mod payload;
mod proxy;
mod retry;
mod transport;
mod trust;
pub mod url;

pub use access::{of_repository, of_url};
pub use agent::{REDIRECTS, agent, reason};
pub use environment::{Environment, Secrets};
pub use error::FetchError;
pub use libwire::remote::redact;
pub use network::Network;
pub use origin::{Origin, resolve};
pub use payload::{Open, Payload};
pub use proxy::Proxies;
pub use transport::{Answer, Call, CertificateDirs, Guard, Transport};
