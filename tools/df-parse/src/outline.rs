//! `--targets` and `--outline`: the stages and parameters of a Dockerfile, with descriptions from its comments, in
//! BuildKit's form.

use crate::args;
use crate::options::Options;
use crate::options::Values;
use crate::plan::plan;
use base64::{Engine, engine::general_purpose::STANDARD};
use libdockerfile::ParseError;
use libdockerfile::dockerfile::{Dockerfile, Item, StageItem};
use libdockerfile::instruction::Parsed;
use libdockerfile::lines::Line;
use libdockerfile::names::stage_name;
use libwire::plan::{ArgDecl, MountKind, Op, Stage};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The stages that can be built.
pub fn targets(file: &Dockerfile, source: &str) -> Value {
    let target = |(index, stage): (usize, &StageItem)| {
        let name = stage_name(stage);
        let mut value = Map::new();
        put(&mut value, "name", name.clone());
        if index + 1 == file.stages.len() {
            value.insert("default".into(), true.into());
        }
        put(&mut value, "description", name.and_then(|name| description(&stage.line, &name)));
        put(&mut value, "base", Some(stage.from.image.clone()));
        put(&mut value, "platform", stage.from.platform.clone());
        value.insert("location".into(), location(&stage.line));
        Value::Object(value)
    };
    let targets: Vec<_> = file.stages.iter().enumerate().map(target).collect();
    json!({"targets": targets, "sources": [STANDARD.encode(source)]})
}

/// The parameters of the target: arguments with their values, secrets, ssh agents and cache mounts.
pub fn outline(file: &Dockerfile, options: &Options, source: &str) -> Result<Value, ParseError> {
    let stages = plan(file, options)?;
    let target = stages.iter().find(|stage| stage.target).map_or(0, |stage| stage.index);
    let globals = args::globals(file, options, &options.platform()?)?;
    let mut value = Map::new();
    let item = &file.stages[target];
    let name = stage_name(item);
    put(&mut value, "name", name.clone());
    put(&mut value, "description", name.and_then(|name| description(&item.line, &name)));
    let (mut args, mut mounts) = (BTreeMap::new(), Mounts::default());
    // If several stages use a name, the target's own use comes first.
    for stage in stages.iter().rev() {
        Arguments::of_globals(file, &globals).stage(file, options, stage.index, &globals, &mut args);
        mounts.stage(stage);
    }
    let mut args: Vec<_> = args.into_values().collect();
    args.sort_by_key(|(line, _)| *line);
    list(&mut value, "args", args.into_iter().map(|(_, arg)| arg).collect());
    list(&mut value, "secrets", mounts.secrets.into_values().collect());
    list(&mut value, "ssh", mounts.agents.into_values().collect());
    list(&mut value, "cache", mounts.caches);
    value.insert("sources".into(), json!([STANDARD.encode(source)]));
    Ok(Value::Object(value))
}

fn put(map: &mut Map<String, Value>, key: &str, text: Option<String>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        map.insert(key.into(), text.into());
    }
}

fn list(map: &mut Map<String, Value>, key: &str, values: Vec<Value>) {
    if !values.is_empty() {
        map.insert(key.into(), values.into());
    }
}

fn location(line: &Line) -> Value {
    lines(line.line, line.line_end)
}

fn lines(first: u32, last: u32) -> Value {
    json!({"ranges": [{"start": {"line": first}, "end": {"line": last}}]})
}

/// The comment above a definition that begins with its name, without the name.
fn description(line: &Line, name: &str) -> Option<String> {
    line.comments.iter().find_map(|comment| Some(comment.strip_prefix(name)?.strip_prefix(' ')?.to_owned()))
}

/// The arguments that a stage can name: those before the first FROM, and its own.
struct Arguments {
    known: BTreeMap<String, (u32, Value)>,
    /// The other arguments in a default before the first FROM.
    parts: BTreeMap<String, BTreeSet<String>>,
}

impl Arguments {
    fn of_globals(file: &Dockerfile, globals: &Values) -> Self {
        let mut arguments = Self { known: BTreeMap::new(), parts: BTreeMap::new() };
        for item in &file.globals {
            let Parsed::Op { op: Op::Arg { args }, .. } = &item.parsed else { continue };
            for arg in args {
                let default = arg.default.as_deref().unwrap_or_default();
                let (mut parts, _) = args::lookups(file, default, &|name| globals.get(name).cloned());
                // If its default uses the argument itself, it keeps the parts of the earlier value.
                if parts.remove(&arg.name) {
                    parts.extend(arguments.parts.remove(&arg.name).into_iter().flatten());
                }
                arguments.parts.insert(arg.name.clone(), parts);
                arguments.add(item, arg, globals.get(&arg.name));
            }
        }
        arguments
    }

    fn add(&mut self, item: &Item, arg: &ArgDecl, argument: Option<&String>) {
        let mut value = Map::new();
        put(&mut value, "name", Some(arg.name.clone()));
        put(&mut value, "description", description(&item.line, &arg.name));
        put(&mut value, "value", argument.cloned());
        value.insert("location".into(), location(&item.line));
        self.known.insert(arg.name.clone(), (item.line.line, Value::Object(value)));
    }

    /// Adds to `found` the parameters that the stage at `index` uses.
    fn stage(
        mut self,
        file: &Dockerfile,
        options: &Options,
        index: usize,
        globals: &Values,
        found: &mut BTreeMap<String, (u32, Value)>,
    ) {
        let stage = &file.stages[index];
        let get = |name: &str| globals.get(name).cloned();
        let mut used: Vec<String> = Vec::new();
        for word in std::iter::once(&stage.from.image).chain(&stage.from.platform) {
            used.extend(args::lookups(file, word, &get).0);
        }
        let mut values = Values::new();
        for item in &stage.items {
            match &item.parsed {
                Parsed::Op { op: Op::Env { pairs }, .. } => {
                    let set = |word: &String| args::expanded(file, word, &values).unwrap_or_default();
                    let new: Vec<_> = pairs.iter().map(|pair| (set(&pair.key), set(&pair.value))).collect();
                    values.extend(new);
                }
                Parsed::Op { op: Op::Arg { args }, .. } => {
                    for arg in args {
                        used.push(arg.name.clone());
                        let given = options.build_args.get(&arg.name).cloned();
                        let default = arg.default.as_deref();
                        let own = given.or_else(|| args::expanded(file, default?, &values).ok());
                        // Arguments from before the first FROM are described there.
                        if own.is_some() || !globals.contains_key(&arg.name) {
                            self.add(item, arg, own.as_ref());
                        }
                        let value = own.or_else(|| get(&arg.name));
                        values.extend(value.map(|value| (arg.name.clone(), value)));
                    }
                }
                _ => {}
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(name) = used.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            used.extend(self.parts.get(&name).into_iter().flatten().cloned());
            if let Some(argument) = self.known.get(&name) {
                found.entry(name).or_insert_with(|| argument.clone());
            }
        }
    }
}

#[derive(Default)]
struct Mounts {
    secrets: BTreeMap<String, Value>,
    agents: BTreeMap<String, Value>,
    caches: Vec<Value>,
}

impl Mounts {
    fn stage(&mut self, stage: &Stage) {
        for instruction in &stage.instructions {
            let Op::Run { mounts, .. } = &instruction.op else { continue };
            let location = lines(instruction.line, instruction.line_end);
            for mount in mounts {
                let target = mount.target.clone().unwrap_or_default();
                let named = mount.id.clone();
                let (map, name) = match mount.kind {
                    MountKind::Secret => {
                        let base = target.rsplit('/').next().unwrap_or_default().to_owned();
                        (&mut self.secrets, named.or_else(|| mount.source.clone()).unwrap_or(base))
                    }
                    MountKind::Ssh => (&mut self.agents, named.unwrap_or_else(|| "default".into())),
                    MountKind::Cache => {
                        self.caches.push(json!({"ID": named.unwrap_or(target), "location": location}));
                        continue;
                    }
                    MountKind::Bind | MountKind::Tmpfs => continue,
                };
                let new = json!({"name": name, "location": location});
                let entry = map.entry(name).or_insert(new);
                if mount.required {
                    entry["required"] = true.into();
                }
            }
        }
    }
}
