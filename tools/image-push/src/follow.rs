//! Pushing while a build goes on: the records of layers pass through, each when its blob is at the registries. No tag is
//! written, and a registry that fails costs time later, not the build: the push after it sends what is not there.

use crate::destination::Target;
use crate::neighbours::Neighbours;
use crate::progress::Count;
use crate::send::Pusher;
use libcli::Failure;
use libhttp::FetchError;
use libregistry::{Access, Client};
use libstore::Store;
use libwire::image::Descriptor;
use libwire::record::{BuildRecord, Record};
use libwire::span::now_ms;
use libwire::{Event, Header, Reader, Span, WireError, Writer};
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The store, the registries and the limits for a build's uploads.
pub struct Uploads<'a> {
    /// Where layers are.
    pub store: &'a Store,
    /// The way to registries.
    pub client: &'a Client,
    /// The repositories, by registry. A layer is sent to the first one of each registry, and the others take
    /// it from there.
    pub targets: &'a [Vec<Target>],
    /// The repositories of a registry that may have a layer.
    pub neighbours: &'a Neighbours<'a>,
    /// How many blobs are sent to a registry at once.
    pub jobs: usize,
    /// Writes a warning.
    pub warn: fn(&str),
}

/// A layer to send, and who waits for it.
struct Order {
    blob: Descriptor,
    done: Sender<Option<Span>>,
}

/// A part of the record to pass on, in the order in which it came.
enum Passing {
    Header(Header),
    Record(Box<Record>, Receiver<Option<Span>>),
    End,
}

impl Uploads<'_> {
    /// Passes the records of `input` on to `output`. A layer's has the time of its upload, unless that failed.
    pub fn follow<W: Write + Send>(&self, input: impl BufRead, output: W) -> Result<W, Failure> {
        thread::scope(|scope| {
            let registry = |targets: &Vec<Target>| {
                let (orders, taken) = channel::<Order>();
                let taken = Arc::new(Mutex::new(taken));
                let failed = Arc::new(AtomicBool::new(false));
                for _ in 0..self.jobs {
                    let (taken, failed, target) =
                        (Arc::clone(&taken), Arc::clone(&failed), targets[0].clone());
                    scope.spawn(move || self.work(&target, &taken, &failed));
                }
                orders
            };
            let registries: Vec<Sender<Order>> = self.targets.iter().map(registry).collect();
            let (passing, passed) = channel();
            let writer = scope.spawn(move || write(&passed, output));
            let read = read(input, &registries, &passing);
            drop((registries, passing));
            let written = writer.join().map_err(|_| Failure::failed("", "a thread ended early"))?;
            read?;
            written?.ok_or_else(|| Failure::bad_input("standard input", "it stops before its end"))
        })
    }

    /// Sends what is ordered to a repository.
    fn work(&self, target: &Target, orders: &Mutex<Receiver<Order>>, failed: &AtomicBool) {
        let mut pusher = None;
        loop {
            let next = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Order { blob, done }) = next else { return };
            let span = match failed.load(Ordering::Relaxed) {
                true => None,
                false => match self.upload(target, &mut pusher, &blob) {
                    Ok(span) => Some(span),
                    Err(error) => {
                        if !failed.swap(true, Ordering::Relaxed) {
                            (self.warn)(&format!(
                                "{}: {error}; it is tried again after the build",
                                target.name()
                            ));
                        }
                        None
                    }
                },
            };
            // Nobody waits when the output is gone.
            let _ = done.send(span);
        }
    }

    fn upload<'s>(
        &'s self,
        target: &'s Target,
        pusher: &mut Option<Pusher<'s, 's>>,
        blob: &Descriptor,
    ) -> Result<Span, FetchError> {
        let began = now_ms();
        let pusher = match pusher {
            Some(pusher) => pusher,
            None => pusher.insert(Pusher {
                store: self.store,
                session: self.client.open(&target.repository, Access::Push)?,
                target,
                neighbours: self.neighbours,
                before: &[],
                jobs: 1,
                progress: false,
            }),
        };
        pusher.deliver(blob, &Arc::new(Count::default()))?;
        Ok(Span::since(began))
    }
}

/// Orders the upload of each layer, and hands everything on; an end when it is known what follows it, so that a stream
/// with rubbish after it gets none.
fn read(input: impl BufRead, registries: &[Sender<Order>], passing: &Sender<Passing>) -> Result<(), Failure> {
    let mut reader = Reader::<_, BuildRecord>::new(input);
    let bad = |error| match error {
        WireError::Io(error) => Failure::failed("standard input", error),
        other => Failure::bad_input("standard input", other),
    };
    let mut ended = false;
    loop {
        let event = reader.next_event().map_err(bad)?;
        let end = std::mem::take(&mut ended).then_some(Passing::End);
        let next = match event {
            None => None,
            Some(Event::Header(header)) => Some(Passing::Header(header)),
            Some(Event::Record(record)) => {
                let (done, all) = channel();
                if let Record::Layer(layer) = &record {
                    let order = || Order { blob: layer.layer.descriptor.clone(), done: done.clone() };
                    registries.iter().for_each(|registry| drop(registry.send(order())));
                }
                Some(Passing::Record(Box::new(record), all))
            }
            Some(Event::End | Event::Cut) => {
                ended = true;
                continue;
            }
        };
        let last = next.is_none();
        // Where the writer is gone, its own failure is what is told.
        if end.into_iter().chain(next).try_for_each(|one| passing.send(one)).is_err() || last {
            return Ok(());
        }
    }
}

/// Writes each thing when its uploads have ended. The value is none if the stream got no end.
fn write<W: Write>(passed: &Receiver<Passing>, mut output: W) -> Result<Option<W>, Failure> {
    while let Ok(Passing::Header(header)) = passed.recv() {
        let mut writer = Writer::<_, BuildRecord>::requiring(output, header.requires, header.extra)?;
        writer.flush()?;
        loop {
            match passed.recv() {
                Ok(Passing::Record(mut record, done)) => {
                    let spans: Option<Vec<Span>> = done.iter().collect();
                    if let Record::Layer(layer) = &mut *record {
                        layer.pushed = spans.and_then(Span::around);
                    }
                    writer.write(&record)?;
                    writer.flush()?;
                }
                Ok(Passing::End) => break,
                _ => return Ok(None),
            }
        }
        output = writer.finish()?;
    }
    Ok(Some(output))
}
