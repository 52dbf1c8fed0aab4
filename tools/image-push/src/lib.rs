//! Images of the store to registries: one thread for each registry, and for each repository what it lacks and nothing
//! else. The bytes of manifests and indexes are never altered, so digests stay what they are.

pub mod content;
pub mod destination;
mod follow;
pub mod forecast;
mod neighbours;
mod progress;
mod send;

pub use follow::Uploads;
pub use neighbours::Neighbours;
pub use send::{Delivered, Pushed};

use content::Content;
use destination::Target;
use forecast::Forecast;
use libcli::{Failure, human};
use libhttp::FetchError;
use libregistry::{Access, Client, Delivery, Repository};
use libstore::Store;
use send::Pusher;
use std::thread;

/// How to push.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many blobs are sent to one registry at once.
    pub jobs: usize,
    /// Whether it is said how far it is.
    pub progress: bool,
}

/// Pushes to all of `targets`, to each registry beside the others. A failure at one does not stop the others.
pub fn push(
    store: &Store,
    client: &Client,
    content: &Content,
    targets: &[Vec<Target>],
    neighbours: &Neighbours,
    options: Options,
) -> Vec<Result<Pushed, Failure>> {
    everywhere(targets, |target, before| {
        let session = client.open(&target.repository, Access::Push)?;
        let Options { jobs, progress } = options;
        Pusher { store, session, target, neighbours, before, jobs, progress }.push(content)
    })
}

/// Asks all of `targets` what pushing would send.
pub fn forecast(
    client: &Client,
    content: &Content,
    targets: &[Vec<Target>],
    neighbours: &Neighbours,
) -> Vec<Result<Forecast, Failure>> {
    everywhere(targets, |target, before| forecast::forecast(client, content, target, neighbours, before))
}

/// Does `job` for each target, with the repositories of its registry where it was done before.
fn everywhere<T: Send>(
    targets: &[Vec<Target>],
    job: impl Fn(&Target, &[Repository]) -> Result<T, FetchError> + Sync,
) -> Vec<Result<T, Failure>> {
    let at_registry = |targets: &[Target]| {
        let (mut done, mut before) = (Vec::new(), Vec::new());
        for target in targets {
            let result = job(target, &before).map_err(|error| failure(target, &error));
            if result.is_ok() {
                before.push(target.repository.clone());
            }
            done.push(result);
        }
        done
    };
    thread::scope(|scope| {
        let running: Vec<_> = targets.iter().map(|targets| scope.spawn(|| at_registry(targets))).collect();
        let died = |_| vec![Err(Failure::failed("", "a thread ended early"))];
        running.into_iter().flat_map(|one| one.join().unwrap_or_else(died)).collect()
    })
}

fn failure(target: &Target, error: &FetchError) -> Failure {
    Failure::new(error.exit(), target.name(), error)
}

/// A line that says what was done.
pub fn summary(pushed: &Pushed) -> String {
    let tags: String = pushed.target.tags.iter().map(|tag| format!(":{tag}")).collect::<Vec<_>>().join(" ");
    let name = format!("{}{tags}", pushed.target.name());
    if !pushed.changed {
        return format!("{name}: unchanged");
    }
    let of = |is: fn(&Delivery) -> bool| {
        let blobs: Vec<u64> =
            pushed.blobs.iter().filter(|blob| is(&blob.how)).map(|blob| blob.size).collect();
        (blobs.len(), human(blobs.iter().sum()))
    };
    let (sent, bytes) = of(|how| *how == Delivery::Sent);
    let (mounted, saved) = of(|how| matches!(how, Delivery::Mounted(_)));
    let sent = if sent == 0 { "nothing sent".to_owned() } else { format!("{sent} blobs sent ({bytes})") };
    match mounted {
        0 => format!("{name}: {sent}"),
        _ => format!("{name}: {sent}, {mounted} mounted ({saved})"),
    }
}
