//! The simple commands of a script as words, and the variables that they set.

use crate::tokens::{Token, tokens};

/// The simple commands of a script, wherever they are, each with the words before its name. Some are empty.
pub fn split(script: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    for token in tokens(script).tokens {
        match (token, commands.last_mut()) {
            (Token::Word(word), Some(command)) => command.push(word),
            (Token::Operator(..), _) => commands.push(Vec::new()),
            _ => {}
        }
    }
    commands
}

/// A command without the words before its name.
pub fn plain(words: Vec<String>) -> Vec<String> {
    const BEFORE: [&str; 10] = ["sudo", "then", "do", "else", "if", "!", "env", "exec", "time", "command"];
    let skipped = |word: &String| {
        BEFORE.contains(&word.as_str()) || (word.contains('=') && !word.starts_with(['-', '/', '=']))
    };
    words.into_iter().skip_while(skipped).collect()
}

/// The variables that one command sets: `A=x`, `export A=x`, `read A`, `for A in`.
pub fn assigned(words: &[String]) -> Vec<String> {
    let mut words = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| ["then", "do", "else", "while", "if", "!"].contains(word));
    let name = |word: &str| {
        let name = word.split('=').next().unwrap_or_default().trim_end_matches('+');
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        (first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then(|| name.to_owned())
    };
    let mut found = Vec::new();
    for word in words.by_ref() {
        match word {
            "for" => return words.next().and_then(name).into_iter().collect(),
            "export" | "local" | "declare" | "readonly" | "typeset" | "read" => {
                return words.filter(|word| !word.starts_with('-')).filter_map(name).collect();
            }
            word if word.contains('=') => found.extend(name(word)),
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(script: &str) -> Vec<String> {
        split(script).into_iter().filter(|words| !words.is_empty()).map(|words| words.join(",")).collect()
    }

    #[test]
    fn commands_are_found_wherever_they_are() {
        for (script, wanted) in [
            ("a 'b c' && d \"e;f\" # g && h\n i", &["a,b c", "d,e;f", "i"][..]),
            ("(a; { b; }) | c & d", &["a", "b", "c", "d"]),
            ("x=$(a b) y", &["x=$", "a,b", "y"]),
            ("a 2>&1 && b &>f", &["a,2>&1", "b,&>f"]),
            ("a \\\n b\\ c", &["a,b c"]),
            ("echo \"a \\\" && b\" c", &["echo,a \" && b,c"]),
            ("echo ${x:-a b} p/{a,b}", &["echo,${x:-a b},p/{a,b}"]),
            ("a 'b", &["a,b"]),
        ] {
            assert_eq!(commands(script), wanted, "{script}");
        }
    }
}
