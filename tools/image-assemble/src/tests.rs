use super::*;
use libwire::image::{ContainerConfig, History};
use libwire::provenance::Provenance;
use libwire::record::{BaseLayer, BaseStep, BuildRecord, Cache, LayerRecord, Record, StageId, Step};
use libwire::{Digest, Span, Writer};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("s"), libstore::Options::default()).unwrap();
    (dir, store)
}

fn assembled(records: &[u8], store: &Store, options: &Options) -> Result<Image, Failure> {
    assemble(&read([("standard input", records)])?, store, options)
}

fn layer(store: &Store, text: &str) -> Layer {
    let descriptor = store.put(text.as_bytes(), libwire::image::MEDIA_LAYER).unwrap();
    Layer { descriptor, diff_id: Digest::of(text.as_bytes()) }
}

fn stage(stage: usize) -> StageId {
    StageId { stage, stage_name: None }
}

fn config(history: usize) -> ImageConfig {
    ImageConfig {
        created: Some("2020-01-01T00:00:00Z".into()),
        architecture: "amd64".into(),
        os: "linux".into(),
        config: ContainerConfig { env: vec!["A=1".into()], ..Default::default() },
        history: vec![History { created_by: Some("x".into()), ..Default::default() }; history],
        ..Default::default()
    }
}

fn base(index: usize, layers: Vec<BaseLayer>) -> Record {
    Record::Base(Box::new(BaseStep {
        span: None,
        waited: Vec::new(),
        id: stage(index),
        dockerfile: "Dockerfile".into(),
        line: 1,
        text: "FROM x".into(),
        config: config(layers.len()),
        layers,
        manifest: None,
        image: None,
        provenance: None,
    }))
}

fn step(index: usize, snapshot: Option<&str>, history: usize) -> Record {
    Record::Step(Box::new(Step {
        id: stage(index),
        step: 1,
        steps: 1,
        dockerfile: "Dockerfile".into(),
        line: 2,
        text: "RUN x".into(),
        op: "run".into(),
        cache: Cache::Miss,
        key: None,
        ingredients: Vec::new(),
        parents: Vec::new(),
        snapshot: snapshot.map(str::to_owned),
        layer: None,
        ships: true,
        config: config(history),
        history: None,
        span: Span { started_ms: 0, duration_ms: 0 },
        waited: Vec::new(),
        log: None,
        why: None,
    }))
}

fn packed(snapshot: &str, layer: &Layer) -> Record {
    Record::Layer(Box::new(LayerRecord {
        snapshot: snapshot.into(),
        layer: layer.clone(),
        tar_size: 0,
        content_size: None,
        span: None,
        pushed: None,
    }))
}

fn stream(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::<_, BuildRecord>::new(Vec::new(), Default::default()).unwrap();
    for record in records {
        writer.write(record).unwrap();
    }
    writer.finish().unwrap()
}

fn inherited(snapshot: &str, layer: Option<&Layer>) -> BaseLayer {
    BaseLayer { snapshot: snapshot.into(), layer: layer.cloned() }
}

#[test]
fn layers_are_the_inherited_ones_and_then_the_steps_in_order() {
    let (_dir, store) = store();
    let [one, two, three] = ["1", "2", "3"].map(|text| layer(&store, text));
    let steps = stream(&[
        base(0, vec![inherited("s1", Some(&one)), inherited("s2", None)]),
        step(0, None, 2),
        step(0, Some("s3"), 3),
    ]);
    let layers = stream(&[packed("s3", &three), packed("s2", &two)]);
    let options = Options { tags: vec!["app".parse().unwrap()], ..Default::default() };
    let image = assembled(&[steps, layers].concat()[..], &store, &options).unwrap();
    assert_eq!(image.config.rootfs.diff_ids, [one.diff_id, two.diff_id, three.diff_id]);
    assert_eq!(image.manifest.layers[1], two.descriptor);
    let found = store.find("app").unwrap().descriptor;
    assert_eq!(found.digest, image.descriptor.digest);
    let read = store.image(&found).unwrap();
    assert_eq!(read.config, image.config);
}

#[test]
fn the_image_is_that_of_the_last_stage() {
    let (_dir, store) = store();
    let one = layer(&store, "1");
    let input = stream(&[base(0, vec![]), step(0, Some("a"), 1), base(1, vec![inherited("s1", Some(&one))])]);
    let image = assembled(&input[..], &store, &Options::default()).unwrap();
    assert_eq!(image.manifest.layers, [one.descriptor]);
    assert_eq!(store.images().unwrap().len(), 1, "an image without a name is listed");
}

#[test]
fn the_store_keeps_the_lines_of_the_last_stage_behind_those_it_inherits() {
    let (_dir, store) = store();
    let one = layer(&store, "1");
    let told = |record, line: u32| match record {
        Record::Step(mut step) => {
            (step.line, step.history) = (line, step.config.history.last().cloned());
            Record::Step(step)
        }
        other => other,
    };
    let mut below = match base(0, vec![inherited("s0", Some(&one))]) {
        Record::Base(base) => Provenance::of(&base),
        _ => unreachable!(),
    };
    let Record::Step(inner) = told(step(0, Some("s1"), 2), 5) else { unreachable!() };
    below.add(&inner);
    let Record::Base(mut on_stage) = base(1, vec![inherited("s0", Some(&one)), inherited("s1", Some(&one))])
    else {
        unreachable!()
    };
    (on_stage.line, on_stage.provenance) = (7, Some(Box::new(below)));
    let records =
        [Record::Base(on_stage), told(step(1, Some("s2"), 3), 8), step(1, None, 3), packed("s2", &one)];
    let image = assembled(&stream(&records)[..], &store, &Options::default()).unwrap();
    let kept = store.provenance(image.descriptor.digest, None).unwrap();
    assert_eq!((kept.base.from.line, kept.base.history, kept.base.layers), (1, 1, 1));
    assert_eq!(
        kept.stages.iter().map(|stage| (stage.from.line, stage.history)).collect::<Vec<_>>(),
        [(7, 2)]
    );
    // A step without a history entry has no line.
    assert_eq!(kept.steps.iter().map(|step| step.line).collect::<Vec<_>>(), [5, 8]);
}

#[test]
fn labels_and_epoch_are_set_and_the_same_input_gives_the_same_digest() {
    let (_dir, store) = store();
    let labels = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
    let options = Options { labels, epoch: Some(0), tags: Vec::new() };
    let digests = [0, 1].map(|_| {
        let image = assembled(&stream(&[base(0, vec![])])[..], &store, &options).unwrap();
        assert_eq!(image.config.created.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(image.config.config.labels["a"], "2");
        image.descriptor.digest
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn records_that_do_not_make_an_image_are_refused_and_publish_nothing() {
    let (_dir, store) = store();
    let one = layer(&store, "1");
    let gone = Layer { diff_id: Digest::of(b"gone"), ..layer(&store, "x") };
    let gone = Layer { descriptor: Descriptor { digest: gone.diff_id, ..gone.descriptor }, ..gone };
    for (name, records, status) in [
        ("no stage", vec![packed("s1", &one)], 3),
        ("a layer that nobody packed", vec![base(0, vec![]), step(0, Some("s1"), 1)], 3),
        ("a step of another stage", vec![base(0, vec![]), step(1, None, 0)], 3),
        ("two layers of one snapshot", vec![base(0, vec![]), packed("s1", &one), packed("s1", &gone)], 3),
        ("history that does not match", vec![base(0, vec![]), step(0, None, 1)], 3),
        ("a blob that is missing", vec![base(0, vec![inherited("s", Some(&gone))])], 1),
    ] {
        let failure = assembled(&stream(&records)[..], &store, &Options::default()).unwrap_err();
        assert_eq!(failure.status(), status, "{name}: {failure:?}");
    }
    let whole = stream(&[base(0, vec![])]);
    for cut in 0..whole.len() {
        assert_eq!(assembled(&whole[..cut], &store, &Options::default()).unwrap_err().status(), 3);
    }
    assert!(store.images().unwrap().is_empty());
}

#[test]
fn dockers_layer_types_become_oci_ones() {
    let (_dir, store) = store();
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let descriptor = store.put(GZIP, docker).unwrap();
    let one = Layer { descriptor, diff_id: Digest::of(b"x") };
    let input = stream(&[base(0, vec![inherited("s", Some(&one))])]);
    let image = assembled(&input[..], &store, &Options::default()).unwrap();
    assert_eq!(image.manifest.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
}

/// The start of a gzip file. No more is read before the layer is unpacked.
const GZIP: &[u8] = b"\x1f\x8b\x08...";

#[test]
fn a_layer_that_is_not_what_its_record_says_is_refused_in_words() {
    let (_dir, store) = store();
    let tar = layer(&store, "1");
    let gzip =
        Layer { descriptor: store.put(GZIP, "application/vnd.oci.image.layer.v1.tar+gzip").unwrap(), ..tar };
    let tar = layer(&store, "1");
    type Change = fn(&mut Layer);
    const RIGHT: &str = "nothing is wrong";
    let cases: [(&Layer, Change, &str); 8] = [
        (&tar, |layer| layer.descriptor.size += 1, "its size is told as 2 bytes, but the blob has 1"),
        (
            &tar,
            |layer| layer.descriptor.media_type = "application/x-tar".into(),
            "by its bytes it is application/vnd.oci",
        ),
        (
            &tar,
            |layer| layer.descriptor.media_type.push_str("+zstd"),
            "by its bytes it is application/vnd.oci",
        ),
        (&gzip, |layer| layer.descriptor.media_type = MEDIA_LAYER.into(), "v1.tar+gzip"),
        (&tar, |layer| layer.diff_id = Digest::of(b"other"), "its diff ID is its digest, but sha256:"),
        (&gzip, |layer| layer.diff_id = layer.descriptor.digest, "it is that of the tar"),
        (&tar, |_| {}, RIGHT),
        (&gzip, |_| {}, RIGHT),
    ];
    for (layer, change, words) in cases {
        let mut layer = layer.clone();
        change(&mut layer);
        for records in [
            vec![base(0, vec![]), step(0, Some("s"), 1), packed("s", &layer)],
            vec![base(0, vec![inherited("s", Some(&layer))])],
        ] {
            match assembled(&stream(&records)[..], &store, &Options::default()) {
                Ok(_) => assert_eq!(words, RIGHT),
                Err(failure) => {
                    assert!(failure.what().contains(words), "{}, not {words}", failure.what());
                    assert_eq!((failure.status(), &failure.place()[..11]), (3, "Dockerfile:"));
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_together_is_named() {
    let (_dir, store) = store();
    let one = layer(&store, "1");
    let said = |records: &[Record]| {
        assembled(&stream(records)[..], &store, &Options::default()).unwrap_err().what().to_owned()
    };
    let steps = [base(0, vec![]), step(0, Some("s"), 1), step(0, None, 2), packed("s", &one)];
    assert_eq!(
        said(&steps),
        "its history accounts for 2 layers, but there are 1: up to Dockerfile:2 it accounts for 2 layers, but there \
         are 1; entries without a layer have empty_layer"
    );
    let misnamed = [base(0, vec![]), step(0, Some("s"), 1), packed("S", &one)];
    assert_eq!(
        said(&misnamed),
        "no layer for snapshot s, but one for S, which is not a snapshot of this image"
    );
}
