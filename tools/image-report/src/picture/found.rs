//! The findings of a report as a part of its page: tables, of which the first is open. It finds nothing itself.

use super::Span;
use crate::report::Report;
use crate::text;
use libadvice::findings::Finding;
use libcli::{human, markup, spelled_out};
use std::fmt::{self, Write};

/// How many findings are shown at first, and how many when the reader asks for more.
const SHOWN: usize = 8;
const MORE: usize = 200;

const HEAD: &str = r#"<tr><th scope="col" class="number">Bytes</th><th scope="col">What</th><th scope="col" class="number">Layer</th><th scope="col">Where</th></tr>"#;

/// Other things to look at: the findings in the image's own layers, and then those in its base.
pub fn section(report: &Report, spans: &[Span<'_>], out: &mut String) -> fmt::Result {
    if report.findings.is_empty() {
        return Ok(());
    }
    let (own, of_base) = report.findings_by_origin();
    let (first, more) = own.split_at(own.len().min(SHOWN));
    writeln!(
        out,
        "<section aria-labelledby=\"found-title\" class=\"found\">\n<h2 id=\"found-title\">Found</h2>"
    )?;
    if !first.is_empty() {
        table(first, spans, out)?;
    }
    closed("smaller ones", more, spans, out)?;
    closed("in layers of the base", &of_base, spans, out)?;
    writeln!(out, "</section>")
}

/// A table that opens on request; nothing if it is empty.
fn closed(what: &str, findings: &[&Finding], spans: &[Span<'_>], out: &mut String) -> fmt::Result {
    if findings.is_empty() {
        return Ok(());
    }
    let (listed, left) = findings.split_at(findings.len().min(MORE));
    writeln!(out, "<details><summary>{} {what}</summary>", findings.len())?;
    table(listed, spans, out)?;
    if !left.is_empty() {
        writeln!(out, "<p class=\"dim\">and {} smaller still</p>", left.len())?;
    }
    writeln!(out, "</details>")
}

fn table(findings: &[&Finding], spans: &[Span<'_>], out: &mut String) -> fmt::Result {
    writeln!(out, "<table>\n<thead>{HEAD}</thead>\n<tbody>")?;
    findings.iter().try_for_each(|finding| row(finding, spans, out))?;
    writeln!(out, "</tbody>\n</table>")
}

fn row(finding: &Finding, spans: &[Span<'_>], out: &mut String) -> fmt::Result {
    let path = finding.paths.first().map(|path| spelled_out(path.as_bytes()));
    let hue = spans.get(finding.layer.wrapping_sub(1)).map_or(0, |span| span.hue);
    writeln!(
        out,
        r#"<tr><td class="number">{}</td><td>{}</td><td class="number"><span class="swatch h{hue}"></span>{}</td><td><span class="path">{}</span>{}</td></tr>"#,
        human(finding.bytes),
        markup(&spelled_out(text::found(finding).as_bytes())),
        finding.layer,
        path.map(|path| format!("/{}", markup(&path))).unwrap_or_default(),
        text::more(finding),
    )
}
