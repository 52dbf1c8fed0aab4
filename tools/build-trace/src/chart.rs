//! The build as a Gantt chart: a lane for each stage, its steps in a row, packing below them.

use crate::scale::{mark, marks, words};
use crate::svg::{Drawing, Rect, escaped};
use crate::timeline::{Build, Done, How, Lane, Packed};
use libcli::cut;
use libwire::Span;
use libwire::record::Wait;

const WIDTH: f64 = 1200.0;
/// Where the names of lanes end and time begins, and where time ends.
const LEFT: f64 = 180.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 96.0;
const STEP: f64 = 28.0;
const PACK: f64 = 12.0;
const NOTE: f64 = 18.0;
const GAP: f64 = 20.0;
/// The width of letters: of code, and of text at most.
const CODE: f64 = 6.7;
const TEXT: f64 = 7.2;
/// The smallest width of a bar.
const NARROWEST: f64 = 1.5;
/// How much of an instruction a tooltip shows.
const TOOLTIP: usize = 400;

const STYLE: &str = include_str!("chart.css");
const HATCHING: &str = r#"<defs><pattern id="hatching" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>"#;

/// The whole document.
pub(crate) fn draw(build: &Build) -> String {
    let height = TOP + build.lanes.iter().map(|lane| height(lane) + GAP).sum::<f64>() + 8.0;
    let mut chart = Chart { build, drawing: Drawing::default() };
    chart.drawing.raw(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">"
    ));
    chart.drawing.raw(format_args!("<style>\n{STYLE}</style>"));
    chart.drawing.raw(HATCHING);
    chart.drawing.rect("ground", Rect { x: 0.0, y: 0.0, width: WIDTH, height });
    chart.heading();
    chart.axis(height);
    let mut y = TOP;
    for lane in &build.lanes {
        chart.lane(lane, y);
        y += self::height(lane) + GAP;
    }
    chart.drawing.raw("</svg>");
    chart.drawing.finish()
}

fn height(lane: &Lane) -> f64 {
    let notes = if note(lane).is_some() { NOTE } else { 0.0 };
    STEP + packing(lane) + pushing(lane) + notes
}

/// The height of a lane's packing.
fn packing(lane: &Lane) -> f64 {
    if lane.layers.iter().any(|layer| layer.span.is_some()) { PACK + 4.0 } else { 0.0 }
}

/// The height of its uploads.
fn pushing(lane: &Lane) -> f64 {
    lane.uploads().len() as f64 * (PACK + 4.0)
}

/// The message about a failure in a lane.
fn note(lane: &Lane) -> Option<String> {
    let failure = |done: &Done| match &done.how {
        How::Failed(message) | How::Ended(message) => Some(format!("{}: {message}", done.place)),
        _ => None,
    };
    let stopped = || lane.cut.then(|| "its records stop here: it was ended, or it failed".to_owned());
    lane.steps.iter().rev().find_map(failure).or_else(stopped)
}

struct Chart<'a> {
    build: &'a Build,
    drawing: Drawing,
}

impl Chart<'_> {
    /// The position of a moment.
    fn x(&self, ms: u64) -> f64 {
        let since = ms.saturating_sub(self.build.span.started_ms) as f64;
        LEFT + since / self.build.span.duration_ms.max(1) as f64 * (RIGHT - LEFT)
    }

    fn bar(&self, span: Span, y: f64, height: f64) -> Rect {
        let x = self.x(span.started_ms);
        // A bar that follows at once stays distinct.
        let width = (self.x(span.ended_ms()) - x - 0.8).max(NARROWEST);
        Rect { x, y, width, height }
    }

    fn heading(&mut self) {
        let steps =
            || self.build.lanes.iter().flat_map(|lane| &lane.steps).filter(|done| done.step.is_some());
        let cached = steps().filter(|done| done.how == How::Cached).count();
        let time = words(self.build.span.duration_ms);
        let text = format!(
            "{}: {time}, {}, {cached} from the cache",
            cut(&self.build.dockerfile, 60),
            counted(steps().count() as u64, "step"),
        );
        self.drawing.raw(format_args!("<title>{}</title>", escaped(&text)));
        self.drawing.fitted("head", Rect { x: 12.0, y: 8.0, width: WIDTH - 24.0, height: 28.0 }, 9.5, &text);
        let mut x = 12.0;
        for (class, name) in [
            ("from", "FROM"),
            ("run", "RUN"),
            ("copy", "COPY, ADD"),
            ("config", "other"),
            ("run", "cached"),
            ("pack", "packing"),
            ("push", "pushing"),
            ("failed", "failed"),
        ] {
            if class == "push" && self.build.lanes.iter().all(|lane| pushing(lane) == 0.0) {
                continue;
            }
            let key = Rect { x, y: 45.0, width: 14.0, height: 12.0 };
            fill(&mut self.drawing, class, key, name == "cached");
            self.drawing.text("faint", x + 19.0, 55.0, name);
            x += 40.0 + name.chars().count() as f64 * 6.5;
        }
        line(&mut self.drawing, "wait", (x, 51.0), (x + 18.0, 51.0));
        self.drawing.text("faint", x + 23.0, 55.0, "waiting for another stage");
    }

    fn axis(&mut self, height: f64) {
        for ms in marks(self.build.span.duration_ms) {
            let x = self.x(self.build.span.started_ms.saturating_add(ms));
            line(&mut self.drawing, "grid", (x, TOP - 12.0), (x, height - 8.0));
            self.drawing.text(
                "faint",
                (x + 3.0).min(RIGHT - 20.0),
                TOP - 14.0,
                &mark(ms, self.build.span.duration_ms),
            );
        }
    }

    fn lane(&mut self, lane: &Lane, y: f64) {
        let spent = lane.span().map_or(String::new(), |span| words(span.duration_ms));
        let title = format!("{}\n{spent}", lane.title());
        self.drawing.titled(&title, |drawing| {
            let text = |y: f64| Rect { x: 12.0, y, width: LEFT - 24.0, height: 16.0 };
            drawing.fitted("name", text(y), TEXT, &lane.title());
            drawing.fitted("faint", text(y + 16.0), TEXT, &spent);
        });
        for done in &lane.steps {
            self.step(lane, done, y);
        }
        for layer in &lane.layers {
            self.layer(lane, layer, ("pack", "packing", layer.span), y + STEP + 4.0);
        }
        let mut below = y + STEP + packing(lane) + 4.0;
        for row in lane.uploads() {
            for (layer, span) in row {
                self.layer(lane, layer, ("push", "pushing", Some(span)), below);
            }
            below += PACK + 4.0;
        }
        if let Some(note) = note(lane) {
            let row = Rect {
                x: LEFT,
                y: y + STEP + packing(lane) + pushing(lane) + 2.0,
                width: RIGHT - LEFT,
                height: NOTE,
            };
            self.drawing.fitted("wrong", row, TEXT, &note);
        }
        let failed = lane.steps.last().is_some_and(|done| matches!(done.how, How::Failed(_) | How::Ended(_)));
        if let (true, false, Some(span)) = (lane.cut, failed, lane.span()) {
            let (from, to) = (self.x(span.ended_ms()), self.x(self.build.span.ended_ms()));
            line(&mut self.drawing, "lost", (from, y + STEP / 2.0), (to, y + STEP / 2.0));
        }
    }

    /// Draws a step, with lines where it waited.
    fn step(&mut self, lane: &Lane, done: &Done, y: f64) {
        for wait in &done.waited {
            self.wait(wait, y);
        }
        let worked = worked(done);
        let title = step_title(lane, done, self.build);
        let longest = worked.iter().max_by_key(|span| span.duration_ms).copied();
        for span in worked {
            let rect = self.bar(span, y, STEP);
            let cached = matches!(done.how, How::Cached | How::Ended(_));
            self.drawing.titled(&title, |drawing| {
                fill(drawing, class(&done.op), rect, cached);
                if Some(span) == longest {
                    let label = Rect { x: rect.x + 5.0, width: (rect.width - 8.0).max(0.0), ..rect };
                    drawing.fitted(if cached { "pale" } else { "code" }, label, CODE, &done.text);
                }
            });
        }
    }

    fn wait(&mut self, wait: &Wait, y: f64) {
        let Rect { x, width, .. } = self.bar(wait.span, y, STEP);
        let stage = self.build.lanes.iter().find(|lane| lane.stage == Some(wait.stage));
        let name = stage.map_or_else(|| format!("stage {}", wait.stage), Lane::title);
        let title = format!("waiting for {name}: {}", words(wait.span.duration_ms));
        let middle = y + STEP / 2.0;
        self.drawing.titled(&title, |drawing| {
            drawing.rect("hit", Rect { x, y, width, height: STEP });
            line(drawing, "wait", (x, middle), (x + width, middle));
        });
    }

    /// Draws a layer's packing or upload: the bar's class, the words for it, and its time.
    fn layer(
        &mut self,
        lane: &Lane,
        layer: &Packed,
        (class, what, span): (&str, &str, Option<Span>),
        y: f64,
    ) {
        let Some(span) = span else { return };
        let rect = self.bar(span, y, PACK);
        let step = lane.steps.iter().find(|done| done.snapshot.as_ref() == Some(&layer.snapshot));
        let mut title = format!("{what}, {}\n", words(span.duration_ms));
        if let Some(done) = step {
            title += &format!("{}\n{}\n", cut(&done.text, TOOLTIP), done.place);
        }
        title += &format!("{}, {} bytes of {}", layer.digest, layer.size, layer.tar_size);
        self.drawing.titled(&title, |drawing| fill(drawing, class, rect, false));
    }
}

fn fill(drawing: &mut Drawing, class: &str, rect: Rect, cached: bool) {
    match cached {
        true => {
            drawing.rect(&format!("{class} cached"), rect);
            drawing.raw(format_args!("<rect fill=\"url(#hatching)\" {rect}/>"));
        }
        false => drawing.rect(class, rect),
    }
}

fn line(drawing: &mut Drawing, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    drawing.raw(format_args!(
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    ));
}

/// The class of an instruction's work.
fn class(op: &str) -> &'static str {
    match op {
        "from" => "from",
        "run" => "run",
        "copy" | "add" => "copy",
        "failed" => "failed",
        _ => "config",
    }
}

/// The parts of a step in which it did not wait.
fn worked(done: &Done) -> Vec<Span> {
    let mut waits: Vec<Span> = done.waited.iter().map(|wait| wait.span).collect();
    waits.sort_by_key(|span| span.started_ms);
    let (mut at, end) = (done.span.started_ms, done.span.ended_ms());
    let mut parts = Vec::new();
    for wait in waits {
        if wait.started_ms.min(end) > at {
            parts.push(Span { started_ms: at, duration_ms: wait.started_ms.min(end) - at });
        }
        at = at.max(wait.ended_ms()).min(end);
    }
    if at < end || parts.is_empty() {
        parts.push(Span { started_ms: at, duration_ms: end - at });
    }
    parts
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn step_title(lane: &Lane, done: &Done, build: &Build) -> String {
    let how = match &done.how {
        How::Plain => "done".to_owned(),
        How::Cached => "from the cache".to_owned(),
        How::Ran => "ran".to_owned(),
        How::Failed(message) => format!("failed: {}", cut(message, TOOLTIP)),
        How::Ended(message) => cut(message, TOOLTIP),
    };
    let place = match done.step {
        Some((step, steps)) => format!("{}, step {step} of {steps} of {}", done.place, lane.title()),
        None => format!("{}, {}", done.place, lane.title()),
    };
    let begun = words(done.span.started_ms.saturating_sub(build.span.started_ms));
    let mut title = format!(
        "{}\n{place}\n{how}, {} after {begun}",
        cut(&done.text, TOOLTIP),
        words(done.span.duration_ms)
    );
    if let Some(why) = &done.why {
        title += &format!("\n{}", cut(why, TOOLTIP));
    }
    if let Some((digest, size)) = &done.blob {
        title += &format!("\nlayer {digest}, {}", counted(*size, "byte"));
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(waits: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let span = |&(started_ms, duration_ms): &(u64, u64)| Span { started_ms, duration_ms };
        let waited = waits.iter().map(|wait| Wait { stage: 0, span: span(wait) }).collect();
        let done = Done {
            place: String::new(),
            step: None,
            text: String::new(),
            op: String::new(),
            how: How::Ran,
            span: span(&(100, 50)),
            waited,
            why: None,
            log: None,
            snapshot: None,
            ships: false,
            blob: None,
        };
        worked(&done).iter().map(|span| (span.started_ms, span.duration_ms)).collect()
    }

    #[test]
    fn a_step_worked_when_it_did_not_wait() {
        assert_eq!(done(&[]), [(100, 50)]);
        assert_eq!(done(&[(100, 20)]), [(120, 30)]);
        assert_eq!(done(&[(130, 10), (110, 10)]), [(100, 10), (120, 10), (140, 10)]);
        assert_eq!(done(&[(100, 50)]), [(150, 0)]);
        assert_eq!(done(&[(0, 10), (500, 9)]), [(100, 50)]);
        assert_eq!(done(&[(0, u64::MAX)]), [(150, 0)]);
    }
}
