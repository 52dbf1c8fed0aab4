//! Words that bash reads as a Dockerfile does: both make the same of them, and of the model.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn bash_expands_what_we_expand_to_the_same() {
    let mut runner = TestRunner::deterministic();
    let bytes = proptest::collection::vec(proptest::num::u8::ANY, 0..100);
    let made = (0..Config::default().cases.max(1000))
        .map(|_| properties::word_for_bash(&bytes.new_tree(&mut runner).expect("bytes").current()));
    let made: Vec<(String, String)> = made.collect();
    let mut script = properties::variables_for_bash();
    script.extend(made.iter().map(|(word, _)| format!("w={word}\nprintf '%s\\0' \"$w\"\n")));
    // Not all machines have it.
    let Some(out) = bash(&script) else { return };
    let heard: Vec<&str> = out.split_terminator('\0').collect();
    assert_eq!(heard.len(), made.len());
    for ((word, expected), heard) in made.iter().zip(heard) {
        assert_eq!(heard, expected, "bash makes this of {word:?}");
    }
}

/// What bash prints, or nothing where there is none.
fn bash(script: &str) -> Option<String> {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile"]).env_clear().env("LC_ALL", "C.UTF-8");
    let mut child = bash.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = child.stdin.take()?;
    let script = script.to_owned();
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let out = child.wait_with_output().expect("bash ends with its script");
    writer.join().expect("the script is written").expect("bash reads its script");
    Some(String::from_utf8(out.stdout).expect("bash prints UTF-8"))
}
