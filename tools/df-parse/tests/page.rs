//! The example of build-plan(5) is exactly what the code reads and writes.

use df_parse::{Options, plan};
use libdockerfile::parse;
use libwire::plan::{BuildPlan, PlanRecord};
use libwire::{Event, Reader, Writer};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../man/build-plan.5");

/// The text of a literal display that begins with `begin`, with its backslashes as printed.
fn display(begin: &str) -> String {
    let (_, rest) = PAGE.split_once(begin).unwrap();
    rest.split_once(".Ed\n").unwrap().0.replace("\\e", "\\")
}

fn written(records: Vec<PlanRecord>) -> String {
    let mut writer = Writer::<_, BuildPlan>::new(Vec::new(), BTreeMap::new()).unwrap();
    for record in records {
        writer.write(&record).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn the_example_is_read_and_written_unchanged() {
    let example = display(".Bd -literal\n");
    let mut reader = Reader::<_, BuildPlan>::new(example.as_bytes());
    let mut records = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Record(record) = event {
            records.push(record);
        }
    }
    assert_eq!(written(records), example);
}

/// The last example has only required members: without any of them it is refused.
#[test]
fn the_plan_written_by_hand_is_read_and_has_only_what_it_must() {
    let (_, rest) = PAGE.split_once("written by hand.\n").unwrap();
    let example =
        rest.split_once(".Bd -literal\n").unwrap().1.split_once(".Ed").unwrap().0.replace("\\e", "\\");
    let stage = libwire::plan::read(example.as_bytes()).unwrap().remove(0);
    assert_eq!(written(vec![PlanRecord::Stage(Box::new(stage))]), example);
    let record: serde_json::Value = serde_json::from_str(example.lines().nth(1).unwrap()).unwrap();
    for above in ["", "/base", "/instructions/0"] {
        for name in record.pointer(above).unwrap().as_object().unwrap().keys() {
            let mut record = record.clone();
            record.pointer_mut(above).unwrap().as_object_mut().unwrap().remove(name);
            let text =
                [example.lines().next().unwrap(), &record.to_string(), example.lines().last().unwrap(), ""];
            assert!(libwire::plan::read(text.join("\n").as_bytes()).is_err(), "without {above}/{name}");
        }
    }
}

#[test]
fn the_examples_dockerfile_makes_the_examples_plan() {
    // The example's BUILDPLATFORM is that of this machine.
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let options =
        Options { name: "Dockerfile".into(), platform: Some("linux/amd64".into()), ..Options::default() };
    let stages = plan(&parse(&display(".Bd -literal -offset indent\n")).unwrap(), &options).unwrap();
    let records = stages.into_iter().map(|stage| PlanRecord::Stage(Box::new(stage))).collect();
    assert_eq!(written(records), display(".Bd -literal\n"));
}

/// Every member that a record can have is on the page, and there is no null in any.
#[test]
fn every_member_is_on_the_page() {
    let file = "# escape=`\nARG G=1\nFROM a AS one\nFROM scratch\n\
        RUN --network=none --security=sandbox --mount=type=cache,target=/c,id=i,sharing=locked,mode=1,uid=1,gid=1,from=one,source=/s \
        --mount=type=tmpfs,target=/t,size=1m --mount=type=secret,id=x,env=E,required --mount=type=$T,target=/v cat <<-\"E\"\n\tx\nE\n\
        COPY --from=one --chown=1 --chmod=1 --link --parents --exclude=x a /\n\
        ADD --checksum=abcdef0 --keep-git-dir --unpack http://b/b.git /\nENV A=1\nLABEL a=b\nARG B=2\nWORKDIR /w\nUSER u\n\
        EXPOSE 1\nVOLUME /v\nCMD [\"a\"]\nENTRYPOINT a\nSHELL [\"s\"]\nSTOPSIGNAL 9\nONBUILD COPY --from=one a b\nMAINTAINER m\n\
        HEALTHCHECK --interval=1s --timeout=1s --start-period=1s --start-interval=1s --retries=1 CMD x\n";
    let options = Options {
        build_args: BTreeMap::from([("G".into(), "2".into()), ("SOURCE_DATE_EPOCH".into(), "1".into())]),
        platform: Some("linux/amd64".into()),
        contexts: vec!["extra".into()],
        ..Options::default()
    };
    for stage in plan(&parse(file).unwrap(), &options).unwrap() {
        members(&serde_json::to_value(stage).unwrap());
    }
}

fn members(value: &serde_json::Value) {
    match value {
        serde_json::Value::Null => panic!("a null"),
        serde_json::Value::Array(values) => values.iter().for_each(members),
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                let known = PAGE.split_whitespace().any(|word| word == name);
                // The names of arguments are not members.
                if name.to_uppercase() != *name {
                    assert!(known, "{name} is not on the page");
                }
                members(value);
            }
        }
        _ => {}
    }
}
