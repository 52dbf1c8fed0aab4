//! The filter of system calls: docker's default profile, in every form in which this machine's kernel accepts calls.
//!
//! `calls` is the policy, and `program` makes a program of it. With the filter, a command can make no namespace, mount
//! nothing and reach no keys. A session keyring of its own would not be enough, because the keyring of a user is found
//! by the uid, and root's is the host's.

mod calls;
mod program;
#[cfg(test)]
mod tests;

use crate::{SandboxError, setup, sys};
use calls::{Answer, CALLS, Form, NO};
use nix::libc;
use program::Span;
use std::collections::BTreeMap;

/// The forms that a kernel can't tell apart by their AUDIT_ARCH_… have their numbers in one.
struct Abi {
    arch: u32,
    /// Each with what is added to its numbers.
    forms: &'static [(Form, u32)],
}

const X86: &[Abi] = &[
    Abi { arch: 0xc000_003e, forms: &[(Form::X86_64, 0), (Form::X32, 0x4000_0000)] },
    Abi { arch: 0x4000_0003, forms: &[(Form::I386, 0)] },
];
const ARM: &[Abi] = &[
    Abi { arch: 0xc000_00b7, forms: &[(Form::Arm64, 0)] },
    Abi { arch: 0x4000_0028, forms: &[(Form::Arm, 0)] },
];

/// The ABIs that this machine's kernel may accept; none if the table has no numbers for it.
const HERE: &[Abi] = if cfg!(target_arch = "x86_64") {
    X86
} else if cfg!(target_arch = "aarch64") {
    ARM
} else {
    &[]
};

/// Has this process, and all that it starts, setuid programs too, refused what is not in the table. Needs CAP_SYS_ADMIN in
/// the process's own user namespace.
pub(crate) fn filter_calls() -> Result<(), SandboxError> {
    if HERE.is_empty() {
        return Ok(());
    }
    sys::set_filter(&program_of(HERE)).map_err(setup("system call filter"))
}

fn program_of(abis: &[Abi]) -> Vec<libc::sock_filter> {
    let forms: Vec<_> = abis.iter().map(|abi| (abi.arch, spans(abi))).collect();
    program::program(&forms)
}

/// The answers to all numbers, in order; neighbours with the same answer are one.
fn spans(abi: &Abi) -> Vec<Span> {
    let mut answers = BTreeMap::new();
    for &(form, base) in abi.forms {
        let numbers = CALLS.iter().map(|(name, numbers)| (numbers[form as usize], *name));
        let numbers: Vec<_> = numbers.filter(|(number, _)| *number != NO).collect();
        let end = numbers.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        answers.insert(base, Answer::Fail(libc::EPERM));
        for (number, name) in &numbers {
            answers.insert(base + number, calls::answer(name));
            answers.entry(base + number + 1).or_insert(Answer::Fail(libc::EPERM));
        }
        answers.insert(base + end, Answer::Fail(libc::ENOSYS));
    }
    let mut spans: Vec<Span> = answers.into_iter().collect();
    spans.dedup_by_key(|(_, answer)| *answer);
    spans
}
