//! `--chmod`: octal, or chmod(1)'s symbolic form. A change without user, group or others applies to all of them,
//! whatever the umask is.

/// A change of mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chmod {
    /// This mode, for files and directories alike.
    Octal(u32),
    /// Changes to the mode of a path, in order.
    Symbolic(Vec<Change>),
}

/// One `who op what` of a symbolic mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Bits `4`, `2`, `1` for user, group and others.
    who: u32,
    op: u8,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// `rwx` bits, `X`, `s`, `t`.
    Bits { rwx: u32, search: bool, set_id: bool, sticky: bool },
    /// The bits of user (6), group (3) or others (0), by their shift.
    CopyOf(u32),
}

impl Chmod {
    /// Parses the value of `--chmod`.
    ///
    /// # Errors
    /// The reason, in BuildKit's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let numeric = text.bytes().next().is_some_and(|b| b.is_ascii_digit());
        match u32::from_str_radix(text, 8) {
            Ok(mode) if numeric && mode <= 0o7777 => Ok(Self::Octal(mode)),
            _ if numeric => Err(format!(
                "invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
            )),
            _ => match text.split(',').map(clause).collect::<Option<Vec<_>>>() {
                Some(changes) => Ok(Self::Symbolic(changes.concat())),
                None => Err(format!(
                    "invalid chmod parameter: '{text}'; use an octal mode, or a symbolic one such as u=rwX,go=rX"
                )),
            },
        }
    }

    /// The new mode of a path whose mode is `mode`.
    pub fn apply(&self, mode: u32, dir: bool) -> u32 {
        match self {
            Self::Octal(mode) => *mode,
            Self::Symbolic(changes) => changes.iter().fold(mode, |mode, change| change.apply(mode, dir)),
        }
    }
}

fn clause(text: &str) -> Option<Vec<Change>> {
    let start = text.find(['+', '-', '='])?;
    let mut who = 0;
    for c in text[..start].chars() {
        who |= match c {
            'u' => 4,
            'g' => 2,
            'o' => 1,
            'a' => 7,
            _ => return None,
        };
    }
    let who = if who == 0 { 7 } else { who };
    let mut changes = Vec::new();
    let mut rest = &text[start..];
    while let Some(op) = rest.bytes().next() {
        let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
        changes.push(Change { who, op, what: what(&rest[1..end])? });
        rest = &rest[end..];
    }
    Some(changes)
}

fn what(text: &str) -> Option<What> {
    match text {
        "u" => return Some(What::CopyOf(6)),
        "g" => return Some(What::CopyOf(3)),
        "o" => return Some(What::CopyOf(0)),
        _ => {}
    }
    let (mut rwx, mut search, mut set_id, mut sticky) = (0, false, false, false);
    for c in text.chars() {
        match c {
            'r' => rwx |= 4,
            'w' => rwx |= 2,
            'x' => rwx |= 1,
            'X' => search = true,
            's' => set_id = true,
            't' => sticky = true,
            _ => return None,
        }
    }
    Some(What::Bits { rwx, search, set_id, sticky })
}

impl Change {
    fn apply(&self, mode: u32, dir: bool) -> u32 {
        let (rwx, special) = match &self.what {
            What::CopyOf(shift) => (mode >> shift & 7, 0),
            What::Bits { rwx, search, set_id, sticky } => {
                let executable = *search && (dir || mode & 0o111 != 0);
                let set_id = if *set_id { (self.who & 4) << 9 | (self.who & 2) << 9 } else { 0 };
                let sticky = if *sticky && self.who & 1 != 0 { 0o1000 } else { 0 };
                (rwx | u32::from(executable), set_id | sticky)
            }
        };
        let spread = |bits: u32| {
            let part = |on: u32, shift: u32| if self.who & on == 0 { 0 } else { bits << shift };
            part(4, 6) | part(2, 3) | part(1, 0)
        };
        let bits = spread(rwx) | special;
        match self.op {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            // A directory's set-id bits survive `=`, as with chmod(1).
            _ => {
                let cleared = if dir { 0 } else { (self.who & 4) << 9 | (self.who & 2) << 9 };
                mode & !spread(7) & !cleared | bits
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chmod;

    #[test]
    fn symbolic_modes() {
        for (text, mode, dir, expected) in [
            ("u=rwX,go=rX", 0o644, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o700, true, 0o755),
            ("+x", 0o644, false, 0o755),
            ("g=u,o=", 0o755, true, 0o770),
            ("g=u,o=", 0o644, false, 0o660),
            ("u+s", 0o755, false, 0o4755),
            ("g+s,a+t", 0o755, true, 0o3755),
            ("a-w+x", 0o666, false, 0o555),
            ("u=rw", 0o4755, false, 0o655),
        ] {
            assert_eq!(Chmod::parse(text).unwrap().apply(mode, dir), expected, "{text} on {mode:o}");
        }
    }

    #[test]
    fn octal_modes_and_what_is_none() {
        assert_eq!(Chmod::parse("0755").unwrap(), Chmod::Octal(0o755));
        assert_eq!(Chmod::parse("7").unwrap().apply(0o644, true), 0o7);
        for bad in ["10000", "8", "abc", "", "u", "u=z", "0x1", "u+x,"] {
            assert!(Chmod::parse(bad).is_err(), "{bad}");
        }
        assert!(Chmod::parse("10000").unwrap_err().contains("'10000'"));
    }
}
