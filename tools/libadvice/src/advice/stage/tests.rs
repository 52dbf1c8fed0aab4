//! Second stages for the layers in these tests, with ELF programs that are only headers.

use super::elf;
use crate::advice::candidate::Advice;
use crate::advice::image::Image;
use crate::findings::Cached;
use libimage::fixtures::{self, Line};
use libimage::image_cost::image_cost;
use libimage::reading;
use libwire::Digest;
use libwire::image::{History, ImageConfig};
use libwire::provenance::{Base, Line as At, Provenance};
use proptest::prelude::*;
use std::io::Cursor;

/// An instruction above the base, and its layer.
pub(super) type Step<'a> = (&'a str, Option<&'a [Line<'a>]>);

/// A program or library for x86-64, all of whose bytes are ASCII.
pub(super) fn program(interpreter: &str, needed: &[&str], runpath: &str) -> String {
    let mut strings = vec![0];
    let mut keep = |text: &str| {
        let at = strings.len();
        strings.extend(text.bytes().chain([0]));
        at as u64
    };
    let mut dynamic: Vec<(u64, u64)> = needed.iter().map(|name| (1, keep(name))).collect();
    dynamic.extend((!runpath.is_empty()).then(|| (29, keep(runpath))));
    dynamic.extend([(5, 0x300), (10, 0x100), (0, 0)]);
    let mut file = vec![0; 0x400];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[3, 0, 62, 0, 1]);
    put(32, &[64]);
    put(52, &[64, 0, 56, 0, 3]);
    let loaded = [1u64, 0x400];
    let linker = [if interpreter.is_empty() { 0 } else { 3 }, 0x100];
    for (at, ([kind, size], offset)) in
        [(loaded, 0), (linker, 0x100), ([2, 0x100], 0x200)].into_iter().enumerate()
    {
        let header = [kind, offset, offset, offset, size, size, 0];
        header
            .iter()
            .enumerate()
            .for_each(|(word, value)| put(64 + at * 56 + word * 8, &value.to_le_bytes()));
    }
    put(0x100, interpreter.as_bytes());
    for (at, (tag, value)) in dynamic.into_iter().enumerate() {
        put(0x200 + at * 16, &tag.to_le_bytes());
        put(0x208 + at * 16, &value.to_le_bytes());
    }
    put(0x300, &strings);
    String::from_utf8(file).unwrap()
}

/// The advice for an image with one layer of the base and these steps.
pub(super) fn advice(base: &[Line], steps: &[Step], change: impl FnOnce(&mut ImageConfig)) -> Option<Advice> {
    let dir = tempfile::tempdir().unwrap();
    let store = fixtures::store(dir.path());
    let layers = std::iter::once(base).chain(steps.iter().filter_map(|(_, layer)| *layer));
    let layers: Vec<_> = layers.collect();
    let made = |text: &str, stores: bool| History {
        created_by: Some(text.into()),
        empty_layer: !stores,
        ..History::default()
    };
    let mut config = ImageConfig { architecture: "amd64".into(), ..ImageConfig::default() };
    config.history = vec![made("base", true)];
    config.history.extend(steps.iter().map(|(text, layer)| made(text, layer.is_some())));
    config.config.cmd = Some(vec!["/app".into()]);
    change(&mut config);
    let manifest = fixtures::put(&store, "app", &layers, config);
    let at = |line, text: &str| At { dockerfile: "Dockerfile".into(), line, text: text.into() };
    let known = Provenance {
        base: Base {
            from: at(1, "FROM base"),
            history: 1,
            layers: 1,
            manifest: Some(Digest::of(b"base")),
            image: None,
        },
        steps: (2..).zip(steps).map(|(line, (text, _))| at(line, text)).collect(),
        stages: Vec::new(),
    };
    store.keep_provenance(manifest.digest, &[], &known);
    let opened = fixtures::open("app", dir);
    let ledger = reading::ledger(&opened).unwrap();
    let instructions = image_cost(&opened, &ledger).instructions;
    let cached = Cached::new(&ledger.places);
    let image = Image {
        ledger: &ledger,
        instructions: &instructions,
        config: &opened.image.config.config,
        cached: &cached,
    };
    super::advise(&opened, &image).unwrap().map(|candidate| candidate.advice)
}

/// The lines of the last change.
fn pasted(base: &[Line], steps: &[Step], change: impl FnOnce(&mut ImageConfig)) -> Vec<String> {
    let advice = advice(base, steps, change).expect("an advice");
    advice.changes.last().unwrap().lines.clone()
}

pub(super) const LINKER: &str = "/lib64/ld-linux-x86-64.so.2";
pub(super) const CMD: Step = ("CMD [\"/app\"]", None);

/// A base with a shell, apt and the C library.
pub(super) const BASE: &[Line] = &[
    ("setuid", "usr/bin/sh", ""),
    ("setuid", "usr/bin/env", ""),
    ("setuid", "usr/bin/useradd", ""),
    ("setuid", "usr/bin/apt-get", ""),
    ("setuid", "usr/sbin/ldconfig", ""),
    ("file", "lib64/ld-linux-x86-64.so.2", ""),
    ("file", "usr/lib/x86_64-linux-gnu/libc.so.6", ""),
    ("file", "etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:\n"),
    ("file", "etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("file", "etc/nginx", "old"),
];
const STATUS: &str = "Package: gcc\nSection: devel\nDepends: need\n\nPackage: need\nSection: libs\n\n\
    Package: libx\nSection: libs\nDepends: need, other | helper\n\nPackage: helper\nSection: libs\n\nPackage: python3\nDepends: python3-minimal, libx\n\n\
    Package: python3-minimal\nDepends: need\n";

/// A RUN that installs gcc, about 40 kB, and libraries.
pub(super) fn install(text: &'static str, big: &'static str) -> (&'static str, Vec<Line<'static>>) {
    let layer = vec![
        ("file", "usr/bin/gcc", big),
        ("file", "usr/lib/x86_64-linux-gnu/libx.so.1", "x"),
        ("file", "usr/lib/x86_64-linux-gnu/libneed.so", "n"),
        ("setuid", "usr/bin/python3.9", "p"),
        ("symlink", "usr/bin/python3", "python3.9"),
        ("symlink", "usr/bin/cc", "/etc/alternatives/cc"),
        ("symlink", "etc/alternatives/cc", "/usr/bin/gcc"),
        ("file", "var/lib/dpkg/status", STATUS),
        ("file", "var/lib/dpkg/info/gcc.list", "/usr/bin/gcc\n"),
        ("file", "var/lib/dpkg/info/libx.list", "/usr/lib/x86_64-linux-gnu/libx.so.1\n"),
        ("file", "var/lib/dpkg/info/need.list", "/usr/lib/x86_64-linux-gnu/libneed.so\n"),
        ("file", "var/lib/dpkg/info/python3-minimal.list", "/usr/bin/python3\n/usr/bin/python3.9\n"),
        ("file", "var/log/dpkg.log", "log"),
        ("file", "etc/ld.so.cache", "cache"),
        ("file", "etc/made-by-a-script", "x"),
    ];
    (text, layer)
}

pub(super) fn big() -> &'static str {
    Box::leak("0123456789abcdef".repeat(10_000).into_boxed_str())
}

/// A base, gcc, and a build.
pub(super) fn built(layer: &[Line], more: &[Step], change: impl FnOnce(&mut ImageConfig)) -> Option<Advice> {
    let (text, tools) = install("RUN apt-get update && apt-get install -y gcc", big());
    let mut steps = vec![(text, Some(&tools[..])), ("RUN make", Some(layer))];
    steps.extend(more);
    advice(BASE, &steps, change)
}

pub(super) fn lines(advice: Option<Advice>) -> Vec<String> {
    advice.expect("an advice").changes.last().unwrap().lines.clone()
}

#[test]
fn a_program_is_copied_and_what_built_it_is_not() {
    let app = program(LINKER, &["libc.so.6"], "");
    let layer = [("setuid", "app", app.as_str()), ("file", "src/main.c", "main"), ("file", "tmp/x", "x")];
    let advice = built(&layer, &[CMD], |_| {}).unwrap();
    let all: Vec<_> =
        advice.changes.iter().map(|change| (change.place.as_str(), change.lines.join("\n"))).collect();
    assert_eq!(
        all,
        [
            ("Dockerfile:1", "FROM base AS build".into()),
            ("Dockerfile:4", "FROM base\nCOPY --from=build /app /app\nCMD [\"/app\"]".into())
        ]
    );
    assert!(advice.why.contains("gcc") && advice.why.contains("/src"), "{}", advice.why);
}

#[test]
fn libraries_are_copied_or_their_packages_installed() {
    let app = program(LINKER, &["libc.so.6", "libown.so", "libnear.so"], "$ORIGIN/lib");
    let own = program("", &["libx.so.1"], "");
    let layer = [
        ("setuid", "app", app.as_str()),
        ("file", "lib/libnear.so", "not even ELF"),
        ("file", "usr/local/lib/libown.so.1.2", own.as_str()),
        ("symlink", "usr/local/lib/libown.so", "libown.so.1.2"),
    ];
    assert_eq!(
        lines(built(&layer, &[CMD], |_| {})),
        [
            "FROM base",
            "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\",
            "    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\",
            "    apt-get update && apt-get install -y --no-install-recommends helper libx",
            "COPY --from=build /app /app",
            "COPY --from=build /lib /lib",
            "COPY --from=build /usr/local /usr/local",
            "RUN ldconfig",
            "CMD [\"/app\"]",
        ]
    );
}

#[test]
fn what_is_needed_and_nowhere_ends_it() {
    let advice = |app: String| built(&[("setuid", "app", app.as_str())], &[CMD], |_| {});
    assert_eq!(advice(program(LINKER, &["libgone.so"], "")), None);
    assert_eq!(advice(program("/lib/ld-other.so", &[], "")), None);
    assert!(advice(program("", &[], "")).is_some(), "a static program needs nothing");
}

#[test]
fn a_program_through_links_and_interpreters_is_found() {
    let layer = [
        ("setuid", "app", "#!/usr/bin/env python3\nimport x\n"),
        ("file", "venv/pyvenv.cfg", "home = /usr/bin\n"),
        ("symlink", "venv/bin/python", "/usr/bin/python3"),
        ("setuid", "venv/bin/tool", "#!/venv/bin/python\n"),
        ("file", "venv/lib/x.c", "kept in a virtual environment"),
    ];
    let lines = lines(built(&layer, &[CMD], |_| {}));
    assert!(lines[3].ends_with("--no-install-recommends helper python3"), "{lines:?}");
    assert_eq!(lines[5], "COPY --from=build /venv /venv");
}

#[test]
fn what_configures_the_image_is_there_again() {
    let app = program("", &[], "");
    let layer: &[Line] = &[("setuid", "opt/my/app", app.as_str())];
    let (text, tools) = install("RUN apt-get install -y gcc", big());
    let steps: &[Step] = &[
        ("ARG V=1", None),
        ("ARG UNUSED", None),
        ("ENV A=$V B=2", None),
        (text, Some(&tools)),
        ("WORKDIR /opt", Some(&[("dir", "opt", "")])),
        ("RUN make", Some(layer)),
        ("LABEL x=1", None),
        ("ENTRYPOINT [\"my/app\"]", None),
    ];
    let change = |config: &mut ImageConfig| {
        config.config.entrypoint = Some(vec!["my/app".into()]);
        config.config.cmd = None;
        config.config.working_dir = "/opt".into();
    };
    assert_eq!(
        pasted(BASE, steps, change),
        [
            "FROM base",
            "COPY --from=build /opt /opt",
            "RUN chmod 0644 /opt",
            "ARG V=1",
            "ENV A=$V B=2",
            "WORKDIR /opt",
            "LABEL x=1"
        ]
    );
}

#[test]
fn an_account_is_made_again_where_it_gets_the_same_number() {
    let app = program("", &[], "");
    let user = |uid| format!("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:\nmine:x:{uid}:{uid}::/:\n");
    let of = |text, uid| {
        let passwd = user(uid);
        let group = format!("root:x:0:\nnogroup:x:65534:\nmine:x:{uid}:\n");
        let layer: &[Line] =
            &[("file", "etc/passwd", passwd.as_str()), ("file", "etc/group", group.as_str())];
        let steps = [(text, Some(layer)), ("USER mine", None), CMD];
        built(&[("setuid", "app", app.as_str())], &steps, |config| config.config.user = "mine".into())
    };
    assert_eq!(
        lines(of("RUN useradd mine && mkdir /x", 1000)),
        ["FROM base", "RUN useradd mine", "COPY --from=build /app /app", "USER mine"]
    );
    assert_eq!(of("RUN echo mine >>/etc/passwd", 1000), None);
    assert_eq!(of("RUN useradd other", 1000), None);
}

#[test]
fn there_is_none_where_nothing_is_known_to_be_of_use() {
    let app = program("", &[], "");
    let layer: &[Line] = &[("setuid", "app", app.as_str())];
    assert!(built(layer, &[CMD], |_| {}).is_some());
    assert_eq!(built(layer, &[], |_| {}), None, "what the image is for is the base's");
    let shell = |config: &mut ImageConfig| config.config.cmd = Some(vec!["sh".into()]);
    assert_eq!(built(layer, &[CMD], shell), None, "somebody types into a shell");
    let gcc = |config: &mut ImageConfig| config.config.cmd = Some(vec!["/gone".into()]);
    assert_eq!(built(layer, &[CMD], gcc), None, "the program is not there");
    assert_eq!(advice(BASE, &[("COPY app /", Some(layer)), CMD], |_| {}), None, "nothing builds");
    assert_eq!(built(layer, &[("ONBUILD RUN x", None), CMD], |_| {}), None, "ONBUILD");
}

#[test]
fn what_packages_scripts_made_is_theirs_and_what_the_author_changed_is_his() {
    let app = program("", &[], "");
    let layer =
        [("setuid", "app", app.as_str()), ("file", "etc/nginx", "new"), ("file", "root/.cache/pip/x", "x")];
    let lines = lines(built(&layer, &[CMD], |_| {}));
    assert_eq!(lines[1..3], ["COPY --from=build /app /app", "COPY --from=build /etc/nginx /etc/nginx"]);
}

#[test]
fn a_program_that_a_toolchain_installed_is_copied_without_it() {
    let app = program(LINKER, &["libc.so.6"], "");
    let layer = [
        ("setuid", "root/.cargo/bin/cargo", app.as_str()),
        ("setuid", "root/.cargo/bin/app", app.as_str()),
        ("file", "root/.cargo/.crates.toml", "x"),
        ("file", "root/.npm/_logs/x", "x"),
    ];
    let start =
        |program: &str| built(&layer, &[CMD], |config| config.config.cmd = Some(vec![program.into()]));
    assert_eq!(
        lines(start("/root/.cargo/bin/app"))[1],
        "COPY --from=build /root/.cargo/bin/app /root/.cargo/bin/app"
    );
    assert_eq!(start("/root/.cargo/bin/cargo"), None, "it is the toolchain that is started");
}

#[test]
fn what_a_build_left_where_it_was_built_is_copied_only_with_what_is_started_there() {
    let app = program("", &[], "");
    let layer = [
        ("setuid", "app", app.as_str()),
        ("file", "out/CMakeCache.txt", "x"),
        ("file", "out/CMakeFiles/progress.marks", "x"),
        ("dir", "out/CMakeFiles/scratch", ""),
        ("file", "out/data/plugin", "x"),
        ("dir", "out/log", ""),
        ("setuid", "out/app", "#!/app\n"),
    ];
    let copies = |start: &str| {
        let lines = lines(built(&layer, &[CMD], |config| config.config.cmd = Some(vec![start.into()])));
        lines.into_iter().filter(|line| line.starts_with("COPY")).collect::<Vec<_>>()
    };
    assert_eq!(copies("/app"), ["COPY --from=build /app /app"]);
    assert_eq!(
        copies("/out/app"),
        [
            "COPY --from=build /app /app",
            "COPY --from=build /out/app /out/app",
            "COPY --from=build /out/data /out/data",
            "COPY --from=build /out/log /out/log"
        ]
    );
}

#[test]
fn what_only_installs_is_left_behind_unless_it_is_started() {
    let status = "Package: npm\nDepends: need\n\nPackage: need\n";
    let layer: &[Line] = &[
        ("setuid", "usr/bin/npm", big()),
        ("file", "usr/lib/need", "n"),
        ("file", "var/lib/dpkg/status", status),
        ("file", "var/lib/dpkg/info/npm.list", "/usr/bin/npm\n"),
        ("file", "var/lib/dpkg/info/need.list", "/usr/lib/need\n"),
        ("file", "var/cache/apt/archives/need.deb", big()),
    ];
    let app = program("", &[], "");
    let app: &[Line] = &[("setuid", "app", app.as_str())];
    let steps: &[Step] = &[("RUN apt-get install -y npm", Some(layer)), ("RUN npm install", Some(app)), CMD];
    assert_eq!(lines(advice(BASE, steps, |_| {}))[1], "COPY --from=build /app /app");
    let start = |config: &mut ImageConfig| config.config.cmd = Some(vec!["npm".into(), "start".into()]);
    assert_eq!(advice(BASE, steps, start), None, "nothing that builds would be left behind");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_program_is_read_without_harm(changes in prop::collection::vec((0usize..0x400, any::<u8>()), 1..20), cut in 0usize..0x400) {
        let mut file = program(LINKER, &["a", "b"], "c").into_bytes();
        changes.into_iter().for_each(|(at, byte)| file[at] = byte);
        elf::read(Cursor::new(&file));
        file.truncate(cut);
        elf::read(Cursor::new(&file));
    }
}

#[test]
fn a_program_says_what_it_needs() {
    let read = elf::read(Cursor::new(program(LINKER, &["a.so", "b"], "$ORIGIN"))).unwrap();
    assert_eq!(read.machine, (true, false, 62));
    assert_eq!(read.interpreter.as_deref(), Some(LINKER.as_bytes()));
    assert_eq!(
        (read.needed, read.runpath),
        (vec![b"a.so".to_vec(), b"b".to_vec()], Some(b"$ORIGIN".to_vec()))
    );
    assert_eq!(elf::read(Cursor::new(b"#!/bin/sh")), None);
}
