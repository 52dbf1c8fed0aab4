//! Checks that a plan does not contradict itself. A plan may be written by hand, and its readers rely on this.

use super::{Base, BuildPlan, Copy, Instruction, Mount, MountKind, Op, PlanRecord, Source, Stage};
use crate::shape::Fault;
use crate::stream::{At, Event, Reader, WireError};
use std::io::BufRead;

/// Reads the stages of a plan. Each comes after those it uses, and one of them is the target.
pub fn read(input: impl BufRead) -> Result<Vec<Stage>, WireError> {
    let mut reader = Reader::<_, BuildPlan>::new(input);
    let (mut stages, mut places): (Vec<Stage>, Vec<At>) = (Vec::new(), Vec::new());
    while let Some(event) = reader.next_event()? {
        let Event::Record(PlanRecord::Stage(stage)) = event else { continue };
        let at = reader.at();
        Check { stage: &stage, earlier: &stages }.stage().map_err(|fault| WireError::Bad { at, fault })?;
        if stage.target
            && let Some(first) = stages.iter().position(|stage| stage.target)
        {
            let what = format!("this is a second target, after {}; a plan has one", places[first]);
            return Err(WireError::bad(at, what));
        }
        places.push(at);
        stages.push(*stage);
    }
    let Some(target) = stages.iter().find(|stage| stage.target) else {
        return Err(WireError::bad(reader.at(), "the plan has no target: no stage has `target` true"));
    };
    match ships(&stages, target.index) {
        None => Ok(stages),
        Some(at) => {
            let what = match stages[at].ships {
                true => "`ships` is true, but its layers are not the image's",
                false => "`ships` is false, but its layers are the image's",
            };
            Err(WireError::bad(places[at], what))
        }
    }
}

/// The stage whose `ships` is wrong: the image has only the layers of the target and of the stages it is built on.
fn ships(stages: &[Stage], target: usize) -> Option<usize> {
    let mut next = Some(target);
    stages.iter().enumerate().rev().find_map(|(at, stage)| {
        let ships = next == Some(stage.index);
        if let (true, Base::Stage { index }) = (ships, &stage.base) {
            next = Some(*index);
        }
        (stage.ships != ships).then_some(at)
    })
}

struct Check<'a> {
    stage: &'a Stage,
    earlier: &'a [Stage],
}

fn fault(path: impl Into<String>, what: impl Into<String>) -> Result<(), Fault> {
    Err(Fault { path: path.into(), what: what.into() })
}

impl Check<'_> {
    fn stage(&self) -> Result<(), Fault> {
        let Stage { index, name, stages, needs, .. } = self.stage;
        if self.earlier.iter().any(|stage| stage.index == *index) {
            return fault("", format!("`index` is {index}, which an earlier stage has"));
        }
        if stages.len() != index + 1 || stages.last() != Some(name) {
            let what = format!("`stages` is not the names of stages 0 to {index}, with this one's last");
            return fault("", what);
        }
        self.platform("platform", Some(&self.stage.platform))?;
        self.platform("image_platform", self.stage.image_platform.as_deref())?;
        needs.iter().enumerate().try_for_each(|(at, need)| self.earlier(&format!("needs[{at}]"), *need))?;
        if let Base::Stage { index } = self.stage.base {
            self.used("base", index)?;
        }
        let each = |(at, one): (usize, &Instruction)| self.instruction(&format!("instructions[{at}]"), one);
        self.stage.instructions.iter().enumerate().try_for_each(each)
    }

    fn platform(&self, member: &str, text: Option<&str>) -> Result<(), Fault> {
        let mut parts = text.unwrap_or("os/arch").split('/');
        match (2..=3).contains(&parts.clone().count()) && parts.all(|part| !part.is_empty()) {
            true => Ok(()),
            false => {
                let text = text.unwrap_or_default();
                fault("", format!("`{member}` is {text:?}; it must be os/architecture, such as linux/amd64"))
            }
        }
    }

    /// Checks that a stage in use comes earlier.
    fn earlier(&self, member: &str, index: usize) -> Result<(), Fault> {
        match self.earlier.iter().any(|stage| stage.index == index) {
            true => Ok(()),
            false => fault(member, format!("stage {index} is not among those before this one")),
        }
    }

    fn used(&self, member: &str, index: usize) -> Result<(), Fault> {
        self.earlier(member, index)?;
        match self.stage.needs.contains(&index) {
            true => Ok(()),
            false => fault(member, format!("it uses stage {index}, which is not in the stage's `needs`")),
        }
    }

    fn source(&self, place: &str, from: Option<&Source>) -> Result<(), Fault> {
        match from {
            Some(Source::Stage { index }) => self.used(&format!("{place}.from"), *index),
            _ => Ok(()),
        }
    }

    fn instruction(&self, place: &str, instruction: &Instruction) -> Result<(), Fault> {
        match &instruction.op {
            Op::Copy(copy) | Op::Add(copy) => self.copy(place, copy),
            Op::Run { mounts, .. } => {
                let each = |(at, mount): (usize, &Mount)| self.mount(&format!("{place}.mounts[{at}]"), mount);
                mounts.iter().enumerate().try_for_each(each)
            }
            Op::Shell { shell } if shell.is_empty() => fault(place, "`shell` is empty"),
            _ => Ok(()),
        }
    }

    fn copy(&self, place: &str, copy: &Copy) -> Result<(), Fault> {
        match copy.sources.is_empty() && copy.heredocs.is_empty() {
            true => fault(place, "`sources` is missing, or empty, and there are no `heredocs`"),
            false => self.source(place, copy.from.as_ref()),
        }
    }

    fn mount(&self, place: &str, mount: &Mount) -> Result<(), Fault> {
        let place_decides = matches!(mount.kind, MountKind::Bind | MountKind::Cache | MountKind::Tmpfs);
        match mount.target.is_none() && mount.words.is_none() && place_decides {
            true => fault(place, "`target` is missing"),
            false => self.source(place, mount.from.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Three stages: the second copies from the first, and the third is built on the second.
    fn plan() -> Vec<Value> {
        let stage = |index: usize, base: Value, needs: Value, instructions: Value| {
            json!({"type": "stage", "index": index, "dockerfile": "D", "line": 1, "line_end": 1, "text": "FROM", "base": base,
                "platform": "linux/amd64", "target": index == 2, "ships": index > 0, "needs": needs,
                "stages": vec![""; index + 1], "escape": "\\", "instructions": instructions})
        };
        let copy = json!({"line": 2, "line_end": 2, "text": "COPY", "op": "copy", "sources": ["a"], "dest": "/",
            "from": {"kind": "stage", "index": 0}});
        let run = json!({"line": 3, "line_end": 3, "text": "RUN", "op": "run", "shell": "x",
            "mounts": [{"kind": "bind", "target": "/m", "readonly": true, "from": {"kind": "stage", "index": 0}}]});
        vec![
            stage(0, json!({"kind": "scratch"}), json!([]), json!([])),
            stage(1, json!({"kind": "scratch"}), json!([0]), json!([copy, run])),
            stage(2, json!({"kind": "stage", "index": 1}), json!([1]), json!([])),
        ]
    }

    fn read_all(plan: &[Value]) -> Result<Vec<Stage>, String> {
        let header = json!({"type": "header", "format": "build-plan", "version": 1});
        let end = json!({"type": "end", "records": plan.len()});
        let text: String =
            [&[header], plan, &[end]].concat().iter().map(|record| format!("{record}\n")).collect();
        read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_that_does_not_hold_together_is_refused_with_the_place() {
        assert_eq!(read_all(&plan()).unwrap().len(), 3);
        for (record, member, value, told) in [
            (2, "/index", json!(0), "record 3: `index` is 0, which an earlier stage has"),
            (2, "/target", json!(false), "end record: the plan has no target"),
            (1, "/target", json!(true), "record 3: this is a second target, after record 2"),
            (1, "/ships", json!(false), "record 2: `ships` is false, but its layers are the image's"),
            (0, "/ships", json!(true), "record 1: `ships` is true, but its layers are not the image's"),
            (
                0,
                "/platform",
                json!("/amd64"),
                "record 1: `platform` is \"/amd64\"; it must be os/architecture",
            ),
            (0, "/platform", json!("amd64"), "record 1: `platform` is \"amd64\""),
            (1, "/stages", json!([""]), "record 2: `stages` is not the names of stages 0 to 1"),
            (
                1,
                "/needs",
                json!([]),
                "record 2, instructions[0].from: it uses stage 0, which is not in the stage's `needs`",
            ),
            (1, "/needs/0", json!(2), "record 2, needs[0]: stage 2 is not among those before this one"),
            (
                1,
                "/instructions/0/from/index",
                json!(1),
                "record 2, instructions[0].from: stage 1 is not among",
            ),
            (
                1,
                "/instructions/1/mounts/0/from/index",
                json!(7),
                "record 2, instructions[1].mounts[0].from: stage 7",
            ),
            (
                1,
                "/instructions/0/sources",
                json!([]),
                "record 2, instructions[0]: `sources` is missing, or empty",
            ),
            (
                1,
                "/instructions/1/mounts/0",
                json!({"kind": "bind", "readonly": true}),
                "record 2, instructions[1].mounts[0]: `target` is missing",
            ),
            (
                1,
                "/instructions/1/mounts/0/targt",
                json!("/"),
                "record 2, instructions[1].mounts[0]: a mount has no member `targt`",
            ),
            (2, "/base/index", json!(2), "record 3, base: stage 2 is not among those before this one"),
        ] {
            let mut plan = plan();
            match plan[record].pointer_mut(member) {
                Some(there) => *there = value,
                None => {
                    let (above, name) = member.rsplit_once('/').unwrap();
                    plan[record].pointer_mut(above).unwrap()[name] = value;
                }
            }
            let error = read_all(&plan).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn a_secret_needs_no_target_and_more_needs_are_no_fault() {
        let mut plan = plan();
        plan[1]["instructions"][1]["mounts"][0] = json!({"kind": "secret", "id": "x", "readonly": false});
        plan[2]["needs"] = json!([0, 1]);
        assert!(read_all(&plan).is_ok());
    }
}
