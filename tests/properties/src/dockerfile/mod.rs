//! Dockerfiles: what is printed parses to the same, folding means nothing, and no text does harm.

mod fold;
mod grammar;

use crate::choices::Choices;
use df_parse::job::{Job, Wanted, run};
use df_parse::{Options, plan};
use libdockerfile::{ParseError, parse};
use libwire::plan::Stage;

/// A file from the grammar, plain and folded, is one file.
pub fn dockerfile(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let file = grammar::file(choices);
    let plain = fold::plain(&file);
    let odd = fold::odd(&file, choices);
    match (parse(&plain), parse(&odd)) {
        (Ok(one), Ok(other)) => assert_eq!(one.to_string(), other.to_string(), "{plain}\n---\n{odd}"),
        (Err(one), Err(other)) => assert_eq!(reason(&one), reason(&other), "{plain}\n---\n{odd}"),
        (one, other) => panic!("{plain}\n---\n{odd}\n---\n{:?} {:?}", one.err(), other.err()),
    }
    prints_the_same(&plain);
    does_no_harm(&plain);
}

/// What is wrong, without hints: those may name lines.
fn reason(error: &ParseError) -> String {
    error.to_string().split("; ").next().unwrap_or_default().to_owned()
}

/// Any text is a Dockerfile or refused with a reason and a place in it.
pub fn dockerfile_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    prints_the_same(&text);
    does_no_harm(&text);
}

fn prints_the_same(text: &str) {
    let Ok(file) = parse(text) else { return };
    let printed = file.to_string();
    let again = match parse(&printed) {
        Ok(again) => again,
        Err(error) => panic!("{text:?} is printed as\n{printed}\nwhich is refused: {error:?}"),
    };
    assert_eq!(again.to_string(), printed, "{text:?}");
    let stages = |file| match plan(file, &Options::default()) {
        Ok(stages) => Ok(stages.into_iter().map(without_places).collect::<Vec<_>>()),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(stages(&file), stages(&again), "{text:?} is printed as\n{printed}");
}

/// A stage but for what tells where and how it was written.
fn without_places(mut stage: Stage) -> Stage {
    (stage.line, stage.line_end, stage.text) = (0, 0, String::new());
    stage.lines.clear();
    for instruction in &mut stage.instructions {
        (instruction.line, instruction.line_end) = (0, 0);
        instruction.text.clear();
        instruction.lines.clear();
    }
    stage
}

fn does_no_harm(text: &str) {
    for wanted in [Wanted::Plan, Wanted::CheckAll, Wanted::Targets, Wanted::Outline] {
        let options = Options { name: "Dockerfile".into(), ..Options::default() };
        let job = Job { wanted, json: wanted == Wanted::Outline, options, ignore_file: None };
        let mut out = Vec::new();
        match run(&job, text, &mut out, &mut |_| {}) {
            Ok(()) if wanted == Wanted::Plan => {
                let read = libwire::plan::read(&out[..]);
                assert!(read.is_ok(), "{text:?} has a bad plan: {:?}", read.err());
            }
            Ok(()) => {}
            Err(failure) => is_a_message(&failure.render("df-parse").unwrap_or_default(), text),
        }
    }
    if let Err(ParseError { line: Some(line), line_end, .. }) = parse(text) {
        let lines = text.split('\n').count();
        assert!(1 <= line && line <= line_end && line_end as usize <= lines, "{line}-{line_end} of {text:?}");
    }
}

/// First a line that says it all; then the source, marked. Nothing in it moves a terminal's cursor.
fn is_a_message(message: &str, text: &str) {
    let first = message.lines().next().unwrap_or_default();
    assert!(first.starts_with("df-parse: Dockerfile") && first.len() < 4096, "{first:?} for {text:?}");
    assert!(message.ends_with('\n') && message.len() < 1 << 16, "{message:?} for {text:?}");
    assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message:?} for {text:?}");
}
