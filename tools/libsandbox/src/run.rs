//! Outside: starts the sandbox, passes its output on, answers signals, and waits until nothing is left.

use crate::init::{self, Inside, word};
use crate::isolation::Isolation;
use crate::job::{Channel, Job, Network, OnSignal, Outcome};
use crate::relay::{Output, Relay};
use crate::rootfs::{self, HostFile};
use crate::signals::{Signals, driver_is_gone};
use crate::{SandboxError, cmdline, fork, setup, terminal};
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The longest time until a sandbox is ready. Some milliseconds are usual.
const START: Duration = Duration::from_secs(60);

/// Runs the job's command and waits until every process of its sandbox is gone. Its output goes to `output` as it
/// comes; if it is relayed, only a copy of the errors, or of the terminal, goes there. [`OnSignal`] says what a signal
/// to this process does to the command. After a signal that ends it, all processes are killed when the job's grace is
/// over, at a second signal, or when the driver is gone.
pub fn run(
    job: &Job,
    isolation: Isolation,
    output: &mut dyn FnMut(Channel, &[u8]) -> io::Result<()>,
) -> Result<Outcome, SandboxError> {
    // If the sandbox must show the /proc of an outer container, this process is visible in it, too.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(setup("dumpable"))?;
    cmdline::locate()?;
    let prepared = rootfs::prepare(&job.mounts, &job.scratch)?;
    let files = host_files(job);
    let cgroups = job.cgroups.make()?;
    let doors = cgroups.doors()?;
    let (outer, inner) = UnixStream::pair().map_err(setup("socketpair"))?;
    let signals = Signals::block(job.stdio, job.on_signal)?;
    let mut relay = Relay::open(job.stdio)?;
    let stdio = relay.inside.take();
    let mut flags = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    if job.network == Network::None {
        flags |= libc::CLONE_NEWNET;
    }
    let start_by = Instant::now() + START;
    let pid = match fork::fork_into(flags | libc::CLONE_NEWCGROUP, START).map_err(not_made)? {
        fork::Side::Parent(pid) => pid,
        fork::Side::Child => {
            drop(outer);
            relay.forget();
            init::main(Inside { job, isolation, prepared, files, stdio, outer: inner, doors })
        }
    };
    drop((inner, stdio, prepared, doors));
    let grace = Duration::from_secs(job.grace);
    let mut watch = Watch {
        pid,
        outer,
        report: Vec::new(),
        start_by,
        time_up: job.timeout.map(|timeout| Instant::now() + timeout),
        timed_out: false,
        caught: None,
        deadline: None,
        grace,
        silent: job.silent,
    };
    let relayed = watch.relay(&mut relay, &signals, output);
    if relayed.is_err() {
        let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
    }
    // Returns only when the namespace is empty.
    waitpid(pid, None).map_err(setup("waitpid"))?;
    relayed?;
    watch.drain(&mut relay, &signals, output)?;
    let outcome = watch.outcome(job.on_signal)?;
    Ok(Outcome { out_of_memory: cgroups.ran_out_of_memory(), ..outcome })
}

fn not_made(error: io::Error) -> SandboxError {
    match error.kind() {
        io::ErrorKind::TimedOut => SandboxError::NotStarted(START.as_secs()),
        _ => setup("namespaces")(error),
    }
}

/// The files in /etc that every sandbox has of its own.
fn host_files(job: &Job) -> Vec<HostFile> {
    let resolv = resolv_conf(
        &std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        &std::fs::read_to_string("/run/systemd/resolve/resolv.conf").unwrap_or_default(),
        job.network,
    );
    let writable = job.writable_etc;
    let mut hosts =
        format!("127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n", job.hostname);
    for (name, address) in &job.add_hosts {
        hosts += &format!("{address}\t{name}\n");
    }
    vec![
        HostFile { path: "etc/resolv.conf", text: resolv, writable },
        HostFile { path: "etc/hosts", text: hosts, writable },
    ]
}

/// The resolver configuration a command gets: the host's, but systemd's real servers instead of its stub, and, without
/// the host's network, no loopback server, because none listens there.
fn resolv_conf(host: &str, behind_stub: &str, network: Network) -> String {
    let servers = |text: &str| -> Vec<String> {
        let server = |line: &str| line.trim().strip_prefix("nameserver").map(|rest| rest.trim().to_owned());
        text.lines().filter_map(server).collect()
    };
    let only_stub = servers(host).iter().all(|server| server == "127.0.0.53");
    let text = if only_stub && !servers(behind_stub).is_empty() { behind_stub } else { host };
    if network == Network::Host {
        return text.to_owned();
    }
    let loopback = |line: &str| {
        let rest = line.trim().strip_prefix("nameserver").map(str::trim);
        rest.is_some_and(|server| server.starts_with("127.") || server == "::1")
    };
    let kept: String = text.lines().filter(|line| !loopback(line)).map(|line| format!("{line}\n")).collect();
    match servers(&kept).is_empty() {
        true => format!("{kept}nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
        false => kept,
    }
}

struct Watch {
    pid: Pid,
    outer: UnixStream,
    report: Vec<u8>,
    /// The time by which pid 1 must answer.
    start_by: Instant,
    /// The time at which the command must end, unless that has passed already.
    time_up: Option<Instant>,
    timed_out: bool,
    caught: Option<i32>,
    deadline: Option<Instant>,
    grace: Duration,
    silent: Option<Duration>,
}

impl Watch {
    /// Passes output on until pid 1 has reported and left.
    fn relay(
        &mut self,
        relay: &mut Relay,
        signals: &Signals,
        output: &mut Output,
    ) -> Result<(), SandboxError> {
        let mut heard = Instant::now();
        loop {
            self.meet_deadlines();
            let mut fds = vec![
                PollFd::from_borrowed_fd(self.outer.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(signals.fd.as_fd(), PollFlags::IN),
            ];
            fds.extend(relay.waits());
            let start_by = self.report.is_empty().then_some(self.start_by);
            let call = self.silent.map(|silent| heard + silent);
            wait([self.deadline, self.time_up, start_by, call], &mut fds)?;
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            if !ready.contains(&true) && start_by.is_some_and(|end| end <= Instant::now()) {
                return Err(SandboxError::NotStarted(START.as_secs()));
            }
            relay.pass_ready(&ready[2..], output).map_err(SandboxError::Output)?;
            let is_silent = !ready[2..].contains(&true);
            if !is_silent || call.is_some_and(|call| call <= Instant::now()) {
                heard = Instant::now();
                if is_silent {
                    output(Channel::Out, &[]).map_err(SandboxError::Output)?;
                }
            }
            if ready[1] {
                self.on_signal(signals, relay);
            }
            if ready[0] && !self.listen(relay)? {
                return Ok(());
            }
        }
    }

    /// Ends a command whose time is up, and kills one that did not end in its grace.
    fn meet_deadlines(&mut self) {
        let now = Instant::now();
        if self.deadline.take_if(|end| *end <= now).is_some() {
            let _ = nix::sys::signal::kill(self.pid, Signal::SIGKILL);
        }
        if self.time_up.take_if(|end| *end <= now).is_some() {
            self.timed_out = true;
            self.deadline.get_or_insert(now + self.grace);
            let _ = self.outer.write_all(&[word::SIGNAL, Signal::SIGTERM as u8]);
        }
    }

    /// Reads messages of the sandbox. Returns `false` if it has closed its end.
    fn listen(&mut self, relay: &mut Relay) -> Result<bool, SandboxError> {
        match terminal::receive(&self.outer, &mut self.report) {
            Ok((read, None)) => Ok(read > 0),
            Ok((_, Some(master))) => {
                self.report.retain(|&byte| byte != word::TERMINAL);
                relay.adopt(master)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(setup("pid 1's report")(error)),
        }
    }

    fn on_signal(&mut self, signals: &Signals, relay: &Relay) {
        while let Ok(Some(signal)) = signals.fd.read_signal() {
            if signal.ssi_signo == Signal::SIGWINCH as u32
                && let Some(terminal) = &relay.terminal
            {
                terminal.resize();
                continue;
            }
            if signals.ends(&signal) {
                if self.caught.replace(signal.ssi_signo as i32).is_some() || driver_is_gone(&signal) {
                    let _ = nix::sys::signal::kill(self.pid, Signal::SIGKILL);
                    continue;
                }
                self.deadline = Some(Instant::now() + self.grace);
            }
            if let Some(number) = signals.passed_on(&signal) {
                // A command that is gone needs no signal.
                let _ = self.outer.write_all(&[word::SIGNAL, number]);
            }
        }
    }

    /// Passes on the rest of the output after the command is gone. It only waits for our readers, until a signal,
    /// because a pipe that got out of the sandbox may stay open for ever.
    fn drain(
        &mut self,
        relay: &mut Relay,
        signals: &Signals,
        output: &mut Output,
    ) -> Result<(), SandboxError> {
        relay.end_input();
        loop {
            let waits = relay.is_pending() && self.caught.is_none();
            let mut fds = vec![PollFd::from_borrowed_fd(signals.fd.as_fd(), PollFlags::IN)];
            fds.extend(relay.waits());
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            match poll(&mut fds, (!waits).then_some(&at_once)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(setup("poll")(errno)),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            if waits && ready[0] {
                self.on_signal(signals, relay);
            }
            if !waits && !ready[1..].contains(&true) {
                return Ok(());
            }
            relay.pass_ready(&ready[1..], output).map_err(SandboxError::Output)?;
        }
    }

    fn outcome(self, on_signal: OnSignal) -> Result<Outcome, SandboxError> {
        let interrupted = self.caught.map(SandboxError::Interrupted);
        if let (Some(_), OnSignal::End) = (&interrupted, on_signal) {
            return Err(interrupted.unwrap_or(SandboxError::Lost));
        }
        match self.report.strip_prefix(&[word::BEGUN]).unwrap_or(&self.report) {
            [kind @ (word::FAILED | word::NO_USER), text @ ..] => {
                // The command's own failure comes first; pid 1 then reports that it left with 125.
                let text = text.strip_suffix(&[word::EXITED, 125]).unwrap_or(text);
                let text = String::from_utf8_lossy(text).into_owned();
                Err(if *kind == word::NO_USER {
                    SandboxError::NoUser(text)
                } else {
                    SandboxError::Setup(text)
                })
            }
            _ if self.timed_out => Ok(Outcome { status: 124, timed_out: true, ..Outcome::default() }),
            [word::EXITED, status] => Ok(Outcome { status: *status, ..Outcome::default() }),
            [word::KILLED, signal] => {
                Ok(Outcome { status: 128 + signal, signal: Some((*signal).into()), ..Outcome::default() })
            }
            _ => Err(interrupted.unwrap_or(SandboxError::Lost)),
        }
    }
}

/// Waits for an event, or for the first of some times.
fn wait(until: [Option<Instant>; 4], fds: &mut [PollFd<'_>]) -> Result<(), SandboxError> {
    let first = until.into_iter().flatten().min();
    let left = first.map(|end| end.saturating_duration_since(Instant::now()));
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(setup("poll")(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stdio;

    /// A watch over a process that has to say something within `start`.
    fn watch_of(process: &std::process::Child, outer: UnixStream, start: Duration) -> Watch {
        Watch {
            pid: Pid::from_raw(process.id() as i32),
            outer,
            report: Vec::new(),
            start_by: Instant::now() + start,
            time_up: None,
            timed_out: false,
            caught: None,
            deadline: None,
            grace: Duration::from_secs(1),
            silent: None,
        }
    }

    #[test]
    fn a_sandbox_that_says_nothing_is_given_up() {
        let mut mute = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let (outer, _inner) = UnixStream::pair().unwrap();
        let mut watch = watch_of(&mute, outer, Duration::from_millis(30));
        let mut relay = Relay::open(Stdio::Piped).unwrap();
        let signals = Signals::block(Stdio::Piped, OnSignal::End).unwrap();
        let ended = watch.relay(&mut relay, &signals, &mut |_, _| Ok(()));
        mute.kill().and_then(|()| mute.wait()).unwrap();
        let text = ended.unwrap_err().to_string();
        assert!(text.starts_with("the sandbox did not start within 60 seconds"), "{text}");
    }

    #[test]
    fn silence_is_told_again_and_again() {
        let mut mute = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let (outer, _inner) = UnixStream::pair().unwrap();
        let mut watch = Watch { silent: Some(Duration::from_millis(5)), ..watch_of(&mute, outer, START) };
        let mut relay = Relay::open(Stdio::Piped).unwrap();
        let signals = Signals::block(Stdio::Piped, OnSignal::End).unwrap();
        let mut told = 0;
        let enough = watch.relay(&mut relay, &signals, &mut |_, bytes| {
            told += usize::from(bytes.is_empty());
            if told < 3 { Ok(()) } else { Err(io::Error::other("enough")) }
        });
        mute.kill().and_then(|()| mute.wait()).unwrap();
        assert!(matches!(enough, Err(SandboxError::Output(_))) && told == 3);
    }

    #[test]
    fn resolvers_are_those_a_command_can_reach() {
        let stub = "nameserver 127.0.0.53\noptions edns0\n";
        let real = "nameserver 10.0.0.1\n";
        assert_eq!(resolv_conf(stub, real, Network::Host), real);
        assert_eq!(resolv_conf(stub, "", Network::Host), stub);
        assert!(resolv_conf(stub, "", Network::None).contains("8.8.8.8"));
        assert_eq!(
            resolv_conf("nameserver ::1\nnameserver 1.1.1.1\n", "", Network::None),
            "nameserver 1.1.1.1\n"
        );
    }
}
