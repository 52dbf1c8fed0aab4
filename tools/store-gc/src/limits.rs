//! How large a store may be: reads it from options and from the store's file `limits`.

use libcli::Failure;
use std::path::Path;
use std::time::Duration;

/// The file of a store that says how large it may be.
const FILE: &str = "limits";
/// The first words of the lines of that file, named as the options are.
const WORDS: [&str; 3] = ["max-size", "min-free", "keep-for"];

/// The part of a file system that must stay free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Free {
    /// Bytes.
    Bytes(u64),
    /// Hundredths of the file system.
    Percent(f64),
}

/// How large a store may be, and how long an unused entry stays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The most that the store takes, in bytes.
    pub max_size: Option<u64>,
    /// The part of its file system that must stay free.
    pub min_free: Option<Free>,
    /// An entry that was not used for this time is removed, even if there is room.
    pub keep_for: Option<Duration>,
}

/// Reads the part that must stay free, as `10%` or `5G`.
pub fn free(text: &str) -> Result<Free, String> {
    let Some(number) = text.strip_suffix('%') else {
        return libcli::decimal_size(text).map(Free::Bytes);
    };
    match number.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Free::Percent(percent)),
        _ => Err(format!("{text:?} is no share; write it as 10% or 5GB")),
    }
}

/// Reads a time span of one unit.
pub fn span(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    let seconds = libcli::seconds(text, &units).map(Duration::from_secs);
    seconds.ok_or_else(|| format!("{text:?} is no time; write it as 7d, 12h, 30m or 90s"))
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The limits of the store at `path`; none if it has no such file.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let file = path.join(FILE);
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                Self::parse(&text).map_err(|what| Failure::bad_input(file.display().to_string(), what))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::failed(file.display().to_string(), error)),
        }
    }

    /// Reads the lines of such a file. Empty lines, and lines that begin with `#`, are skipped.
    fn parse(text: &str) -> Result<Self, String> {
        let mut limits = Self::default();
        let lines = text.lines().map(str::trim).enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (word, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let value = value.trim();
            let read = match word {
                "max-size" => libcli::decimal_size(value).map(|size| limits.max_size = Some(size)),
                "min-free" => free(value).map(|free| limits.min_free = Some(free)),
                "keep-for" => span(value).map(|span| limits.keep_for = Some(span)),
                word => Err(format!("{word:?} is no limit; there are {}", WORDS.join(", "))),
            };
            read.map_err(|what| format!("line {}: {what}", at + 1))?;
        }
        Ok(limits)
    }

    /// The lines of such a file.
    pub fn text(&self) -> String {
        let free = |free| match free {
            Free::Bytes(bytes) => format!("{bytes}"),
            Free::Percent(percent) => format!("{percent}%"),
        };
        let values = [
            self.max_size.map(|size| size.to_string()),
            self.min_free.map(free),
            self.keep_for.map(|span| format!("{}s", span.as_secs())),
        ];
        let lines = WORDS.iter().zip(values).filter_map(|(word, value)| Some(format!("{word} {}\n", value?)));
        lines.collect()
    }

    /// Makes these the limits of the store at `path`, durably.
    pub fn keep(&self, path: &Path) -> Result<(), Failure> {
        let file = path.join(FILE);
        let write = |output: &mut dyn std::io::Write| {
            let what = format!("cannot write {}", path.join(FILE).display());
            output.write_all(self.text().as_bytes()).map_err(libstore::StoreError::io(what))
        };
        Ok(libstore::export::to_file(&file, write)?)
    }

    /// How large the store may be that takes `disk` now, on a file system of `total` bytes of which `free` are free.
    pub fn target(&self, disk: u64, total: u64, free: u64) -> u64 {
        let wanted = match self.min_free {
            None => 0,
            Some(Free::Bytes(bytes)) => bytes,
            Some(Free::Percent(percent)) => (total as f64 * percent / 100.0) as u64,
        };
        let by_free = match wanted {
            0 => u64::MAX,
            wanted => (disk + free).saturating_sub(wanted),
        };
        self.max_size.unwrap_or(u64::MAX).min(by_free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        let text = "# the disk is small\n\nmax-size 20G\nmin-free  10%\nkeep-for 7d\n";
        let limits = Limits::parse(text).unwrap();
        assert_eq!((limits.max_size, limits.min_free), (Some(20_000_000_000), Some(Free::Percent(10.0))));
        assert_eq!(limits.keep_for, Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(Limits::parse(&limits.text()).unwrap(), limits);
        for (bad, line) in [("max-size", 1), ("\nmin-free 101%", 2), ("keep-for 7", 1), ("size 1", 1)] {
            assert!(Limits::parse(bad).unwrap_err().starts_with(&format!("line {line}: ")), "{bad}");
        }
    }

    #[test]
    fn the_smaller_limit_counts() {
        let limits = Limits { max_size: Some(100), min_free: Some(Free::Percent(10.0)), keep_for: None };
        assert_eq!(limits.target(120, 1000, 500), 100);
        assert_eq!(limits.target(120, 1000, 40), 60);
        assert_eq!(limits.target(120, 10_000, 40), 0);
        let limits = Limits { max_size: None, min_free: Some(Free::Bytes(50)), keep_for: None };
        assert_eq!(limits.target(120, 1000, 60), 130);
        assert_eq!(Limits::default().target(120, 1000, 0), u64::MAX);
    }
}
