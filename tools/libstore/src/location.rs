//! The default place of the store.

use crate::error::StoreError;
use std::ffi::OsString;
use std::path::PathBuf;

/// The values on which the default depends. A tool's main fills them in.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$STAGEPIPE_STORE`
    pub stagepipe_store: Option<OsString>,
    /// `$XDG_DATA_HOME`
    pub xdg_data_home: Option<OsString>,
    /// `$HOME`
    pub home: Option<OsString>,
    /// Whether the user is root, as seen before any user namespace is entered.
    pub root: bool,
}

impl Environment {
    /// Reads the values from a look-up of environment variables and from the user of this process. It must be called
    /// before a user namespace is entered, because everybody is root in there.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            stagepipe_store: variable("STAGEPIPE_STORE"),
            xdg_data_home: variable("XDG_DATA_HOME"),
            home: variable("HOME"),
            root: rustix::process::geteuid().is_root(),
        }
    }
}

/// The named store, or the default one.
pub fn locate(named: Option<PathBuf>, environment: &Environment) -> Result<PathBuf, StoreError> {
    let nowhere = || StoreError::NotAStore {
        path: "the store".into(),
        why: "has no place: neither $STAGEPIPE_STORE, $XDG_DATA_HOME nor $HOME is set; use --store DIR"
            .into(),
    };
    named.or_else(|| default_path(environment)).ok_or_else(nowhere)
}

/// `$STAGEPIPE_STORE`, else `/var/lib/stagepipe` for root, else `$XDG_DATA_HOME/stagepipe`, else
/// `$HOME/.local/share/stagepipe`. `None` if there is none of them. Empty variables count as unset, and so does an
/// `$XDG_DATA_HOME` that is not absolute.
pub fn default_path(environment: &Environment) -> Option<PathBuf> {
    let set = |value: &Option<OsString>| value.clone().filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = set(&environment.stagepipe_store) {
        return Some(path);
    }
    if environment.root {
        return Some(PathBuf::from("/var/lib/stagepipe"));
    }
    let data = set(&environment.xdg_data_home).filter(|path| path.is_absolute());
    let data = data.or_else(|| set(&environment.home).map(|home| home.join(".local/share")));
    data.map(|data| data.join("stagepipe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_wins() {
        let mut environment = Environment {
            stagepipe_store: Some("/s".into()),
            xdg_data_home: Some("/x".into()),
            home: Some("/h".into()),
            root: false,
        };
        let path = |environment: &Environment| default_path(environment).unwrap().display().to_string();
        assert_eq!(path(&environment), "/s");
        environment.stagepipe_store = Some("".into());
        assert_eq!(path(&environment), "/x/stagepipe");
        environment.xdg_data_home = Some("relative".into());
        assert_eq!(path(&environment), "/h/.local/share/stagepipe");
        environment.root = true;
        assert_eq!(path(&environment), "/var/lib/stagepipe");
        assert!(default_path(&Environment::default()).is_none());
    }
}
