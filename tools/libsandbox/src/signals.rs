//! Blocks signals of this process while a sandbox runs, so that none ends it before the sandbox.

use crate::job::{OnSignal, Stdio};
use crate::{SandboxError, setup};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};

/// The signals that are for this process, while all others are passed on: its own faults and limits, the ends of its
/// children and pipes, and the job control of its shell.
const OURS: [Signal; 18] = [
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGKILL,
    Signal::SIGPIPE,
    Signal::SIGCHLD,
    Signal::SIGURG,
    Signal::SIGCONT,
    Signal::SIGSTOP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGPROF,
];

pub(crate) struct Signals {
    pub(crate) fd: SignalFd,
    before: SigSet,
    on_signal: OnSignal,
}

impl Signals {
    pub(crate) fn block(stdio: Stdio, on_signal: OnSignal) -> Result<Self, SandboxError> {
        let mut set = match on_signal {
            OnSignal::PassOn => SigSet::all(),
            OnSignal::End => SigSet::empty(),
        };
        OURS.iter().for_each(|signal| set.remove(*signal));
        if stdio == Stdio::Terminal {
            set.add(Signal::SIGWINCH);
        }
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
            set.add(signal);
        }
        let before = SigSet::thread_get_mask().map_err(setup("signals"))?;
        set.thread_block().map_err(setup("signals"))?;
        // In the background a read from our terminal then fails, instead of stopping this process and the output.
        SigSet::from(Signal::SIGTTIN).thread_block().map_err(setup("signals"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&set, flags).map_err(setup("signalfd"))?;
        Ok(Self { fd, before, on_signal })
    }

    /// Whether it asks the command to end. HUP and QUIT may be requests to a program (to read its configuration, to
    /// print its threads), unless its terminal is gone.
    pub(crate) fn ends(&self, signal: &siginfo) -> bool {
        let is = |other: Signal| signal.ssi_signo == other as u32;
        match self.on_signal {
            OnSignal::End => !is(Signal::SIGWINCH),
            OnSignal::PassOn => {
                is(Signal::SIGTERM) || is(Signal::SIGINT) || (is(Signal::SIGHUP) && of_the_kernel(signal))
            }
        }
    }

    /// The number of the signal that is passed on to the command.
    pub(crate) fn passed_on(&self, signal: &siginfo) -> Option<u8> {
        // The size of our terminal is not the command's concern. If a process sent the signal, it ends some servers in
        // an orderly way.
        let resized = signal.ssi_signo == Signal::SIGWINCH as u32 && of_the_kernel(signal);
        match self.on_signal {
            _ if resized => None,
            OnSignal::End => Some(Signal::SIGTERM as u8),
            OnSignal::PassOn => u8::try_from(signal.ssi_signo).ok(),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// Whether no process sent it.
fn of_the_kernel(signal: &siginfo) -> bool {
    signal.ssi_code > 0
}

/// Whether the signal is that of [`crate::end_with_driver`]. Nobody then waits for an orderly end.
pub fn driver_is_gone(signal: &siginfo) -> bool {
    /// POLL_IN to POLL_HUP of sigaction(2), which only the signal of a descriptor has.
    const OF_A_DESCRIPTOR: std::ops::RangeInclusive<i32> = 1..=6;
    signal.ssi_signo == Signal::SIGTERM as u32 && OF_A_DESCRIPTOR.contains(&signal.ssi_code)
}
