//! Dockerfiles made from the grammar: most of them right, all of them near it.

use crate::choices::Choices;

/// One instruction before it is folded into lines.
pub(super) struct Logical {
    /// Comment lines above.
    pub comments: Vec<&'static str>,
    /// Name, flags and words.
    pub text: String,
    /// Bodies of its here-documents, their last lines included.
    pub bodies: String,
}

/// A file before it is folded into lines.
pub(super) struct File {
    pub escape: char,
    pub directives: Vec<String>,
    pub instructions: Vec<Logical>,
}

const VALUE: [&str; 32] = [
    "a", "/x", "b.c", "$V", "${V:-d}", "1", "'q r'", "\"d $V\"", "\\ ", "` ", "é", "x=y", ",", ":", "*",
    "..", "[", "]", "{", "#", "\\", "`", "\"", "'", "<<E", "--", "\u{a0}", "\t", "\u{b}", "\\$", "${V", "-",
];
const WORD: [&str; 12] =
    ["a", "/x/", "$V", "b c", "k=v", "\"q r\"", "'s'", "http://h/f", "a\\ b", "é", "s2", "0"];
const SHELL: [&str; 16] = [
    "echo ", "a", " && ", "'x y'", "\"$V\"", "\\\\", "\\", "`", " # c", "  ", "\t", "[", "--", "é", "\"",
    "\u{a0}",
];
const JSON: [&str; 8] = ["a", "b c", "\\n", "\\\"", "\\\\", "\\u00e9", "$V", ""];
const NAMES: [&str; 5] = ["EOF", "E", "X-1", "a b", "é"];
const BODY: [&str; 12] = [
    "x\n", "\ty\n", "\t\t\n", "# c\n", "z \\\n", "$V '\n", "\n", "E \n", "EOFF\n", "x\r\n", "<<E\n",
    "\u{b}\n",
];
const COMMENTS: [&str; 8] =
    ["# a", "#", "#  b c", "## d", "# check=skip=all", "# escape=`", "#\tk = v", "   # e"];

pub(super) fn file(choices: &mut Choices) -> File {
    let escape = if choices.one_in(4) { '`' } else { '\\' };
    let mut directives = Vec::new();
    if escape == '`' || choices.one_in(4) {
        directives.push(format!("{}{escape}", choices.pick(&["# escape=", "#escape = ", " # Escape=\t"])));
    }
    if choices.one_in(4) {
        directives.push(choices.pick(&["# syntax=docker/dockerfile:1", "#SYNTAX=a b"]).into());
    }
    if choices.one_in(4) {
        directives.push(choices.pick(&["# check=skip=all", "# check=error=true", "#check = x"]).into());
    }
    let mut instructions = choices.several(2, |choices| logical(choices, "ARG"));
    for _ in 0..=choices.below(3) {
        instructions.push(logical(choices, "FROM"));
        instructions.extend(choices.several(5, |choices| {
            let name = choices.pick(&[
                "RUN",
                "COPY",
                "ENV",
                "ARG",
                "ADD",
                "LABEL",
                "CMD",
                "ENTRYPOINT",
                "WORKDIR",
                "USER",
                "EXPOSE",
                "VOLUME",
                "SHELL",
                "STOPSIGNAL",
                "HEALTHCHECK",
                "ONBUILD",
                "MAINTAINER",
            ]);
            logical(choices, name)
        }));
    }
    for Logical { text, .. } in &mut instructions {
        // Each ends with its line: no continuation mark, blanks behind or not.
        if text.trim_end_matches([' ', '\t']).chars().rev().take_while(|&c| c == escape).count() == 1 {
            text.push('x');
        }
    }
    File { escape, directives, instructions }
}

fn logical(choices: &mut Choices, name: &str) -> Logical {
    let comments =
        if choices.one_in(4) { choices.several(3, |choices| choices.pick(&COMMENTS)) } else { Vec::new() };
    let mut made = instruction(choices, name);
    if name == "ONBUILD" {
        let trigger =
            choices.pick(&["RUN", "COPY", "ENV", "ADD", "CMD", "ARG", "LABEL", "HEALTHCHECK", "WORKDIR"]);
        let inner = instruction(choices, trigger);
        made = Logical { text: format!("{name} {}", inner.text), ..inner };
    }
    // Now and then in other case, never mixed up with another's.
    if choices.one_in(8) {
        made.text = made.text.replacen(name, &name.to_lowercase(), 1);
    }
    Logical { comments, ..made }
}

fn instruction(choices: &mut Choices, name: &str) -> Logical {
    let mut logical = Logical { comments: Vec::new(), text: name.to_owned(), bodies: String::new() };
    for flag in flags(choices, name) {
        logical.text += &format!("{}{flag}", choices.pick(&[" ", " ", "  ", "\t"]));
    }
    if choices.one_in(24) {
        logical.text += " --";
    }
    let words = match name {
        "FROM" => from(choices),
        "RUN" | "COPY" | "ADD" if choices.one_in(3) => {
            let shell = name == "RUN";
            heredocs(choices, shell, &mut logical.bodies)
        }
        "RUN" | "CMD" | "ENTRYPOINT" => command(choices),
        "SHELL" => json(choices),
        "HEALTHCHECK" => match choices.one_in(4) {
            true => "NONE".into(),
            false => format!("{} {}", choices.pick(&["CMD", "cmd", "CMD "]), command(choices)),
        },
        "COPY" | "ADD" | "VOLUME" if choices.one_in(3) => json(choices),
        "ENV" | "LABEL" if choices.one_in(4) => format!("K {}", value(choices)),
        "ENV" | "LABEL" | "ARG" => {
            let mut pairs = vec![format!("K={}", value(choices))];
            pairs.extend(choices.several(3, |choices| {
                format!("{}={}", choices.pick(&["K", "\"a b\"", "$V"]), value(choices))
            }));
            pairs.join(choices.pick(&[" ", "  ", "\t"]))
        }
        "WORKDIR" | "USER" | "STOPSIGNAL" | "MAINTAINER" => value(choices),
        "EXPOSE" => choices.pick(&["80", "80/udp 443", "$V", "8000-8010/tcp", "127.0.0.1:1:2"]).into(),
        "ONBUILD" => String::new(),
        _ => words(choices),
    };
    logical.text += choices.pick(&[" ", " ", " ", "  ", "\t", "\u{b}"]);
    logical.text += &words;
    logical
}

fn flags(choices: &mut Choices, name: &str) -> Vec<String> {
    let known: &[&str] = match name {
        "FROM" => &["--platform="],
        "RUN" => &["--mount=", "--mount=", "--network=none", "--security=insecure", "--network="],
        "COPY" => &["--from=a", "--from=0", "--chown=", "--chmod=", "--link", "--parents=TRUE", "--exclude="],
        "ADD" => {
            &["--checksum=", "--keep-git-dir", "--unpack=false", "--chown=", "--exclude=", "--link=false"]
        }
        "HEALTHCHECK" => {
            &["--interval=", "--timeout=1m1.5s", "--retries=3", "--start-period=0", "--retries="]
        }
        _ => &[],
    };
    if known.is_empty() || choices.one_in(2) {
        return Vec::new();
    }
    choices.several(3, |choices| match choices.pick(known) {
        "--mount=" => format!("--mount={}", mount(choices)),
        "--interval=" => {
            format!("--interval={}", choices.pick(&["5s", "1h2m", "0", "1ms", "", "300000ns", "'1s'"]))
        }
        flag if flag.ends_with('=') => format!("{flag}{}", value(choices)),
        flag => flag.to_owned(),
    })
}

fn mount(choices: &mut Choices) -> String {
    let mut fields = vec![
        choices
            .pick(&["type=bind", "type=cache", "type=secret", "type=ssh", "type=tmpfs", "TYPE=Cache"])
            .to_owned(),
    ];
    fields.extend(choices.several(4, |choices| {
        let key = choices.pick(&[
            "target=",
            "source=",
            "from=a",
            "from=1",
            "id=",
            "ro",
            "rw=false",
            "required",
            "mode=0700",
            "uid=$V",
            "size=1m",
            "env=",
            "sharing=Locked",
            "dst=/a",
            "\"target=/a,b\"",
            "\"target=/\"\"q\"",
            "'target=/s t'",
        ]);
        match key.ends_with('=') {
            true => format!("{key}{}", value(choices)),
            false => key.to_owned(),
        }
    }));
    fields.join(",")
}

fn from(choices: &mut Choices) -> String {
    let image = choices.pick(&["a", "a:1", "scratch", "h.io/p/q", "$V", "s", "é", "A"]);
    match choices.below(4) {
        0 | 1 => image.to_owned(),
        _ => format!(
            "{image} {} {}",
            choices.pick(&["AS", "as", "aS"]),
            choices.pick(&["s", "a", "S2", "b.c", "-x"])
        ),
    }
}

fn value(choices: &mut Choices) -> String {
    choices.text(4, &VALUE)
}

fn words(choices: &mut Choices) -> String {
    let mut words = vec![choices.pick(&WORD), choices.pick(&WORD)];
    words.extend(choices.several(3, |choices| choices.pick(&WORD)));
    words.join(choices.pick(&[" ", "  ", "\t", "\u{a0}"]))
}

fn json(choices: &mut Choices) -> String {
    let words = choices.several(4, |choices| format!("\"{}\"", choices.text(3, &JSON)));
    let array = format!("[{}]", words.join(choices.pick(&[",", ", ", " ,\t"])));
    array + choices.pick(&["", "", "", "", "  ", " x", ","])
}

fn command(choices: &mut Choices) -> String {
    match choices.one_in(3) {
        true => json(choices),
        false => choices.text(8, &SHELL),
    }
}

fn heredocs(choices: &mut Choices, shell: bool, bodies: &mut String) -> String {
    let mut text = String::new();
    for _ in 0..=choices.below(2) {
        let name = choices.pick(&NAMES);
        let word = choices
            .pick(&["<<N", "<<-N", "<<\"N\"", "<<-'N'", "3<<N", "<< N", "<<\\N", "<<N'N'", "<<\"N\"x"]);
        let (word, name) = match word {
            "<<N'N'" => (word, format!("{name}{name}")),
            "<<\"N\"x" => (word, format!("{name}x")),
            word => (word, name.to_owned()),
        };
        let part = choices.pick(&["", "", "a ", "cat ", "\\ ", "'q' "]);
        text +=
            &format!("{part}{} ", word.replace('N', &name[..name.len() / word.matches('N').count().max(1)]));
        *bodies += &choices.several(5, |choices| choices.pick(&BODY)).concat();
        *bodies += if word.contains("<<-") { choices.pick(&["", "\t", "\t\t"]) } else { "" };
        *bodies += &format!("{name}{}", choices.pick(&["\n", "\n", "\r\n"]));
    }
    text + if shell { choices.pick(&["", "", " | sh", "&& b"]) } else { "/d" }
}
