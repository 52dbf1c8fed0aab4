//! Sparse files and global headers in archives: the model knows the bytes and the times that must come out.

use crate::archive::{header, padded, pax_record};
use crate::choices::Choices;
use libtree::tar::{BLOCK, Reader};
use std::io::Read;

/// A file with holes, in a format of choice, among files whose times global headers set.
pub fn sparse_archive(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let (mut archive, mut wanted) = (Vec::new(), Vec::new());
    let mut global = None;
    for number in 0..=choices.below(4) {
        if choices.one_in(3) {
            global = *choices.pick(&[&None, &Some(1), &Some(1_000_000)]);
            let value = global.map(|time: i64| time.to_string()).unwrap_or_default();
            archive.extend(extension(b'g', &pax_record("mtime", &value)));
        }
        let own = *choices.pick(&[&None, &None, &Some(""), &Some("77")]);
        let name = format!("file{number}");
        let runs = runs(choices);
        let size = runs.last().map_or(0, |(start, data)| start + data.len()) + choices.below(5) * 300;
        archive.extend(entry(choices, &name, &runs, size, own));
        let header_time = 0o1234;
        let time = match own {
            Some("") => header_time,
            Some(own) => own.parse().expect("a number"),
            None => global.unwrap_or(header_time),
        };
        wanted.push((name.into_bytes(), content(&runs, size), time));
    }
    archive.extend([0; 2 * BLOCK]);
    assert_eq!(read(&archive), Some(wanted), "{}", archive.escape_ascii());
    // Nearly the same: refused, or read to its end, and never with a body that is not as long as it says.
    let at = choices.below(256) * 31 % archive.len();
    archive[at] ^= 1 << choices.below(8);
    read(&archive);
}

type File = (Vec<u8>, Vec<u8>, i64);

fn read(archive: &[u8]) -> Option<Vec<File>> {
    let (mut reader, mut files) = (Reader::new(archive), Vec::new());
    while let Some(entry) = reader.next_entry().ok()? {
        let mut body = Vec::new();
        reader.body().take(1 << 20).read_to_end(&mut body).ok()?;
        assert_eq!(body.len() as u64, entry.size.min(1 << 20), "{entry:?}");
        files.push((entry.path, body, entry.mtime));
    }
    Some(files)
}

/// Parts of data, in order, with holes between them.
fn runs(choices: &mut Choices) -> Vec<(usize, Vec<u8>)> {
    let mut at = 0;
    let mut run = |choices: &mut Choices| {
        let start = at + choices.below(200) * 7;
        let data = vec![choices.byte(); 1 + choices.below(3) * 300];
        at = start + data.len();
        (start, data)
    };
    choices.several(4, &mut run)
}

fn content(runs: &[(usize, Vec<u8>)], size: usize) -> Vec<u8> {
    let mut content = vec![0; size];
    for (start, data) in runs {
        content[*start..][..data.len()].copy_from_slice(data);
    }
    content
}

/// The entry as GNU tar writes it: a part of nothing at the end says where that is.
fn entry(
    choices: &mut Choices,
    name: &str,
    runs: &[(usize, Vec<u8>)],
    size: usize,
    own: Option<&str>,
) -> Vec<u8> {
    let parts = runs.iter().map(|(start, data)| (*start, data.len())).chain([(size, 0)]);
    let parts: Vec<(usize, usize)> = parts.collect();
    let data: Vec<u8> = runs.iter().flat_map(|(_, data)| data.clone()).collect();
    let key = |key: &str, value: &str| pax_record(&format!("GNU.sparse.{key}"), value);
    let (length, count) = (size.to_string(), parts.len().to_string());
    let own = own.map_or(String::new(), |time| pax_record("mtime", time));
    let dense = |pax: String, name: &str, body: Vec<u8>| {
        [extension(b'x', &(own.clone() + &pax)), header(b'0', name, body.len() as u64).to_vec(), padded(body)]
            .concat()
    };
    match choices.below(4) {
        0 => dense(pax_record("comment", "c"), name, content(runs, size)),
        1 => {
            let each = |(start, length): &(usize, usize)| {
                key("offset", &start.to_string()) + &key("numbytes", &length.to_string())
            };
            let pax = [key("size", &length), key("numblocks", &count), parts.iter().map(each).collect()];
            dense(pax.concat(), name, data)
        }
        2 => {
            let map: Vec<String> = parts.iter().map(|(start, length)| format!("{start},{length}")).collect();
            let pax = [
                key("name", name),
                key("size", &length),
                key("numblocks", &count),
                key("map", &map.join(",")),
            ];
            dense(pax.concat(), "GNUSparseFile.0", data)
        }
        _ => {
            let lines = parts.iter().map(|(start, length)| format!("{start}\n{length}\n"));
            let map = [format!("{count}\n")].into_iter().chain(lines).collect::<String>();
            let pax = [key("major", "1"), key("minor", "0"), key("name", name), key("realsize", &length)];
            dense(pax.concat(), "GNUSparseFile.0", [padded(map.into_bytes()), data].concat())
        }
    }
}

fn extension(kind: u8, records: &str) -> Vec<u8> {
    [header(kind, "PaxHeaders", records.len() as u64).to_vec(), padded(records.into())].concat()
}
