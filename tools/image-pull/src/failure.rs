//! Adds the name of the image to errors.

use libcli::Failure;
use libhttp::FetchError;
use libstore::StoreError;
use libwire::Reference;

/// An error of a registry about the image `name`.
pub fn failure(name: &Reference, error: &FetchError) -> Failure {
    Failure::new(error.exit(), name.to_string(), error)
}

/// An error about the image `name`.
pub fn at(name: &Reference, error: StoreError) -> Failure {
    let error = Failure::from(error);
    let place = if error.place().is_empty() { String::new() } else { format!("{}: ", error.place()) };
    Failure::new(error.exit(), name.to_string(), format!("{place}{}", error.what()))
}
