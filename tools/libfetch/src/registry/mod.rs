//! Asking registries (OCI distribution-spec): a repository's addresses, the logins for it, and requests that are
//! let in. A password or token goes to the server it is for and to no other, and into no message.

pub mod challenge;
mod logins;
mod origin;
mod repository;
mod session;
mod token;
mod transport;

pub use logins::{Found, Login, Logins};
pub use origin::Origin;
pub use repository::Repository;
pub use session::{Access, Session};

use repository::canonical;
