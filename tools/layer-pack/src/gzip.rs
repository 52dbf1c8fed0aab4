//! gzip in parallel blocks, one member, the same bytes whatever the number of threads.
//!
//! As pigz does it: the input is cut into blocks of 1 MiB, each deflated on its own with the 32 KiB
//! before it as dictionary and ended on a byte boundary by an empty stored block (RFC 1951, 3.2.4);
//! the pieces in order are one deflate stream. RFC 1952 header with neither name nor time.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

const BLOCK: usize = 1 << 20;
const WINDOW: usize = 32 << 10;
/// Blocks handed over beyond one a worker, so that none waits for the next to be read.
const AHEAD: usize = 2;

/// Goes to a worker and comes back, with its buffers.
struct Job {
    /// The dictionary, then the block.
    bytes: Vec<u8>,
    dictionary: usize,
    last: bool,
    /// The block's compressed form.
    piece: Vec<u8>,
}

struct Worker {
    jobs: SyncSender<Job>,
    done: Receiver<io::Result<Job>>,
}

/// Compresses what is written to it into `output`.
pub(crate) struct ParallelGzip<W> {
    output: W,
    workers: Vec<Worker>,
    /// Bytes before the block being filled that serve as its dictionary, then the block so far.
    buffer: Vec<u8>,
    dictionary: usize,
    sent: usize,
    taken: usize,
    /// Jobs that are done, for their buffers.
    spare: Vec<Job>,
    crc: Crc,
}

impl<W: Write> ParallelGzip<W> {
    /// Starts `threads` workers and writes the header.
    pub(crate) fn new(mut output: W, level: u32, threads: usize) -> io::Result<Self> {
        // Magic, deflate, no flags, no time, no extra flags, Unix.
        output.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])?;
        let workers = (0..threads.max(1)).map(|_| Worker::start(level)).collect::<io::Result<_>>()?;
        let buffer = Vec::with_capacity(BLOCK + WINDOW);
        let spare = Vec::new();
        Ok(Self { output, workers, buffer, dictionary: 0, sent: 0, taken: 0, spare, crc: Crc::new() })
    }

    /// Compresses what is left, writes the trailer and gives the output back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.send(true)?;
        while self.taken < self.sent {
            self.take()?;
        }
        self.output.write_all(&self.crc.sum().to_le_bytes())?;
        self.output.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.output)
    }

    fn send(&mut self, last: bool) -> io::Result<()> {
        if self.sent - self.taken == self.workers.len() + AHEAD {
            self.take()?;
        }
        self.crc.update(&self.buffer[self.dictionary..]);
        let tail = self.buffer.len().saturating_sub(WINDOW);
        let mut job = self.spare.pop().unwrap_or_else(Job::new);
        job.bytes.clear();
        job.bytes.extend_from_slice(&self.buffer[tail..]);
        std::mem::swap(&mut self.buffer, &mut job.bytes);
        job.dictionary = std::mem::replace(&mut self.dictionary, self.buffer.len());
        job.last = last;
        let worker = &self.workers[self.sent % self.workers.len()];
        worker.jobs.send(job).map_err(|_| gone())?;
        self.sent += 1;
        Ok(())
    }

    fn take(&mut self) -> io::Result<()> {
        let worker = &self.workers[self.taken % self.workers.len()];
        let job = worker.done.recv().map_err(|_| gone())??;
        self.taken += 1;
        self.output.write_all(&job.piece)?;
        self.spare.push(job);
        Ok(())
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() - self.dictionary == BLOCK {
            self.send(false)?;
        }
        let room = BLOCK - (self.buffer.len() - self.dictionary);
        let n = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    /// Does nothing: a flush must not change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gone() -> io::Error {
    io::Error::other("a compression thread ended early")
}

impl Job {
    fn new() -> Self {
        Self { bytes: Vec::with_capacity(BLOCK + WINDOW), dictionary: 0, last: false, piece: Vec::new() }
    }
}

impl Worker {
    fn start(level: u32) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(2);
        let (results, done) = sync_channel(2);
        thread::Builder::new().name("gzip".into()).spawn(move || {
            while let Ok(mut job) = queue.recv() {
                if results.send(deflate(&mut job, level).map(|()| job)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, done })
    }
}

fn deflate(job: &mut Job, level: u32) -> io::Result<()> {
    // A new one for each block: one that is reset remembers enough of the last block to change the bytes.
    let mut deflater = Compress::new(Compression::new(level), false);
    let (dictionary, block) = job.bytes.split_at(job.dictionary);
    if !dictionary.is_empty() {
        deflater.set_dictionary(dictionary)?;
    }
    let flush = if job.last { FlushCompress::Finish } else { FlushCompress::Sync };
    job.piece.clear();
    job.piece.reserve(block.len() / 2 + 1024);
    loop {
        let read = deflater.total_in() as usize;
        let status = deflater.compress_vec(&block[read..], &mut job.piece, flush)?;
        let all_read = deflater.total_in() as usize == block.len();
        match status {
            Status::StreamEnd => return Ok(()),
            // A flush is complete when it leaves room in the output.
            _ if !job.last && all_read && job.piece.len() < job.piece.capacity() => return Ok(()),
            _ => job.piece.reserve(1 << 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn gzip(bytes: &[u8], threads: usize) -> Vec<u8> {
        let mut gzip = ParallelGzip::new(Vec::new(), 6, threads).unwrap();
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    fn sample(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & if state & 0x10_0000 == 0 { 0x0f } else { 0xff }
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn a_plain_reader_gets_the_bytes_back_from_one_member() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77] {
            let bytes = sample(length);
            let packed = gzip(&bytes, 2);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{length} bytes");
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_the_bytes() {
        let bytes = sample(5 * BLOCK + 3);
        let one = gzip(&bytes, 1);
        assert!(one == gzip(&bytes, 2) && one == gzip(&bytes, 7));
    }
}
