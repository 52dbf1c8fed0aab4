//! Makes a program for the kernel's packet filter (seccomp(2)) from answers to numbers.

use super::calls::{Answer, Test};
use nix::libc::{self, sock_filter};

/// Offsets in struct seccomp_data. The first argument's low word comes first.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCH: u32 = 4;
pub(super) const ARGUMENT: u32 = 16;

/// The numbers from this one to the next span, and their answer.
pub(super) type Span = (u32, Answer);

/// A program for a machine that accepts calls in several forms. Each form is an AUDIT_ARCH_…, by which the kernel names
/// it, and its spans, in order and from 0 on. Any other form has no calls.
pub(super) fn program(forms: &[(u32, Vec<Span>)]) -> Vec<sock_filter> {
    let mut program = vec![load(ARCH)];
    for (arch, spans) in forms {
        let mut body = vec![load(NUMBER)];
        body.extend(search(spans));
        // A conditional jump reaches 255 instructions, but this one reaches any distance.
        program.extend([jump(libc::BPF_JEQ, *arch, 1, 0), skip(body.len())]);
        program.extend(body);
    }
    program.push(fail(libc::ENOSYS));
    program
}

/// Finds the span of the loaded number by bisection, because each call of a command costs this time.
fn search(spans: &[Span]) -> Vec<sock_filter> {
    let (low, high) = match spans {
        [] => return vec![fail(libc::ENOSYS)],
        [(_, answer)] => return give(*answer),
        _ => spans.split_at(spans.len() / 2),
    };
    let first = high[0].0;
    let (low, high) = (search(low), search(high));
    let mut program = match u8::try_from(low.len()) {
        Ok(len) => vec![jump(libc::BPF_JGE, first, len, 0)],
        Err(_) => vec![jump(libc::BPF_JGE, first, 0, 1), skip(low.len())],
    };
    program.extend(low);
    program.extend(high);
    program
}

fn give(answer: Answer) -> Vec<sock_filter> {
    let test = match answer {
        Answer::Pass => return vec![pass()],
        Answer::Fail(errno) => return vec![fail(errno)],
        Answer::PassIf(test) => test,
    };
    let mut program = vec![load(ARGUMENT)];
    let any = |values: &[u32], then| -> Vec<_> {
        values.iter().flat_map(|&value| [jump(libc::BPF_JEQ, value, 0, 1), then]).collect()
    };
    match test {
        Test::OneOf(values) => {
            program.extend(any(values, pass()));
            program.push(fail(libc::EPERM));
        }
        Test::NoneOf(values) => {
            program.extend(any(values, fail(libc::EPERM)));
            program.push(pass());
        }
        Test::Without(bits) => program.extend([jump(libc::BPF_JSET, bits, 0, 1), fail(libc::EPERM), pass()]),
    }
    program
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn pass() -> sock_filter {
    instruction(libc::BPF_RET, libc::SECCOMP_RET_ALLOW)
}

fn fail(errno: i32) -> sock_filter {
    instruction(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs())
}

/// Skips some instructions.
fn skip(count: usize) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JA, count as u32)
}

/// Skips some instructions if a comparison of the loaded value with `value` is true, and some if not.
fn jump(comparison: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    sock_filter { jt: if_true, jf: if_false, ..instruction(libc::BPF_JMP | comparison, value) }
}

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}
