//! `--until`: the last step of a build. Its stage becomes the target, and everything after it is left out.

use libdockerfile::ParseError;
use libdockerfile::dockerfile::{Dockerfile, StageItem};
use libdockerfile::names::{named, stage_name};
use libwire::plan::Stage;

/// The end of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The stage.
    pub stage: usize,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Whole,
    Step(usize),
    Line(u32),
}

/// Parses `STAGE`, `STEP`, `STAGE:STEP` or `:LINE`. A step without a stage is one of `target`.
pub(crate) fn parse(file: &Dockerfile, text: &str, target: usize) -> Result<End, ParseError> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|&number| number > 0);
    if let Some(line) = text.strip_prefix(':') {
        let line = line.parse::<u32>().map_err(|_| bad(text))?;
        let stage = file.stages.iter().rposition(|stage| stage.line.line <= line);
        let stage = stage
            .ok_or_else(|| ParseError::new(format!("--until {text}: the line is before the first FROM")))?;
        return Ok(End { stage, at: At::Line(line) });
    }
    if let Some(step) = number(text) {
        return Ok(End { stage: target, at: At::Step(step) });
    }
    let (name, step) = match text.split_once(':') {
        Some((name, step)) => (name, Some(number(step).ok_or_else(|| bad(text))?)),
        None => (text, None),
    };
    let stage = match name.parse::<usize>() {
        Ok(_) if step.is_none() => return Err(bad(text)),
        Ok(index) if index < file.stages.len() => index,
        _ => named(file, name)?,
    };
    Ok(End { stage, at: step.map_or(At::Whole, At::Step) })
}

fn bad(text: &str) -> ParseError {
    ParseError::new(format!("--until {text}: write STEP, STAGE:STEP, :LINE or STAGE"))
}

/// Leaves out everything after the end of the stage. Triggers of the base are steps too, but are not known here, so
/// as many instructions stay as if there were none.
pub(crate) fn cut(end: End, item: &StageItem, stage: &mut Stage) -> Result<(), ParseError> {
    match end.at {
        At::Whole => {}
        At::Step(step) => stage.instructions.truncate(step),
        At::Line(line) if line <= stage.line_end => stage.instructions.clear(),
        At::Line(line) => {
            let holds = |inner: &libwire::plan::Instruction| inner.line <= line && line <= inner.line_end;
            let at = stage.instructions.iter().position(holds);
            let at = at.ok_or_else(|| {
                let next = stage.instructions.iter().find(|inner| inner.line > line);
                let hint = next.map(|next| format!("; the next one is in line {}", next.line));
                let name = stage_name(item).unwrap_or_else(|| stage.index.to_string());
                ParseError::new(format!(
                    "--until :{line}: stage {name} has no instruction in this line{}",
                    hint.unwrap_or_default()
                ))
            })?;
            stage.instructions.truncate(at + 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::options::Options;
    use crate::plan::plan;
    use libdockerfile::parse;

    const FILE: &str = "FROM scratch AS one\nENV a=1\n# words\nENV b=2 \\\n  c=3\nFROM scratch AS two\nCOPY --from=one /x /\nFROM one\nENV d=4\n";

    /// The stages of the plan, each with its number of instructions. The target is the last.
    fn stages(until: &str) -> Result<Vec<(usize, usize)>, String> {
        let options = Options { until: Some(until.into()), ..Options::default() };
        let stages = plan(&parse(FILE).unwrap(), &options).map_err(|error| error.to_string())?;
        assert!(stages.last().unwrap().target);
        Ok(stages.iter().map(|stage| (stage.index, stage.instructions.len())).collect())
    }

    #[test]
    fn a_step_is_a_number_a_line_or_a_stage() {
        for (until, wanted) in [
            ("1", &[(0, 2), (2, 1)][..]),
            ("one", &[(0, 2)]),
            ("one:1", &[(0, 1)]),
            ("0:1", &[(0, 1)]),
            (":2", &[(0, 1)]),
            (":5", &[(0, 2)]),
            (":1", &[(0, 0)]),
            (":6", &[(1, 0)]),
            ("Two", &[(0, 2), (1, 1)]),
        ] {
            assert_eq!(stages(until).unwrap(), wanted, "{until}");
        }
    }

    #[test]
    fn a_step_of_a_stage_that_is_not_the_target_is_refused_only_if_a_target_is_named() {
        let of = |target: &str, until: &str| {
            let (target, until) = (Some(target.to_owned()), Some(until.to_owned()));
            plan(&parse(FILE).unwrap(), &Options { target, until, ..Options::default() })
        };
        for until in ["one", "one:1", ":4"] {
            assert_eq!(of("one", until).unwrap().len(), 1);
            let error = of("two", until).unwrap_err().to_string();
            assert!(
                error.ends_with(": that is in stage one, and the target is two; leave one of them out"),
                "{error}"
            );
            assert!(of("", until).is_ok());
        }
        assert!(of("two", "1").is_ok());
    }

    #[test]
    fn what_is_no_step_is_refused_with_a_hint() {
        assert!(stages(":3").unwrap_err().ends_with("in this line; the next one is in line 4"));
        assert!(stages("thre").unwrap_err().contains("\"thre\" could not be found"));
        for bad in [":", ":x", "one:", "one:0", "0"] {
            assert!(stages(bad).is_err(), "{bad}");
        }
    }
}
