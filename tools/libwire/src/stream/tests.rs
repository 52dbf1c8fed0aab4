use super::*;

struct Numbers;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Number {
    Number { value: u64 },
}

impl Format for Numbers {
    const NAME: &'static str = "numbers";
    const VERSION: u32 = 1;
    const MAKER: &'static str = "nobody makes";
    const RECORDS: Records = &[("number", "a number", &[Member::Must("value", shape::COUNT)])];
    const STRICT: bool = false;
    type Record = Number;

    fn is_odd(_: &Number, _: usize) -> bool {
        false
    }
}

fn stream(values: &[u64]) -> String {
    let mut writer = Writer::<_, Numbers>::new(Vec::new(), BTreeMap::new()).unwrap();
    for &value in values {
        writer.write(&Number::Number { value }).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn read(text: &str) -> Result<Vec<Number>, WireError> {
    Reader::<_, Numbers>::new(text.as_bytes()).read_all()
}

#[test]
fn the_frame_is_as_the_page_says() {
    assert_eq!(
        stream(&[7]),
        "{\"type\":\"header\",\"format\":\"numbers\",\"version\":1}\n{\"type\":\"number\",\"value\":7}\n{\"type\":\"end\",\"records\":1}\n"
    );
}

#[test]
fn an_end_record_with_a_digest_tells_whether_anything_was_changed() {
    let made = || {
        let mut writer = Writer::<_, Numbers>::digesting(Vec::new(), BTreeMap::new()).unwrap();
        writer.write(&Number::Number { value: 7 }).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    };
    let unchanged = |text: &str| {
        let mut reader = Reader::<_, Numbers>::new(text.as_bytes()).comparing();
        let mut each = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if matches!(event, Event::End) {
                each.push(reader.unchanged());
            }
        }
        each
    };
    let lines =
        "{\"type\":\"header\",\"format\":\"numbers\",\"version\":1}\n{\"type\":\"number\",\"value\":7}\n";
    let digest = Digest::of(lines.as_bytes());
    assert_eq!(made(), format!("{lines}{{\"type\":\"end\",\"records\":1,\"digest\":\"{digest}\"}}\n"));
    assert_eq!(unchanged(&made()), [true]);
    for change in [("7", "8"), ("\"value\":7", "\"value\": 7"), ("\"version\":1", "\"version\":1,\"x\":1")] {
        let changed = made().replace(change.0, change.1);
        assert_eq!(unchanged(&(made() + &changed + &made())), [true, false, true], "{change:?}");
    }
    assert_eq!(unchanged(&stream(&[7])), [false]);
}

#[test]
fn streams_may_follow_one_another() {
    let both = stream(&[1, 2]) + &stream(&[3]);
    assert_eq!(read(&both).unwrap().len(), 3);
}

#[test]
fn a_stream_cut_anywhere_is_refused() {
    let whole = stream(&[1, 2, 3]);
    for cut in 0..whole.len() {
        assert!(read(&whole[..cut]).is_err(), "cut at byte {cut}");
    }
}

#[test]
fn what_a_stream_cut_anywhere_has_whole_can_be_salvaged() {
    let (whole, next) = (stream(&[1, 2, 3]), stream(&[4]));
    for cut in 0..whole.len() {
        // A cut line is lost, unless other bytes were appended to it.
        let lines = whole[..cut].rfind('\n').map_or(0, |at| at + 1);
        let mut reader = Reader::<_, Numbers>::new(&whole.as_bytes()[..cut]).salvaging();
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
        let seen = whole[..lines].lines().count();
        assert_eq!(events.len(), if seen == 0 { 0 } else { seen + 1 }, "cut at byte {cut}");
        assert!(seen == 0 || matches!(events.last(), Some(Event::Cut)));
        let both = whole[..lines].to_owned() + &next;
        let mut reader = Reader::<_, Numbers>::new(both.as_bytes()).salvaging();
        let mut after = 0;
        while let Some(event) = reader.next_event().unwrap() {
            after += usize::from(matches!(event, Event::Record(Number::Number { value: 4 })));
        }
        assert_eq!(after, 1);
    }
}

#[test]
fn what_is_not_known_is_an_error() {
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"numbers\"", "\"letters\""),
        ("\"number\"", "\"letter\""),
        ("\"records\":1", "\"records\":2"),
        ("\"version\":1", "\"version\":1,\"requires\":[\"x\"]"),
    ] {
        let text = stream(&[7]).replace(from, to);
        assert!(read(&text).is_err(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let two = stream(&[7, 8]) + &stream(&[9]);
    for (from, to, told) in [
        (":8", ":-8", "record 2: `value` is -8, not a whole number from 0"),
        ("\"value\":9", "\"vale\":9", "stream 2, record 1: `value` is missing"),
        ("\"records\":1", "\"records\":2", "stream 2, end record: it counts 2 records, but there are 1"),
        ("\"value\":8", "\"value\":8,\"more\":null", "record 2: `more` is null; leave it out"),
        ("\"number\",\"value\":8", "\"numbr\"", "record 2: \"numbr\" is not a type of record in a numbers"),
        ("{\"type\":\"number\",\"value\":8}", "", "record 2: the line is blank"),
        ("{\"type\":\"number\",\"value\":8}", "{", "record 2: the line is not a JSON object"),
        (
            "{\"type\":\"end\",\"records\":1}\n",
            "",
            "the numbers stream stops before its end record, after stream 2, record 1",
        ),
        ("{\"type\":\"end\",\"records\":2}\n", "", "record 3: \"header\" is not a type"),
    ] {
        let error = read(&two.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
    let error = read("FROM scratch\n").unwrap_err().to_string();
    assert_eq!(error, "this is a Dockerfile; expected a numbers stream, which nobody makes");
    let error = read(&(stream(&[]) + "\n")).unwrap_err().to_string();
    assert!(error.starts_with("stream 2, header: "), "{error}");
}

#[test]
fn an_unknown_member_is_ignored() {
    let text = stream(&[7]).replace("\"value\"", "\"more\":[],\"value\"");
    assert_eq!(read(&text).unwrap(), [Number::Number { value: 7 }]);
}
