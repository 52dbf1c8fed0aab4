//! Names in one piece of memory, one after the other: an image has millions of them, and an allocation for each would take
//! more than the name itself. This does not know what they name.

/// Where a name is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    start: u32,
    len: u32,
}

/// Names that are kept.
#[derive(Debug, Default)]
pub struct Names(Vec<u8>);

impl Names {
    /// Keeps a name; `None` when all together would be beyond 4 GiB.
    pub fn keep(&mut self, name: &[u8]) -> Option<Name> {
        let start = u32::try_from(self.0.len()).ok()?;
        u32::try_from(self.0.len() + name.len()).ok()?;
        self.0.extend_from_slice(name);
        Some(Name { start, len: name.len() as u32 })
    }

    /// A name that was kept here. The default one is empty.
    pub fn get(&self, Name { start, len }: Name) -> &[u8] {
        &self.0[start as usize..(start + len) as usize]
    }
}
