//! A made file as text: as plain as can be, or folded over lines in all ways that mean nothing.

use super::grammar::{File, Logical};
use crate::choices::Choices;

/// One instruction a line.
pub(super) fn plain(file: &File) -> String {
    let mut out: String = file.directives.iter().map(|line| format!("{line}\n")).collect();
    out += "#\n";
    for Logical { comments, text, bodies } in &file.instructions {
        out.extend(comments.iter().map(|line| format!("{line}\n")));
        out += &format!("{text}\n{bodies}");
    }
    out
}

/// Lines folded, blank lines and comments put in, other line ends.
pub(super) fn odd(file: &File, choices: &mut Choices) -> String {
    let end = if choices.one_in(4) { "\r\n" } else { "\n" };
    let mut out = if choices.one_in(8) { "\u{feff}" } else { "" }.to_owned();
    out.extend(file.directives.iter().map(|line| format!("{line}{end}")));
    out += &format!("#{end}");
    for Logical { comments, text, bodies } in &file.instructions {
        out += &blank(choices, end);
        for comment in comments {
            out += &format!("{comment}{end}{}", blank(choices, end));
        }
        out += choices.pick(&["", "", " ", "\t "]);
        out += &folded(text, file.escape, choices, end);
        out += &format!("{end}{bodies}");
    }
    out
}

fn blank(choices: &mut Choices, end: &str) -> String {
    choices.pick(&["", "", "", " ", "\t"]).to_owned() + if choices.one_in(4) { end } else { "" }
}

fn folded(text: &str, escape: char, choices: &mut Choices, end: &str) -> String {
    let mut out = String::new();
    let mut before = escape;
    let chars: Vec<char> = text.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        // Not behind an escape, nor where the rest would be a comment or blank.
        let can = before != escape && !c.is_whitespace() && c != '#';
        // What is trimmed at the end of a line is not part of it.
        if can && at > 0 && choices.one_in(10) {
            out.push(escape);
            out += &format!("{}{end}", choices.pick(&["", "", " ", "\t "]));
            for _ in 0..choices.below(3) {
                out += &format!("{}{end}", choices.pick(&["", " ", "# c", " # c \\", "#"]));
            }
        }
        out.push(c);
        before = c;
    }
    out
}
