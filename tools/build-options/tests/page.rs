//! stagepipe-options(7) is what the tables say. `UPDATE_PAGE=1` writes it anew.

use build_options::Of;
use build_options::answers::{Answer, Entry, arguments, environment, options, outputs};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/stagepipe-options.7");

const HEAD: &str = r".Dd December 1, 2026
.Dt STAGEPIPE-OPTIONS 7
.Os
.Sh NAME
.Nm stagepipe-options
.Nd what comes of the options of docker and podman
.Sh DESCRIPTION
This page lists each option of
.Ql docker buildx build ,
of docker's first builder and of
.Ql podman build
and
.Ql buildah build ,
with the attributes, build arguments and variables that belong to them, and the answer of
.Xr image-build 1 .
None is ignored in silence.
There are four answers:
.Bl -tag -width Ds
.It works
It means what it means to docker; image-build(1) describes it.
.It nothing
It may stand there, and the image is the same without it.
.It warning
The build goes on, and a line says what it lacks.
.It refused
The build does not begin, and a line says why, and what to do instead; the status is 2.
.El
.Pp
A flag may have a truth value after it, as
.Ql --pull=false .
One that is false counts as not given.
.Sh OPTIONS
Options of image-build itself, as
.Fl -until ,
are in
.Xr image-build 1
alone.
.Bl -tag -width Ds
";

const OUTPUTS: &str = r".El
.Sh OUTPUTS
The types of
.Fl -output
are
.Cm oci , docker , tar , local , image , registry
and
.Cm cacheonly .
.Cm docker
without
.Cm dest=
goes to standard output, where docker loads the image; that is
.Fl -load .
These are the attributes, with a type that has each:
.Bl -tag -width Ds
";

const ARGUMENTS: &str = r".El
.Sh BUILD ARGUMENTS
.Fl -build-arg
of these names has a meaning of its own:
.Bl -tag -width Ds
";

const ENVIRONMENT: &str = r".El
.Sh ENVIRONMENT
.Bl -tag -width Ds
";

const FILES: &str = r".El
.Sh FILES
.Bl -tag -width Ds
.It Pa ~/.docker/config.json
The proxies that
.Ql proxies
has for
.Ev DOCKER_HOST ,
or else for
.Ql default ,
become the build arguments HTTP_PROXY, HTTPS_PROXY, FTP_PROXY, NO_PROXY and ALL_PROXY, unless
.Fl -build-arg
sets them.
Logins are in
.Xr stagepipe-registries 7 .
.It Ql # syntax=
in a Dockerfile: it is read by this suite in any case.
A front end that is neither
.Ql docker/dockerfile
nor
.Ql docker/dockerfile-upstream ,
at whatever registry, is warned of.
.El
.Sh SEE ALSO
.Xr image-build 1 ,
.Xr stagepipe 7 ,
.Xr stagepipe-registries 7
";

/// Text for mdoc.
fn text(plain: &str) -> String {
    let escaped = plain.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if escaped.starts_with('.') { format!("\\&{escaped}") } else { escaped }
}

fn list(entries: &[Entry], mark: &str, tell_whose: bool) -> String {
    let item = |entry: &Entry| {
        let whose = match entry.of {
            Of::Docker => "docker",
            Of::Podman => "podman",
            Of::Both => "docker, podman",
        };
        let whose = if tell_whose { format!(".Pq {whose}\n") } else { String::new() };
        let said = match &entry.answer {
            Answer::Works("") => "Works.".to_owned(),
            Answer::Works(what) => format!("Works: {what}."),
            Answer::Idle(why) => format!("Nothing: {why}."),
            Answer::Warned(what) => format!("Warning: {what}."),
            Answer::Refused(what) => format!("Refused: {what}."),
        };
        let written = entry.written.trim_start_matches('-');
        let written = if mark == "Fl" { format!("\\-{}", text(written)) } else { text(written) };
        format!(".It {mark} {written}\n{whose}{}\n", text(&said))
    };
    entries.iter().map(item).collect()
}

#[test]
fn the_page_is_what_the_tables_say() {
    let page = [
        HEAD,
        &list(&options(), "Fl", true),
        OUTPUTS,
        &list(&outputs(), "Cm", false),
        ARGUMENTS,
        &list(&arguments(), "Cm", false),
        ENVIRONMENT,
        &list(&environment(), "Ev", false),
        FILES,
    ]
    .concat();
    if std::env::var_os("UPDATE_PAGE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(there == page, "man/stagepipe-options.7 is another; run this with UPDATE_PAGE=1");
}
