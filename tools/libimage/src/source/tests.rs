//! Messages about a name that leads to no image, or to several.

use super::{Sources, open};
use crate::fixtures::make;
use libstore::{Options, Store};
use std::path::Path;

fn refused(text: &str, store: &Path) -> String {
    match open(text, &Sources::of(store)) {
        Ok(_) => panic!("{text} is an image"),
        Err(failure) => failure.render("image-report").unwrap(),
    }
}

/// A layout of two images, which is a store without the file that marks it.
fn layout(at: &Path) {
    let store = Store::open(at, Options { sync: false, ..Options::default() }).unwrap();
    make(&store, "one", &[&[("file", "a", "1")]]);
    make(&store, "two", &[&[("file", "b", "2")]]);
    std::fs::remove_file(at.join("stagepipe-store")).unwrap();
}

#[test]
fn what_is_no_image_is_told_as_it_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("s");
    Store::open(&store, Options::default()).unwrap();
    let plain = dir.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let plain = plain.to_str().unwrap();
    for (text, message) in [
        ("/not/there.tar", "/not/there.tar: there is no such file or directory"),
        ("./not.tar", "./not.tar: there is no such file or directory"),
        ("not.tar", "nor is there a file or directory of that name"),
        (
            "app",
            "image \"app\" is not in the store; image-list shows what is, image-pull, image-load or a build adds to it",
        ),
        (plain, "/plain: is a directory and no OCI layout: it has no file oci-layout"),
    ] {
        let said = refused(text, &store);
        assert!(said.ends_with(&format!("{message}\n")), "{said}");
    }
}

#[test]
fn a_layout_of_several_images_says_which() {
    let dir = tempfile::tempdir().unwrap();
    layout(&dir.path().join("two"));
    let path = dir.path().join("two").to_str().unwrap().to_owned();
    let said = refused(&path, &dir.path().join("s"));
    assert!(
        said.ends_with(
            " has 2 images; name one as PATH:NAME, of one:latest, two:latest\n"
                .replace("PATH", &path)
                .as_str()
        ),
        "{said}"
    );
    assert!(open(&format!("{path}:two"), &Sources::of(dir.path())).is_ok());
    let said = refused(&format!("{path}:three"), &dir.path().join("s"));
    assert!(said.contains("two: index.json: has no image \"three\""), "{said}");
}

#[test]
fn an_image_of_another_platform_is_shown_unless_one_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("arm");
    layout(&path);
    let index = std::fs::read_to_string(path.join("index.json")).unwrap();
    let other = r#"{"platform":{"os":"linux","architecture":"other"},"mediaType""#;
    let of_others = index.replace(r#"{"mediaType""#, other);
    assert_ne!(of_others, index);
    std::fs::write(path.join("index.json"), of_others).unwrap();
    let name = format!("{}:one", path.to_str().unwrap());
    assert!(open(&name, &Sources::of(dir.path())).is_ok());
    let of =
        |platform: &str| Sources { platform: Some(platform.parse().unwrap()), ..Sources::of(dir.path()) };
    assert!(open(&name, &of("linux/other")).is_ok());
    let said =
        open(&name, &of("linux/third")).err().and_then(|failure| failure.render("image-report")).unwrap();
    assert!(said.ends_with("; there is linux/other, which --platform chooses\n"), "{said}");
}
