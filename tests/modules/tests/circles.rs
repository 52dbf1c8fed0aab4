//! No crate's modules use each other in a circle, and none takes from the crate's root what another module defines.

use modules::Drawing;
use modules::workspace::{crates, roots};

/// Circles that stay: a body of a tar borrows the reader it is a part of.
const STAY: [(&str, &[&str]); 1] = [("libtree", &["tar::body", "tar::reader"])];

/// Every library and program that is held to the rule, with its crate's name.
fn drawings() -> Vec<(String, Drawing)> {
    let names = crates().unwrap();
    assert!(names.len() > 20, "{names:?}");
    let drawn = |name: String| roots(&name).into_iter().map(move |root| (name.clone(), root));
    names.into_iter().flat_map(drawn).map(|(name, root)| (name, Drawing::of_file(&root).unwrap())).collect()
}

#[test]
fn modules_use_each_other_in_no_circle() {
    let (mut faults, mut stay) = (String::new(), STAY.to_vec());
    for (name, drawing) in drawings() {
        for circle in drawing.circles() {
            let known = stay.iter().position(|(owner, modules)| *owner == name && *modules == circle);
            match known {
                Some(known) => drop(stay.remove(known)),
                None => faults += &format!("{name}: {}\n{}", circle.join(", "), drawing.arrows_of(&circle)),
            }
        }
    }
    assert!(faults.is_empty(), "circles: move what both use below both\n{faults}");
    assert!(stay.is_empty(), "there is no such circle any more; it leaves the list: {stay:?}");
}

#[test]
fn what_another_module_defines_is_imported_from_it() {
    let mut faults = String::new();
    for (name, drawing) in drawings() {
        for detour in drawing.detours() {
            faults += &format!("{name}: {detour}\n");
        }
    }
    assert!(faults.is_empty(), "through the crate's root; name the module that defines it\n{faults}");
}
