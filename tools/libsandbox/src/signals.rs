//! The signals that this process holds back while a sandbox runs, so that none of them leaves it behind.

use crate::job::{OnSignal, Stdio};
use crate::{SandboxError, setup};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};

/// The signals that stay ours where all others are the command's: faults and limits of our own, the ends of our children and
/// pipes, and the job control of the shell that started us.
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
        // In the background reading from our terminal then fails, instead of stopping us and with us the output.
        SigSet::from(Signal::SIGTTIN).thread_block().map_err(setup("signals"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&set, flags).map_err(setup("signalfd"))?;
        Ok(Self { fd, before, on_signal })
    }

    /// Whether the command is to end by it. A program may take HUP and QUIT for a request (to read its configuration,
    /// to print its threads), but not when its terminal is gone.
    pub(crate) fn ends(&self, signal: &siginfo) -> bool {
        let is = |other: Signal| signal.ssi_signo == other as u32;
        match self.on_signal {
            OnSignal::End => !is(Signal::SIGWINCH),
            OnSignal::PassOn => {
                is(Signal::SIGTERM) || is(Signal::SIGINT) || (is(Signal::SIGHUP) && of_the_kernel(signal))
            }
        }
    }

    /// The number of the signal that the command gets for it.
    pub(crate) fn passed_on(&self, signal: &siginfo) -> Option<u8> {
        // The size of a terminal that is not the command's. Sent by a process, it ends some servers in an orderly way.
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

/// Whether the signal is that of [`crate::end_with_driver`]: then nobody is left to wait for an orderly end.
pub fn driver_is_gone(signal: &siginfo) -> bool {
    /// POLL_IN to POLL_HUP of sigaction(2), as only a descriptor's signal has them.
    const OF_A_DESCRIPTOR: std::ops::RangeInclusive<i32> = 1..=6;
    signal.ssi_signo == Signal::SIGTERM as u32 && OF_A_DESCRIPTOR.contains(&signal.ssi_code)
}
