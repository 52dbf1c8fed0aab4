//! The rows that the records of a build become.

use super::*;
use crate::screen::Size;

const SIZE: Size = Size { width: 60, height: 24 };

struct Watched {
    build: Build,
    now: Instant,
}

impl Watched {
    fn new() -> Self {
        let now = Instant::now();
        Self { build: Build::new(now), now }
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn take(&mut self, records: &[&str]) -> &mut Self {
        records.iter().for_each(|record| self.build.take(&serde_json::from_str(record).unwrap(), self.now));
        self
    }

    fn lines(&mut self) -> Vec<String> {
        self.build.take_rows(self.now).iter().map(|row| row.text(SIZE.columns())).collect()
    }

    fn region(&self, size: Size) -> Vec<String> {
        self.build.region(size, self.now).iter().map(|row| row.text(size.columns())).collect()
    }
}

const TWO_STAGES: [&str; 8] = [
    r#"{"type":"stage","stage":0,"name":"build","text":"FROM debian:12 AS build"}"#,
    r#"{"type":"stage","stage":1,"text":"FROM debian:12"}"#,
    r#"{"type":"base","stage":0,"steps":7}"#,
    r#"{"type":"base","stage":1,"steps":2}"#,
    r#"{"type":"step","stage":0,"step":1,"steps":7,"text":"COPY . /src"}"#,
    r#"{"type":"done","stage":0,"step":1,"cache":"hit","duration_ms":1}"#,
    r#"{"type":"step","stage":0,"step":2,"steps":7,"text":"RUN make"}"#,
    r#"{"type":"wait","stage":1,"needs":0}"#,
];

#[test]
fn a_region_has_what_goes_on_and_lines_what_is_done() {
    let mut watched = Watched::new();
    watched.take(&TWO_STAGES);
    assert_eq!(watched.lines(), [""; 0], "a cached step is told when the next one runs");
    watched.take(&[
        r#"{"type":"log","stage":0,"text":"cc a.c\ncc b"}"#,
        r#"{"type":"transfer","what":"pull","name":"debian:12","bytes":24000000,"total":48000000}"#,
        r#"{"type":"transfer","what":"pack","name":"0123","bytes":9000000}"#,
    ]);
    watched.after(75);
    assert_eq!(watched.lines(), ["· build 1/7 cached"]);
    assert_eq!(
        watched.region(SIZE),
        [
            "▸ build 2/7 RUN make  1m 15s",
            "  cc b",
            "▸ #1 waits for build  1m 15s",
            "▸ pull debian:12  ██████████░░░░░░░░░░  24.0 of 48.0 MB",
            "▸ pack a layer  9.0 MB",
        ]
    );
    watched.take(&[
        r#"{"type":"done","stage":0,"step":2,"cache":"miss","duration_ms":75000,"bytes":1500000}"#,
        r#"{"type":"transfer","what":"pull","name":"debian:12","bytes":48000000,"total":48000000,"done":true}"#,
        r#"{"type":"transfer","what":"pack","name":"0123","bytes":9000000,"done":true}"#,
        r#"{"type":"step","stage":1,"step":1,"steps":2,"text":"COPY --from=build /app /app"}"#,
        r#"{"type":"done","stage":1,"step":1,"cache":"miss","duration_ms":9}"#,
        r#"{"type":"image","digest":"sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","bytes":48600000}"#,
        r#"{"type":"end","status":0}"#,
    ]);
    assert!(!watched.build.is_live() && watched.build.has_ended());
    watched.build.finish(watched.now);
    assert_eq!(
        watched.lines(),
        [
            "✓ build 2/7 RUN make  1m 15s  1.5 MB",
            "✓ #1 1/2 COPY --from=build /app /app  0.0s",
            "✓ built in 1m 15s  1 cached, 2 run  a pull is 48.6 MB",
        ]
    );
}

#[test]
fn a_region_takes_no_more_than_a_third_of_the_screen() {
    let mut watched = Watched::new();
    for stage in 0..9 {
        watched.take(&[&format!(r#"{{"type":"step","stage":{stage},"step":1,"steps":1,"text":"RUN x"}}"#)]);
        watched.take(&[&format!(r#"{{"type":"log","stage":{stage},"text":"line\n"}}"#)]);
    }
    for height in [1, 2, 3, 6, 24, 27, 33, 60, 600] {
        let rows = watched.region(Size { width: 40, height });
        assert_eq!(rows.len(), (height / 3).clamp(1, 18), "of {height}");
    }
    assert_eq!(
        watched.region(Size { width: 40, height: 9 }),
        ["▸ #0 1/1 RUN x  0s", "▸ #1 1/1 RUN x  0s", "  and 7 more"]
    );
    assert_eq!(watched.region(Size { width: 40, height: 3 }), ["  9 things go on"]);
    for width in 0..30 {
        let wide = |row: &String| libcli::columns(row) > width;
        assert!(!watched.region(Size { width: width + 1, height: 60 }).iter().any(wide), "{width}");
    }
}

#[test]
fn a_failure_is_its_step_the_last_lines_and_the_message_and_no_total() {
    let mut watched = Watched::new();
    watched.take(&TWO_STAGES);
    watched.take(&[
        r#"{"type":"log","stage":0,"text":"cc: error\n"}"#,
        r#"{"type":"failed","stage":0,"step":2,"duration_ms":100}"#,
        r#"{"type":"note","stage":1,"text":"stopped"}"#,
        r#"{"type":"message","level":"error","text":"image-build: Dockerfile:2: RUN ended with status 1\n       enter what it left: image-run --store /var/lib/stagepipe --failed 0123456789abcdef0123\n"}"#,
        r#"{"type":"end","status":1}"#,
    ]);
    watched.build.finish(watched.now);
    assert_eq!(
        watched.lines(),
        [
            "· build 1/7 cached",
            "✗ build 2/7 RUN make  0.1s",
            "cc: error",
            "  #1: stopped",
            "image-build: Dockerfile:2: RUN ended with status 1",
            "       enter what it left: image-run --store /var/lib/stagepipe --failed 0123456789abcdef0123",
        ]
    );
}

#[test]
fn no_text_of_others_moves_the_cursor() {
    const HOSTILE: &str = "\u{1b}[2J\u{9b}2J\u{1b}]0;t\u{7}\r\u{8}\u{202e}x";
    let mut watched = Watched::new();
    let text = serde_json::to_string(HOSTILE).unwrap();
    for record in [
        "{\"type\":\"stage\",\"stage\":0,\"name\":TEXT,\"text\":TEXT}",
        "{\"type\":\"step\",\"stage\":0,\"step\":1,\"steps\":9,\"text\":TEXT}",
        "{\"type\":\"log\",\"stage\":0,\"text\":TEXT}",
        "{\"type\":\"note\",\"stage\":0,\"text\":TEXT}",
        "{\"type\":\"message\",\"level\":\"error\",\"text\":TEXT}",
        "{\"type\":\"transfer\",\"what\":\"pull\",\"name\":TEXT,\"bytes\":1}",
        "{\"type\":\"wait\",\"stage\":1,\"needs\":0}",
    ] {
        watched.take(&[&record.replace("TEXT", &text)]);
    }
    let live = watched.build.region(SIZE, watched.now);
    assert_eq!(live.len(), 4);
    watched.take(&["{\"type\":\"failed\",\"stage\":0,\"step\":1,\"duration_ms\":1}"]);
    let rows = watched.build.take_rows(watched.now).into_iter().chain(live);
    for text in rows.map(|row| row.text(SIZE.columns())) {
        assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    }
}
