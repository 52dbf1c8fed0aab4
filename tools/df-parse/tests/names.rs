//! The meaning of FROM and --from: tags distinguish images, and a context replaces only the image it names.

use df_parse::{Options, plan};
use libdockerfile::parse;
use libwire::plan::{Base, Op, Source};

fn plan_of(text: &str, contexts: &[&str]) -> (Base, Option<Source>) {
    let options = Options {
        name: "Dockerfile".into(),
        contexts: contexts.iter().map(|context| (*context).to_owned()).collect(),
        ..Options::default()
    };
    let stage = plan(&parse(text).unwrap(), &options).unwrap().pop().unwrap();
    let from = stage.instructions.iter().find_map(|instruction| match &instruction.op {
        Op::Copy(copy) => Some(copy.from.clone()),
        _ => None,
    });
    (stage.base, from.flatten())
}

#[test]
fn a_tag_is_part_of_the_reference() {
    let (base, from) = plan_of("FROM busybox:1.36\nCOPY --from=a/b:2 x /\n", &[]);
    let reference = "docker.io/library/busybox:1.36".to_owned();
    assert_eq!(base, Base::Image { name: "busybox:1.36".into(), reference });
    let reference = "docker.io/a/b:2".to_owned();
    assert_eq!(from, Some(Source::Image { name: "a/b:2".into(), reference }));
}

#[test]
fn a_context_replaces_the_image_it_names_and_no_other_tag_of_it() {
    let contexts = &["docker.io/library/busybox:latest"];
    let replaced = Base::Context { name: contexts[0].into() };
    assert_eq!(plan_of("FROM busybox\n", contexts).0, replaced);
    assert_eq!(plan_of("FROM busybox:latest\n", contexts).0, replaced);
    assert!(matches!(plan_of("FROM busybox:1.36\n", contexts).0, Base::Image { .. }));
}
