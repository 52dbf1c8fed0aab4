//! Invalid words are refused before anything is built: in the stages of a build, and in all stages of a check.

use df_parse::bases::{Bases, Image};
use df_parse::check::{Checked, Request, check_text};
use df_parse::{Extent, Options, plan};
use libdockerfile::parse;

fn refused(text: &str, options: &Options) -> Option<(Option<u32>, String)> {
    let error = parse(text).and_then(|file| plan(&file, options)).err()?;
    Some((error.line, error.to_string()))
}

/// The message for an instruction of a stage that begins with a base.
fn said(instruction: &str) -> Option<String> {
    let said = refused(&format!("FROM a\n{instruction}\n"), &Options::default());
    said.map(|(line, what)| {
        assert_eq!(line, Some(2), "{instruction}: {what}");
        what
    })
}

#[test]
fn words_that_no_step_could_do() {
    for (instruction, what) in [
        ("COPY --chmod=64a a /", "invalid chmod parameter: '64a'"),
        ("COPY --chmod=10000 a /", "invalid chmod parameter: '10000'"),
        ("ADD --chmod=u=z a /", "a symbolic one such as"),
        ("COPY http://u:p@h/x?token /", "http://h/x: COPY does not take a URL; write ADD"),
        ("COPY git@h:x /", "COPY does not take a URL"),
        ("COPY $A http://h/x /", "COPY does not take a URL"),
        ("ADD --checksum=$C a b /", "--checksum requires HTTP(S) or Git sources"),
        ("ADD --checksum=sha256:0 http://h/x /", "64 lower-case hex digits"),
        ("ADD --checksum=sha256:0 http://h/x http://h/y /", "needs a single source"),
        ("ADD --checksum=sha256:0 http://h/x $Y /", "needs a single source"),
        ("ADD --checksum=xyz http://h/x.git /", "at least 7 hex digits"),
        ("ADD http://h/x.git#a:../b /", "below the repository's root"),
        ("ADD --keep-git-dir http://h/x.git?keep-git-dir=0 /", "contradict each other"),
        ("ADD http:///x /", "this can't be a URL"),
        ("COPY --chown=4294967295 a /", "4294967295 is not an id"),
        ("COPY --chown=a:99999999999 a /", "99999999999 is not an id"),
        ("COPY --link --chown=1:staff a /", "to look up staff in; use numbers"),
        ("COPY a[ /", "syntax error in pattern"),
        ("COPY --exclude=[ a /", "syntax error in pattern"),
        ("COPY [\"a\\u0000\", \"/\"]", "NUL"),
        ("RUN --mount=type=tmpfs,target= x", "the mount has no target"),
        ("RUN --mount=type=tmpfs,target=/ x", "invalid mount target \"/\": the root"),
        ("RUN --mount=type=tmpfs,target=/t,size=much x", "is not a size such as 64m"),
        ("RUN --mount=type=tmpfs,target=/t,size=99999999999t x", "is too large"),
        ("RUN --mount=type=secret,id=,target= x", "one of source, target required"),
        ("RUN --mount=type=bnd,target=/x x", "did you mean bind?"),
        ("RUN --mount=type=bind,\\\"target=/x x", "failed to parse csv mount"),
        ("RUN []", "the command is empty"),
        ("RUN [\"\", \"a\"]", "the command is empty"),
        ("RUN [\"a\\u0000\"]", "NUL byte"),
        ("ENV \"\"=x", "a name in ENV is empty"),
        ("VOLUME \"\"", "a VOLUME path is empty"),
        ("USER 4294967296", "4294967296 is not an id"),
        ("USER a:4294967295", "4294967295 is not an id"),
        ("COPY --from=$X a /", "variable expansion is not supported for --from"),
        ("RUN --mount=from=$X,target=/x x", "variable expansion is not supported for mount from"),
        ("ONBUILD RUN --mount=type=bnd,target=/x x", "did you mean bind?"),
        ("ONBUILD COPY --from=$X a /", "variable expansion is not supported for --from"),
    ] {
        let said = said(instruction).unwrap_or_else(|| panic!("{instruction} is not refused"));
        assert!(said.contains(what), "{instruction}: {said}");
    }
}

#[test]
fn what_a_variable_or_the_tree_decides_is_left_to_the_step() {
    for instruction in [
        "COPY --chmod=$M --chown=$O $S[ /",
        "COPY --chmod= --chown= a /",
        "COPY --chown=4294967294:staff a /",
        "COPY --link --chmod=755 --chown=staff a /",
        "ADD --checksum=$C $S /",
        "ADD --keep-git-dir a http://h/x[ /",
        "COPY --exclude=$X[a] a[a] /",
        "RUN --mount=type=$T,target=/ x",
        "RUN --mount=type=tmpfs,target=$T,size=$S x",
        // The image may have a working directory.
        "RUN --mount=type=tmpfs x",
        "ENV $X=y",
        "VOLUME $X",
        "USER $U:4294967295",
        "RUN",
    ] {
        assert_eq!(said(instruction), None, "{instruction}");
    }
}

#[test]
fn a_mount_needs_a_working_directory_that_is_not_the_root() {
    let options = |workdir: &str| {
        let image = Image { workdir: workdir.into(), ..Image::default() };
        Options { bases: Bases::from([(0, image)]), ..Options::default() }
    };
    let run = "RUN --mount=type=tmpfs,target=. x\n";
    let line = |from: &str, options: &Options| {
        refused(&format!("{from}\n{run}"), options).and_then(|(line, _)| line)
    };
    for bad in [
        "FROM a",
        "FROM a\nWORKDIR b/..",
        "FROM scratch",
        "FROM a AS b\nFROM b",
        "FROM a\nWORKDIR $X\nWORKDIR /",
    ] {
        let last = u32::try_from(bad.lines().count() + 1).unwrap();
        assert_eq!(line(bad, &options("")), Some(last), "{bad}");
    }
    for good in [
        "FROM a\nWORKDIR b",
        "FROM a AS b\nWORKDIR /c\nFROM b",
        "FROM a\nWORKDIR $X",
        "FROM a AS b\nONBUILD WORKDIR /c\nFROM b",
    ] {
        assert_eq!(line(good, &options("")), None, "{good}");
    }
    assert_eq!((line("FROM a", &options("/srv")), line("FROM a", &Options::default())), (None, None));
    let (_, what) = refused(&format!("FROM scratch\n{run}"), &Options::default()).unwrap();
    assert_eq!(
        what,
        "invalid mount target \".\": it is the root here, which can't be mounted over; name a directory, or set WORKDIR above"
    );
}

#[test]
fn an_empty_stage_knows_no_names() {
    let copy =
        |above: &str| refused(&format!("FROM scratch\n{above}COPY --chown=staff a /\n"), &Options::default());
    assert!(copy("WORKDIR /\n").unwrap().1.contains("use numbers"));
    assert_eq!(copy("COPY etc /etc/\n"), None);
    assert_eq!(refused("FROM a\nSHELL [\"\"]\nRUN x\n", &Options::default()).unwrap().0, Some(3));
}

#[test]
fn a_build_meets_the_stages_it_needs_and_a_check_all_of_them() {
    let text = "FROM a AS unused\nCOPY --chmod=64a a /\nFROM a\n";
    assert_eq!(refused(text, &Options::default()), None);
    let check = |extent| {
        let (options, ignored) = (&Options::default(), &libpattern::Matcher::default());
        check_text(text, &Request { options, ignored, extent, own: false })
            .refused
            .and_then(|error| error.line)
    };
    assert_eq!((check(Extent::AllStages), check(Extent::Needed)), (Some(2), None));
    // A name that is not a stage is looked up in all of them, as in BuildKit.
    assert_eq!(
        refused("FROM a AS unused\nCOPY --from=$X a /\nFROM a\n", &Options::default()).unwrap().0,
        Some(2)
    );
    assert_eq!(refused("FROM a AS unused\nRUN --mount=type=bnd x\nFROM a\n", &Options::default()), None);
}

#[test]
fn a_file_that_is_refused_is_checked_as_far_as_it_goes() {
    let check = |text: &str| {
        let (options, ignored) = (&Options::default(), &libpattern::Matcher::default());
        let Checked { findings, refused, .. } =
            check_text(text, &Request { options, ignored, extent: Extent::AllStages, own: true });
        let rules: Vec<_> = findings.iter().map(|finding| (finding.rule.name, finding.line)).collect();
        (rules, refused.map(|error| error.line))
    };
    // Below a line that cannot be read nothing is certain; the part above is checked completely.
    assert_eq!(check("FROM a AS B\nRUNN x\nMAINTAINER me\n"), (vec![("StageNameCasing", 1)], Some(Some(2))));
    assert_eq!(
        check("FROM a AS B\nCOPY --chmod=9 a /\nMAINTAINER me\n"),
        (vec![("StageNameCasing", 1), ("MaintainerDeprecated", 3)], Some(Some(2)))
    );
    assert_eq!(check("FROM a AS B\nRUN <<E\nx\n"), (vec![("StageNameCasing", 1)], Some(Some(2))));
    assert_eq!(check("# x\n# y\n"), (vec![], Some(Some(2))));
    assert_eq!(check("ARG A\n"), (vec![], Some(None)));
    assert_eq!(check("# check=nope=1\nFROM a AS B\n"), (vec![], Some(Some(1))));
    assert_eq!(check("FROM a AS B\nFROM $X\n").1, Some(Some(2)));
}

#[test]
fn images_for_windows_are_refused() {
    let given = |platform: &str| Options { platform: Some(platform.into()), ..Options::default() };
    let (line, what) = refused("FROM scratch\n", &given("windows/amd64")).unwrap();
    assert_eq!(line, None);
    assert!(what.starts_with("--platform windows/amd64: images for Windows can't be built here: "), "{what}");
    assert_eq!(refused("FROM a\nFROM --platform=windows/amd64 b\n", &Options::default()).unwrap().0, Some(2));
    assert_eq!(refused("FROM --platform=windows/amd64 b\nFROM a\n", &Options::default()), None);
    let image = Image { platform: ("windows".into(), "amd64".into()), ..Image::default() };
    let known = Options { bases: Bases::from([(0, image)]), ..Options::default() };
    assert_eq!(refused("FROM a\n", &known).unwrap().0, Some(1));
    // A tree for another system can be made by programs that run here.
    let cross = "FROM --platform=$BUILDPLATFORM a AS b\nRUN make\nFROM scratch\nCOPY --from=b x /\n";
    assert_eq!(refused(cross, &given("darwin/arm64")), None);
    let (line, what) = refused("FROM a\nRUN make\n", &given("darwin/arm64")).unwrap();
    assert!(line == Some(2) && what.starts_with("no program for darwin can be run here; "), "{what}");
}
