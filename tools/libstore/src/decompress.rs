//! Recognises the compression of layers and archives by their first bytes, and decompresses them.

use std::io::{self, BufRead, BufReader, Read};

/// The beginnings of the media types of layers: OCI's and docker's, even of layers that must not be distributed.
const LAYERS: [&str; 2] = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard, of one or several frames.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

impl Compression {
    /// Recognises a compression by the first bytes.
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // Skippable frames, which a chunked layer may begin with.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    /// The compression in a layer's media type. `None` if it is unknown, or the type is not a layer's.
    pub fn of_layer(media_type: &str) -> Option<Self> {
        if !LAYERS.iter().any(|layers| media_type.starts_with(layers)) {
            return None;
        }
        match media_type.rsplit_once("tar").map(|(_, suffix)| suffix) {
            Some("") => Some(Self::None),
            Some("+gzip" | ".gzip") => Some(Self::Gzip),
            Some("+zstd" | ".zstd") => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The suffix of a layer's OCI media type.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => "+gzip",
            Self::Zstd => "+zstd",
            _ => "",
        }
    }
}

/// Reads decompressed bytes. Bytes after the compressed data are an error.
pub struct Decoder(Box<dyn Read + Send>);

impl Decoder {
    /// Recognises the compression of `input`, and decompresses it.
    pub fn detect(input: impl Read + Send + 'static) -> io::Result<(Self, Compression)> {
        let mut input = BufReader::with_capacity(1 << 17, input);
        let mut start = Vec::new();
        // A pipe may give less than a magic number at first.
        input.by_ref().take(6).read_to_end(&mut start)?;
        let compression = Compression::detect(&start);
        let input = io::Cursor::new(start).chain(input);
        Ok((Self::new(input, compression)?, compression))
    }

    /// Decompresses `input`.
    pub fn new(input: impl BufRead + Send + 'static, compression: Compression) -> io::Result<Self> {
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(input),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
            Compression::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(input)),
        };
        Ok(Self(reader))
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(bytes: Vec<u8>) -> io::Result<(Vec<u8>, Compression)> {
        let (mut decoder, compression) = Decoder::detect(io::Cursor::new(bytes))?;
        let mut out = Vec::new();
        decoder.read_to_end(&mut out)?;
        Ok((out, compression))
    }

    #[test]
    fn every_compression_is_told_and_undone_in_several_members_too() {
        let two = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(decode(two).unwrap(), (b"abcd".to_vec(), Compression::Gzip));
        let zstd = zstd::encode_all(&b"abcd"[..], 1).unwrap();
        assert_eq!(decode([zstd.clone(), zstd].concat()).unwrap(), (b"abcdabcd".to_vec(), Compression::Zstd));
        assert_eq!(decode(b"ab".to_vec()).unwrap(), (b"ab".to_vec(), Compression::None));
        assert_eq!(decode(Vec::new()).unwrap().1, Compression::None);
    }

    #[test]
    fn cut_and_damaged_data_and_what_stands_behind_it_are_errors() {
        let good = gzip(b"hello hello hello");
        for cut in 3..good.len() {
            assert!(decode(good[..cut].to_vec()).is_err(), "cut at {cut}");
        }
        let mut flipped = good.clone();
        let crc = flipped.len() - 6;
        flipped[crc] ^= 1;
        assert!(decode(flipped).is_err());
        assert!(decode([good, b"junk".to_vec()].concat()).is_err());
    }

    #[test]
    fn media_types_say_the_compression() {
        for (media_type, compression) in [
            ("application/vnd.oci.image.layer.v1.tar", Some(Compression::None)),
            ("application/vnd.oci.image.layer.v1.tar+gzip", Some(Compression::Gzip)),
            ("application/vnd.oci.image.layer.v1.tar+zstd", Some(Compression::Zstd)),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", Some(Compression::Gzip)),
            ("application/vnd.docker.image.rootfs.diff.tar", Some(Compression::None)),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Some(Compression::Gzip)),
            ("application/vnd.oci.image.layer.v1.tar+brotli", None),
            ("application/x-tar", None),
        ] {
            assert_eq!(Compression::of_layer(media_type), compression, "{media_type}");
        }
    }
}
