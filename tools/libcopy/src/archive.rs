//! Archives: recognised by their content, whatever their name, and unpacked.

use crate::error::{CopyError, shown};
use flate2::bufread::GzDecoder;
use libtree::Root;
use libtree::extract::{self, ExtractError, Form};
use libtree::tar::{self, BLOCK, Limits, Reader};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

/// The kinds of files that ADD distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A tar, plain or compressed, according to its first header. Errors in it show when it is unpacked.
    Tar,
    /// Zeros in place of a header: an empty tar, or a file of zeros.
    Zeros,
    /// Anything else, including a compressed file of something else.
    Other,
}

/// The kind of `file`, which is read from its start. Its position afterwards is undefined.
pub fn content(file: &File) -> io::Result<Content> {
    let mut start = Vec::with_capacity(BLOCK);
    // The bytes before a read error count: a damaged gzip file may be a tar, or an ordinary file.
    let read = decoder(file)?.take(BLOCK as u64).read_to_end(&mut start);
    if let Some(error) = read.err().filter(|error| error.raw_os_error().is_some()) {
        return Err(error);
    }
    Ok(match start.as_slice() {
        start if tar::is_tar(start) => Content::Tar,
        start if start == [0; BLOCK] => Content::Zeros,
        _ => Content::Other,
    })
}

/// Unpacks the archive `file` below `root`, with `owner` instead of its own owners. Returns how many device nodes it
/// left out because only root can make them.
pub fn unpack(
    file: &File,
    path: &[u8],
    root: &Root,
    owner: Option<(u32, u32)>,
    limits: Limits,
) -> Result<u64, CopyError> {
    let failed = |error| CopyError::Archive { path: shown(path), error };
    let read = |error: io::Error| failed(ExtractError::Tar(error.into()));
    let mut tar = Reader::new(decoder(file).map_err(read)?).limited(limits);
    let options = extract::Options { form: Form::Archive, owner };
    let stats = extract::extract(&mut tar, root, options).map_err(failed)?;
    // A compressed archive that is cut off after the end of the tar is still damaged.
    tar.drain().map_err(|error| failed(error.into()))?;
    Ok(stats.devices_skipped)
}

fn decoder(mut file: &File) -> io::Result<Box<dyn Read + '_>> {
    let mut magic = [0; 6];
    file.rewind()?;
    let mut length = 0;
    while length < magic.len() {
        match file.read(&mut magic[length..])? {
            0 => break,
            n => length += n,
        }
    }
    file.rewind()?;
    let input = BufReader::with_capacity(1 << 16, file);
    Ok(match &magic[..length] {
        [0x1f, 0x8b, ..] => Box::new(Gzip(Some(GzDecoder::new(input)))),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(input)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(input)?),
        _ => Box::new(input),
    })
}

/// The members of a gzip file. Other bytes after them, such as a tape's padding, do not belong to it.
struct Gzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let more = member.get_mut().fill_buf()?.first() == Some(&0x1f);
            self.0 = self.0.take().filter(|_| more).map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}
