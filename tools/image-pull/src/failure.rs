//! Errors with the name that they are about, and the exit statuses they mean.

use libcli::{Exit, Failure};
use libhttp::FetchError;
use libstore::StoreError;
use libwire::Reference;

/// An error of a registry with the name that it is about.
pub fn failure(name: &Reference, error: &FetchError) -> Failure {
    Failure::new(exit(error), name.to_string(), error)
}

/// An error in what is known of registries.
pub fn of_hosts(error: FetchError) -> Failure {
    Failure::new(exit(&error), "", error)
}

/// What a registry does not do now it may do later; what it does not let in needs somebody.
fn exit(error: &FetchError) -> Exit {
    match error {
        error if error.is_passing() => Exit::TryAgain,
        error if error.is_input() => Exit::BadInput,
        _ => Exit::Failed,
    }
}

/// An error with the name that it is about.
pub fn at(name: &Reference, error: StoreError) -> Failure {
    let error = Failure::from(error);
    let place = if error.place().is_empty() { String::new() } else { format!("{}: ", error.place()) };
    Failure::new(error.exit(), name.to_string(), format!("{place}{}", error.what()))
}
