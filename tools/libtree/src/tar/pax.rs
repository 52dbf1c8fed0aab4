//! pax extended headers: records `LENGTH KEY=VALUE\n`.

use std::collections::HashSet;

/// A key and its value.
pub(super) type Record = (String, Vec<u8>);

/// The keys that the oldest format of sparse files repeats for each part.
pub(super) const PART_KEYS: [&str; 2] = ["GNU.sparse.offset", "GNU.sparse.numbytes"];

/// Splits a pax body into its records. It is strict: if a length does not end at a newline, a key comes twice, or
/// bytes are left over, two readers could see two archives.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Record>, &'static str> {
    let mut records: Vec<Record> = Vec::new();
    let mut known = HashSet::new();
    let mut rest = body;
    while !rest.is_empty() {
        let space = rest.iter().take(8).position(|&b| b == b' ').ok_or("a pax record without length")?;
        let digits = std::str::from_utf8(&rest[..space]).map_err(|_| "a pax length that is not a number")?;
        let length: usize = digits.parse().map_err(|_| "a pax length that is not a number")?;
        if length <= space + 1 || length > rest.len() || rest[length - 1] != b'\n' {
            return Err("a pax record whose length is wrong");
        }
        let record = &rest[space + 1..length - 1];
        let equals = record.iter().position(|&b| b == b'=').ok_or("a pax record without =")?;
        let key = std::str::from_utf8(&record[..equals]).map_err(|_| "a pax key that is not UTF-8")?;
        if !PART_KEYS.contains(&key) && !known.insert(key) {
            return Err("a pax key given twice");
        }
        records.push((key.to_owned(), record[equals + 1..].to_vec()));
        rest = &rest[length..];
    }
    Ok(records)
}

/// A record in its canonical form. The length includes its own digits.
pub(super) fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let fixed = key.len() + value.len() + 3;
    let mut length = fixed + 1;
    while length != fixed + length.to_string().len() {
        length = fixed + length.to_string().len();
    }
    let mut out = format!("{length} {key}=").into_bytes();
    out.extend_from_slice(value);
    out.push(b'\n');
    out
}

/// Converts `seconds[.fraction]`, which may be negative, to seconds and nanoseconds.
pub(super) fn time(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: u32 = format!("{:0<9.9}", fraction).parse().ok()?;
    match whole.starts_with('-') && nanos > 0 {
        true => Some((seconds.checked_sub(1)?, 1_000_000_000 - nanos)),
        false => Some((seconds, nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_round_towards_the_past() {
        assert_eq!(time(b"1700000000.25"), Some((1_700_000_000, 250_000_000)));
        assert_eq!(time(b"-1.5"), Some((-2, 500_000_000)));
        assert_eq!(time(b"abc"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(key in "[a-zA-Z.]{1,40}", value in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(parse(&record(&key, &value)).unwrap(), vec![(key, value)]);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            let _ = time(&bytes);
        }
    }
}
