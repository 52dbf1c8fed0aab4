//! Words with quotes and variables, as BuildKit's shell lexer reads them: not quite a shell's.

use crate::modifier;
use std::iter::Peekable;
use std::str::Chars;

/// The longest text a word may become, in bytes.
const MAX_WORD: usize = 1 << 20;

/// Looks a variable up; `None` is unset.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A word that can't be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {word:?}: {what}")]
pub struct ExpandError {
    /// The whole word.
    pub word: String,
    /// What is wrong with it.
    pub what: String,
}

/// Expands words of a Dockerfile with a given escape character.
#[derive(Clone, Copy, Debug)]
pub struct Expander {
    escape: char,
}

impl Expander {
    /// `escape` is the file's escape character.
    pub fn new(escape: char) -> Self {
        Self { escape }
    }

    /// The word with variables expanded and quotes removed.
    pub fn word(&self, text: &str, get: Lookup) -> Result<String, ExpandError> {
        self.process(text, self.escape, true, get).map(|words| words.text)
    }

    /// The words that `text` becomes: white space outside quotes splits, also where it came from a
    /// variable.
    pub fn words(&self, text: &str, get: Lookup) -> Result<Vec<String>, ExpandError> {
        self.process(text, self.escape, true, get).map(Words::finish)
    }

    /// The body of a COPY heredoc: quotes are literal, and the escape is `\` whatever the file's is.
    pub fn heredoc_body(&self, text: &str, get: Lookup) -> Result<String, ExpandError> {
        self.process(text, '\\', false, get).map(|words| words.text)
    }

    fn process(&self, text: &str, escape: char, quotes: bool, get: Lookup) -> Result<Words, ExpandError> {
        let mut scan = Scan { chars: text.chars().peekable(), escape, quotes, get, depth: 0 };
        scan.until(None, false).map_err(|what| ExpandError { word: text.to_owned(), what })
    }
}

/// Text so far, and the words it splits into.
#[derive(Default)]
struct Words {
    text: String,
    words: Vec<String>,
    word: Option<String>,
}

impl Words {
    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.get_or_insert_default().push_str(text);
    }

    fn split(&mut self, text: &str) {
        self.text.push_str(text);
        for c in text.chars() {
            match c.is_whitespace() {
                true => self.words.extend(self.word.take()),
                false => self.word.get_or_insert_default().push(c),
            }
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.words.extend(self.word.take());
        self.words
    }
}

struct Scan<'a> {
    chars: Peekable<Chars<'a>>,
    escape: char,
    quotes: bool,
    get: Lookup<'a>,
    depth: usize,
}

impl Scan<'_> {
    /// Reads up to `stop`, or to the end. With `raw`, escapes are kept for the pattern they belong to.
    fn until(&mut self, stop: Option<char>, raw: bool) -> Result<Words, String> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("nested too deeply".into());
        }
        let mut out = Words::default();
        while let Some(c) = self.chars.next() {
            if out.text.len() > MAX_WORD {
                return Err(format!("it becomes longer than {MAX_WORD} bytes"));
            }
            match c {
                c if Some(c) == stop => {
                    self.depth -= 1;
                    return Ok(out);
                }
                '\'' if self.quotes => out.literal(&self.single_quoted()?),
                '"' if self.quotes => out.literal(&self.double_quoted()?),
                '$' => {
                    let value = self.dollar()?;
                    out.split(&value);
                }
                c if c == self.escape => {
                    let Some(next) = self.chars.next() else { break };
                    if raw {
                        out.literal(&c.to_string());
                    }
                    out.literal(&next.to_string());
                }
                c => out.split(c.encode_utf8(&mut [0; 4])),
            }
        }
        if out.text.len() > MAX_WORD {
            return Err(format!("it becomes longer than {MAX_WORD} bytes"));
        }
        self.depth -= 1;
        match stop {
            Some('}') => Err("syntax error: missing '}'".into()),
            Some(stop) => Err(format!("unexpected end of statement while looking for matching {stop}")),
            None => Ok(out),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut out = String::new();
        for c in self.chars.by_ref() {
            match c {
                '\'' => return Ok(out),
                c => out.push(c),
            }
        }
        Err("unexpected end of statement while looking for matching single-quote".into())
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let mut out = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '"' => return Ok(out),
                '$' => out += &self.dollar()?,
                c if c == self.escape => match self.chars.next() {
                    Some(next) if next == '"' || next == '$' || next == self.escape => out.push(next),
                    Some(next) => out.extend([c, next]),
                    None => {}
                },
                c => out.push(c),
            }
        }
        Err("unexpected end of statement while looking for matching double-quote".into())
    }

    fn dollar(&mut self) -> Result<String, String> {
        if self.chars.next_if_eq(&'{').is_some() {
            return self.braces();
        }
        match self.name() {
            name if name.is_empty() => Ok("$".into()),
            name => Ok((self.get)(&name).unwrap_or_default()),
        }
    }

    /// A variable's name, a positional parameter's digits, or one special parameter.
    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(c) = self.chars.next_if(|c| "@*#?-$!".contains(*c)) {
            return c.to_string();
        }
        let digits = self.chars.peek().is_some_and(char::is_ascii_digit);
        let part = |c: &char| if digits { c.is_ascii_digit() } else { c.is_alphanumeric() || *c == '_' };
        while let Some(c) = self.chars.next_if(part) {
            name.push(c);
        }
        name
    }

    fn braces(&mut self) -> Result<String, String> {
        match self.chars.peek() {
            None => return Err("syntax error: missing '}'".into()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".into()),
            Some(_) => {}
        }
        let name = self.name();
        let value = (self.get)(&name);
        let missing = || "syntax error: missing '}'".to_owned();
        let unsupported =
            |modifier: String| Err(format!("unsupported modifier ({modifier}) in substitution"));
        match self.chars.next().ok_or_else(missing)? {
            '}' => Ok(value.unwrap_or_default()),
            ':' => match self.chars.next().ok_or_else(missing)? {
                c @ ('-' | '+' | '?') => self.default(&name, value, c, true),
                c => unsupported(format!(":{c}")),
            },
            c @ ('-' | '+' | '?') => self.default(&name, value, c, false),
            c @ ('#' | '%') => {
                let greedy = self.chars.next_if_eq(&c).is_some();
                let pattern = self.until(Some('}'), true)?.text;
                let value = value.unwrap_or_default();
                Ok(match c {
                    '#' => modifier::without_prefix(&value, &pattern, greedy),
                    _ => modifier::without_suffix(&value, &pattern, greedy),
                })
            }
            '/' => {
                let all = self.chars.next_if_eq(&'/').is_some();
                let pattern = self.until(Some('/'), true)?.text;
                let replacement = self.until(Some('}'), true)?.text;
                Ok(modifier::replaced(&value.unwrap_or_default(), &pattern, &replacement, all))
            }
            c => unsupported(c.to_string()),
        }
    }

    fn default(
        &mut self,
        name: &str,
        value: Option<String>,
        op: char,
        empty_is_unset: bool,
    ) -> Result<String, String> {
        let word = self.until(Some('}'), false)?.text;
        let was_set = value.is_some();
        let value = value.filter(|value| !(empty_is_unset && value.is_empty()));
        match (op, value) {
            ('-', value) => Ok(value.unwrap_or(word)),
            ('+', value) => Ok(value.map(|_| word).unwrap_or_default()),
            (_, Some(value)) => Ok(value),
            (_, None) if word.is_empty() && was_set => Err(format!("{name}: is not allowed to be empty")),
            (_, None) if word.is_empty() => Err(format!("{name}: is not allowed to be unset")),
            (_, None) => Err(format!("{name}: {word}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(name: &str) -> Option<String> {
        let known = [("a", "foo"), ("e", ""), ("p", "/usr/local/bin"), ("s", "x y"), ("f", "a.tar.gz")];
        known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn forms() {
        for (text, want) in [
            ("he'll'o", "hello"),
            ("'$a'", "$a"),
            ("\"$a\"", "foo"),
            ("\\$a", "$a"),
            ("a\\", "a"),
            ("$", "$"),
            ("$$", ""),
            ("$1x", "x"),
            ("$a.", "foo."),
            ("${a}b", "foob"),
            ("${u:-x$a}", "xfoo"),
            ("${e-x}", ""),
            ("${e:-x}", "x"),
            ("${e:+x}", ""),
            ("${e+x}", "x"),
            ("${a:+${u:-deep}}", "deep"),
            ("${a:?no}", "foo"),
            ("${p#*/}", "usr/local/bin"),
            ("${p##*/}", "bin"),
            ("${f%.*}", "a.tar"),
            ("${f%%.*}", "a"),
            ("${p/\\//:}", ":usr/local/bin"),
            ("${p//\\//:}", ":usr:local:bin"),
            ("${p/l*l/X}", "/usr/Xbin".replace("Xbin", "X/bin").as_str()),
            ("\"a\\nb\\\"c\"", "a\\nb\"c"),
        ] {
            assert_eq!(Expander::new('\\').word(text, &get).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn errors_say_what() {
        let what = |text: &str| Expander::new('\\').word(text, &get).unwrap_err().what;
        assert_eq!(what("${a:-x"), "syntax error: missing '}'");
        assert_eq!(what("${a:=x}"), "unsupported modifier (:=) in substitution");
        assert_eq!(what("${a:#x}"), "unsupported modifier (:#) in substitution");
        assert_eq!(what("${u?}"), "u: is not allowed to be unset");
        assert_eq!(what("${u:?set it}"), "u: set it");
        assert_eq!(what("${}"), "syntax error: bad substitution");
        assert!(what("'a").contains("single-quote"));
    }

    #[test]
    fn a_word_that_grows_without_end_is_refused() {
        let long = |_: &str| Some("x".repeat(1 << 16));
        let what = Expander::new('\\').word(&"$a".repeat(40), &long).unwrap_err().what;
        assert!(what.contains("longer than"), "{what}");
    }

    #[test]
    fn white_space_from_a_variable_splits() {
        let words = |text: &str| Expander::new('\\').words(text, &get).unwrap();
        assert_eq!(words("1 $s 2"), ["1", "x", "y", "2"]);
        assert_eq!(words("\"$s\" ''"), ["x y", ""]);
    }

    #[test]
    fn a_heredoc_body_keeps_quotes_and_loses_backslashes() {
        let body = Expander::new('`').heredoc_body("'$a' \\$a \\\\ \\n\n", &get).unwrap();
        assert_eq!(body, "'foo' $a \\ n\n");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-a-z${}:?+#%/\\\\'\" ]{0,60}") {
            let _ = Expander::new('\\').words(&text, &get);
        }
    }
}
