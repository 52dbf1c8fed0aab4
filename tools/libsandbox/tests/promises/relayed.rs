//! The promises about standard streams that are relayed.

use crate::cases::{ensure, expect, within};
use crate::{Ran, Running, Verdict, World};
use std::process::Stdio;
use std::time::Duration;

pub fn relayed_through_pipes(world: &World) -> Verdict {
    let log = world.path("log");
    std::fs::write(&log, "before\n").map_err(|error| error.to_string())?;
    let open = || std::fs::OpenOptions::new().read(true).append(true).open(&log).map_err(|e| e.to_string());
    let script = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done | grep -c '^pipe:'
        (: >/proc/self/fd/1; : >/proc/self/fd/2; : >/proc/self/fd/0) 2>/dev/null; cat; echo end";
    world.freshen();
    let mut command = world.command(&["relayed"], &["sh", "-c", script]);
    let ran = command.stdin(Stdio::null()).stdout(open()?).stderr(open()?).status();
    ensure(ran.is_ok_and(|status| status.success()), "it failed")?;
    let text = std::fs::read_to_string(&log).map_err(|error| error.to_string())?;
    // Its own fd 1 is the pipe to grep there, another pipe.
    ensure(text == "before\n3\nend\n", format!("the log has {text:?}"))
}

pub fn relayed_in_order(world: &World) -> Verdict {
    let log = world.path("log");
    let file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
    let copy = file.try_clone().map_err(|error| error.to_string())?;
    let script = "i=0; while [ $i -lt 300 ]; do echo $i; echo $i >&2; i=$((i+1)); done";
    world.freshen();
    let status = world.command(&["relayed"], &["sh", "-c", script]).stdout(file).stderr(copy).status();
    ensure(status.is_ok_and(|status| status.success()), "it failed")?;
    let text = std::fs::read_to_string(&log).map_err(|error| error.to_string())?;
    let wanted: String = (0..300).map(|i| format!("{i}\n{i}\n")).collect();
    ensure(text == wanted, "output and errors are not in the order they were written in")
}

pub fn unread_input(world: &World) -> Verdict {
    use std::io::Seek;
    let text: String = (0..100_000).map(|i| format!("line {i}\n")).collect();
    let input = world.path("input");
    std::fs::write(&input, &text).map_err(|error| error.to_string())?;
    let file = std::fs::File::open(&input).map_err(|error| error.to_string())?;
    for line in 0..2 {
        world.freshen();
        let copy = file.try_clone().map_err(|error| error.to_string())?;
        let mut command = world.command(&["relayed"], &["sh", "-c", "read -r line; echo $line"]);
        let ran = command.stdin(copy).output().map(Ran::from).map_err(|error| error.to_string())?;
        expect("one line", &ran, 0, &format!("line {line}\n"))?;
    }
    let at = (&file).stream_position().map_err(|error| error.to_string())?;
    ensure(at == "line 0\nline 1\n".len() as u64, format!("the next reader begins at {at}"))?;
    world.freshen();
    let mut command = world.command(&["relayed"], &["sh", "-c", "cat | grep -c line"]);
    let ran = command.stdin(file).output().map(Ran::from).map_err(|error| error.to_string())?;
    expect("the rest, to its end", &ran, 0, "99998\n")
}

pub fn slow_readers(world: &World) -> Verdict {
    let start = |script: &str| {
        world.freshen();
        let mut command = world.command(&["relayed", "grace=1"], &["sh", "-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map(Running).map_err(|error| error.to_string())
    };
    let endless = "while :; do echo 0123456789012345678901234567890123456789; done";
    let mut gone = start(endless)?;
    drop(gone.0.stdout.take());
    let ended = |running: &mut Running| running.0.try_wait().is_ok_and(|status| status.is_some());
    ensure(within(10, || ended(&mut gone)), "it goes on after its reader has gone")?;
    ensure(gone.0.wait().is_ok_and(|status| status.code() == Some(141)), "it was not ended by SIGPIPE")?;
    let mut slow = start(&format!("echo >/begun; {endless}"))?;
    ensure(within(10, || world.path("upper/begun").exists()), "the command did not start")?;
    std::thread::sleep(Duration::from_millis(500));
    let pid = nix::unistd::Pid::from_raw(slow.0.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)
        .map_err(|errno| errno.desc().to_owned())?;
    ensure(within(4, || ended(&mut slow)), "a signal waits for the reader")?;
    ensure(slow.0.wait().is_ok_and(|status| status.code() == Some(143)), "it did not end by the signal")
}
