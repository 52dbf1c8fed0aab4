//! Changes to the system by commands that packages' scripts run too: the second stage needs the author's certificates
//! as well.

use super::makers::Made;
use super::survey::{Class, Survey};
use libshell::list;

const CERTIFICATES: &str = "/usr/local/share/ca-certificates/";

/// Whether the author's certificates must be added to the system's.
pub(super) fn has_certificates(survey: &Survey) -> bool {
    let updates = |made: &Made| made.run && list::mentions(made.text, &["update-ca-certificates"]);
    let own = |(place, class)| class == Class::Own && survey.tree.path(place).starts_with(CERTIFICATES);
    survey.made.iter().any(updates) && survey.all().any(own)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BASE, CMD, LINKER, Step, advice, big, built, install, lines, program};
    use libimage::fixtures::Line;

    #[test]
    fn locales_and_alternatives_of_the_author_are_there_again() {
        let (text, mut tools) = install(
            "RUN apt-get install -y gcc && locale-gen && update-alternatives --install /usr/bin/py py /usr/bin/python3 1 && update-alternatives --install /usr/bin/c c /usr/bin/gcc 1",
            big(),
        );
        tools.extend([
            ("file", "usr/lib/locale/locale-archive", "x"),
            ("symlink", "usr/bin/py", "/etc/alternatives/py"),
            ("symlink", "etc/alternatives/py", "/usr/bin/python3"),
            ("symlink", "usr/bin/c", "/etc/alternatives/c"),
            ("symlink", "etc/alternatives/c", "/usr/bin/gcc"),
        ]);
        let app = program("", &[], "");
        let app: &[Line] = &[("setuid", "app", app.as_str())];
        let steps: &[Step] = &[(text, Some(&tools)), ("RUN make", Some(app)), CMD];
        let base = [BASE, &[("dir", "usr/bin", ""), ("dir", "etc/alternatives", "")]].concat();
        let lines = lines(advice(&base, steps, |_| {}));
        assert!(lines[3].ends_with("--no-install-recommends helper python3"), "{lines:?}");
        assert_eq!(
            lines[4..7],
            [
                "COPY --from=build /app /app",
                "COPY --from=build /usr/lib/locale /usr/lib/locale",
                "RUN ln -sfn /usr/bin/python3 /etc/alternatives/py && ln -sfn /etc/alternatives/py /usr/bin/py"
            ],
            "and none that leads to a compiler"
        );
    }

    #[test]
    fn a_certificate_is_put_among_the_systems_again() {
        let app = program("", &[], "");
        let base = [BASE, &[("setuid", "usr/sbin/update-ca-certificates", "")]].concat();
        let certificate: &[Line] = &[("file", "usr/local/share/ca-certificates/own.crt", "x")];
        let (text, tools) = install("RUN apt-get install -y gcc", big());
        let bundle: &[Line] = &[("file", "etc/ssl/certs/ca-certificates.crt", "x")];
        let app: &[Line] = &[("setuid", "app", app.as_str())];
        let mut steps: Vec<Step> = vec![(text, Some(&tools)), ("COPY own.crt /x", Some(certificate))];
        steps.extend([("RUN update-ca-certificates", Some(bundle)), ("RUN make", Some(app)), CMD]);
        assert_eq!(lines(advice(&base, &steps, |_| {}))[3], "RUN update-ca-certificates");
    }

    #[test]
    fn what_must_not_be_asked_is_not_asked_in_the_second_stage_either() {
        let app = program(LINKER, &["libc.so.6", "libx.so.1"], "");
        let layer: &[Line] = &[("setuid", "app", app.as_str())];
        let install = |more: &[Step]| lines(built(layer, &[more, &[CMD]].concat(), |_| {}))[3].clone();
        assert_eq!(
            install(&[]),
            "    apt-get update && apt-get install -y --no-install-recommends helper libx"
        );
        assert_eq!(
            install(&[("ENV DEBIAN_FRONTEND=noninteractive", None)]),
            "    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends helper libx"
        );
    }
}
