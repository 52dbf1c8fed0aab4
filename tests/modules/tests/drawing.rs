//! Tests which paths between modules are arrows, in crates of a few lines.

use modules::Drawing;
use std::path::Path;

/// A crate of `files`, each its name and its text.
fn drawn(files: &[(&str, &str)]) -> Drawing {
    let text = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path)?;
        Some(file.1.to_owned())
    };
    Drawing::new(Path::new("lib.rs"), &text).unwrap()
}

/// The circles of a crate of two modules, `a` and `b`.
fn circles(root: &str, a: &str, b: &str) -> Vec<Vec<String>> {
    drawn(&[("lib.rs", root), ("a.rs", a), ("b.rs", b)]).circles()
}

#[test]
fn a_circle_is_seen_however_it_is_named() {
    let both = [["a", "b"]];
    for back in [
        "use crate::a::A;",
        "use super::a;",
        "use crate::{a::{self, A as Other}};",
        "pub use crate::a::A;",
        "fn f(_: crate::a::A) {}",
        "fn f() { g(|| super::a::A) }",
        "fn f() { println!(\"{}\", crate::a::A); }",
        "fn f() { matches!(x, [super::a::A] if true) }",
        "mod inner { use super::super::a::A; }",
        "use crate::A;",
    ] {
        let root = "mod a; mod b; pub use a::A;";
        assert_eq!(circles(root, "use crate::b::B; pub struct A;", back), both, "{back}");
        assert_eq!(circles(root, "pub struct A;", back), [[""; 0]; 0], "{back}");
    }
}

#[test]
fn tests_are_no_arrows() {
    let root = "mod a; mod b;";
    for tests in [
        "#[cfg(test)] mod tests { use crate::a::A; }",
        "#[cfg(test)] use crate::a::A;",
        "#[cfg(test)] mod none;",
    ] {
        assert_eq!(circles(root, "use crate::b::B;", tests), [[""; 0]; 0], "{tests}");
    }
}

#[test]
fn who_may_see_an_item_is_no_arrow() {
    let b = "pub(crate) struct B; mod inner { pub(in crate::a) struct C; }";
    assert_eq!(circles("mod a; mod b; use b::B;", "use crate::b::B;", b), [[""; 0]; 0]);
}

#[test]
fn a_room_has_inner_walls_but_its_parts_are_held_to_the_rule() {
    let parts = |x: &str, y: &str| {
        let a = "mod x; mod y; pub use x::X; pub struct A; fn f() { y::f() }";
        drawn(&[("lib.rs", "mod a;"), ("a.rs", a), ("a/x.rs", x), ("a/y.rs", y)]).circles()
    };
    assert_eq!(parts("use super::A; pub struct X;", "use super::{A, X};"), [[""; 0]; 0]);
    assert_eq!(
        parts("use super::y; pub struct X;", "use super::{A, X};"),
        [["a::x", "a::y"]],
        "by a re-export"
    );
}

#[test]
fn the_root_is_a_room_like_others() {
    let job = "mod a; mod b; pub struct Options; fn f() { a::f() }";
    assert_eq!(circles(job, "use crate::Options;", ""), [["crate", "a"]]);
    assert_eq!(
        circles("mod a; mod b; pub use a::A; pub struct Options;", "use crate::Options;", ""),
        [[""; 0]; 0]
    );
}

#[test]
fn the_message_of_a_circle_has_its_arrows() {
    let files =
        [("lib.rs", "mod a; mod b; mod c;"), ("a.rs", "use crate::b::B;"), ("b/mod.rs", "use crate::a::A;")];
    let drawing = drawn(&[&files[..], &[("c.rs", "use crate::b::B;")]].concat());
    let circles = drawing.circles();
    assert_eq!(drawing.arrows_of(&circles[0]), "  a -> b: crate::b::B\n  b -> a: crate::a::A\n");
    assert_eq!(
        drawing.text(),
        " 1     1 c                            b\n 0     1 a                            b\n 0     1 b                            a\n 0     1 crate\n"
    );
}

#[test]
fn what_the_root_hands_on_is_a_detour_and_what_it_defines_is_none() {
    let detours = |b: &str| {
        let root = "mod a; mod b; pub use a::A; pub struct Own;";
        drawn(&[("lib.rs", root), ("a.rs", "pub struct A;"), ("b.rs", b)]).detours()
    };
    assert_eq!(detours("use crate::A; fn f(_: A) -> super::A {}"), ["b: crate::A, super::A"]);
    assert_eq!(detours("use crate::{a::A, Own};"), [""; 0]);
}
