//! The promises about signals to the process that waits for a command.

use crate::cases::{ensure, sleeping, unique, within};
use crate::{Running, Verdict, World};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Sends a signal to a run of a script, in which SECONDS is what it sleeps first. How it ends, and after how long.
fn end_by(
    world: &World,
    options: &[&str],
    script: &str,
    seconds: &str,
    signal: i32,
) -> Result<(i32, Duration), String> {
    world.freshen();
    let script = script.replace("SECONDS", seconds);
    let mut command = world.command(options, &["sh", "-c", &script]);
    let mut child = command.stdout(Stdio::null()).spawn().map(Running).map_err(|error| error.to_string())?;
    ensure(within(10, || sleeping(seconds)), "the command did not start")?;
    let start = Instant::now();
    let (signal, pid) = (format!("-{signal}"), child.0.id().to_string());
    let sent = Command::new("kill").args([&signal, &pid]).status();
    ensure(sent.is_ok_and(|status| status.success()), "no signal was sent")?;
    let status = child.0.wait().map_err(|error| error.to_string())?;
    ensure(!sleeping(seconds), "a process lives on")?;
    Ok((status.code().unwrap_or(-1), start.elapsed()))
}

const HUP: i32 = 1;
const INT: i32 = 2;
const QUIT: i32 = 3;
const USR1: i32 = 10;
const TERM: i32 = 15;
const WINCH: i32 = 28;
/// SIGRTMIN+3, by which systemd is told to halt.
const REAL_TIME: i32 = 37;
const POLITE: &str = "trap 'echo bye >/said; exit 0' TERM; sleep SECONDS & wait";
const STUBBORN: &str = "trap '' TERM; sleep SECONDS; sleep SECONDS";

pub fn ending(world: &World) -> Verdict {
    let try_one = |script, name, signal| end_by(world, &["grace=1"], script, &unique(world, name), signal);
    let (status, took) = try_one(POLITE, 3, INT)?;
    ensure(status == 130 && took < Duration::from_millis(900), format!("polite: {status} after {took:?}"))?;
    ensure(world.path("upper/said").exists(), "the command did not get TERM")?;
    let (status, took) = try_one(STUBBORN, 4, TERM)?;
    let in_time = took > Duration::from_millis(900) && took < Duration::from_secs(4);
    ensure(status == 143 && in_time, format!("stubborn: {status} after {took:?}"))
}

pub fn passed_on(world: &World) -> Verdict {
    let try_one = |script: &str, name, signal| {
        end_by(world, &["grace=1", "pass-on"], script, &unique(world, name), signal)
    };
    for (name, signal) in [HUP, INT, QUIT, USR1, TERM, WINCH, REAL_TIME].into_iter().enumerate() {
        let script = format!("trap 'exit 7' {signal}; sleep SECONDS & wait");
        let (status, _) = try_one(&script, 10 + name as u32, signal)?;
        ensure(status == 7, format!("signal {signal}: {status}"))?;
    }
    let (status, _) = try_one(POLITE, 20, TERM)?;
    ensure(status == 0, format!("TERM that is trapped: {status}"))?;
    let (status, _) = try_one("sleep SECONDS", 21, USR1)?;
    ensure(status == 138, format!("USR1 that is not trapped: {status}"))?;
    // A request is not the end: no grace begins.
    let busy = "trap 'sleep 1.5; exit 7' HUP; sleep SECONDS & wait";
    let (status, _) = try_one(busy, 22, HUP)?;
    ensure(status == 7, format!("a request that takes long: {status}"))?;
    let (status, took) = try_one(STUBBORN, 23, TERM)?;
    ensure(status == 143 && took < Duration::from_secs(4), format!("stubborn: {status} after {took:?}"))
}
