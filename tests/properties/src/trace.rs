//! What build-trace makes of records: JSON and XML that others read, with all of it in the picture.

use crate::choices::Choices;
use build_trace::{Format, Timeline};
use serde_json::{Value, json};

/// Records made from choices, some streams without their end, are drawn.
pub fn trace(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let streams: Vec<String> = choices.several(4, stream);
    trace_text(streams.concat().as_bytes());
}

/// Any bytes are drawn, or refused with a reason.
pub fn trace_text(bytes: &[u8]) {
    if let Some(json) = drawn(bytes, Format::Json) {
        let whole: Value = serde_json::from_slice(&json).expect("a trace is JSON");
        let events = whole["traceEvents"].as_array().expect("a trace has events");
        for event in events.iter().filter(|event| event["ph"] == "X") {
            let end = event["ts"].as_u64().zip(event["dur"].as_u64()).map(|(ts, dur)| ts + dur);
            assert!(end.is_some_and(|end| end < 1 << 53), "{event}");
            assert!(
                event["name"].as_str().is_some_and(|name| !name.chars().any(char::is_control)),
                "{event}"
            );
        }
    }
    if let Some(svg) = drawn(bytes, Format::Svg) {
        let text = std::str::from_utf8(&svg).expect("a chart is UTF-8");
        let chart = roxmltree::Document::parse(text).expect("a chart is XML");
        let number = |node: roxmltree::Node, name: &str| -> f64 {
            node.attribute(name).and_then(|text| text.parse().ok()).expect("a chart's sizes are numbers")
        };
        let root = chart.root_element();
        let (width, height) = (number(root, "width"), number(root, "height"));
        for node in chart.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            let ours = ["svg", "title", "style", "defs", "pattern", "rect", "line", "text", "g"];
            assert!(ours.contains(&name), "<{name}> is none of ours");
            if name == "rect" || name == "svg" && node != root {
                let (x, y) = (number(node, "x"), number(node, "y"));
                let (right, bottom) = (x + number(node, "width"), y + number(node, "height"));
                assert!(x >= 0.0 && y >= 0.0 && right <= width + 0.1 && bottom <= height + 0.1, "{node:?}");
            }
        }
    }
}

fn drawn(bytes: &[u8], format: Format) -> Option<Vec<u8>> {
    let mut timeline = Timeline::default();
    let mut output = Vec::new();
    let done = timeline.read("", bytes).and_then(|()| build_trace::write(timeline, format, &mut output));
    match done {
        Ok(()) => Some(output),
        Err(failure) => {
            assert_eq!(failure.status(), 3, "{failure:?}");
            None
        }
    }
}

fn stream(choices: &mut Choices) -> String {
    let mut lines = vec![json!({"type": "header", "format": "build-record", "version": 1})];
    lines.extend(choices.several(5, record));
    if !choices.one_in(3) {
        lines.push(json!({"type": "end", "records": lines.len() - 1}));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn record(choices: &mut Choices) -> Value {
    let mut record = json!({
        "stage": choices.below(3),
        "dockerfile": text(choices),
        "line": choices.below(9),
        "text": text(choices),
        "config": {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": []}},
    });
    if choices.one_in(2) {
        record["stage_name"] = text(choices).into();
    }
    if choices.one_in(2) {
        record["waited"] =
            choices.several(3, |choices| timed(json!({"stage": choices.below(4)}), choices)).into();
    }
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let blob = json!({"mediaType": "x", "digest": digest, "size": moment(choices)});
    let members = match choices.below(5) {
        0 => json!({"type": "base", "layers": []}),
        1 => {
            json!({"type": "layer", "snapshot": text(choices), "descriptor": blob, "diff_id": digest, "tar_size": 1})
        }
        2 => {
            json!({"type": "failed", "status": choices.byte(), "message": text(choices), "step": choices.below(3)})
        }
        _ => json!({
            "type": "step", "step": choices.below(9), "steps": choices.below(9), "op": text(choices),
            "cache": choices.pick(&["hit", "miss", "none"]), "parents": [], "snapshot": text(choices),
            "ships": choices.one_in(2), "log": text(choices), "layer": {"descriptor": blob, "diff_id": digest},
            "why": {"reason": "new", "text": text(choices)},
        }),
    };
    if let (Value::Object(record), Value::Object(members)) = (&mut record, members) {
        record.extend(members);
    }
    timed(record, choices)
}

fn timed(mut record: Value, choices: &mut Choices) -> Value {
    record["started_ms"] = moment(choices).into();
    record["duration_ms"] = moment(choices).into();
    record
}

/// Mostly of one hour, sometimes of another age.
fn moment(choices: &mut Choices) -> u64 {
    match choices.below(8) {
        0 => u64::MAX - u64::from(choices.byte()),
        1 => 0,
        2 => 1 << choices.below(64),
        _ => 1_795_516_800_000 + u64::from(choices.byte()) * 256 + u64::from(choices.byte()),
    }
}

fn text(choices: &mut Choices) -> String {
    let pieces = [
        "RUN ", "</svg>", "<script>", "\"'&", "]]>", "\u{0}", "\u{1b}[", "\n", "\u{ffff}", "\u{202e}",
        "日本", "long ", "a",
    ];
    let text = choices.text(6, &pieces);
    if choices.one_in(16) { text.repeat(200) } else { text }
}
