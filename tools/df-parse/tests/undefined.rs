//! UndefinedVar gives the probable meaning.

use df_parse::bases::{Bases, Image};
use df_parse::check::{Request, check_text};
use df_parse::{Extent, Options};

/// The hints of a file's findings, each after its line.
fn hints(text: &str, options: &Options) -> Vec<String> {
    let ignored = &libpattern::Matcher::default();
    let checked = check_text(text, &Request { options, ignored, extent: Extent::AllStages, own: false });
    let undefined = checked.findings.iter().filter(|finding| finding.rule.name == "UndefinedVar");
    undefined
        .map(|finding| {
            let (name, hint) =
                finding.detail.split_once("' ").or_else(|| finding.detail.split_once("';")).unwrap();
            assert!(name.starts_with("Usage of undefined variable '$"), "{name}");
            format!("{} {}", finding.line, hint.trim())
        })
        .collect()
}

/// The hint of the only finding.
fn hint(text: &str) -> String {
    let hints = hints(text, &Options::default());
    assert_eq!(hints.len(), 1, "{text}: {hints:?}");
    hints[0].clone()
}

#[test]
fn a_near_name_is_a_slip() {
    assert_eq!(hint("FROM a\nENV APP_HOME=/x\nWORKDIR $APP_HOEM\n"), "3 (did you mean $APP_HOME?)");
}

#[test]
fn a_variable_of_a_run_ends_with_it() {
    for run in [
        "X=1 && echo $X",
        "export X=1",
        "export Y X=1",
        "if true; then X=$(cat v); fi",
        "for X in a b; do echo $X; done",
        "echo a b | while read -r X Y; do echo $X; done",
        "<<E\nX=1\nE",
    ] {
        let told = hint(&format!("FROM a\nRUN {run}\nCOPY b /$X\n"));
        assert!(told.contains(" the shell of the RUN in line 2 sets it, "), "{run}: {told}");
    }
    for run in ["echo X=1", "make X"] {
        assert!(hint(&format!("FROM a\nRUN {run}\nCOPY b /$X\n")).contains("declare it with ARG X"), "{run}");
    }
}

#[test]
fn a_variable_that_is_set_elsewhere_is_brought_here() {
    for (text, told) in [
        (
            "ARG X=1\nFROM a\nCOPY b /$X\n",
            "3 it is known only before the first FROM, write ARG X in this stage",
        ),
        (
            "ARG X=1\nFROM a\nARG X=${X}y\n",
            "3 it is known only before the first FROM, write ARG X in this stage",
        ),
        (
            "FROM a\nLABEL b=$TARGETARCH\n",
            "2 the builder knows it: write ARG TARGETARCH in this stage to have it",
        ),
        ("FROM a\nLABEL b=$X\nARG X=1\n", "2 ARG X in line 3 comes too late, move it above this line"),
        ("FROM a\nENV X=1 Y=$X\n", "2 an instruction does not see what it sets: set X in one above"),
        (
            "FROM a\nENV X=b:$X\n",
            "2 unless the base image sets it, it is empty before this line: leave $X out",
        ),
        (
            "FROM a AS b\nENV X=1\nFROM a\nLABEL c=$X\n",
            "4 only stage b sets it, in line 2: write ARG X in this stage too",
        ),
        (
            "FROM a\nWORKDIR $HOME\n",
            "2 only the shell of a RUN has it: write the value, or set it with ENV HOME=…",
        ),
        (
            "FROM a\nRUN --mount=type=cache,target=$HOME/c x\n",
            "2 only the shell of a RUN has it: write the value, or set it with ENV HOME=…",
        ),
    ] {
        assert_eq!(hint(text), told, "{text}");
    }
}

#[test]
fn a_dollar_sign_is_escaped_only_where_it_is_text() {
    for text in ["ENV P=pa$word", "ENV A=\"{print $1}\"", "ENV A=$$", "LABEL r=^a)$b"] {
        assert!(hint(&format!("FROM a\n{text}\n")).ends_with("for a dollar sign write \\$"), "{text}");
    }
    assert!(hint("# escape=`\nFROM a\nENV P=pa$word\n").ends_with("write `$"));
    assert!(hint("FROM a\nCOPY <<E /x\nserver $host;\nE\n").contains("quote the word after <<"));
}

#[test]
fn what_is_nowhere_is_declared() {
    assert_eq!(hint("FROM a\nCOPY b /$X\n"), "2 unless the base image sets it, declare it with ARG X");
    assert_eq!(hint("FROM scratch\nCOPY b /$X\n"), "2 declare it with ARG X");
    let known = Options { bases: Bases::from([(0, Image::default())]), ..Options::default() };
    assert_eq!(hints("FROM a\nCOPY b /$X\n", &known), ["2 declare it with ARG X"]);
}
