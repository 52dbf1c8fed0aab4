//! Images come in from layouts and archives, or are refused with nothing named.

mod common;

use common::*;
use libstore::{Select, StoreError, export};
use serde_json::{Value, json};
use std::io::Cursor;

fn simple() -> (Blobs, Value) {
    let mut blobs = Blobs::default();
    let manifest = blobs.image(&[(tar(&[("a", b"1")]), "gzip"), (tar(&[("b", b"2")]), "none")], "amd64");
    (blobs, manifest)
}

fn select(name: &str) -> Select {
    let platform = libwire::Platform {
        architecture: "amd64".into(),
        os: "linux".into(),
        variant: None,
        extra: Default::default(),
    };
    Select { name: (!name.is_empty()).then(|| name.to_owned()), digest: None, platform, ..Select::default() }
}

#[test]
fn a_layout_and_its_archive_plain_or_compressed_give_the_same_image() {
    let (blobs, manifest) = simple();
    let files = blobs.files(&[named(manifest.clone(), "latest")]);
    let dir = tempfile::tempdir().unwrap();
    write_files(&dir.path().join("layout"), &files);
    let plain = tar_files(&files);
    let archives = [plain.clone(), gzip(&plain), zstd::encode_all(&plain[..], 1).unwrap()];
    let store = store(dir.path());
    let mut all = vec![store.import_layout(&dir.path().join("layout"), &select("latest")).unwrap()];
    for archive in archives {
        all.push(store.import_archive(Cursor::new(archive), &select("")).unwrap());
    }
    for imported in all {
        let image = &imported[0].image;
        assert_eq!(
            (imported.len(), image.descriptor.digest.to_string()),
            (1, manifest["digest"].as_str().unwrap().into())
        );
        assert!(image.manifest.layers.iter().all(|layer| store.has_blob(layer).unwrap()));
        assert!(imported[0].names.is_empty(), "a tag alone is no name");
    }
}

#[test]
fn what_is_exported_is_imported_with_its_names() {
    let (blobs, manifest) = simple();
    let dir = tempfile::tempdir().unwrap();
    let first = store(dir.path());
    let archive = tar_files(&blobs.files(&[manifest]));
    let image = first.import_archive(Cursor::new(archive), &select("")).unwrap().remove(0).image;
    let names = ["app:1".parse().unwrap(), "localhost:5000/me/app".parse().unwrap()];
    for format in [export::Format::Oci, export::Format::Docker] {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        export::archive(&first, &image, &names, format, &mut one).unwrap();
        export::archive(&first, &image, &names, format, &mut two).unwrap();
        assert!(one == two, "the same image gives the same bytes");
        let other = tempfile::tempdir().unwrap();
        let imported = store(other.path()).import_archive(Cursor::new(one), &select("")).unwrap();
        assert_eq!(imported.len(), 1);
        assert_eq!(imported[0].image.descriptor.digest, image.descriptor.digest);
        assert_eq!(imported[0].names, names);
    }
    export::layout(&first, &image, &names, &dir.path().join("out")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let imported = store(other.path()).import_layout(&dir.path().join("out"), &select("app:1")).unwrap();
    assert_eq!(imported[0].image.descriptor.digest, image.descriptor.digest);
    assert!(export::layout(&first, &image, &names, &dir.path().join("out")).is_err(), "not over another");
}

#[test]
fn an_index_gives_this_platforms_image() {
    let mut blobs = Blobs::default();
    let mut entries = Vec::new();
    for architecture in ["arm64", "amd64"] {
        let mut entry = blobs.image(&[(tar(&[("a", architecture.as_bytes())]), "none")], architecture);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entries.push(entry);
    }
    let amd64 = entries[1]["digest"].as_str().unwrap().to_owned();
    let nested =
        blobs.put_json(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}), INDEX);
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for manifests in [vec![named(nested, "x")], entries] {
        let archive = tar_files(&blobs.files(&manifests));
        let imported = store.import_archive(Cursor::new(archive.clone()), &select("")).unwrap();
        assert_eq!(imported[0].image.descriptor.digest.to_string(), amd64);
        let mut other = select("");
        other.platform.architecture = "riscv64".into();
        let error = store.import_archive(Cursor::new(archive), &other).unwrap_err().to_string();
        assert!(error.contains("linux/riscv64; there is linux/amd64, linux/arm64"), "{error}");
    }
}

/// The image that is taken of these entries, or the message.
fn taken(blobs: &Blobs, entries: &[Value], select: &Select) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let archive = tar_files(&blobs.files(entries));
    let imported = store(dir.path()).import_archive(Cursor::new(archive), select);
    imported.map(|all| all[0].image.descriptor.digest.to_string()).map_err(|error| error.to_string())
}

#[test]
fn an_entry_without_a_platform_is_for_what_its_config_says() {
    let mut blobs = Blobs::default();
    let entries =
        ["arm64", "amd64"].map(|arch| blobs.image(&[(tar(&[("a", arch.as_bytes())]), "none")], arch));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let nested = [blobs.put_json(&index, INDEX)];
    for manifests in [&entries[..], &nested] {
        for (wanted, entry) in ["arm64", "amd64"].iter().zip(&entries) {
            let mut select = select("");
            select.platform.architecture = (*wanted).to_owned();
            assert_eq!(taken(&blobs, manifests, &select).unwrap(), entry["digest"].as_str().unwrap());
        }
        let other = Select { platform: "linux/s390x".parse().unwrap(), other_platform: true, ..select("") };
        let error = taken(&blobs, manifests, &other).unwrap_err();
        assert!(error.contains("there is linux/amd64, linux/arm64"), "{error}");
    }
    let sole = Select { platform: "linux/s390x".parse().unwrap(), ..select("") };
    assert!(taken(&blobs, &entries[..1], &sole).unwrap_err().contains("there is linux/arm64"));
    let sole = Select { other_platform: true, ..sole };
    assert_eq!(taken(&blobs, &entries[..1], &sole).unwrap(), entries[0]["digest"].as_str().unwrap());
}

#[test]
fn a_plain_platform_goes_before_a_variant_that_the_machine_lacks() {
    let mut blobs = Blobs::default();
    let entries = [json!("v3"), Value::Null].map(|variant| {
        let mut entry = blobs.image(&[(tar(&[("a", variant.to_string().as_bytes())]), "none")], "amd64");
        entry["platform"] = json!({"os": "linux", "architecture": "amd64"});
        if !variant.is_null() {
            entry["platform"]["variant"] = variant;
        }
        entry
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let nested = [blobs.put_json(&index, INDEX)];
    for manifests in [&entries[..], &nested] {
        assert_eq!(taken(&blobs, manifests, &select("")).unwrap(), entries[1]["digest"].as_str().unwrap());
    }
}

#[test]
fn what_is_beside_an_image_is_passed_over_and_a_choice_says_how() {
    let mut blobs = Blobs::default();
    let image = blobs.image(&[(tar(&[("a", b"1")]), "none")], "amd64");
    let hex = &image["digest"].as_str().unwrap()[7..];
    let mut of = |config: &str, layer: &str| {
        let config = blobs.put_json(&json!({}), config);
        let layer = blobs.put(b"{}".to_vec(), layer);
        blobs.put_json(&json!({"schemaVersion": 2, "config": config, "layers": [layer]}), MANIFEST)
    };
    let chart =
        of("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip");
    let signature = of(CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json");
    let mut artifact = chart.clone();
    artifact["artifactType"] = json!("application/spdx+json");
    let mut attestation = chart.clone();
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let referrers = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    let referrers = named(blobs.put_json(&referrers, INDEX), &format!("sha256-{hex}"));
    let beside = [chart, signature, artifact, attestation, referrers];
    for one in &beside {
        assert_eq!(taken(&blobs, &[one.clone(), image.clone()], &select("")).unwrap(), image["digest"]);
        let error = taken(&blobs, std::slice::from_ref(one), &select("")).unwrap_err();
        assert!(error.starts_with("index.json: has no image, only "), "{error}");
    }
    let other = blobs.image(&[(tar(&[("b", b"2")]), "none")], "amd64");
    let error = taken(&blobs, &[image, other.clone(), beside[0].clone()], &select("")).unwrap_err();
    assert!(error.ends_with("; choose one with --select") && error.contains(hex_of(&other)), "{error}");
}

fn hex_of(descriptor: &Value) -> &str {
    &descriptor["digest"].as_str().unwrap()[7..]
}

#[test]
fn names_that_can_not_be_kept_are_told() {
    let (blobs, manifest) = simple();
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for (name, told) in [("latest", "\"latest\" is a tag without a name"), ("ME/App:1", "must be lowercase")]
    {
        let files = blobs.files(&[named(manifest.clone(), name)]);
        let imported = store.import_archive(Cursor::new(tar_files(&files)), &select(name)).unwrap();
        assert!(imported[0].names.is_empty() && imported[0].left_out[0].contains(told), "{imported:?}");
    }
    let layer = tar(&[("a", b"1")]);
    let mut files = docker_archive(&layer, &layer);
    edit(&mut files, "app:1", "ME/App:1");
    let imported = store.import_archive(Cursor::new(tar_files(&files)), &select("ME/App:1")).unwrap();
    assert!(imported[0].left_out[0].contains("must be lowercase"), "{imported:?}");
}

#[test]
fn an_empty_index_beside_a_manifest_json_is_none() {
    let layer = tar(&[("a", b"1")]);
    let mut files = docker_archive(&layer, &layer);
    files.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    files.push(("index.json".into(), br#"{"schemaVersion":2,"manifests":null}"#.to_vec()));
    let dir = tempfile::tempdir().unwrap();
    let imported = store(dir.path()).import_archive(Cursor::new(tar_files(&files)), &select("")).unwrap();
    assert_eq!(imported[0].names, ["app:1".parse().unwrap()]);
}

fn docker_archive(layer: &[u8], diff_id: &[u8]) -> Vec<(String, Vec<u8>)> {
    let diff_id = libwire::Digest::of(diff_id).to_string();
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]},
                        "unknown": {"kept": true}});
    let manifest = json!([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l/layer.tar"]}]);
    vec![
        ("l/layer.tar".into(), layer.to_vec()),
        ("c.json".into(), config.to_string().into_bytes()),
        ("manifest.json".into(), manifest.to_string().into_bytes()),
    ]
}

#[test]
fn a_docker_archive_keeps_its_config_and_names() {
    let layer = tar(&[("a", &[7; 100_000])]);
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for bytes in [layer.clone(), gzip(&layer)] {
        let files = docker_archive(&bytes, &layer);
        let imported = store.import_archive(Cursor::new(tar_files(&files)), &select("")).unwrap();
        assert_eq!(imported[0].names, ["app:1".parse().unwrap()]);
        let config = store.read_blob(&imported[0].image.manifest.config, 10_000).unwrap();
        assert_eq!(config, files[1].1);
        assert!(store.image(&imported[0].image.descriptor).is_ok());
    }
    let wrong = tar_files(&docker_archive(&layer, b"another layer"));
    assert!(store.import_archive(Cursor::new(wrong), &select("")).is_err());
    let no_layer = tar_files(&docker_archive(&layer, &layer)[1..]);
    assert!(store.import_archive(Cursor::new(no_layer), &select("")).is_err());
}

#[test]
fn a_layer_is_what_its_bytes_are_or_is_refused() {
    let layer = tar(&[("a", b"1")]);
    let xz = |bytes: &[u8]| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    for (bytes, said, truly) in [
        (layer.clone(), "+gzip", Some("")),
        (layer.clone(), "+zstd", Some("")),
        (gzip(&layer), "", Some("+gzip")),
        (gzip(&layer), "+zstd", Some("+gzip")),
        (zstd::encode_all(&layer[..], 1).unwrap(), "+gzip", Some("+zstd")),
        (layer.clone(), "+brotli", Some("")),
        (b"encrypted".to_vec(), "+gzip+encrypted", None),
        (xz(&layer), "+gzip", None),
    ] {
        let mut blobs = Blobs::default();
        let manifest = blobs.image_of(&[(bytes, said, &layer)]);
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        // The second time the blob is there already.
        for _ in 0..2 {
            let archive = tar_files(&blobs.files(std::slice::from_ref(&manifest)));
            let imported = store.import_archive(Cursor::new(archive), &select(""));
            let Some(truly) = truly else {
                assert!(matches!(imported, Err(StoreError::Invalid { .. })), "{said}");
                continue;
            };
            let image = imported.unwrap().remove(0).image;
            let found = &image.manifest.layers[0];
            assert_eq!(found.media_type, format!("{LAYER}{said}"), "the manifest stays as it is");
            assert_eq!(store.typed_by_bytes(found.clone()).media_type, format!("{LAYER}{truly}"));
            let read = store.read_layer(found, image.config.rootfs.diff_ids[0], |_| Ok(())).unwrap();
            assert_eq!(read.1, layer.len() as u64);
        }
    }
}

/// Replaces the first blob that holds `from`.
fn edit(files: &mut [(String, Vec<u8>)], from: &str, to: &str) {
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(from);
    let (_, bytes) = files.iter_mut().find(|(_, bytes)| holds(bytes)).unwrap();
    *bytes = String::from_utf8_lossy(bytes).replacen(from, to, 1).into_bytes();
}

type Change = dyn Fn(&mut Vec<(String, Vec<u8>)>);

#[test]
fn damaged_and_ambiguous_layouts_are_refused_and_name_nothing() {
    let (blobs, manifest) = simple();
    let good = blobs.files(&[named(manifest.clone(), "latest")]);
    let cases: Vec<(&str, Box<Change>)> = vec![
        ("no index", Box::new(|files| files.retain(|(path, _)| path != "index.json"))),
        ("no layout file", Box::new(|files| files.retain(|(path, _)| path != "oci-layout"))),
        ("another layout version", Box::new(|files| edit(files, "1.0.0", "2.0.0"))),
        ("a flipped byte in a layer", Box::new(|files| files[1].1[20] ^= 1)),
        ("a layer that is cut", Box::new(|files| files[1].1.truncate(20))),
        ("a layer that is missing", Box::new(|files| drop(files.remove(1)))),
        ("a config that is changed", Box::new(|files| edit(files, "A=1", "A=2"))),
        ("a manifest that is changed", Box::new(|files| edit(files, "\"layers\":[", "\"layers\": ["))),
        ("a size that is wrong", Box::new(|files| edit(files, "\"size\":", "\"size\":1"))),
        (
            "a digest that is a path",
            Box::new(|files| edit(files, "\"digest\":\"sha256:", "\"digest\":\"sha256:../")),
        ),
        ("bytes behind the index", Box::new(|files| files.last_mut().unwrap().1.push(b'x'))),
        (
            "an index that is a manifest",
            Box::new(|files| edit(files, "\"manifests\":", "\"layers\":[],\"manifests\":")),
        ),
    ];
    for (name, change) in cases {
        let mut files = good.clone();
        change(&mut files);
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let archived = store.import_archive(Cursor::new(tar_files(&files)), &select(""));
        assert!(matches!(archived, Err(StoreError::Invalid { .. })), "{name}, archive: {archived:?}");
        write_files(&dir.path().join("layout"), &files);
        let error = store.import_layout(&dir.path().join("layout"), &select("")).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{name}, layout: {error}");
        assert!(store.images().unwrap().is_empty());
        assert_eq!(std::fs::read_dir(dir.path().join("store/tmp")).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_layouts_symbolic_links_are_not_followed() {
    let (blobs, manifest) = simple();
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("layout");
    write_files(&layout, &blobs.files(&[manifest]));
    std::fs::rename(layout.join("blobs/sha256"), dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), layout.join("blobs/sha256")).unwrap();
    assert!(store(dir.path()).import_layout(&layout, &select("")).is_err());
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let (blobs, manifest) = simple();
    let archive = gzip(&tar_files(&blobs.files(&[manifest])));
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for cut in (0..archive.len()).step_by(61) {
        let result = store.import_archive(Cursor::new(archive[..cut].to_vec()), &select(""));
        assert!(result.is_err(), "cut at {cut}");
    }
    assert_eq!(std::fs::read_dir(dir.path().join("store/blobs/sha256")).unwrap().count(), 0);
}
