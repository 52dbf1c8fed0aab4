//! HEALTHCHECK.

use crate::error::StepError;
use crate::golang::{duration, plain_list};
use crate::state::State;
use libwire::image::Healthcheck;
use libwire::plan::{Command, Op};

pub(super) fn check(state: &mut State, op: &Op) -> Result<String, StepError> {
    let Op::Healthcheck { test, interval, timeout, start_period, start_interval, retries } = op else {
        return Err(StepError::failed("not a HEALTHCHECK"));
    };
    let words = match test {
        None => vec!["NONE".to_owned()],
        Some(Command::Shell(text)) => vec!["CMD-SHELL".to_owned(), text.clone()],
        Some(Command::Exec(words)) => std::iter::once("CMD".to_owned()).chain(words.clone()).collect(),
    };
    let created = format!(
        "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{retries}}}",
        plain_list(&words),
        duration(*interval),
        duration(*timeout),
        duration(*start_period),
        duration(*start_interval),
    );
    state.config.config.healthcheck = Some(Healthcheck {
        test: words,
        interval: *interval,
        timeout: *timeout,
        start_period: *start_period,
        start_interval: *start_interval,
        retries: *retries,
        ..Healthcheck::default()
    });
    Ok(created)
}
