//! BuildKit's rules for sources and destinations, one test each.

mod archives;
mod case;
mod destinations;
mod digests;
mod kinds;
mod sources;
