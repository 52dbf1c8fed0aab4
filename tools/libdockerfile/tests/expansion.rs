//! Expansion of words, form by form, with the results of BuildKit.

use libdockerfile::expand::Expander;
use proptest::prelude::*;

const KNOWN: [(&str, &str); 9] = [
    ("PWD", "/home"),
    ("a", "foo"),
    ("e", ""),
    ("p", "/usr/local/bin"),
    ("s", "x y"),
    ("f", "a.tar.gz"),
    ("glob", "\\*/"),
    ("xy", "xxyy"),
    ("ü", "umlaut"),
];

fn get(name: &str) -> Option<String> {
    KNOWN.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn word(text: &str) -> Result<String, String> {
    Expander::new('\\').word(text, &get).map_err(|error| error.what)
}

/// Asserts each row, and shows the row's text on failure.
fn table(rows: &[(&str, &str)]) {
    for (text, want) in rows {
        assert_eq!(word(text).as_deref(), Ok(*want), "{text}");
    }
}

#[test]
fn quotes_are_removed_and_single_ones_are_literal() {
    table(&[
        ("he'll'o", "hello"),
        ("he\\'llo", "he'llo"),
        ("\"hel'lo\"", "hel'lo"),
        ("'hello\\'", "hello\\"),
        ("'hello\\\\there'", "hello\\\\there"),
        ("'$a'", "$a"),
        ("'\"a\"'", "\"a\""),
        ("\"$a\"", "foo"),
        ("\"he'$a'\"", "he'foo'"),
        ("a''b", "ab"),
    ]);
}

#[test]
fn an_escape_takes_the_next_characters_meaning_and_less_inside_double_quotes() {
    table(&[
        ("abc\\tdef", "abctdef"),
        ("\"abc\\tdef\"", "abc\\tdef"),
        ("\"abc\\\\tdef\"", "abc\\tdef"),
        ("hello\\", "hello"),
        ("hello\\\\", "hello\\"),
        ("\\$a", "$a"),
        ("\\\\$a", "\\foo"),
        ("\"\\$a\"", "$a"),
        ("\\${}", "${}"),
        ("a\\ b", "a b"),
    ]);
    let tick = Expander::new('`');
    assert_eq!(tick.word("C:\\dir\\`$a", &get).as_deref(), Ok("C:\\dir\\$a"));
    assert_eq!(tick.word("\\$a", &get).as_deref(), Ok("\\foo"));
}

#[test]
fn a_name_ends_at_the_first_character_that_can_not_be_in_it() {
    table(&[
        ("$a.", "foo."),
        ("$a-b", "foo-b"),
        ("$ab", ""),
        ("${a}b", "foob"),
        ("$", "$"),
        ("$.", "$."),
        ("a$", "a$"),
        ("$ü!", "umlaut!"),
        ("${a}}", "foo}"),
    ]);
}

#[test]
fn special_parameters_are_never_set() {
    for name in ["@", "*", "#", "?", "-", "$", "!", "0", "1", "999", "001"] {
        assert_eq!(word(&format!("${name}|")).as_deref(), Ok("|"), "{name}");
        assert_eq!(word(&format!("${{{name}}}|")).as_deref(), Ok("|"), "{name}");
        assert_eq!(word(&format!("${{{name}:-x}}")).as_deref(), Ok("x"), "{name}");
        assert_eq!(word(&format!("${{{name}:+x}}")).as_deref(), Ok(""), "{name}");
    }
    table(&[("$@@@", "@@"), ("$999aaa", "aaa"), ("$1x", "x")]);
}

#[test]
fn defaults_and_alternatives_tell_unset_from_empty_only_without_a_colon() {
    table(&[
        ("${u:-x}", "x"),
        ("${u-x}", "x"),
        ("${e:-x}", "x"),
        ("${e-x}", ""),
        ("${a:-x}", "foo"),
        ("${u:+x}", ""),
        ("${u+x}", ""),
        ("${e:+x}", ""),
        ("${e+x}", "x"),
        ("${a:+x}", "x"),
        ("${u:-$a}", "foo"),
        ("${u:-${v:-deep}}", "deep"),
        ("${a:+${a}:}", "foo:"),
        ("${u:-\\$a:}", "$a:"),
        ("${u:-'$a'}", "$a"),
        ("${u:-}", ""),
    ]);
}

#[test]
fn a_required_variable_fails_with_its_message() {
    table(&[("${a:?no}", "foo"), ("${a?no}", "foo"), ("${e?no}", "")]);
    for (text, want) in [
        ("${u?}", "u: is not allowed to be unset"),
        ("${u:?}", "u: is not allowed to be unset"),
        ("${e:?}", "e: is not allowed to be empty"),
        ("${u:?set $a}", "u: set foo"),
        ("${e:?set it}", "e: set it"),
    ] {
        assert_eq!(word(text), Err(want.into()), "{text}");
    }
}

#[test]
fn prefixes_and_suffixes_go_shortest_or_longest() {
    table(&[
        ("${p#*/}", "usr/local/bin"),
        ("${p##*/}", "bin"),
        ("${f%.*}", "a.tar"),
        ("${f%%.*}", "a"),
        ("${f#b}", "a.tar.gz"),
        ("${xy#*}", "xxyy"),
        ("${xy##*}", ""),
        ("${xy#}", "xxyy"),
        ("${xy#*x*y}", "y"),
        ("${xy##*x}", "yy"),
        ("${xy#?x}", "yy"),
        ("${xy%y}", "xxy"),
        ("${xy%x}", "xxyy"),
        ("${xy%%x*}", ""),
        ("${u#x}", ""),
        ("${f%$u}", "a.tar.gz"),
        ("${f%.${u:-gz}}", "a.tar"),
        ("${f%'.gz'}", "a.tar"),
        ("${f%\".gz\"}", "a.tar"),
    ]);
}

#[test]
fn a_pattern_knows_stars_and_question_marks_and_their_escapes_only() {
    let odd = |name: &str| (name == "v").then(|| "()[]{}^$.*?|\\x".to_owned());
    let all = Expander::new('\\').word("${v#()[]{\\}^$.\\*\\?|\\\\}", &odd);
    assert_eq!(all.as_deref(), Ok("x"));
    assert_eq!(word("${a#\\f}"), Err("invalid pattern (\\f) in substitution: invalid escape '\\f'".into()));
}

#[test]
fn replacing_takes_the_longest_match_once_or_everywhere() {
    table(&[
        ("${p/\\//:}", ":usr/local/bin"),
        ("${p//\\//:}", ":usr:local:bin"),
        ("${xy/x/z}", "zxyy"),
        ("${xy//x/z}", "zzyy"),
        ("${xy/x*y/z}", "z"),
        ("${xy//?/z}", "zzzz"),
        ("${xy//z/q}", "xxyy"),
        ("${xy/$u/w}", "wxxyy"),
        ("${xy//*/w}", "w"),
        ("${e/*/w}", "w"),
        ("${xy///}", "xxyy"),
        ("${u//x/y}", ""),
        // The escape applies only to the pattern.
        ("${p//\\//\\/}", "\\/usr\\/local\\/bin"),
    ]);
    let tree = |name: &str| match name {
        "v" => Some("/foo*/*/*.txt".to_owned()),
        name => get(name),
    };
    let both = Expander::new('\\').word("${v/$glob/.} - ${v//$glob/.}", &tree);
    assert_eq!(both.as_deref(), Ok("/foo.*/*.txt - /foo..*.txt"));
}

#[test]
fn what_can_not_be_read_says_why() {
    for (text, want) in [
        ("${a", "syntax error: missing '}'"),
        ("${a:-x", "syntax error: missing '}'"),
        ("${", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:-x}", "syntax error: bad substitution"),
        ("${{a}", "syntax error: bad substitution"),
        ("${a:=x}", "unsupported modifier (:=) in substitution"),
        ("${a:#x}", "unsupported modifier (:#) in substitution"),
        ("${a:YYY}", "unsupported modifier (:Y) in substitution"),
        ("${a.b}", "unsupported modifier (.) in substitution"),
        ("${a//x}", "syntax error: missing '/' in ${}"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ("\"a\\\"", "unexpected end of statement while looking for matching double-quote"),
    ] {
        assert_eq!(word(text), Err(want.into()), "{text}");
    }
    let error = Expander::new('\\').word("x${a", &get).unwrap_err();
    assert_eq!(error.to_string(), "failed to process \"x${a\": syntax error: missing '}'");
}

#[test]
fn white_space_splits_outside_quotes_also_where_a_variable_brought_it() {
    let words = |text: &str| Expander::new('\\').words(text, &get).unwrap();
    assert_eq!(words("1 $s 2"), ["1", "x", "y", "2"]);
    assert_eq!(words("a${s}b"), ["ax", "yb"]);
    assert_eq!(words("\"$s\" a"), ["x y", "a"]);
    assert_eq!(words("a\\ b c"), ["a b", "c"]);
    assert_eq!(words("$u '' \"\""), Vec::<String>::new());
    assert_eq!(words("hello\" there  \""), ["hello there  "]);
}

#[test]
fn a_heredoc_body_keeps_quotes_and_loses_backslashes() {
    let body = |text: &str| Expander::new('`').heredoc_body(text, &get).unwrap();
    assert_eq!(body("'$a' \\$a \\\\ \\n\n"), "'foo' $a \\ n\n");
    assert_eq!(body("\"${u:-'q'}\"\n  it's `x`\n"), "\"'q'\"\n  it's `x`\n");
}

#[test]
fn a_word_that_grows_without_end_is_refused() {
    let long = |_: &str| Some("x".repeat(1 << 16));
    for text in ["$a".repeat(40), format!("\"{}\"", "$a".repeat(40)), "${a//x/$a}".into()] {
        let what = Expander::new('\\').word(&text, &long).unwrap_err().what;
        assert!(what.contains("longer than"), "{what}");
    }
    let nested = "${a:-".repeat(200) + &"}".repeat(200);
    assert!(word(&nested).unwrap_err().contains("too deeply"));
}

#[test]
fn a_pattern_with_many_stars_takes_no_long_time() {
    let long = |_: &str| Some("a".repeat(100_000));
    let word = format!("${{v//{}b/x}}", "a*".repeat(20));
    assert_eq!(Expander::new('\\').word(&word, &long).unwrap().len(), 100_000);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-a-z${}:?+#%/*\\\\'\" ü]{0,60}") {
        for escape in ['\\', '`'] {
            let expander = Expander::new(escape);
            let _ = (expander.words(&text, &get), expander.word(&text, &get), expander.heredoc_body(&text, &get));
        }
    }

    #[test]
    fn plain_text_stays_as_it_is(text in "[a-zA-Z0-9 ./:=,+@%^&*()-]{0,60}") {
        prop_assert_eq!(word(&text), Ok(text));
    }

    #[test]
    fn quoted_text_stays_as_it_is(text in "[^']{0,60}") {
        prop_assert_eq!(word(&format!("'{text}'")), Ok(text));
    }
}
