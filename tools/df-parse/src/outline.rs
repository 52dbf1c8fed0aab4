//! `--targets` and `--outline`: what a Dockerfile offers, with the descriptions in its comments.

use crate::dockerfile::{Dockerfile, Item, StageItem};
use crate::instruction::Parsed;
use crate::plan::{plan, stage_name};
use crate::{Options, ParseError};
use libwire::plan::{MountKind, Op, Stage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The stages that can be built, in BuildKit's JSON shape.
pub fn targets(file: &Dockerfile) -> Value {
    let last = file.stages.len() - 1;
    let target = |(index, stage): (usize, &StageItem)| {
        let name = stage_name(stage);
        let mut value = json!({"base": stage.from.image, "location": {"ranges": [{"start": {"line": stage.line.line}, "end": {"line": stage.line.line_end}}]}});
        if let Some(text) = name.as_deref().and_then(|name| description(&stage.line.comments, name)) {
            value["description"] = text.into();
        }
        if let Some(name) = name {
            value["name"] = name.into();
        }
        if index == last {
            value["default"] = true.into();
        }
        value
    };
    json!({"targets": file.stages.iter().enumerate().map(target).collect::<Vec<_>>()})
}

/// What the target takes: arguments with defaults, secrets, ssh agents, cache mounts.
pub fn outline(file: &Dockerfile, options: &Options) -> Result<Value, ParseError> {
    let stages = plan(file, options)?;
    let target = stages.iter().find(|stage| stage.target);
    let mut args = BTreeMap::new();
    for item in &file.globals {
        add_args(item, &mut args);
    }
    let (mut secrets, mut agents, mut caches) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for stage in &stages {
        for item in &file.stages[stage.index].items {
            add_args(item, &mut args);
        }
        add_mounts(stage, &mut secrets, &mut agents, &mut caches);
    }
    for (name, value) in &mut args {
        if let Some(given) = options.build_args.get(name) {
            value["value"] = given.clone().into();
        }
    }
    let required = |(name, required): (String, bool)| {
        if required { json!({"name": name, "required": true}) } else { json!({"name": name}) }
    };
    let mut value = json!({
        "args": args.into_values().collect::<Vec<_>>(),
        "secrets": secrets.into_iter().map(required).collect::<Vec<_>>(),
        "ssh": agents.into_iter().map(required).collect::<Vec<_>>(),
        "cache": caches,
    });
    if let Some(target) = target {
        let comments = &file.stages[target.index].line.comments;
        if let Some(name) = &target.name {
            value["name"] = name.clone().into();
            if let Some(text) = description(comments, name) {
                value["description"] = text.into();
            }
        }
    }
    Ok(value)
}

fn description(comments: &[String], name: &str) -> Option<String> {
    let rest = comments.last()?.strip_prefix(name)?;
    (rest.starts_with(' ')).then(|| rest.trim().to_owned())
}

fn add_args(item: &Item, args: &mut BTreeMap<String, Value>) {
    let Parsed::Op { op: Op::Arg { args: declared }, .. } = &item.parsed else { return };
    for arg in declared {
        let entry = args.entry(arg.name.clone()).or_insert_with(|| json!({"name": arg.name}));
        if let Some(default) = &arg.default {
            entry["value"] = default.trim_matches(['"', '\'']).into();
        }
        if let Some(text) = description(&item.line.comments, &arg.name) {
            entry["description"] = text.into();
        }
    }
}

fn add_mounts(
    stage: &Stage,
    secrets: &mut BTreeMap<String, bool>,
    agents: &mut BTreeMap<String, bool>,
    caches: &mut Vec<Value>,
) {
    for instruction in &stage.instructions {
        let Op::Run { mounts, .. } = &instruction.op else { continue };
        for mount in mounts {
            let target = mount.target.clone().unwrap_or_default();
            let base = target.rsplit('/').next().unwrap_or_default().to_owned();
            match mount.kind {
                MountKind::Secret => {
                    let id = mount.id.clone().or_else(|| mount.source.clone()).unwrap_or(base);
                    *secrets.entry(id).or_default() |= mount.required;
                }
                MountKind::Ssh => {
                    *agents.entry(mount.id.clone().unwrap_or_else(|| "default".into())).or_default() |=
                        mount.required
                }
                MountKind::Cache => caches.push(json!({"ID": mount.id.clone().unwrap_or(target)})),
                MountKind::Bind | MountKind::Tmpfs => {}
            }
        }
    }
}

/// The targets as a table.
pub fn write_targets(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TARGET\tDESCRIPTION")?;
    for target in value["targets"].as_array().into_iter().flatten() {
        let mark = if target["default"] == true { " (default)" } else { "" };
        let name = target["name"].as_str().unwrap_or("");
        writeln!(out, "{name}{mark}\t{}", target["description"].as_str().unwrap_or(""))?;
    }
    Ok(())
}

/// The outline as tables.
pub fn write_outline(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TARGET:\t{}", value["name"].as_str().unwrap_or("default"))?;
    if let Some(text) = value["description"].as_str() {
        writeln!(out, "DESCRIPTION:\t{text}")?;
    }
    let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
    if !list("args").is_empty() {
        writeln!(out, "\nBUILD ARG\tVALUE\tDESCRIPTION")?;
    }
    for arg in list("args") {
        let text = |key: &str| arg[key].as_str().unwrap_or("").to_owned();
        writeln!(out, "{}\t{}\t{}", text("name"), text("value"), text("description"))?;
    }
    for (key, title) in [("secrets", "SECRET"), ("ssh", "SSH")] {
        if !list(key).is_empty() {
            writeln!(out, "\n{title}\tREQUIRED")?;
        }
        for item in list(key) {
            writeln!(
                out,
                "{}\t{}",
                item["name"].as_str().unwrap_or(""),
                item["required"].as_bool().unwrap_or(false)
            )?;
        }
    }
    Ok(())
}
