//! Finds the programs of a command that needs no shell: one program or a pipeline, with plain words and files. sh reads
//! any other command, and reports its errors.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::str::Chars;

/// A program to start.
#[derive(Debug, Default)]
pub struct Program {
    /// Its name and its arguments.
    pub words: Vec<OsString>,
    /// The file that it reads, if not the output of the program before it.
    pub input: Option<File>,
    /// The file that it writes, if not the input of the program after it.
    pub output: Option<File>,
}

/// The programs of a command, if it needs no shell. The files that they write are made.
pub fn programs(command: &str) -> Option<Vec<Program>> {
    let plain = pipeline(command, &|name| std::env::var_os(name))?;
    if !plain.iter().all(|one| is_program(&one.words[0])) {
        return None;
    }
    let program = |one: Plain| {
        Some(Program {
            words: one.words,
            input: one.input.map(|path| open(Path::new(&path))).transpose().ok()?,
            output: one.output.map(|path| create(Path::new(&path))).transpose().ok()?,
        })
    };
    plain.into_iter().map(program).collect()
}

/// Whether a command's first word is a program, and not a builtin of the shell.
pub fn is_program(word: impl AsRef<Path>) -> bool {
    let word = word.as_ref();
    let path = std::env::var_os("PATH").unwrap_or_default();
    word.as_os_str().as_bytes().contains(&b'/')
        || std::env::split_paths(&path).any(|dir| dir.join(word).is_file())
}

/// Opening a FIFO could wait for the other side.
fn open(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn create(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() && !meta.file_type().is_char_device() => {
            Err(io::ErrorKind::Unsupported.into())
        }
        _ => File::create(path),
    }
}

/// One command of a pipeline, with the names of its files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plain {
    words: Vec<OsString>,
    input: Option<OsString>,
    output: Option<OsString>,
}

/// Reads a pipeline; `None` if it has something that only sh understands.
fn pipeline(text: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<Vec<Plain>> {
    let mut text = Text { chars: text.chars().peekable(), variable };
    let mut all = vec![Plain::default()];
    while let Some(sign) = text.sign() {
        let one = all.last_mut()?;
        match sign {
            None => one.words.push(text.word()?),
            Some('<') if one.input.is_none() => one.input = Some(text.file()?),
            Some('>') if one.output.is_none() => one.output = Some(text.file()?),
            Some('|') => all.push(Plain::default()),
            Some(_) => return None,
        }
    }
    // A word with = before a command sets a variable.
    let is_command = |one: &Plain| one.words.first().is_some_and(|word| !word.as_bytes().contains(&b'='));
    all.iter().all(is_command).then_some(all)
}

/// The rest of a text.
struct Text<'a> {
    chars: Peekable<Chars<'a>>,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Text<'_> {
    /// The sign after blanks, if it is not a word; `None` at the end.
    fn sign(&mut self) -> Option<Option<char>> {
        while self.chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        self.chars.peek()?;
        Some(self.chars.next_if(|c| "<>|".contains(*c)))
    }

    /// The file after < or >. Longer signs, such as >> or >&, are left to sh.
    fn file(&mut self) -> Option<OsString> {
        match self.sign()? {
            None => self.word(),
            Some(_) => None,
        }
    }

    fn word(&mut self) -> Option<OsString> {
        let mut word = Vec::new();
        while let Some(c) = self.chars.next_if(|c| !" \t|".contains(*c)) {
            match c {
                '\'' => self.quoted(&mut word)?,
                '"' => self.expanded(&mut word)?,
                '\\' => push(&mut word, self.chars.next().filter(|c| *c != '\n')?),
                c if c.is_ascii_alphanumeric() || "_./:,=@%+-".contains(c) => push(&mut word, c),
                _ => return None,
            }
        }
        Some(OsString::from_vec(word))
    }

    /// Reads to the end of '…'.
    fn quoted(&mut self, word: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.chars.next()? {
                '\'' => return Some(()),
                c => push(word, c),
            }
        }
    }

    /// Reads to the end of "…".
    fn expanded(&mut self, word: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.chars.next()? {
                '"' => return Some(()),
                '$' => word.extend_from_slice(self.value()?.as_bytes()),
                '\\' => push(word, self.chars.next().filter(|c| "$`\"\\".contains(*c))?),
                '`' => return None,
                c => push(word, c),
            }
        }
    }

    /// The value of the variable after $. Variables that are not in the environment are left to sh, which has some of
    /// its own.
    fn value(&mut self) -> Option<OsString> {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        let is_name = name.starts_with(|c: char| !c.is_ascii_digit());
        is_name.then(|| (self.variable)(&name))?
    }
}

fn push(word: &mut Vec<u8>, c: char) {
    word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<Plain>> {
        pipeline(text, &|name| (name == "_dir").then(|| "/a b".into()))
    }

    #[test]
    fn plain_words_are_what_sh_makes_of_them() {
        for text in [
            r#"printf '%s\n' a "b  c" 'd|"e' "$_dir/f" g\ h"i"'j'   k=l "" '' "\$x \" \\ |< ü" '$x' a/b:c,d@e%f+g-h"#,
            "printf '%s|' 'a\nb' \"c\td\"",
            "printf %s 'it'\\''s'",
        ] {
            let sh =
                std::process::Command::new("sh").args(["-c", text]).env("_dir", "/a b").output().unwrap();
            let plain = read(text).unwrap();
            let [plain] = plain.as_slice() else { panic!("{plain:?}") };
            let own = std::process::Command::new(&plain.words[0]).args(&plain.words[1..]).output().unwrap();
            assert_eq!(String::from_utf8(own.stdout), String::from_utf8(sh.stdout), "{text}");
        }
    }

    #[test]
    fn a_pipeline_has_its_files() {
        let plain = read(r#"a -x <"$_dir/in" | b >out y | c"#).unwrap();
        let one = |words: &[&str], input: Option<&str>, output: Option<&str>| Plain {
            words: words.iter().map(OsString::from).collect(),
            input: input.map(OsString::from),
            output: output.map(OsString::from),
        };
        let wanted = [
            one(&["a", "-x"], Some("/a b/in"), None),
            one(&["b", "y"], None, Some("out")),
            one(&["c"], None, None),
        ];
        assert_eq!(plain, wanted);
    }

    #[test]
    fn what_only_sh_knows_is_left_to_it() {
        for text in [
            "a; b",
            "a && b",
            "a || b",
            "a &",
            "{ a; }",
            "(a)",
            "a\nb",
            "a *",
            "a ?",
            "a [b]",
            "a ~",
            "a #b",
            "a $b",
            "a \"$(b)\"",
            "a \"${b}\"",
            "a \"$unset\"",
            "a \"$1\"",
            "a \"$\"",
            "a `b`",
            "a \"`b`\"",
            "a \"\\n\"",
            "x=1 a",
            "a >>b",
            "a >&2",
            "a 2>b",
            "a <<b",
            "a <&3",
            "a <>b",
            "a >|b",
            "a <b <c",
            "a >b >c",
            "a |",
            "| a",
            "a | | b",
            ">b",
            "",
            "a 'b",
            "a \"b",
            "a b\\",
            "! a",
            "a >",
            "a |& b",
            "a b>c",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(programs("exit 7").is_none());
        assert!(programs("cat </nonexistent").is_none(), "sh says it");
        assert!(programs("cat >/nonexistent/x").is_none());
        assert_eq!(programs("cat </dev/stdin").map(|all| all.len()), None, "it may have to be waited for");
        assert_eq!(programs("cat <Cargo.toml | cat >/dev/null").map(|all| all.len()), Some(2));
    }
}
