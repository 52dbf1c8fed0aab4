//! Expansion: a word is made together with what it becomes, so the model never reads one.

use crate::choices::Choices;
use libdockerfile::expand::Expander;
use regex::{NoExpand, Regex};

const VARIABLES: [(&str, &str); 9] = [
    ("a", "foo"),
    ("e", ""),
    ("p", "/usr/local/bin"),
    ("s", "x y"),
    ("f", "a.tar.gz"),
    ("xy", "xxyy"),
    ("g", "\\*/"),
    ("n", "x\ny"),
    ("ü", "b*é"),
];
/// Those that bash has too, where no wildcard can tell it from Go's expressions.
const COMMON: usize = 6;
const UNSET: [&str; 5] = ["u", "u1", "1", "@", "#"];

/// How a word is read.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// As an instruction's word, with this escape.
    Word(char),
    /// As the body of a here-document.
    Body,
    /// As bash reads it too.
    Bash,
}

/// What stands around a part.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Nothing,
    DoubleQuotes,
    Braces,
}

/// What a word becomes: characters, and whether white space of them is kept together. Nothing where it is
/// refused.
type Value = Option<Vec<(char, bool)>>;

struct Maker<'a, 'b> {
    choices: &'a mut Choices<'b>,
    kind: Kind,
    text: String,
    depth: usize,
}

/// A word becomes what it should, whole and split.
pub fn expansion(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let kind = [Kind::Word('\\'), Kind::Word('`'), Kind::Body][choices.below(3)];
    let (text, value) = make(&mut choices, kind);
    let get =
        |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let expander = Expander::new(if kind == Kind::Word('`') { '`' } else { '\\' });
    let plain: Option<String> = value.as_ref().map(|value| value.iter().map(|(c, _)| *c).collect());
    if kind == Kind::Body {
        assert_eq!(expander.heredoc_body(&text, &get).ok(), plain, "{text:?}");
        return;
    }
    assert_eq!(expander.word(&text, &get).ok(), plain, "{text:?}");
    assert_eq!(expander.words(&text, &get).ok(), value.map(split), "{text:?}");
}

/// A word, and what both the model and, when it is asked, bash make of it.
pub fn word_for_bash(bytes: &[u8]) -> (String, String) {
    let (text, value) = make(&mut Choices::new(bytes), Kind::Bash);
    (text, value.unwrap_or_default().into_iter().map(|(c, _)| c).collect())
}

/// Assignments of the variables that such words use.
pub fn variables_for_bash() -> String {
    VARIABLES[..COMMON].iter().map(|(name, value)| format!("{name}='{value}'\n")).collect()
}

/// Any text expands, or is refused, without harm.
pub fn expansion_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let get =
        |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    for escape in ['\\', '`'] {
        let expander = Expander::new(escape);
        let (word, words) = (expander.word(&text, &get), expander.words(&text, &get));
        let _ = expander.heredoc_body(&text, &get);
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(word.map(|word| bare(&word)), words.map(|words| bare(&words.concat())), "{text:?}");
    }
}

fn make(choices: &mut Choices, kind: Kind) -> (String, Value) {
    let mut maker = Maker { choices, kind, text: String::new(), depth: 0 };
    let value = maker.parts(Around::Nothing);
    (maker.text, value)
}

fn split(value: Vec<(char, bool)>) -> Vec<String> {
    let mut words = vec![String::new()];
    for (c, kept) in value {
        match c.is_whitespace() && !kept {
            true => words.push(String::new()),
            false => words.last_mut().expect("there is one").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn kept(text: &str, kept: bool) -> Value {
    Some(text.chars().map(|c| (c, kept)).collect())
}

impl Maker<'_, '_> {
    fn escape(&self) -> char {
        if let Kind::Word(escape) = self.kind { escape } else { '\\' }
    }

    fn parts(&mut self, around: Around) -> Value {
        let mut value = Some(Vec::new());
        for _ in 0..self.choices.below(5) {
            let part = self.part(around);
            value = value.and_then(|mut value| {
                value.extend(part?);
                Some(value)
            });
        }
        value
    }

    fn part(&mut self, around: Around) -> Value {
        match self.choices.below(8) {
            0 | 1 => self.plain(around),
            2 => self.escaped(around),
            3 if around != Around::DoubleQuotes && self.kind != Kind::Body => {
                let inside = self.choices.text(3, &["b", " ", "$a", "\\", "`", "\"", "}", "*"]);
                self.text += &format!("'{inside}'");
                kept(&inside, true)
            }
            4 if around != Around::DoubleQuotes && self.kind != Kind::Body => {
                self.text.push('"');
                let value = self.parts(Around::DoubleQuotes);
                self.text.push('"');
                value.map(|value| value.into_iter().map(|(c, _)| (c, true)).collect())
            }
            3.. if self.depth < 4 => {
                self.depth += 1;
                let value = self.variable(around);
                self.depth -= 1;
                value.and_then(|value| kept(&value, false))
            }
            _ => self.plain(around),
        }
    }

    fn plain(&mut self, around: Around) -> Value {
        let mut text =
            self.choices.pick(&["a", "b", " ", ".", "é", "/", ":", "-", "\t", "'", "\"", "}", "\\"]);
        let taken = match text {
            "'" => self.kind != Kind::Body && around != Around::DoubleQuotes,
            "\"" => self.kind != Kind::Body,
            "}" => around == Around::Braces,
            "\\" => self.escape() == '\\',
            // Unquoted blanks would end bash's word.
            " " | "\t" => self.kind == Kind::Bash && around == Around::Nothing,
            _ => false,
        };
        if taken {
            text = "x";
        }
        self.text += text;
        kept(text, false)
    }

    fn escaped(&mut self, around: Around) -> Value {
        let escape = self.escape();
        let c = [escape, '$', '"', '\'', '}', 'a', ' '][self.choices.below(7)];
        self.text.extend([escape, c]);
        match around == Around::DoubleQuotes && ![escape, '$', '"'].contains(&c) {
            true => kept(&format!("{escape}{c}"), true),
            false => kept(&c.to_string(), true),
        }
    }

    fn variable(&mut self, around: Around) -> Option<String> {
        let known = if self.kind == Kind::Bash { COMMON } else { VARIABLES.len() };
        let unset = if self.kind == Kind::Bash { 2 } else { UNSET.len() };
        let (name, value) = match self.choices.below(known + unset) {
            at if at < known => (VARIABLES[at].0, Some(VARIABLES[at].1)),
            at => (UNSET[at - known], None),
        };
        let set = value.filter(|value| !value.is_empty());
        // Of bash only what quotes round it do not change.
        let forms = if self.kind == Kind::Bash && around == Around::DoubleQuotes { 2 } else { 14 };
        match self.choices.below(forms) {
            0 => {
                self.text += &format!("${name}.");
                Some(value.unwrap_or_default().to_owned() + ".")
            }
            1 => {
                self.text += &format!("${{{name}}}");
                Some(value.unwrap_or_default().to_owned())
            }
            at @ 2..8 => {
                let op = [":-", "-", ":+", "+", ":?", "?"][at - 2];
                let op = if self.kind == Kind::Bash { op.replace('?', "-") } else { op.to_owned() };
                self.text += &format!("${{{name}{op}");
                let word = self.parts(Around::Braces);
                self.text.push('}');
                let word: String = word?.into_iter().map(|(c, _)| c).collect();
                let value = if op.starts_with(':') { set } else { value };
                match (op.trim_start_matches(':'), value) {
                    ("-", value) => Some(value.map_or(word, str::to_owned)),
                    ("+", value) => Some(value.map(|_| word).unwrap_or_default()),
                    (_, value) => value.map(str::to_owned),
                }
            }
            at @ 8..12 => {
                let op = ["#", "##", "%", "%%"][at - 8];
                self.text += &format!("${{{name}{op}");
                let pattern = self.pattern(false, false);
                self.text.push('}');
                Some(cut(value.unwrap_or_default(), &pattern, op.starts_with('%'), op.len() == 2))
            }
            at => {
                let all = at == 13;
                self.text += &format!("${{{name}/{}", if all { "/" } else { "" });
                // An empty pattern would make one slash two.
                let pattern = self.pattern(true, !all);
                let with = self.choices.text(2, &["z", ":", "é", ""]);
                self.text += &format!("/{with}}}");
                let pattern = Regex::new(&pattern).expect("the model makes an expression");
                let times = if all { 0 } else { 1 };
                Some(pattern.replacen(value.unwrap_or_default(), times, NoExpand(&with)).into_owned())
            }
        }
    }

    /// A pattern as an expression. In bash an empty one matches nothing.
    fn pattern(&mut self, slash: bool, some: bool) -> String {
        let bash = self.kind == Kind::Bash;
        let mut expression = String::new();
        for _ in 0..usize::from(bash || some) + self.choices.below(4) {
            let (text, matches) = match self.choices.below(12) {
                0 => ("*", ".*"),
                1 => ("?", "."),
                2 => ("x", "x"),
                3 => (".", "\\."),
                4 => ("\\*", "\\*"),
                5 => ("\\?", "\\?"),
                6 if slash && self.escape() == '\\' => ("\\/", "/"),
                6 if !slash => ("/", "/"),
                7 if self.escape() == '\\' => ("\\}", "\\}"),
                8 if !bash => ("${g}", "\\*/"),
                9 => ("${f}", "a\\.tar\\.gz"),
                10 if self.kind != Kind::Body => ("'ar'", "ar"),
                11 => ("y", "y"),
                _ => ("o", "o"),
            };
            self.text += text;
            expression += matches;
        }
        expression
    }
}

/// `value` without the shortest or longest beginning or end that matches.
fn cut(value: &str, pattern: &str, end: bool, longest: bool) -> String {
    let pattern = Regex::new(&format!("^(?:{pattern})$")).expect("the model makes an expression");
    let mut cuts: Vec<usize> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
    if end != longest {
        cuts.reverse();
    }
    let (head, tail) = match end {
        true => cuts.iter().map(|&at| value.split_at(at)).find(|(_, tail)| pattern.is_match(tail)),
        false => cuts.iter().map(|&at| value.split_at(at)).find(|(head, _)| pattern.is_match(head)),
    }
    .unwrap_or(if end { (value, "") } else { ("", value) });
    if end { head.to_owned() } else { tail.to_owned() }
}
