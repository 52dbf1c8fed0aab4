//! Findings as text and as JSON, in BuildKit's form.

use super::{Checked, Finding};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::io::{self, Write};

fn url(finding: &Finding) -> String {
    // BuildKit has no page about the platform either.
    if finding.rule.own || finding.rule.name == "InvalidBaseImagePlatform" {
        return String::new();
    }
    let mut dashed = String::new();
    let name: Vec<char> = finding.rule.name.chars().collect();
    for (at, &c) in name.iter().enumerate() {
        let starts_word = c.is_uppercase()
            && at > 0
            && (name[at - 1].is_lowercase() || name.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if starts_word {
            dashed.push('-');
        }
        dashed.extend(c.to_lowercase());
    }
    format!("https://docs.docker.com/go/dockerfile/rule/{dashed}/")
}

/// The file's name, as BuildKit shows it.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Writes a block for each finding: rule and address, message, place, and the lines around it, with `>>>` at those of
/// the finding. The number of findings comes last, unless the file is refused, because then the error comes last.
pub fn write_text(name: &str, source: &str, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let findings = &checked.findings;
    let lines: Vec<&str> = source.lines().collect();
    for finding in findings {
        let url = if finding.rule.own { "see df-parse(1)".into() } else { url(finding) };
        let dash = if url.is_empty() { String::new() } else { format!(" - {url}") };
        writeln!(out, "WARNING: {}{dash}", finding.rule.name)?;
        writeln!(out, "{}", finding.detail)?;
        writeln!(out, "{}:{}", base(name), finding.line)?;
        writeln!(out, "--------------------")?;
        let (first, last) = (finding.line as usize, finding.line_end as usize);
        for (at, line) in lines.iter().enumerate().take(last + 2).skip(first.saturating_sub(3)) {
            let mark = if (first..=last).contains(&(at + 1)) { ">>>" } else { "   " };
            writeln!(out, "{:>4} | {mark} {line}", at + 1)?;
        }
        writeln!(out, "--------------------\n")?;
    }
    match findings.len() {
        _ if checked.refused.is_some() => Ok(()),
        0 => writeln!(out, "Check complete, no warnings found."),
        1 => writeln!(out, "Check complete, 1 warning has been found!"),
        n => writeln!(out, "Check complete, {n} warnings have been found!"),
    }
}

/// Writes BuildKit's lint result as JSON: the findings, and in `buildError` the reason that the file is refused.
pub fn write_json(name: &str, source: &str, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let warning = |finding: &Finding| {
        json!({
            "ruleName": finding.rule.name,
            "description": finding.rule.description,
            "url": url(finding),
            "detail": finding.detail,
            "location": location(Some((finding.line, finding.line_end))),
        })
    };
    let mut value = json!({
        "warnings": checked.findings.iter().map(warning).collect::<Vec<_>>(),
        "sources": [{"filename": base(name), "language": "Dockerfile", "data": STANDARD.encode(source)}],
    });
    if let Some(error) = &checked.refused {
        let lines = error.line.map(|line| (line, error.line_end));
        value["buildError"] = json!({"message": error.to_string(), "location": location(lines)});
    }
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

/// Whole lines of the one source, both ends included. A finding without lines has no range.
fn location(lines: Option<(u32, u32)>) -> Value {
    let range = |(first, last)| json!({"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}});
    json!({"sourceIndex": 0, "ranges": lines.into_iter().map(range).collect::<Vec<_>>()})
}
