//! A tool's arguments, and what is said of a command line that it does not take: one line, in the tool's name.

use crate::failure::Failure;
use crate::report;
use clap::Parser;
use std::process::ExitCode;

/// Reads the arguments of `tool` and runs its job with them; see [`crate::run`]. What `--help` and `--version` ask for is
/// printed instead.
pub fn main<A: Parser>(tool: &str, job: impl FnOnce(A) -> Result<(), Failure>) -> ExitCode {
    match A::try_parse() {
        Ok(args) => crate::run(tool, || job(args)),
        Err(error) if error.use_stderr() => {
            let failure =
                Failure::usage(format!("{}; {tool} --help lists the options", words(&error.to_string())));
            report(tool, &failure);
            ExitCode::from(failure.status())
        }
        Err(text) => crate::run(tool, || Ok(text.print()?)),
    }
}

/// Clap's message, which has several paragraphs, as one line.
fn words(text: &str) -> String {
    let end = ["\n\nUsage:", "\n\nFor more information"].into_iter().filter_map(|mark| text.find(mark)).min();
    let paragraphs = text[..end.unwrap_or(text.len())].split("\n\n");
    let line = |paragraph: &str| {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let bare = ["error: ", "tip: "].into_iter().find_map(|label| words.strip_prefix(label));
        bare.map(str::to_owned).unwrap_or(words)
    };
    paragraphs.map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser, Debug)]
    struct Args {
        #[arg(long)]
        level: Option<u8>,
        #[arg(long, value_parser = ["plain", "quiet"])]
        progress: Option<String>,
        dir: String,
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (args, said) in [
            (
                &["x", "--levle", "3"][..],
                "unexpected argument '--levle' found; a similar argument exists: '--level'",
            ),
            (
                &["x", "--level", "y", "d"],
                "invalid value 'y' for '--level <LEVEL>': invalid digit found in string",
            ),
            (&["x"], "the following required arguments were not provided: <DIR>"),
            (
                &["x", "--progress", "loud", "d"],
                "invalid value 'loud' for '--progress <PROGRESS>' [possible values: plain, quiet]",
            ),
        ] {
            assert_eq!(words(&Args::try_parse_from(args).unwrap_err().to_string()), said);
        }
    }
}
