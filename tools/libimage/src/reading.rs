//! Reads an image's layers, several at a time, and returns them in order. It holds at most as many finished layers as
//! there are processors.

use crate::layer::{self, Layer};
use crate::ledger::Ledger;
use crate::source::Opened;
use libcli::Failure;
use libwire::Digest;
use libwire::image::Descriptor;
use std::collections::{HashSet, VecDeque};
use std::panic::resume_unwind;
use std::thread::{self, Builder};

/// Reads and verifies all layers of an image, and passes each to `take`, the lowest first. It stops at the first
/// error, in the same order.
pub fn layers(
    opened: &Opened,
    mut take: impl FnMut(&Descriptor, Layer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (manifest, config) = (&opened.image.manifest, &opened.image.config);
    let mut left = manifest.layers.iter().zip(&config.rootfs.diff_ids);
    let read = |descriptor: &Descriptor, diff_id: &Digest| layer::read(&opened.store, descriptor, *diff_id);
    let most = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let mut started = VecDeque::new();
        loop {
            while started.len() < most
                && let Some((descriptor, diff_id)) = left.next()
            {
                let thread = Builder::new().spawn_scoped(scope, move || read(descriptor, diff_id));
                started.push_back((descriptor, diff_id, thread));
            }
            let Some((descriptor, diff_id, thread)) = started.pop_front() else { return Ok(()) };
            let layer = match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic))?,
                // No further thread can be started.
                Err(_) => read(descriptor, diff_id)?,
            };
            take(descriptor, layer)?;
        }
    })
}

/// Reads all layers of an image into its ledger.
pub fn ledger(opened: &Opened) -> Result<Ledger, Failure> {
    let (mut ledger, mut blobs) = (Ledger::default(), HashSet::new());
    layers(opened, |descriptor, mut layer| {
        // A blob is downloaded once, however often an image has it.
        if !blobs.insert(descriptor.digest) {
            layer.blob_size = 0;
        }
        let refused = |what| Failure::bad_input(format!("layer {}", descriptor.digest), what);
        ledger.apply(&layer).map_err(refused)
    })?;
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Line, opened};

    #[test]
    fn layers_come_in_their_order_until_the_first_error() {
        let names: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let lines: Vec<[Line; 1]> = names.iter().map(|name| [("file", &**name, "content")]).collect();
        let mut opened = opened(&lines.iter().map(|lines| &lines[..]).collect::<Vec<_>>());
        let read = |opened: &Opened| {
            let mut seen = Vec::new();
            let result = layers(opened, |_, layer| {
                seen.extend(
                    layer.items.iter().map(|item| String::from_utf8_lossy(layer.path(item)).into_owned()),
                );
                Ok(())
            });
            (seen, result)
        };
        let (seen, result) = read(&opened);
        assert_eq!(seen, names);
        assert!(result.is_ok());
        for bad in [4, 5] {
            opened.image.config.rootfs.diff_ids[bad] = Digest::of(b"other");
        }
        let (seen, result) = read(&opened);
        assert_eq!(seen, names[..4]);
        let layer = opened.image.manifest.layers[4].digest.to_string();
        assert!(format!("{:?}", result.unwrap_err()).contains(&layer));
    }
}
