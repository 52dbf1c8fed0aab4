use super::*;
use crate::changes::LayerChanges;
use crate::plan::BuildPlan;
use crate::record::BuildRecord;
use crate::stream::Format;
use serde_json::json;

const DIGEST: &str = "sha256:80abcb4a49ec45bad248aba03ca45543e1d82e44e9606ea28c7c827ef40ba8fa";

/// A stage with every member of a plan.
fn stage() -> Value {
    let text = |op: Value| {
        let mut one = json!({"line": 1, "line_end": 2, "text": "x", "lines": ["x"]});
        one.as_object_mut().unwrap().extend(op.as_object().unwrap().clone());
        one
    };
    let heredocs = json!([{"name": "EOF", "fd": 3, "body": "x", "expand": true, "strip_tabs": true}]);
    let copy = json!({"op": "copy", "sources": ["a"], "heredocs": heredocs, "dest": "/", "from": {"kind": "context", "name": "c"},
        "chown": "1", "chmod": "1", "link": true, "parents": true, "exclude": ["x"]});
    let mut add = copy.clone();
    add["op"] = "add".into();
    add["checksum"] = DIGEST.into();
    (add["keep_git_dir"], add["unpack"]) = (true.into(), true.into());
    let mount = json!({"kind": "cache", "target": "/x", "source": "x", "from": {"kind": "image", "name": "b", "reference": "b"},
        "id": "x", "sharing": "locked", "readonly": false, "required": true, "mode": "1", "uid": "1", "gid": "1", "size": "1",
        "env": "X", "words": "x"});
    let ops = [
        json!({"op": "run", "shell": "x", "heredocs": heredocs, "mounts": [mount], "network": "none", "security": "sandbox"}),
        copy,
        add,
        json!({"op": "env", "pairs": [{"key": "k", "value": "v"}]}),
        json!({"op": "label", "pairs": []}),
        json!({"op": "arg", "args": [{"name": "a", "default": "d"}]}),
        json!({"op": "workdir", "path": "/"}),
        json!({"op": "user", "user": "u"}),
        json!({"op": "expose", "ports": ["1"]}),
        json!({"op": "volume", "paths": ["/"]}),
        json!({"op": "cmd", "exec": ["x"]}),
        json!({"op": "entrypoint", "shell": "x"}),
        json!({"op": "shell", "shell": ["x"]}),
        json!({"op": "healthcheck", "test": {"exec": ["x"]}, "interval": 1, "timeout": 1, "start_period": 1,
            "start_interval": 1, "retries": 1}),
        json!({"op": "stopsignal", "signal": "1"}),
        json!({"op": "onbuild", "trigger": "x", "from": {"kind": "stage", "index": 0}}),
        json!({"op": "maintainer", "name": "x"}),
    ];
    json!({"type": "stage", "index": 0, "name": "n", "dockerfile": "D", "line": 1, "line_end": 1, "text": "FROM scratch",
        "lines": ["x"], "base": {"kind": "scratch"}, "platform": "linux/amd64", "image_platform": "linux/amd64", "epoch": -1,
        "target": true, "ships": true, "needs": [0], "stages": ["n"], "contexts": ["c"], "build_args": {"a": "b"},
        "global_args": {"a": "b"}, "escape": "\\", "instructions": ops.map(text)})
}

fn records() -> Vec<Value> {
    let layer = json!({"descriptor": {"mediaType": "m", "digest": DIGEST, "size": 1}, "diff_id": DIGEST});
    let common = json!({"stage": 0, "stage_name": "n", "dockerfile": "D", "line": 1, "text": "x", "started_ms": 1, "duration_ms": 1,
        "waited": [{"stage": 0, "started_ms": 1, "duration_ms": 1}]});
    let own = [
        json!({"type": "base", "layers": [{"snapshot": "s", "layer": layer}], "config": {"architecture": "amd64", "os": "linux"},
            "manifest": DIGEST, "image": "i", "provenance": {"base": {"dockerfile": "D", "line": 1, "text": "x", "history": 0,
            "layers": 0}, "steps": []}}),
        json!({"type": "step", "step": 1, "steps": 1, "op": "run", "cache": "hit", "key": DIGEST,
            "ingredients": [{"name": "n", "value": "v"}], "parents": ["p"], "snapshot": "s", "layer": layer, "ships": true,
            "config": {"architecture": "amd64", "os": "linux"}, "history": {"created_by": "x"}, "log": "l",
            "why": {"reason": "new", "text": "x"}}),
        json!({"type": "failed", "step": 1, "status": 1, "message": "m", "command_status": 1, "log": "l", "id": "i"}),
    ];
    let with_common = |own: Value| {
        let mut record = common.clone();
        record.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        record
    };
    let packed = json!({"type": "layer", "snapshot": "s", "descriptor": layer["descriptor"], "diff_id": DIGEST, "tar_size": 1, "content_size": 1,
        "started_ms": 1, "duration_ms": 1, "pushed": {"started_ms": 1, "duration_ms": 1}});
    own.into_iter().map(with_common).chain([packed]).collect()
}

fn changes() -> Vec<Value> {
    let put = |own: Value| {
        let mut put = json!({"type": "put", "path": "a", "mode": "0644", "uid": 1, "gid": 1, "mtime": -1, "xattrs": {"x": "AA=="}});
        put.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        put
    };
    let kinds = [
        json!({"kind": "file", "size": 1, "source": {"path": "x", "state": "s"}}),
        json!({"kind": "dir", "opaque": true}),
        json!({"kind": "symlink", "target": "x"}),
        json!({"kind": "hardlink", "target": "x"}),
        json!({"kind": "fifo"}),
        json!({"kind": "char", "major": 1, "minor": 1}),
        json!({"kind": "block", "major": 1, "minor": 1}),
    ];
    let links = json!({"type": "put", "path_b64": "/w==", "mode": "0777", "uid": 1, "gid": 1, "mtime": 1, "kind": "symlink", "target_b64": "/w=="});
    let delete = json!({"type": "delete", "path": "x"});
    kinds.into_iter().map(put).chain([links, delete]).collect()
}

/// The places of all values below a value.
fn places(value: &Value, place: &str, out: &mut Vec<String>) {
    let mut below = |name: &str, value: &Value| {
        let place = format!("{place}/{name}");
        places(value, &place, out);
        out.push(place);
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| below(&at.to_string(), item)),
        Value::Object(object) => object.iter().for_each(|(name, value)| below(name, value)),
        _ => {}
    }
}

/// The record with each possible change at each place.
fn changed(record: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    places(record, "", &mut all);
    let others =
        [Value::Null, json!(-1), json!(1.5), json!("x"), json!([]), json!([1]), json!({}), json!(true)];
    let mut changed = Vec::new();
    for place in all.iter().filter(|place| *place != "/type") {
        let (above, name) = place.rsplit_once('/').unwrap();
        for other in &others {
            let mut record = record.clone();
            *record.pointer_mut(place).unwrap() = other.clone();
            changed.push((format!("{place} = {other}"), record));
        }
        let mut without = record.clone();
        if let Value::Object(object) = without.pointer_mut(above).unwrap() {
            object.remove(name);
            changed.push((format!("without {place}"), without));
        }
    }
    changed
}

fn look<F: Format>(record: &Value, strict: bool) -> Option<Fault> {
    let kind = record["type"].as_str().unwrap();
    let (_, what, members) = F::RECORDS.iter().find(|(known, ..)| *known == kind).unwrap();
    fault(record.as_object().unwrap(), what, members, strict)
}

/// The members and the types agree on a record with everything in it.
fn agree<F: Format>(record: &Value) {
    assert_eq!(look::<F>(record, true), None, "{record}");
    let read = |record: &Value| serde_json::from_value::<F::Record>(record.clone());
    // Every member that is written is known.
    assert_eq!(look::<F>(&serde_json::to_value(read(record).unwrap()).unwrap(), true), None, "{record}");
    for (change, changed) in changed(record) {
        if let Err(error) = read(&changed) {
            assert!(look::<F>(&changed, F::STRICT).is_some(), "{change} is taken, but {error}");
        }
    }
}

/// Every name of a member is in one of the records, so that none is left out above.
fn all_named(members: &[Member], records: &str) {
    let named = |name: &str| assert!(records.contains(&format!("\"{name}\":")), "{name}");
    for member in members {
        match member {
            Member::Must(name, shape) | Member::May(name, shape) => {
                named(name);
                let mut shape = shape;
                while let Shape::List(inner) | Shape::Named(inner) = shape {
                    shape = inner;
                }
                if let Shape::Object(_, members) = shape {
                    all_named(members, records);
                }
            }
            Member::One(two) => two.iter().for_each(|(name, _)| named(name)),
            Member::Kind(tag, kinds) => {
                named(tag);
                for (kind, members) in *kinds {
                    assert!(records.contains(&format!("\"{tag}\":\"{kind}\"")), "{tag} {kind}");
                    all_named(members, records);
                }
            }
            Member::All(members) => all_named(members, records),
        }
    }
}

fn hold<F: Format>(records: &[Value]) {
    records.iter().for_each(agree::<F>);
    let text: String = records.iter().map(Value::to_string).collect();
    F::RECORDS.iter().for_each(|(_, _, members)| all_named(members, &text));
}

#[test]
fn the_members_are_those_of_the_types() {
    hold::<BuildPlan>(&[stage()]);
    hold::<BuildRecord>(&records());
    hold::<LayerChanges>(&changes());
}

#[test]
fn a_fault_is_told_with_its_place() {
    for (place, value, told) in [
        (
            "/instructions/0/mounts/0",
            json!({"kind": "bind"}),
            ", instructions[0].mounts[0]: `readonly` is missing",
        ),
        (
            "/instructions/0/mounts/0/readonly",
            json!("no"),
            ", instructions[0].mounts[0]: `readonly` is \"no\", not true or false",
        ),
        ("/instructions/1/sources/0", json!(1), ", instructions[1]: `sources[0]` is 1, not text"),
        ("/instructions/1", json!("RUN x"), ": `instructions[1]` is \"RUN x\", not an object"),
        ("/instructions/1/op", json!("cpoy"), ", instructions[1]: `op` is \"cpoy\", not one of run, copy"),
        ("/base", json!({"kind": "image", "nam": "x"}), ", base: `name` is missing"),
        (
            "/base",
            json!({"kind": "scratch", "index": 1}),
            ", base: a base has no member `index`; it may have kind",
        ),
        ("/target", json!(null), ": `target` is null, but is required"),
        ("/name", json!(null), ": `name` is null; leave it out"),
        ("/line", json!(-1), ": `line` is -1, not a whole number from 0 to 4294967295"),
        ("/build_args/a", json!(1), ", build_args: `a` is 1, not text"),
    ] {
        let mut record = stage();
        *record.pointer_mut(place).unwrap() = value;
        let fault = look::<BuildPlan>(&record, true).unwrap().to_string();
        assert!(fault.starts_with(told), "{fault}");
    }
}
