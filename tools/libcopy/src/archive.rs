//! Archives: told by their content, whatever their name, and unpacked.

use crate::CopyError;
use crate::error::shown;
use flate2::bufread::GzDecoder;
use libtree::Root;
use libtree::extract::{self, ExtractError, Form};
use libtree::tar::Reader;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

/// Whether `file` is a tar, plain or compressed. It is read from its start and left anywhere.
pub fn is_archive(file: &File) -> io::Result<bool> {
    let mut tar = Reader::new(decoder(file)?);
    Ok(matches!(tar.next_entry(), Ok(Some(_))))
}

/// Unpacks the archive `file` below `root`, with `owner` instead of the archive's own. Says how many device nodes
/// it left out because only root can make them.
pub fn unpack(file: &File, path: &[u8], root: &Root, owner: Option<(u32, u32)>) -> Result<u64, CopyError> {
    let failed = |error| CopyError::Archive { path: shown(path), error };
    let read = |error: io::Error| failed(ExtractError::Tar(error.into()));
    let mut tar = Reader::new(decoder(file).map_err(read)?);
    let options = extract::Options { form: Form::Archive, owner };
    let stats = extract::extract(&mut tar, root, options).map_err(failed)?;
    // A compressed archive that is cut off behind the tar's end is damaged all the same.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(read)?;
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

/// The members of a gzip file. What follows them and is none, such as a tape's padding, is no part of it.
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
