//! Holds back unchanged directories until it is known whether anything below them has changed: a layer has the
//! parents of its changes, and no other unchanged directories.

use crate::error::DiffError;
use libwire::changes::Change;
use std::collections::VecDeque;

struct Held {
    path: Vec<u8>,
    change: Change,
    /// Whether the directory counts only if something below it is written.
    undecided: bool,
}

/// Sorts records, and drops unchanged directories without changes below.
pub(crate) struct Pending<'a> {
    queue: VecDeque<Held>,
    sink: &'a mut dyn FnMut(Change) -> Result<(), DiffError>,
}

impl<'a> Pending<'a> {
    pub(crate) fn new(sink: &'a mut dyn FnMut(Change) -> Result<(), DiffError>) -> Self {
        Self { queue: VecDeque::new(), sink }
    }

    /// Adds a change. Paths come in ascending order.
    pub(crate) fn push(&mut self, path: &[u8], change: Change) -> Result<(), DiffError> {
        self.settle(path)?;
        for held in &mut self.queue {
            if is_below(path, &held.path) {
                held.undecided = false;
            }
        }
        self.queue.push_back(Held { path: path.to_vec(), change, undecided: false });
        self.flush()
    }

    /// Adds a directory that is only a parent so far.
    pub(crate) fn parent(&mut self, path: &[u8], change: Change) -> Result<(), DiffError> {
        self.settle(path)?;
        self.queue.push_back(Held { path: path.to_vec(), change, undecided: true });
        Ok(())
    }

    /// Writes the remaining records, because nothing more can come below a directory now.
    pub(crate) fn finish(mut self) -> Result<(), DiffError> {
        self.queue.retain(|held| !held.undecided);
        self.flush()
    }

    /// Drops undecided directories that the walk has passed.
    fn settle(&mut self, path: &[u8]) -> Result<(), DiffError> {
        self.queue.retain(|held| !held.undecided || may_hold_more(path, &held.path));
        self.flush()
    }

    fn flush(&mut self) -> Result<(), DiffError> {
        while self.queue.front().is_some_and(|held| !held.undecided) {
            if let Some(held) = self.queue.pop_front() {
                (self.sink)(held.change)?;
            }
        }
        Ok(())
    }
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// Whether the walk, now at `path`, can still come to something below `dir`. Everything in `dir/…` sorts before `dir`
/// followed by `0`, the byte after the slash.
fn may_hold_more(path: &[u8], dir: &[u8]) -> bool {
    is_below(path, dir) || path < [dir, b"/"].concat().as_slice()
}
