//! Finds and reads the files that hold a build's records.

use crate::timeline::Timeline;
use libcli::Failure;
use libwire::record::BuildRecord;
use libwire::{Event, Reader, WireError};
use rustix::fs::Dir;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

impl Timeline {
    /// Reads a file, or the steps and layers of a directory.
    pub fn open(&mut self, path: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::failed(path.display().to_string(), error);
        if !path.is_dir() {
            return self.file(path);
        }
        let mut files: Vec<(usize, PathBuf)> = Vec::new();
        // std::fs::read_dir panics if the directory cannot be closed.
        let dir = File::open(path).map_err(failed)?;
        for entry in Dir::read_from(&dir).map_err(|errno| failed(errno.into()))? {
            let entry = entry.map_err(|errno| failed(errno.into()))?;
            let name = entry.file_name().to_string_lossy();
            files.extend(stage_of(&name).map(|stage| (stage, path.join(&*name))));
        }
        files.sort();
        if files.is_empty() {
            let what = "there are no steps.N in it; name a directory that image-build --keep made";
            return Err(Failure::failed(path.display().to_string(), what));
        }
        files.iter().try_for_each(|(_, file)| self.file(file))
    }

    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let place = path.display().to_string();
        let file = File::open(path).map_err(|error| Failure::failed(&*place, error))?;
        self.read(&place, BufReader::new(file))
    }

    /// Reads streams of records, complete or cut. `place` is for messages.
    pub fn read(&mut self, place: &str, input: impl BufRead) -> Result<(), Failure> {
        let mut reader = Reader::<_, BuildRecord>::new(input).salvaging();
        while let Some(event) = reader.next_event().map_err(|error| explain(place, error))? {
            match event {
                Event::Header(_) => self.begin(),
                Event::Record(record) => self.take(record),
                Event::End => {}
                Event::Cut => self.cut(),
            }
        }
        Ok(())
    }
}

/// The stage whose records have this file name.
fn stage_of(name: &str) -> Option<usize> {
    name.strip_prefix("steps.").or_else(|| name.strip_prefix("layers."))?.parse().ok()
}

fn explain(place: &str, error: WireError) -> Failure {
    match error {
        WireError::Io(error) => Failure::failed(place, error),
        other => Failure::bad_input(place, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_streams_is_read_by_stage_and_nothing_else_of_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["steps.0", "steps.1", "layers.0"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::write(dir.path().join("changes.0"), "{}\n").unwrap();
        assert!(Timeline::default().open(dir.path()).is_ok());
        assert_eq!(["steps.12", "layers.0", "steps.", "plan"].map(stage_of), [Some(12), Some(0), None, None]);
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_place() {
        let error = Timeline::default().read("steps.0", &b"{\"type\":\"step\"}\n"[..]).unwrap_err();
        assert_eq!(error.status(), 3);
        assert!(error.render("t").unwrap().starts_with("t: steps.0: this is JSON without a header"));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Timeline::default().open(empty.path()).unwrap_err().status(), 1);
    }
}
