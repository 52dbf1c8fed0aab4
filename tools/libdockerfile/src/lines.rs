//! From a file's bytes to instructions as text: directives, comments, continuations, heredocs.

use crate::error::{Kind, ParseError};
use crate::expand::Expander;
use crate::words::{Flags, is_blank, json_array, name_and_rest};
use libwire::plan::Heredoc;

/// The longest physical line, in bytes, as BuildKit's.
const MAX_LINE: usize = 65535;
/// The largest file, in bytes.
pub const MAX_FILE: usize = 16 << 20;

/// One instruction as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// First physical line, from 1.
    pub line: u32,
    /// Last physical line.
    pub line_end: u32,
    /// Last physical line of the text itself, heredoc bodies left out.
    pub text_end: u32,
    /// Continuations joined, comments dropped.
    pub text: String,
    /// The physical lines of the text, when there are several.
    pub written: Vec<String>,
    /// Heredocs, bodies read.
    pub heredocs: Vec<Heredoc>,
    /// Comment lines since the instruction above or the last bare `#`, without `#`.
    pub comments: Vec<String>,
    /// Whether a blank line stands inside a continuation.
    pub blank_inside: bool,
}

/// `# key=value` at the very top.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directives {
    /// `escape`.
    pub escape: Option<char>,
    /// `syntax`, which this parser records and otherwise ignores.
    pub syntax: Option<String>,
    /// The line of `syntax`.
    pub syntax_line: u32,
    /// `check`.
    pub check: Option<String>,
    /// The line of `check`.
    pub check_line: u32,
}

pub(crate) struct Lines {
    pub(crate) directives: Directives,
    pub(crate) lines: Vec<Line>,
}

/// Splits a file into lines, up to the first that cannot be read, and returns the reason for that one.
pub(crate) fn read(text: &str) -> (Lines, Option<ParseError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let physical: Vec<&str> = text.split_inclusive('\n').collect();
    let mut reader = match readable(text, &physical).and_then(|()| directives(&physical)) {
        Ok((directives, lines)) => Reader::new(physical, directives, lines),
        Err(error) => return (Lines { directives: Directives::default(), lines: Vec::new() }, Some(error)),
    };
    let mut error = None;
    while error.is_none() && reader.at < reader.physical.len() {
        error = reader.next().err();
    }
    (Lines { directives: reader.directives, lines: reader.lines }, error)
}

/// Refuses a file that is not text, or that is too large.
fn readable(text: &str, physical: &[&str]) -> Result<(), ParseError> {
    if text.len() > MAX_FILE {
        return Err(ParseError::new(format!("the Dockerfile is larger than {MAX_FILE} bytes")));
    }
    if let Some(at) = physical.iter().position(|line| line.trim_end_matches('\n').len() > MAX_LINE) {
        let what = format!("dockerfile line greater than max allowed size of {MAX_LINE} bytes");
        return Err(ParseError::new(what).at(number(at), number(at)));
    }
    if let Some(at) = physical.iter().position(|line| line.contains('\0')) {
        let what = "the line has a NUL byte, which no instruction can pass on; is it a text file?";
        return Err(ParseError::new(what).at(number(at), number(at)));
    }
    Ok(())
}

fn number(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

/// The directives, and the number of lines they take.
fn directives(physical: &[&str]) -> Result<(Directives, u32), ParseError> {
    let mut found = Directives::default();
    let mut lines = 0;
    for (at, line) in physical.iter().enumerate() {
        let Some((key, value)) = directive(line) else { break };
        let here = number(at);
        let known = match key.as_str() {
            "escape" => {
                let escape = match value {
                    "\\" => '\\',
                    "`" => '`',
                    _ => {
                        let what = format!("invalid escape token {value:?} does not match ` or \\");
                        return Err(ParseError::new(what).token(value).at(here, here));
                    }
                };
                found.escape.replace(escape).is_some()
            }
            "syntax" => {
                found.syntax_line = here;
                found.syntax.replace(value.to_owned()).is_some()
            }
            "check" => {
                found.check_line = here;
                found.check.replace(value.to_owned()).is_some()
            }
            // Anything else is a comment, and ends the block.
            _ => break,
        };
        if known {
            let what = format!("only one {key} parser directive can be used");
            return Err(ParseError::new(what).token(key).at(here, here));
        }
        lines = here;
    }
    Ok((found, lines))
}

/// `# key = value`: the key lower-cased. Without a value it is a comment.
fn directive(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let value = value.trim();
    (!value.is_empty()).then(|| (key.trim().to_lowercase(), value))
}

struct Reader<'a> {
    physical: Vec<&'a str>,
    directives: Directives,
    /// How many lines at the top are directives.
    directive_lines: u32,
    at: usize,
    escape: char,
    comments: Vec<String>,
    lines: Vec<Line>,
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn trim_newline(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r'])
}

impl<'a> Reader<'a> {
    fn new(physical: Vec<&'a str>, directives: Directives, directive_lines: u32) -> Self {
        let escape = directives.escape.unwrap_or('\\');
        Self { physical, directives, directive_lines, at: 0, escape, comments: Vec::new(), lines: Vec::new() }
    }

    fn next(&mut self) -> Result<(), ParseError> {
        let first = trim_newline(self.physical[self.at]).trim_start();
        let line = number(self.at);
        self.at += 1;
        if let Some(comment) = first.strip_prefix('#') {
            self.comment(line, comment.trim());
            return Ok(());
        }
        if first.is_empty() {
            return Ok(());
        }
        let (mut text, mut more) = self.continued(first);
        let mut blank_inside = false;
        while more && self.at < self.physical.len() {
            let next = trim_newline(self.physical[self.at]);
            self.at += 1;
            if is_comment(next) {
                continue;
            }
            if next.trim().is_empty() {
                blank_inside = true;
                continue;
            }
            let (part, again) = self.continued(next);
            text += &part;
            more = again;
        }
        let text_end = number(self.at - 1);
        let written = match self.at - line as usize {
            0 => Vec::new(),
            _ => self.physical[line as usize - 1..self.at]
                .iter()
                .map(|line| trim_newline(line).to_owned())
                .collect(),
        };
        let heredocs = self.heredocs(&text).map_err(|error| error.at(line, number(self.at - 1)))?;
        let comments = std::mem::take(&mut self.comments);
        let line_end = number(self.at - 1);
        self.lines.push(Line {
            line,
            line_end,
            text_end,
            text: text.trim().to_owned(),
            written,
            heredocs,
            comments,
            blank_inside,
        });
        Ok(())
    }

    /// Keeps a comment for the instruction below. A bare `#` drops the comments above it.
    fn comment(&mut self, line: u32, text: &str) {
        match text {
            "" => self.comments.clear(),
            _ if line <= self.directive_lines => {}
            text => self.comments.push(text.to_owned()),
        }
    }

    /// The line without a continuation mark at its end, and whether it had one. An escaped escape character is not a
    /// mark.
    fn continued(&self, line: &str) -> (String, bool) {
        let trimmed = line.trim_end_matches([' ', '\t']);
        match trimmed.strip_suffix(self.escape) {
            Some(rest) if !rest.ends_with(self.escape) => (rest.to_owned(), true),
            _ => (line.to_owned(), false),
        }
    }

    fn heredocs(&mut self, text: &str) -> Result<Vec<Heredoc>, ParseError> {
        let mut heredocs = heredoc_words(text, self.escape);
        let start = self.at;
        for heredoc in &mut heredocs {
            loop {
                let Some(line) = self.physical.get(self.at) else {
                    let Heredoc { name, strip_tabs, .. } = heredoc.clone();
                    let near = self.physical[start..].iter().position(|line| line.trim() == name);
                    let near = near.map(|at| number(start + at));
                    let token = format!("<<{name}");
                    return Err(ParseError::of(Kind::NoTerminator { name, strip_tabs, near }).token(token));
                };
                self.at += 1;
                let bare = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
                if trim_newline(bare) == heredoc.name {
                    break;
                }
                heredoc.body += line;
            }
        }
        Ok(heredocs)
    }
}

/// The heredocs that an instruction's text announces, in order, with empty bodies. Only RUN, COPY, ADD, and ONBUILD
/// of those can have any, and not in JSON form.
pub(crate) fn heredoc_words(text: &str, escape: char) -> Vec<Heredoc> {
    if !text.contains("<<") {
        return Vec::new();
    }
    let parts = |text| {
        let (name, rest) = name_and_rest(text);
        (name, Flags::skip(rest, escape))
    };
    let (mut name, mut rest) = parts(text.trim());
    if name.eq_ignore_ascii_case("onbuild") {
        (name, rest) = parts(rest);
    }
    let can = ["run", "copy", "add"].iter().any(|can| name.eq_ignore_ascii_case(can));
    if !can || json_array(rest).is_ok() {
        return Vec::new();
    }
    raw_words(text).iter().filter_map(|word| heredoc(word)).collect()
}

/// Splits on white space outside quotes; quotes and escapes stay.
fn raw_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            // White space after `<<` belongs to it.
            ('<', None) if chars.next_if_eq(&'<').is_some() => {
                word.push_str("<<");
                while let Some(blank) = chars.next_if(|&c| is_blank(c)) {
                    word.push(blank);
                }
                continue;
            }
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    // With an open quote the line is not a list of words, so it has no heredoc.
    if quote.is_some() {
        return Vec::new();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Parses `[fd]<<[-]name`. If the name is quoted, the builder does not expand the body.
pub(crate) fn heredoc(word: &str) -> Option<Heredoc> {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (fd, rest) = word.split_at(digits);
    let rest = rest.strip_prefix("<<")?;
    let (strip_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let name = match &Expander::new('\\').words(rest, &|name| Some(format!("${name}"))).ok()?[..] {
        [name] => name.clone(),
        _ => return None,
    };
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    let expand = quotes(&name) == quotes(rest);
    let fd = if fd.is_empty() { 0 } else { fd.parse().ok()? };
    Some(Heredoc { name, fd, body: String::new(), expand, strip_tabs })
}
