//! Writes tar headers field by field, valid or invalid.

/// Two zero blocks.
pub const END: &[u8] = &[0; 1024];

/// A header being made.
pub struct Header([u8; 512]);

impl Header {
    pub fn new(name: &str, kind: u8) -> Self {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        for (at, text) in [(100, "0000644\0"), (108, "0000000\0"), (116, "0000000\0")] {
            block[at..at + 8].copy_from_slice(text.as_bytes());
        }
        block[124..136].copy_from_slice(b"00000000000\0");
        block[136..148].copy_from_slice(b"14524707200\0");
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        Self(block)
    }

    pub fn mode(mut self, mode: u32) -> Self {
        self.0[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        self
    }

    pub fn link(mut self, target: &str) -> Self {
        self.0[157..157 + target.len()].copy_from_slice(target.as_bytes());
        self
    }

    pub fn prefix(mut self, prefix: &str) -> Self {
        self.0[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        self
    }

    pub fn size_field(mut self, field: &[u8]) -> Self {
        self.0[124..124 + field.len()].copy_from_slice(field);
        self
    }

    /// Sets another magic and version: GNU's, or none.
    pub fn magic(mut self, magic: &[u8; 8]) -> Self {
        self.0[257..265].copy_from_slice(magic);
        self
    }

    /// Sets GNU's map of a sparse file: offset and length of each part, and the file's length.
    pub fn sparse(mut self, parts: &[(u64, u64)], size: u64) -> Self {
        self.0[257..265].copy_from_slice(b"ustar  \0");
        let numbers = parts.iter().flat_map(|&(start, length)| [start, length]);
        for (at, number) in numbers.enumerate() {
            self.number(386 + at * 12, number);
        }
        self.number(483, size);
        self
    }

    fn number(&mut self, at: usize, value: u64) {
        self.0[at..at + 12].fill(0);
        match value < 1 << 33 {
            true => self.0[at..at + 11].copy_from_slice(format!("{value:011o}").as_bytes()),
            false => {
                self.0[at] = 0x80;
                self.0[at + 4..at + 12].copy_from_slice(&value.to_be_bytes());
            }
        }
    }

    /// The header alone.
    pub fn done(mut self) -> Vec<u8> {
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|&b| u32::from(b)).sum();
        self.0[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.to_vec()
    }

    /// The header with a body of that size, padded.
    pub fn body(mut self, body: &[u8]) -> Vec<u8> {
        self.number(124, body.len() as u64);
        let padding = vec![0; body.len().next_multiple_of(512) - body.len()];
        [self.done(), body.to_vec(), padding].concat()
    }
}

pub fn file(name: &str, body: &str) -> Vec<u8> {
    Header::new(name, b'0').body(body.as_bytes())
}

pub fn dir(name: &str) -> Vec<u8> {
    Header::new(&format!("{name}/"), b'5').mode(0o755).done()
}

pub fn symlink(name: &str, target: &str) -> Vec<u8> {
    Header::new(name, b'2').link(target).done()
}

pub fn hardlink(name: &str, target: &str) -> Vec<u8> {
    Header::new(name, b'1').link(target).done()
}

pub fn gnu_long(name: &[u8]) -> Vec<u8> {
    Header::new("././@LongLink", b'L').body(&[name, b"\0"].concat())
}

pub fn pax(records: &[u8]) -> Vec<u8> {
    Header::new("PaxHeaders/x", b'x').body(records)
}

/// A pax record, its length counted.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest + 1..).find(|length| rest + length.to_string().len() == *length).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

pub fn records(keys: &[(&str, &str)]) -> Vec<u8> {
    keys.iter().flat_map(|(key, value)| record(key, value.as_bytes())).collect()
}

pub fn global(records: &[u8]) -> Vec<u8> {
    Header::new("PaxHeaders/g", b'g').body(records)
}
