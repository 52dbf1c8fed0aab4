//! Finds by a file's first bytes for which machine it is built, and why the kernel does not start it.

/// The machine for which this program is built.
const OWN: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "amd64",
    b"aarch64" => "arm64",
    b"x86" => "386",
    _ => std::env::consts::ARCH,
};

/// The reason why the kernel does not start an executable file that begins with `bytes`.
pub fn refused(name: &str, bytes: &[u8]) -> String {
    if let Some(why) = foreign(name, bytes) {
        return why;
    }
    match bytes {
        [] => format!("{name} is empty; was it written whole?"),
        [0x7f, b'E', b'L', b'F', ..] => {
            format!("{name} is a program that can't be loaded; was it written whole?")
        }
        [b'#', b'!', ..] => {
            format!("what the first line of {name} asks for can't be started; correct that line")
        }
        _ => format!("{name} does not say what runs it; begin it with #!/bin/sh, or run it as sh {name}"),
    }
}

/// The reason for a program that is for another machine or system, if the file is one.
pub fn foreign(name: &str, bytes: &[u8]) -> Option<String> {
    let system = match bytes {
        [b'M', b'Z', ..] => Some("Windows"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Some("macOS"),
        _ => None,
    };
    if let Some(system) = system {
        return Some(format!("{name} is a program for {system}; put one for linux/{OWN} there"));
    }
    // A 64-bit x86 runs programs for both.
    let machine = machine(bytes).filter(|machine| *machine != OWN && (*machine, OWN) != ("386", "amd64"))?;
    Some(format!(
        "{name} is a program for {machine}, and this machine is {OWN}; install qemu-user-static, which registers \
         what runs it (binfmt_misc), or build with --platform linux/{OWN}"
    ))
}

/// The machine of an ELF file, as platforms call it.
fn machine(bytes: &[u8]) -> Option<&'static str> {
    let [0x7f, b'E', b'L', b'F', class, order, ..] = bytes else { return None };
    let pair: [u8; 2] = bytes.get(18..20)?.try_into().ok()?;
    let big = *order == 2;
    let number = if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    Some(match (number, big) {
        (3, _) => "386",
        (8, false) if *class == 2 => "mips64le",
        (8, true) if *class == 2 => "mips64",
        (8, false) => "mipsle",
        (8, true) => "mips",
        (21, true) => "ppc64",
        (21, false) => "ppc64le",
        (22, _) => "s390x",
        (40, _) => "arm",
        (62, _) => "amd64",
        (183, _) => "arm64",
        (243, _) => "riscv64",
        (258, _) => "loong64",
        _ => "another machine",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(class: u8, order: u8, machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
        let machine = if order == 2 { machine.to_be_bytes() } else { machine.to_le_bytes() };
        bytes[18..20].copy_from_slice(&machine);
        bytes
    }

    #[test]
    fn a_program_says_its_machine() {
        for (class, order, number, name) in [
            (2, 1, 62, "amd64"),
            (2, 1, 183, "arm64"),
            (2, 2, 22, "s390x"),
            (2, 1, 21, "ppc64le"),
            (1, 1, 40, "arm"),
        ] {
            assert_eq!(machine(&elf(class, order, number)), Some(name));
        }
        assert_eq!((machine(b"\x7fELF"), machine(b"#!/bin/sh")), (None, None));
    }

    #[test]
    fn what_another_machine_runs_is_told_from_what_none_does() {
        let foreign = refused("/x", &elf(2, 2, 22));
        assert!(
            foreign
                .starts_with(&format!("/x is a program for s390x, and this machine is {OWN}; install qemu"))
        );
        assert!(foreign.ends_with(&format!("--platform linux/{OWN}")));
        assert!(refused("/x", b"MZ\x90").contains("for Windows"));
        assert!(refused("/x", b"\xcf\xfa\xed\xfe").contains("for macOS"));
        assert!(refused("/x", b"\x7fELF").contains("written whole?"));
        assert!(refused("/x", b"").contains("is empty"));
        assert!(refused("/x", b"echo hi\n").contains("begin it with #!/bin/sh"));
        assert!(refused("/x", b"#!/x\n").contains("first line"));
    }
}
