//! System calls that a command is refused, in every form the kernel takes them in.
//!
//! They are those by which keys are reached. A session keyring of its own does not do: the keyring of the user
//! is found by the uid, and root's is the host's. As in docker the answer is EPERM. The table is the policy;
//! the rest of this module makes a program (seccomp(2)) of any table.

use crate::{SandboxError, setup, sys};
use nix::libc::{self, sock_filter};

/// A form in which a kernel takes system calls, and those refused in it.
struct Abi {
    /// AUDIT_ARCH_…, by which the kernel tells the form.
    arch: u32,
    /// The bits of a number that tell the call: x32 is x86-64 with one bit more.
    bits: u32,
    /// By their numbers.
    refused: &'static [u32],
}

/// add_key, request_key and keyctl. An instruction set that is not here is not filtered.
const ABIS: [Abi; 4] = [
    Abi { arch: 0xc000_003e, bits: !0x4000_0000, refused: &[248, 249, 250] }, // x86-64, x32
    Abi { arch: 0x4000_0003, bits: !0, refused: &[286, 287, 288] },           // i386
    Abi { arch: 0xc000_00b7, bits: !0, refused: &[217, 218, 219] },           // arm64
    Abi { arch: 0x4000_0028, bits: !0, refused: &[309, 310, 311] },           // arm
];

/// Refuses them to this process and all that it starts, setuid programs too. Needs CAP_SYS_ADMIN, in the
/// process's own user namespace.
pub(crate) fn refuse_calls() -> Result<(), SandboxError> {
    sys::set_filter(&program(&ABIS)).map_err(setup("system call filter"))
}

/// Offsets in struct seccomp_data.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

fn program(abis: &[Abi]) -> Vec<sock_filter> {
    let allow = instruction(libc::BPF_RET, libc::SECCOMP_RET_ALLOW);
    let refuse = instruction(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let mut program = vec![load(ARCH)];
    for abi in abis {
        let mut calls = vec![load(NUMBER), instruction(libc::BPF_ALU | libc::BPF_AND, abi.bits)];
        for &number in abi.refused {
            calls.extend([skip_if(number, 0, 1), refuse]);
        }
        calls.push(allow);
        // A conditional jump reaches 255 instructions, this one a table of any length.
        let over = instruction(libc::BPF_JMP | libc::BPF_JA, calls.len() as u32);
        program.extend([skip_if(abi.arch, 1, 0), over]);
        program.extend(calls);
    }
    program.push(allow);
    program
}

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Skips some instructions if what is loaded is `value`, and some if not.
fn skip_if(value: u32, equal: u8, other: u8) -> sock_filter {
    let compare = instruction(libc::BPF_JMP | libc::BPF_JEQ, value);
    sock_filter { jt: equal, jf: other, ..compare }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's answer to a call.
    fn verdict(program: &[sock_filter], arch: u32, number: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            match u32::from(code) {
                0x20 => loaded = if k == NUMBER { number } else { arch },
                0x54 => loaded &= k,
                0x15 => at += usize::from(if loaded == k { jt } else { jf }),
                0x05 => at += k as usize,
                0x06 => return k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn the_calls_of_a_table_are_refused_and_no_others() {
        let program = program(&ABIS);
        for Abi { arch, refused, .. } in &ABIS {
            for number in 0..600 {
                let wanted = if refused.contains(&number) { 0x0005_0001 } else { 0x7fff_0000 };
                assert_eq!(verdict(&program, *arch, number), wanted, "{arch:#x}: {number}");
            }
        }
        assert_eq!(verdict(&program, 0xc000_003e, 0x4000_0000 + 250), 0x0005_0001, "x32");
        assert_eq!(verdict(&program, 0x1234, 250), 0x7fff_0000, "another instruction set");
    }

    #[test]
    fn a_table_may_be_longer_than_a_conditional_jump() {
        const LONG: &[u32] = &[9; 1000];
        let abis = [Abi { arch: 1, bits: !0, refused: LONG }, Abi { arch: 2, bits: !0, refused: &[7] }];
        let program = program(&abis);
        assert_eq!(verdict(&program, 2, 7), 0x0005_0001);
        assert_eq!(verdict(&program, 2, 9), 0x7fff_0000);
    }
}
