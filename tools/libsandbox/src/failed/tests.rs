use super::*;
use libtree::Owners;

fn reason(argv: &[&str], status: u8, last: &str, root: Option<&Root>) -> Option<Reason> {
    reason_in(Isolation::Root, argv, status, last, root)
}

fn reason_in(
    isolation: Isolation,
    argv: &[&str],
    status: u8,
    last: &str,
    root: Option<&Root>,
) -> Option<Reason> {
    let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
    let last: Vec<String> = last.lines().map(str::to_owned).collect();
    let shell = argv.len() == 3 && argv[1] == "-c";
    let outcome = Outcome { status, ..Outcome::default() };
    Failed {
        argv: &argv,
        shell,
        outcome,
        last: &last,
        user: "",
        cwd: "/w",
        path: "/none:/w:/usr/bin",
        raw_sockets: Some("help"),
        isolation,
        root,
    }
    .reason()
}

#[test]
fn a_raw_socket_that_was_refused_is_told_from_other_refusals() {
    let text = |last: &str| reason(&["/bin/sh", "-c", "x"], 1, last, None).map(|reason| reason.text);
    for last in [
        "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\nping: => missing cap_net_raw+p capability or setuid?",
        "PING 127.0.0.1 (127.0.0.1): 56 data bytes\nping: permission denied (are you root?)",
        "arping: socket(AF_PACKET,2,0): Operation not permitted",
        "tcpdump: any: You don't have permission to capture on that device\n(socket: Operation not permitted)",
        "Couldn't open a raw socket. Error: Operation not permitted (1)",
        "    _socket.socket.__init__(self, family, type, proto, fileno)\nPermissionError: [Errno 1] Operation not permitted",
    ] {
        assert!(text(last).unwrap().ends_with("CAP_NET_RAW is needed; help"), "{last}");
    }
    for last in [
        "chown: /run/x.socket: Operation not permitted",
        "connect to socket: Permission denied",
        "mount: permission denied (are you root?)",
        "PermissionError: [Errno 1] Operation not permitted: '/x'",
        "ping: bad address 'x'",
    ] {
        assert_eq!(text(last), None, "{last}");
    }
}

#[test]
fn an_owner_that_does_not_exist_is_told_where_there_is_but_one() {
    let text = |isolation, last: &str| reason_in(isolation, &["/bin/sh", "-c", "x"], 100, last, None);
    for last in [
        "chown: changing ownership of '/x': Invalid argument",
        "dpkg: error processing archive x.deb (--unpack):\n error setting ownership of './usr/bin/x': Invalid argument\nE: Sub-process /usr/bin/dpkg returned an error code (1)",
        "E: seteuid 42 failed - seteuid (22: Invalid argument)",
        "E: setgroups 65534 failed - setgroups (1: Operation not permitted)",
        "tar: x: Cannot change ownership to uid 5, gid 5: Invalid argument",
    ] {
        let told = text(Isolation::Single, last).unwrap().text;
        assert!(told.contains("usermod --add-subuids") && told.contains("uidmap"), "{told}");
        assert_eq!(text(Isolation::Subuid, last), None, "{last}");
    }
    assert_eq!(text(Isolation::Single, "mount: /x: Invalid argument"), None);
}

#[test]
fn a_program_that_asks_for_a_capability_is_told_by_its_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("w")).unwrap();
    for name in ["ping", "other"] {
        std::fs::write(dir.path().join("w").join(name), "").unwrap();
    }
    let root = Root::open(dir.path(), Owners::Real).unwrap();
    // Effective, and CAP_NET_RAW permitted: as setcap(8) writes cap_net_raw+ep.
    let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    if xattr::set(root.open_dir(b"w").unwrap(), b"ping", xattr::CAPABILITY, &value).is_err() {
        return;
    }
    let text = |name: &str| {
        let line = format!("/bin/sh: 1: {name}: Operation not permitted");
        reason(&["/bin/sh", "-c", name], 126, &line, Some(&root)).map(|reason| reason.text)
    };
    for name in ["ping", "/w/ping"] {
        let wanted = format!("the file of {name} asks for CAP_NET_RAW, for raw sockets; help");
        assert_eq!(text(name), Some(wanted));
    }
    assert_eq!(text("other"), None);
    let exec = reason(&["ping"], 126, "ping: Operation not permitted", Some(&root)).unwrap();
    assert!(exec.text.starts_with("the file of ping asks for CAP_NET_RAW"), "{}", exec.text);
}

#[test]
fn a_program_that_is_not_there_is_named_however_the_shell_says_it() {
    for line in [
        "/bin/sh: gcc: not found",
        "/bin/sh: 1: gcc: not found",
        "/bin/bash: line 1: gcc: command not found",
        "env: can't execute 'gcc': No such file or directory",
        "env: \u{2018}gcc\u{2019}: No such file or directory",
    ] {
        let reason = reason(&["/bin/sh", "-c", "gcc x.c"], 127, &format!("begin\n{line}"), None).unwrap();
        assert_eq!(reason.token, "gcc", "{line}");
        assert!(reason.text.starts_with("gcc is not in the image; "), "{}", reason.text);
    }
}

#[test]
fn only_what_the_status_says_is_explained() {
    assert_eq!(reason(&["/bin/sh", "-c", "x || exit 1"], 1, "/bin/sh: x: not found", None), None);
    assert_eq!(reason(&["/bin/sh", "-c", "exit 127"], 127, "hello", None), None);
    assert_eq!(reason(&["/bin/sh", "-c", "[ -f /x ]"], 1, "", None), None);
}

#[test]
fn a_shell_that_is_not_there_is_told_from_a_command() {
    let reason = reason(&["/bin/sh", "-c", "a"], 127, "/bin/sh: not found in the image", None).unwrap();
    assert!(reason.text.starts_with("the image has no /bin/sh, "), "{}", reason.text);
}

#[test]
fn a_word_that_is_no_program_is_told_from_a_program_that_ends_with_127() {
    let text = |argv: &[&str]| reason(argv, 127, &format!("{}{ABSENT}", argv[0]), None).unwrap().text;
    assert_eq!(reason(&["/bin/app"], 127, "cannot read its file", None), None);
    assert!(text(&["gcc", "x.c"]).starts_with("gcc is not in the image"));
    assert!(text(&["gcc x.c"]).contains("one word"));
    assert!(text(&["ls /etc"]).contains("one word"));
    assert!(text(&["$CC"]).contains("no shell expands it"));
}

#[test]
fn a_file_that_is_not_started_is_looked_into() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("w")).unwrap();
    std::fs::write(dir.path().join("w/bare"), "echo hi\n").unwrap();
    std::fs::write(dir.path().join("exe"), "MZ").unwrap();
    let root = Root::open(dir.path(), Owners::Real).unwrap();
    let text =
        |argv: &[&str], status, line: &str| reason(argv, status, line, Some(&root)).map(|told| told.text);
    let shell = ["/bin/sh", "-c", "/exe"];
    for (argv, status, line, wanted) in [
        (&["/exe"][..], 126, "/exe: Exec format error", "for Windows"),
        (&["bare"], 126, "bare: Exec format error", "begin it with #!/bin/sh"),
        (
            &shell,
            126,
            "/bin/bash: line 1: /exe: cannot execute binary file: Exec format error",
            "for Windows",
        ),
        // Some shells run it as a script.
        (&shell, 127, "/exe: line 1: MZ: not found", "for Windows"),
        (&shell, 2, "/exe: 1: Syntax error: \"(\" unexpected", "for Windows"),
    ] {
        assert!(text(argv, status, line).is_some_and(|text| text.contains(wanted)), "{line}");
    }
    let denied = text(&shell, 126, "/bin/sh: /bare: Permission denied").unwrap();
    assert!(denied.contains("chmod +x /bare"), "{denied}");
    assert_eq!(text(&shell, 1, "/exe: 1: MZ: not found"), None);
}

#[test]
fn a_script_that_is_there_is_told_from_one_that_is_not() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("w")).unwrap();
    for (name, text) in [("crlf", "#!/bin/sh\r\n"), ("bash", "#!/bin/bash -e\n"), ("elf", "\x7fELF")] {
        std::fs::write(dir.path().join("w").join(name), text).unwrap();
    }
    let root = Root::open(dir.path(), Owners::Real).unwrap();
    let text = |name: &str| {
        let line = format!("/bin/sh: {name}: not found");
        reason(&["/bin/sh", "-c", name], 127, &line, Some(&root)).unwrap().text
    };
    assert!(text("./crlf").contains("Windows"));
    assert!(text("/w/bash").contains("asks for /bin/bash"));
    assert!(text("./elf").contains("another system"));
    assert!(text("./none").contains("COPY it there first"));
    let began = reason(&["/w/bash"], 127, &format!("/w/bash{CANT_BEGIN}"), Some(&root)).unwrap();
    assert!(began.text.contains("asks for /bin/bash"), "{}", began.text);
}
