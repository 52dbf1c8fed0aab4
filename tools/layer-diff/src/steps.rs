//! Finds the trees that the steps in records changed.

use crate::error::DiffError;
use crate::upper::Trees;
use crate::write_stream;
use libsandbox::{Isolation, Overlay, mount_overlay};
use libstore::Store;
use libtree::Root;
use libwire::record::{BuildRecord, Record, Step};
use libwire::{Event, Packing, Reader, changes};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;

/// The steps of build-record streams to describe.
pub struct Steps<R> {
    reader: Reader<R, BuildRecord>,
    packing: Option<Packing>,
    all: bool,
}

impl<R: BufRead> Steps<R> {
    /// Reads the steps that have a snapshot, are part of the image and have no layer yet; with `all`, every step with
    /// a snapshot.
    pub fn new(input: R, all: bool) -> Self {
        Self { reader: Reader::new(input), packing: None, all }
    }

    /// The next step with its snapshot; `None` after all records.
    pub fn next_step(&mut self) -> Result<Option<(Box<Step>, String)>, DiffError> {
        while let Some(event) = self.reader.next_event()? {
            let step = match event {
                Event::Record(Record::Step(step)) => step,
                Event::Header(header) => {
                    self.packing = Packing::of(&header, self.reader.at())?;
                    continue;
                }
                _ => continue,
            };
            let Some(snapshot) = step.snapshot.clone() else { continue };
            if self.all || (step.ships && step.layer.is_none()) {
                return Ok(Some((step, snapshot)));
            }
        }
        Ok(None)
    }
}

/// Writes one layer-changes stream for `step` and each step after it, with a flush, so that packing starts while the
/// next step runs. The header of each has the packing in the header of the records. After all records, it closes the
/// row of streams.
pub fn diff_steps<R: BufRead, W: Write>(
    mut steps: Steps<R>,
    first: (Box<Step>, String),
    store: &Store,
    isolation: Isolation,
    mut out: W,
) -> Result<W, DiffError> {
    let mut next = Some(first);
    while let Some((step, snapshot)) = next {
        let packing = steps.packing;
        out = diff_step(&step, &snapshot, packing, store, isolation, out).map_err(|error| error.of(&step))?;
        next = steps.next_step()?;
    }
    close(out)
}

/// Closes a row of streams, which may have none.
pub fn close<W: Write>(out: W) -> Result<W, DiffError> {
    changes::close(out).map_err(DiffError::Output)
}

fn diff_step<W: Write>(
    step: &Step,
    snapshot: &str,
    packing: Option<Packing>,
    store: &Store,
    isolation: Isolation,
    out: W,
) -> Result<W, DiffError> {
    if let Some(changes) = store.snapshot_changes(snapshot)? {
        match File::open(changes) {
            // Another build has packed it in the meantime, and its layer now replaces the changes.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            changes => return pass_on(changes?, packing, out),
        }
    }
    let tree = |id: &String| store.snapshot_tree(id, isolation.owners());
    let lowers = step.parents.iter().map(tree).collect::<Result<Vec<PathBuf>, _>>()?;
    let upper = store.snapshot_tree(snapshot, isolation.owners())?;
    store.check_snapshot(snapshot, true, u64::MAX)?;
    let lower = match lowers.is_empty() {
        true => None,
        false => {
            let merged = mount_overlay(&Overlay { lowers: &lowers, upper: None }, isolation)?;
            Some(Root::from_fd(merged, isolation.owners()))
        }
    };
    let trees = Trees {
        upper: Root::open(&upper, isolation.owners())?,
        lower,
        opaque: isolation.opaque_xattr(),
        whole: false,
    };
    let mut out = write_stream(&trees, &upper, Some(snapshot), packing, out)?;
    out.flush().map_err(DiffError::Output)?;
    Ok(out)
}

/// Passes on the changes of a deferred snapshot, which are stored already.
fn pass_on<W: Write>(mut changes: File, packing: Option<Packing>, mut out: W) -> Result<W, DiffError> {
    if let Some(packing) = packing {
        return Ok(changes::retell(BufReader::with_capacity(1 << 17, changes), packing, out)?);
    }
    let mut buffer = vec![0; 1 << 16];
    loop {
        match changes.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => out.write_all(&buffer[..n]).map_err(DiffError::Output)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    out.flush().map_err(DiffError::Output)?;
    Ok(out)
}
