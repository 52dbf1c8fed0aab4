//! Lists the images of a store. It only reads, and a damaged image does not hide the others.

pub mod filter;
pub mod sharing;

use filter::{Chosen, Filter};
use libcli::{Failure, human};
use libstore::{Image, Named, Store};
use libwire::Platform;
use libwire::{Digest, Reference};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// A row: an image, or one of its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its manifest's digest.
    pub digest: Digest,
    /// The time when it was made, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// `os/architecture`.
    pub platform: String,
    /// The number of its layers.
    pub layers: usize,
    /// Bytes of its blobs, as stored.
    pub size: u64,
    /// Bytes of its layers' files, if they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<u64>,
}

/// The images of `store` that match all filters and, if there are any, one of `names`; and a warning for each image
/// that can't be read.
pub fn list(store: &Store, filters: &[Filter], names: &[String]) -> Result<(Vec<Row>, Vec<String>), Failure> {
    let chosen = Chosen::new(store, filters, names)?;
    let (mut rows, mut warnings, sizes) = (Vec::new(), Vec::new(), store.content_sizes());
    for named in store.images()? {
        match store.image(&named.descriptor) {
            Ok(image) if chosen.has(&named, &image) => rows.push(row(&named, &image, &sizes)),
            Ok(_) => {}
            Err(error) => {
                let name = named.reference.as_ref().map_or("an image".into(), Reference::familiar);
                warnings.push(format!("{name} ({}): {error}", named.descriptor.digest));
            }
        }
    }
    Ok((rows, warnings))
}

fn row(named: &Named, image: &Image, sizes: &BTreeMap<Digest, u64>) -> Row {
    let manifest = &image.manifest;
    let layers: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
    Row {
        name: named.reference.as_ref().map(Reference::familiar),
        digest: named.descriptor.digest,
        created: image.config.created.clone(),
        platform: Platform::of_config(&image.config).to_string(),
        layers: manifest.layers.len(),
        size: layers + manifest.config.size + image.descriptor.size,
        content: image.config.rootfs.diff_ids.iter().map(|layer| sizes.get(layer)).sum(),
    }
}

/// Writes `rows` as one JSON object a line.
pub fn write_json(rows: &[Row], output: &mut impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *output, row)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes the digests of `rows`, one a line, each once.
pub fn write_digests(rows: &[Row], output: &mut impl Write) -> io::Result<()> {
    let mut written = BTreeSet::new();
    rows.iter()
        .filter(|row| written.insert(row.digest))
        .try_for_each(|row| writeln!(output, "{}", row.digest))
}

/// Writes `rows` as a table with a heading.
pub fn write_table(rows: &[Row], output: &mut impl Write) -> io::Result<()> {
    let head = ["NAME", "DIGEST", "CREATED", ">LAYERS", ">DOWNLOAD", ">FILES"];
    libcli::write_table(&head, &rows.iter().map(cells).collect::<Vec<_>>(), output)
}

fn cells(row: &Row) -> Vec<String> {
    let created = row.created.as_deref().unwrap_or("-");
    vec![
        row.name.clone().unwrap_or_else(|| "-".into()),
        row.digest.hex()[..12].to_owned(),
        libcli::sanitise(&created.chars().take(19).collect::<String>()),
        row.layers.to_string(),
        human(row.size),
        row.content.map_or_else(|| "-".into(), human),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up_and_json_has_one_object_a_line() {
        let row = |name: Option<&str>, content| Row {
            name: name.map(str::to_owned),
            digest: Digest::of(b"x"),
            created: Some("2020-01-01T00:00:00.123Z".into()),
            platform: "linux/amd64".into(),
            layers: 1,
            size: 2048,
            content,
        };
        let rows = [row(Some("app:latest"), Some(5_000_000)), row(None, None)];
        let mut out = Vec::new();
        write_table(&rows, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "NAME        DIGEST        CREATED              LAYERS  DOWNLOAD   FILES\n\
             app:latest  2d711642b726  2020-01-01T00:00:00       1    2.0 kB  5.0 MB\n\
             -           2d711642b726  2020-01-01T00:00:00       1    2.0 kB       -\n"
        );
        let mut out = Vec::new();
        write_json(&rows, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
        let mut out = Vec::new();
        write_digests(&rows, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}\n", rows[0].digest));
    }

    #[test]
    fn a_damaged_image_is_warned_of_and_the_others_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), libstore::Options::default()).unwrap();
        let bad = store.put(b"{}", libwire::image::MEDIA_MANIFEST).unwrap();
        store.tag(&"bad".parse().unwrap(), &bad).unwrap();
        let (rows, warnings) = list(&store, &[], &[]).unwrap();
        assert_eq!((rows.len(), warnings.len()), (0, 1));
        assert!(warnings[0].starts_with("bad:latest (sha256:"), "{warnings:?}");
    }
}
