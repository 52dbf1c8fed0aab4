//! Reads a layer a second time, with its contents: each entry, and the ledger's data about it. It keeps no content
//! except that of AUFS's links.

use crate::aufs::Links;
use crate::layer::{self, Act};
use crate::ledger::{Ledger, Put, Removal};
use crate::source::Opened;
use libcli::Failure;
use libtree::extract::is_aufs_metadata;
use libtree::tar::{Entry, Reader};
use std::io::{self, Read};

/// The largest size of a layer's AUFS files that are kept until their first name comes, in bytes.
const MAX_LINKED: u64 = 64 << 20;

/// An entry of a layer, as in the ledger.
pub enum Part<'a> {
    /// It adds something.
    Put(u32, &'a Put),
    /// It removes something of lower layers.
    Gone(&'a Removal),
}

/// Calls a function with each entry of layer number `layer`, from 0, and its body.
pub fn each(
    opened: &Opened,
    ledger: &Ledger,
    layer: usize,
    mut visit: impl FnMut(&Part, Entry, &mut dyn Read) -> io::Result<()>,
) -> Result<(), Failure> {
    let image = &opened.image;
    let digests = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids).nth(layer);
    let Some((descriptor, &diff_id)) = digests else { return Ok(()) };
    let mut put = ledger.puts.partition_point(|put| usize::from(put.layer) < layer);
    let mut removal = ledger.removals.partition_point(|removal| usize::from(removal.layer) < layer);
    opened.store.read_layer(descriptor, diff_id, |input| {
        let mut tar = Reader::new(input).limited(opened.store.options().limits);
        let (mut links, mut room) = (Links::new(), MAX_LINKED);
        while let Some(entry) = tar.next_entry()? {
            if Links::<Vec<u8>>::is_target(&entry) {
                let too_much =
                    || layer::bad(&entry, "is a target of AUFS's hard links, and too large to be kept");
                room = room.checked_sub(entry.size).ok_or_else(too_much)?;
                let mut content = Vec::new();
                tar.body().read_to_end(&mut content)?;
                links.keep(entry, content);
                continue;
            }
            if is_aufs_metadata(&entry.path) {
                continue;
            }
            let (entry, linked) = links.follow(entry);
            let (act, _) = layer::act(&entry).map_err(|what| layer::bad(&entry, what))?;
            let (part, next) = match act {
                Act::Whiteout | Act::Opaque => (ledger.removals.get(removal).map(Part::Gone), &mut removal),
                _ => (ledger.puts.get(put).map(|found| Part::Put(put as u32, found)), &mut put),
            };
            *next += 1;
            let new = || layer::bad(&entry, "was not in the layer when it was first read");
            let part = part.ok_or_else(new)?;
            match linked {
                Some(content) => visit(&part, entry, &mut &*content)?,
                None => visit(&part, entry, &mut tar.body())?,
            }
        }
        Ok(())
    })?;
    Ok(())
}
