//! Finds the paths that some layers change. All others are the same as below these layers, with everything in them.
//! It reads names and marks, but no contents.

use libtree::root::split;
use libtree::{Root, xattr};
use std::collections::HashMap;
use std::io;

/// Layers in overlayfs's upper form, and their entries for the directories looked up so far.
pub(crate) struct Touched {
    layers: Vec<Root>,
    opaque: &'static str,
    dirs: HashMap<Vec<u8>, Dir>,
}

/// The layers with entries in a directory.
#[derive(Clone)]
enum Dir {
    /// One of them hides everything that others and the tree below have in it.
    Hidden,
    /// These layers have something in it.
    Of(Vec<usize>),
}

impl Touched {
    pub(crate) fn new(layers: Vec<Root>, opaque: &'static str) -> Self {
        let root = Dir::Of((0..layers.len()).collect());
        Self { layers, opaque, dirs: HashMap::from([(Vec::new(), root)]) }
    }

    /// Whether any layer has something at `path` or hides it. A directory must be looked up before its entries.
    pub(crate) fn at(&mut self, path: &[u8]) -> io::Result<bool> {
        let here = match self.dirs.get(split(path).0) {
            Some(Dir::Of(layers)) => self.look(path, layers)?,
            // A directory that was not looked up cannot be assumed to be untouched.
            Some(Dir::Hidden) | None => Some(Dir::Hidden),
        };
        let touched = here.is_some();
        if let Some(here) = here {
            self.dirs.insert(path.to_vec(), here);
        }
        Ok(touched)
    }

    fn look(&self, path: &[u8], layers: &[usize]) -> io::Result<Option<Dir>> {
        let (mut of, mut hidden) = (Vec::new(), false);
        for &at in layers {
            let layer = &self.layers[at];
            match layer.lstat(path) {
                Ok(meta) if meta.is_dir() => {
                    of.push(at);
                    hidden |= self.is_opaque(layer, path)?;
                }
                Ok(_) => hidden = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(match (hidden, of.is_empty()) {
            (true, _) => Some(Dir::Hidden),
            (false, true) => None,
            (false, false) => Some(Dir::Of(of)),
        })
    }

    fn is_opaque(&self, layer: &Root, path: &[u8]) -> io::Result<bool> {
        let (dir, name) = layer.parent(path)?;
        Ok(xattr::get(dir, &name, self.opaque)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtree::Owners;
    use std::fs;

    #[test]
    fn what_no_layer_names_is_untouched_unless_one_hides_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a/usr/lib/x", "a/etc", "b/usr/bin"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::write(path("b/file"), "").unwrap();
        let layers = ["a", "b"].map(|name| Root::open(&path(name), Owners::Real).unwrap());
        let mut touched = Touched::new(layers.into(), "user.overlay.opaque");
        let answers = [
            ("usr", true),
            ("usr/lib", true),
            ("usr/lib/x", true),
            ("usr/lib/y", false),
            ("usr/share", false),
            ("var", false),
            // If it is not a directory, it hides everything below it elsewhere.
            ("file", true),
            ("file/below", true),
            ("file/below/deep", true),
        ];
        for (path, answer) in answers {
            assert_eq!(touched.at(path.as_bytes()).unwrap(), answer, "{path}");
        }
    }
}
