//! gzip in parallel blocks and one member, with the same bytes for any number of threads.
//!
//! Like pigz, it cuts the input into blocks of 1 MiB. Each is deflated separately, with the 32 KiB before it as
//! dictionary, and ends on a byte boundary (RFC 1951, 3.2.4). The pieces in order are one deflate stream. The RFC
//! 1952 header has neither name nor time.

use crate::deflate::deflate;
use crate::probe::WINDOW;
use flate2::Crc;
use libtree::holes::is_zero;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

const BLOCK: usize = 1 << 20;
/// How many blocks, in addition to one for each worker, are handed over, so that no worker waits for the next to be
/// read.
const AHEAD: usize = 2;

/// A job goes to a worker and returns with its buffers.
struct Job {
    /// The dictionary, then the block.
    bytes: Vec<u8>,
    dictionary: usize,
    last: bool,
    /// The block's compressed form.
    piece: Vec<u8>,
}

/// A job or its outcome, with its number.
type Numbered<T> = (usize, T);

/// Compresses its input into `output`.
pub(crate) struct ParallelGzip<W> {
    output: W,
    /// Any worker takes the next job, because blocks take different times.
    jobs: SyncSender<Numbered<Job>>,
    done: Receiver<Numbered<io::Result<Job>>>,
    /// Outcomes that are done before their turn.
    early: BTreeMap<usize, io::Result<Job>>,
    /// How many jobs may be in progress.
    most: usize,
    /// The bytes before the current block that serve as its dictionary, and then the block so far.
    buffer: Vec<u8>,
    dictionary: usize,
    sent: usize,
    taken: usize,
    /// Finished jobs, whose buffers are used again.
    spare: Vec<Job>,
    level: u32,
    crc: Crc,
    /// The number of zeros after the buffer, which then holds only a dictionary of zeros.
    zeros: usize,
    zero_block: ZeroBlock,
}

/// The compressed form of a block of zeros after a block of zeros, which is always the same.
#[derive(Default)]
struct ZeroBlock {
    piece: Vec<u8>,
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
            zeros: 0,
            zero_block: ZeroBlock::default(),
            level,
        })
    }

    /// Compresses the rest, writes the trailer and returns the output.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.fill_zeros();
        self.send(true)?;
        self.take_all()?;
        self.output.write_all(&self.crc.sum().to_le_bytes())?;
        self.output.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.output)
    }

    /// Compresses `count` zeros, at the cost of at most two blocks of them.
    pub(crate) fn zeros(&mut self, count: usize) -> io::Result<usize> {
        if self.zeros == 0 && self.block() == BLOCK {
            self.send(false)?;
        }
        if self.zeros == 0 && !self.is_blank() {
            let n = count.min(BLOCK - self.block());
            self.buffer.resize(self.buffer.len() + n, 0);
            return Ok(n);
        }
        self.zeros += count;
        // A block that may be the last is not sent.
        while self.zeros > BLOCK {
            self.send_zeros()?;
            self.zeros -= BLOCK;
        }
        Ok(count)
    }

    /// The number of bytes in the current block.
    fn block(&self) -> usize {
        self.buffer.len() - self.dictionary
    }

    /// Whether the current block is empty, and comes after zeros.
    fn is_blank(&self) -> bool {
        self.block() == 0 && self.dictionary == WINDOW && is_zero(&self.buffer)
    }

    /// Puts the zeros after the last whole block into the current block.
    fn fill_zeros(&mut self) {
        let zeros = std::mem::take(&mut self.zeros);
        self.buffer.resize(self.buffer.len() + zeros, 0);
    }

    /// Writes a block of zeros that comes after zeros.
    fn send_zeros(&mut self) -> io::Result<()> {
        let ZeroBlock { piece, crc } = &mut self.zero_block;
        if piece.is_empty() {
            let zeros = vec![0; WINDOW + BLOCK];
            deflate(&zeros, WINDOW, false, self.level, piece)?;
            crc.update(&zeros[WINDOW..]);
        }
        self.crc.combine(crc);
        self.take_all()?;
        self.output.write_all(&self.zero_block.piece)
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

    fn take_all(&mut self) -> io::Result<()> {
        while self.taken < self.sent {
            self.take()?;
        }
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
        self.fill_zeros();
        if self.block() == BLOCK {
            self.send(false)?;
        }
        let n = bytes.len().min(BLOCK - self.block());
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

    fn run(&mut self, level: u32) -> io::Result<()> {
        self.piece.clear();
        deflate(&self.bytes, self.dictionary, self.last, level, &mut self.piece)
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
            // If the outcome of a job never came, the writer would wait for ever.
            let deflated = catch_unwind(AssertUnwindSafe(|| job.run(level)));
            let outcome = deflated.unwrap_or_else(|_| Err(gone())).map(|()| job);
            if results.send((number, outcome)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("gzip".into()).spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::noise;
    use std::io::{Read, Seek};
    use std::process::Command;

    fn gzip(bytes: &[u8], level: u32, threads: usize) -> Vec<u8> {
        let mut gzip = ParallelGzip::new(Vec::new(), level, threads).unwrap();
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    /// Parts that can be compressed and parts that cannot, all shorter than a block.
    fn sample(length: usize) -> Vec<u8> {
        let mut bytes = noise(length);
        for part in bytes.chunks_mut(300_000).step_by(2) {
            part.iter_mut().for_each(|byte| *byte &= 0x0f);
        }
        bytes
    }

    #[test]
    fn plain_readers_get_the_bytes_back_from_one_member() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77] {
            for level in [0, 1, 6, 9] {
                let bytes = sample(length);
                let packed = gzip(&bytes, level, 2);
                let mut back = Vec::new();
                flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
                assert!(back == bytes, "{length} bytes, level {level}");
                assert!(gunzip(&packed) == bytes, "{length} bytes, level {level}");
            }
        }
    }

    #[test]
    fn zeros_that_are_only_counted_give_the_same_bytes() {
        for level in [0, 1, 6] {
            for (before, zeros, after) in [
                (0, BLOCK, 0),
                (0, 5 * BLOCK, 0),
                (0, 5 * BLOCK + 1, 0),
                (512, 4 * BLOCK - 512, 3),
                (512, 4 * BLOCK, 0),
                (BLOCK - 1, 3 * BLOCK + 1, 1 << 20),
                (BLOCK, 7, 7),
                (3 * BLOCK + 9, 2 * BLOCK, BLOCK),
            ] {
                let bytes = [sample(before), vec![0; zeros], sample(after), vec![0; zeros]].concat();
                let mut counted = ParallelGzip::new(Vec::new(), level, 2).unwrap();
                for part in [&bytes[..before], &bytes[before..]] {
                    for part in part.chunks(77_777) {
                        let mut done = 0;
                        while done < part.len() {
                            done += match is_zero(&part[done..]) {
                                true => counted.zeros(part.len() - done).unwrap(),
                                false => counted.write(&part[done..]).unwrap(),
                            };
                        }
                    }
                }
                let counted = counted.finish().unwrap();
                assert!(counted == gzip(&bytes, level, 2), "{before}, {zeros}, {after} at level {level}");
                assert!(gunzip(&counted) == bytes);
            }
        }
    }

    #[test]
    fn of_a_run_of_zeros_few_blocks_are_compressed() {
        let mut counted = ParallelGzip::new(Vec::new(), 6, 2).unwrap();
        counted.write_all(b"start").unwrap();
        for _ in 0..1000 {
            let mut left = 1 << 16;
            while left > 0 {
                left -= counted.zeros(left).unwrap();
            }
        }
        assert_eq!(counted.sent, 1, "the one that has the start");
        counted.finish().unwrap();
    }

    fn gunzip(packed: &[u8]) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(packed).unwrap();
        file.rewind().unwrap();
        Command::new("gunzip").stdin(file).output().unwrap().stdout
    }

    #[test]
    fn the_number_of_threads_does_not_change_the_bytes() {
        let bytes = sample(5 * BLOCK + 3);
        let one = gzip(&bytes, 6, 1);
        assert!(one == gzip(&bytes, 6, 2) && one == gzip(&bytes, 6, 7));
    }
}
