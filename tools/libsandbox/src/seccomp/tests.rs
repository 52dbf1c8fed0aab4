use super::program::{ARCH, ARGUMENT, NUMBER};
use super::*;
use libc::sock_filter;
use std::path::Path;

/// The kernel's answer to a call: the part of the machine that these programs use.
fn verdict(program: &[sock_filter], arch: u32, number: u32, argument: u32) -> &'static str {
    let (mut at, mut loaded) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let holds = match u32::from(code) {
            0x20 => {
                loaded = match k {
                    NUMBER => number,
                    ARCH => arch,
                    ARGUMENT => argument,
                    other => panic!("offset {other}"),
                };
                continue;
            }
            0x05 => {
                at += k as usize;
                continue;
            }
            0x06 => match k {
                0x7fff_0000 => return "pass",
                0x0005_0001 => return "EPERM",
                0x0005_0026 => return "ENOSYS",
                other => panic!("answer {other:#x}"),
            },
            0x15 => loaded == k,
            0x35 => loaded >= k,
            0x45 => loaded & k != 0,
            other => panic!("instruction {other:#x}"),
        };
        at += usize::from(if holds { jt } else { jf });
    }
}

/// AUDIT_ARCH_…, what is added to a number, and the program, for each column of the table of docker's answers.
#[test]
fn every_call_has_the_answer_that_docker_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/docker-calls");
    let table = std::fs::read_to_string(path).unwrap();
    let (x86, arm) = (program_of(X86), program_of(ARM));
    let forms = [
        (0xc000_003e, 0, &x86),
        (0xc000_003e, 0x4000_0000, &x86),
        (0x4000_0003, 0, &x86),
        (0xc000_00b7, 0, &arm),
        (0x4000_0028, 0, &arm),
    ];
    let mut asked = [0; 5];
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, argument, numbers @ .., wanted] = &words[..] else { panic!("{line}") };
        let argument = match argument.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).unwrap(),
            None => argument.parse().unwrap(),
        };
        for (column, number) in numbers.iter().enumerate().filter(|(_, number)| **number != "-") {
            let (arch, base, program) = forms[column];
            let number = base + number.parse::<u32>().unwrap();
            assert_eq!(verdict(program, arch, number, argument), *wanted, "{line}: column {column}");
            asked[column] += 1;
        }
    }
    assert!(asked.iter().all(|&count| count > 300), "{asked:?}");
    assert_eq!(verdict(&x86, 0xc000_00b7, 0, 0), "ENOSYS", "a form that this machine can't have");
}
