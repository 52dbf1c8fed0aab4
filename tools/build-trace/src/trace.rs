//! The build in Chrome's Trace Event Format: a thread for each stage's steps, and one for its packing.

use crate::timeline::{Build, Done, How, Lane, Packed};
use libcli::{cut, sanitise};
use libwire::record::Wait;
use libwire::{Digest, Span};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

/// How many columns of an instruction are in an event's name. Its arguments have the whole instruction.
const NAME: usize = 80;
/// The last millisecond whose microseconds every JSON library can represent.
const LAST_MS: u64 = ((1 << 53) - 1) / 1000;

/// Writes the trace, an event a line.
pub(crate) fn write(build: &Build, output: &mut impl Write) -> io::Result<()> {
    let about = json!({
        "tool": "stagepipe build-trace",
        "started_ms": build.span.started_ms,
        "complete": build.lanes.iter().all(|lane| !lane.cut),
    });
    write!(output, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[")?;
    let name = format!("build of {}", sanitise(&build.dockerfile));
    write!(output, "\n{}", json!({"ph": "M", "name": "process_name", "pid": 1, "args": {"name": name}}))?;
    let mut flows = 0;
    for (at, lane) in build.lanes.iter().enumerate() {
        let thread = Thread { build, lane, tid: tid(at) };
        for event in thread.events(&mut flows) {
            write!(output, ",\n{event}")?;
        }
    }
    output.write_all(b"\n]}\n")
}

/// The threads of uploads are below all others.
const UPLOADS: usize = 1_000_000;

/// The thread of a lane's steps. The next thread has its packing.
fn tid(lane: usize) -> usize {
    lane * 2 + 1
}

/// Microseconds from the start of the build to the start of the span, and its length.
fn micros(build: &Build, span: Span) -> (u64, u64) {
    let since = |ms: u64| ms.saturating_sub(build.span.started_ms).min(LAST_MS) * 1000;
    (since(span.started_ms), since(span.ended_ms()) - since(span.started_ms))
}

/// The last moment within a span.
fn last_moment((ts, dur): (u64, u64)) -> u64 {
    ts + dur.saturating_sub(1)
}

/// The details of a step in a viewer.
#[derive(Serialize)]
struct StepArgs {
    instruction: String,
    line: String,
    /// The number of the step, and of all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_size: Option<u64>,
}

impl StepArgs {
    fn of(done: &Done) -> Self {
        let clean = |text: &Option<String>| text.as_deref().map(sanitise);
        let (cache, failed) = match &done.how {
            How::Plain => (None, None),
            How::Cached => (Some("hit"), None),
            How::Ran => (Some("miss"), None),
            How::Failed(message) | How::Ended(message) => (None, Some(sanitise(message))),
        };
        Self {
            instruction: sanitise(&done.text),
            line: sanitise(&done.place),
            step: done.step.map(|(step, steps)| format!("{step}/{steps}")),
            cache,
            failed,
            why: clean(&done.why),
            log: clean(&done.log),
            snapshot: clean(&done.snapshot),
            layer: done.blob.map(|(digest, _)| digest),
            layer_size: done.blob.map(|(_, size)| size),
        }
    }
}

struct Thread<'a> {
    build: &'a Build,
    lane: &'a Lane,
    tid: usize,
}

impl Thread<'_> {
    fn events(&self, flows: &mut u64) -> Vec<Value> {
        let title = sanitise(&self.lane.title());
        let mut events = Vec::new();
        if let Some(span) = self.lane.span() {
            events.extend(self.named(self.tid, &title));
            let cached = self.lane.steps.iter().filter(|done| done.how == How::Cached).count();
            let steps = self.lane.steps.iter().filter(|done| done.step.is_some()).count();
            let args = json!({"steps": steps, "cached": cached, "complete": !self.lane.cut});
            events.push(self.complete(self.tid, &title, "stage", span, args));
        }
        for done in &self.lane.steps {
            events.push(self.step(done));
            for wait in &done.waited {
                events.extend(self.wait(wait, flows));
            }
        }
        if self.lane.layers.iter().any(|layer| layer.span.is_some()) {
            events.extend(self.named(self.tid + 1, &format!("{title}, packing")));
            let packed = |layer: &Packed| self.layer(layer, self.tid + 1, "pack", layer.span);
            events.extend(self.lane.layers.iter().filter_map(packed));
        }
        for (at, row) in self.lane.uploads().into_iter().enumerate() {
            let tid = self.tid + UPLOADS * (at + 1);
            events.extend(self.named(tid, &format!("{title}, pushing")));
            events.extend(
                row.into_iter().filter_map(|(layer, span)| self.layer(layer, tid, "push", Some(span))),
            );
        }
        events
    }

    /// The name of a thread, and its position below the one before.
    fn named(&self, tid: usize, name: &str) -> [Value; 2] {
        let about =
            |what: &str, args: Value| json!({"ph": "M", "name": what, "pid": 1, "tid": tid, "args": args});
        [about("thread_name", json!({"name": name})), about("thread_sort_index", json!({"sort_index": tid}))]
    }

    fn complete(&self, tid: usize, name: &str, category: &str, span: Span, args: Value) -> Value {
        let (ts, dur) = micros(self.build, span);
        json!({"ph": "X", "name": name, "cat": category, "pid": 1, "tid": tid, "ts": ts, "dur": dur, "args": args})
    }

    fn step(&self, done: &Done) -> Value {
        let name = cut(&sanitise(&done.text), NAME);
        let args = json!(StepArgs::of(done));
        let mut event = self.complete(self.tid, &name, &sanitise(&done.op), done.span, args);
        // The names are those of the viewer's colours.
        match done.how {
            How::Failed(_) => event["cname"] = "terrible".into(),
            How::Ended(_) => event["cname"] = "bad".into(),
            How::Cached => event["cname"] = "grey".into(),
            _ => {}
        }
        event
    }

    /// The wait, and an arrow to its end from the end of the other stage, if known.
    fn wait(&self, wait: &Wait, flows: &mut u64) -> Vec<Value> {
        let mut lanes = self.build.lanes.iter().enumerate();
        let found = lanes.find(|(_, lane)| lane.stage == Some(wait.stage));
        let title =
            found.map_or_else(|| format!("stage {}", wait.stage), |(_, lane)| sanitise(&lane.title()));
        let name = format!("wait for {title}");
        let mut events =
            vec![self.complete(self.tid, &name, "wait", wait.span, json!({"stage": wait.stage}))];
        let last = found.and_then(|(at, lane)| Some((at, lane.steps.last()?)));
        let Some((at, last)) = last else { return events };
        let from = last_moment(micros(self.build, last.span));
        let to = last_moment(micros(self.build, wait.span));
        if from <= to {
            *flows += 1;
            let arrow = |ph: &str, tid: usize, ts: u64| json!({"ph": ph, "name": "needs", "cat": "wait", "id": *flows, "pid": 1, "tid": tid, "ts": ts});
            let mut end = arrow("f", self.tid, to);
            end["bp"] = "e".into();
            events.extend([arrow("s", tid(at), from), end]);
        }
        events
    }

    /// The event of a layer's packing or upload, if it has a time.
    fn layer(&self, layer: &Packed, tid: usize, what: &str, span: Option<Span>) -> Option<Value> {
        let step = self.lane.steps.iter().find(|done| done.snapshot.as_ref() == Some(&layer.snapshot));
        let mut args = json!({
            "layer": layer.digest.to_string(),
            "layer_size": layer.size,
            "tar_size": layer.tar_size,
            "snapshot": sanitise(&layer.snapshot),
        });
        if let Some(done) = step {
            args["instruction"] = sanitise(&done.text).into();
            args["line"] = sanitise(&done.place).into();
        }
        let name = step.map_or(what.into(), |done| format!("{what} {}", cut(&sanitise(&done.text), NAME)));
        Some(self.complete(tid, &name, what, span?, args))
    }
}
