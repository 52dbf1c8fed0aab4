//! The example of layer-changes(5) is exactly what the code reads and writes.

use libwire::changes::LayerChanges;
use libwire::{Event, Reader, Writer};

const PAGE: &str = include_str!("../../../man/layer-changes.5");

fn example() -> &'static str {
    literal(".Bd -literal\n")
}

fn literal(begin: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(begin).unwrap();
    rest.split_once(".Ed\n").unwrap().0
}

#[test]
fn the_example_is_read_and_written_unchanged() {
    let mut reader = Reader::<_, LayerChanges>::new(example().as_bytes());
    let Some(Event::Header(header)) = reader.next_event().unwrap() else { panic!("no header") };
    let mut writer = Writer::<_, LayerChanges>::digesting(Vec::new(), header.extra).unwrap();
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Record(change) = event {
            writer.write(&change).unwrap();
        }
    }
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), example());
}

#[test]
fn a_row_is_closed_as_the_page_shows() {
    let closing = libwire::changes::close(Vec::new()).unwrap();
    assert_eq!(String::from_utf8(closing).unwrap(), literal(".Bd -literal -offset indent\n"));
}

#[test]
fn every_kind_of_record_is_in_the_example_or_named_on_the_page() {
    for word in
        ["file", "dir", "symlink", "hardlink", "fifo", "char", "block", "opaque", "path_b64", "target_b64"]
    {
        assert!(PAGE.contains(word), "{word}");
    }
}
