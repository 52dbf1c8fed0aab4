//! An option of docker or podman that image-build does not obey: the form that changes nothing, the form that is
//! refused, and the reason.

use crate::table::Takes;

/// The engines that have an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `docker buildx build`, or docker's first builder, has it.
    Docker,
    /// `podman build` or `buildah build` has it.
    Podman,
    /// Both have it.
    Both,
}

/// One option.
pub struct Foreign {
    /// Its letter.
    pub short: Option<char>,
    /// The form that changes nothing, if there is one.
    pub idle: Option<Idle>,
    /// The form that is refused; empty if none is.
    pub refused: &'static str,
    /// The engines that have it.
    pub of: Of,
    /// Why it is not obeyed.
    pub why: &'static str,
    /// The advice that follows the reason.
    pub instead: &'static str,
}

/// A way to write an option that changes nothing.
pub struct Idle {
    /// An example of it.
    pub written: &'static str,
    /// The value that it takes.
    pub takes: Takes,
    /// Whether a value changes nothing; a flag alone has the value `true`.
    pub when: fn(&str) -> bool,
}

impl Foreign {
    /// The option's name, without dashes.
    pub fn long(&self) -> &'static str {
        let written = self.idle.as_ref().map_or(self.refused, |idle| idle.written);
        written.split('=').next().unwrap_or_default().trim_start_matches('-')
    }

    /// Why it is refused, and what to do instead.
    pub fn refusal(&self) -> String {
        format!("{}; {}", self.why, self.instead)
    }
}

/// A row of an option that is always refused.
pub const fn refused(of: Of, written: &'static str, why: &'static str, instead: &'static str) -> Foreign {
    Foreign { short: None, idle: None, refused: written, of, why, instead }
}

/// A row of a flag that never changes anything.
pub const fn idle(of: Of, written: &'static str, why: &'static str) -> Foreign {
    let idle = Idle { written, takes: Takes::Flag, when: |_| true };
    Foreign { short: None, idle: Some(idle), refused: "", of, why, instead: "" }
}

/// The row of an option that is refused, except in the form `idle`.
pub const fn but(idle: Idle, row: Foreign) -> Foreign {
    Foreign { idle: Some(idle), ..row }
}

/// The row of an option with a letter.
pub const fn letter(short: char, row: Foreign) -> Foreign {
    Foreign { short: Some(short), ..row }
}

/// A flag that changes nothing when it is on.
pub const fn on(written: &'static str) -> Idle {
    Idle { written, takes: Takes::Flag, when: |value| !is_false(value) }
}

/// A flag that changes nothing when it is off.
pub const fn off(written: &'static str) -> Idle {
    Idle { written, takes: Takes::Flag, when: is_false }
}

/// An option that changes nothing if its value is false.
pub const fn off_by_value(written: &'static str) -> Idle {
    Idle { written, takes: Takes::Value("VALUE"), when: is_false }
}

fn is_false(value: &str) -> bool {
    crate::values::truth(value.as_ref()) == Ok(false)
}
