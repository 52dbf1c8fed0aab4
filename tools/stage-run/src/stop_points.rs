//! The points in a stage where `--until` ends it and where `--shell` opens a shell, as numbers of its steps.

use crate::error::StepError;
use crate::options::Place;
use crate::session::Session;
use libwire::plan::Stage;

/// The points to stop at in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopPoints {
    /// The last step to do.
    pub last: usize,
    /// The step before which a shell is opened. One more than there are means after the last.
    pub shell: Option<usize>,
}

impl StopPoints {
    /// The stop points of `stage`, whose own instructions come after `before` other steps. Only the stage asked for, or
    /// the target, has any.
    pub fn new(session: &Session, stage: &Stage, before: usize) -> Result<Self, StepError> {
        let steps = before + stage.instructions.len();
        let options = session.options;
        if !session.has_stop_points(stage) {
            return Ok(Self { last: steps, shell: None });
        }
        let check = |option: &str, step: usize| match step <= steps {
            true => Ok(step),
            false => {
                let what = format!("{option} {step}: there is no such step; the last one is {steps}");
                Err(StepError::input(what))
            }
        };
        let last = options.until.map_or(Ok(steps), |step| check("--until", step))?;
        let shell = match options.shell {
            None => None,
            Some(Place::End) => Some(last + 1),
            Some(Place::Step(step)) => Some(check("--shell", step)?),
            Some(Place::Line(line)) if (stage.line..=stage.line_end).contains(&line) => Some(before + 1),
            Some(Place::Line(line)) => {
                let mut own = stage.instructions.iter();
                let at = own.position(|one| one.line <= line && line <= one.line_end);
                let at = at.ok_or_else(|| {
                    StepError::input(format!("--shell :{line}: the stage has no instruction in this line"))
                })?;
                Some(before + at + 1)
            }
        };
        Ok(Self { last, shell })
    }
}
