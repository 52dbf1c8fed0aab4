//! gzip in parallel blocks, one member, the same bytes whatever the number of threads.
//!
//! As pigz does it: the input is cut into blocks of 1 MiB, each deflated on its own with the 32 KiB
//! before it as dictionary and ended on a byte boundary by an empty stored block (RFC 1951, 3.2.4);
//! the pieces in order are one deflate stream. RFC 1952 header with neither name nor time.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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

/// A job or its outcome, with its place among all.
type Numbered<T> = (usize, T);

/// Compresses what is written to it into `output`.
pub(crate) struct ParallelGzip<W> {
    output: W,
    /// Any worker takes the next job: blocks differ in what they cost.
    jobs: SyncSender<Numbered<Job>>,
    done: Receiver<Numbered<io::Result<Job>>>,
    /// What is done before its turn.
    early: BTreeMap<usize, io::Result<Job>>,
    /// Jobs that may be under way.
    most: usize,
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
        let most = threads.max(1) + AHEAD;
        let (jobs, queue) = sync_channel(most);
        let (results, done) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads.max(1) {
            start(level, Arc::clone(&queue), results.clone())?;
        }
        Ok(Self {
            output,
            jobs,
            done,
            early: BTreeMap::new(),
            most,
            buffer: Vec::with_capacity(BLOCK + WINDOW),
            dictionary: 0,
            sent: 0,
            taken: 0,
            spare: Vec::new(),
            crc: Crc::new(),
        })
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
        if self.sent - self.taken == self.most {
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
        self.jobs.send((self.sent, job)).map_err(|_| gone())?;
        self.sent += 1;
        Ok(())
    }

    fn take(&mut self) -> io::Result<()> {
        let job = loop {
            if let Some(job) = self.early.remove(&self.taken) {
                break job?;
            }
            let (number, job) = self.done.recv().map_err(|_| gone())?;
            self.early.insert(number, job);
        };
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

/// Starts a worker.
fn start(
    level: u32,
    queue: Arc<Mutex<Receiver<Numbered<Job>>>>,
    results: Sender<Numbered<io::Result<Job>>>,
) -> io::Result<()> {
    let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let work = move || {
        while let Ok((number, mut job)) = next() {
            // Without an outcome of each job the writer would wait for ever.
            let deflated = catch_unwind(AssertUnwindSafe(|| deflate(&mut job, level)));
            let outcome = deflated.unwrap_or_else(|_| Err(gone())).map(|()| job);
            if results.send((number, outcome)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("gzip".into()).spawn(work).map(drop)
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
