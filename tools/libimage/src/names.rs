//! Names in one piece of memory, one after the other. An image has millions of them, and an allocation for each would
//! take more memory than the name. It does not know what they name.

/// The position of a stored name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    start: u32,
    len: u32,
}

/// The stored names.
#[derive(Debug, Default)]
pub struct Names(Vec<u8>);

impl Names {
    /// Stores a name; `None` if all names together would exceed 4 GiB.
    pub fn keep(&mut self, name: &[u8]) -> Option<Name> {
        let start = u32::try_from(self.0.len()).ok()?;
        u32::try_from(self.0.len() + name.len()).ok()?;
        self.0.extend_from_slice(name);
        Some(Name { start, len: name.len() as u32 })
    }

    /// A stored name. The default one is empty.
    pub fn get(&self, Name { start, len }: Name) -> &[u8] {
        &self.0[start as usize..(start + len) as usize]
    }
}
