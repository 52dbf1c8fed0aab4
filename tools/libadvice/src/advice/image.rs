//! An image as the advisers see it: the instruction that made a layer, and the entries in it.

use crate::findings::Cached;
use libimage::instruction::Instruction;
use libimage::ledger::{Ledger, Put};
use libwire::image::ContainerConfig;

/// An image as the advisers see it.
pub(super) struct Image<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) instructions: &'a [Instruction],
    pub(super) config: &'a ContainerConfig,
    pub(super) cached: &'a Cached,
}

impl<'a> Image<'a> {
    /// The instruction that made a layer, from 0. `None` if it came with the base image or is a trigger of it.
    pub(super) fn maker(&self, layer: usize) -> Option<(usize, &'a Instruction)> {
        let mut all = self.instructions.iter().enumerate();
        all.find(|(_, instruction)| instruction.layer == Some(layer + 1) && instruction.is_own())
    }

    /// The puts of a layer, from 0, with their numbers.
    pub(super) fn puts(&self, layer: usize) -> impl Iterator<Item = (u32, &'a Put)> + use<'a> {
        let puts = &self.ledger.puts;
        let first = puts.partition_point(|put| usize::from(put.layer) < layer);
        let of_layer = puts[first..].iter().take_while(move |put| usize::from(put.layer) == layer);
        (first as u32..).zip(of_layer)
    }
}
