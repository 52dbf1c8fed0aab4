use super::*;
use libwire::record::{Cache, Record, Step};
use libwire::{Event, Reader};
use std::path::Path;

const PAGE: &str = include_str!("../../../man/build-record.5");

fn options() -> Options {
    Options { epoch: Some(0), ..Options::default() }
}

/// A plan of stages from scratch, or from the stage whose index is given, each with its instructions. The last is
/// the target.
fn plan(stages: &[(Option<usize>, &[&str])]) -> String {
    let mut ships = vec![stages.len() - 1];
    while let Some(base) = ships.last().and_then(|index| stages[*index].0) {
        ships.push(base);
    }
    let mut text = "{\"type\":\"header\",\"format\":\"build-plan\",\"version\":1}\n".to_owned();
    for (index, (base, instructions)) in stages.iter().enumerate() {
        let needs: Vec<usize> = base.iter().copied().collect();
        let base = match base {
            None => "{\"kind\":\"scratch\"}".to_owned(),
            Some(index) => format!("{{\"kind\":\"stage\",\"index\":{index}}}"),
        };
        let (target, ships) = (index + 1 == stages.len(), ships.contains(&index));
        let names: Vec<String> = (0..=index).map(|index| format!("s{index}")).collect();
        text += &format!(
            "{{\"type\":\"stage\",\"index\":{index},\"name\":\"s{index}\",\"dockerfile\":\"Dockerfile\",\"line\":1,\
             \"line_end\":1,\"text\":\"FROM x\",\"base\":{base},\"platform\":\"linux/amd64\",\"target\":{target},\
             \"ships\":{ships},\"needs\":{needs:?},\"stages\":{names:?},\"escape\":\"\\\\\",\"instructions\":[{}]}}\n",
            instructions.join(",")
        );
    }
    text + &format!("{{\"type\":\"end\",\"records\":{}}}\n", stages.len())
}

const WORKDIR: &str = r#"{"line":2,"line_end":2,"text":"WORKDIR /w","op":"workdir","path":"/w"}"#;
const USER: &str = r#"{"line":3,"line_end":3,"text":"USER app","op":"user","user":"app"}"#;

fn steps(output: &[u8]) -> Vec<Step> {
    let records = Reader::<_, BuildRecord>::new(output).read_all().unwrap();
    let step = |record| if let Record::Step(step) = record { Some(*step) } else { None };
    records.into_iter().filter_map(step).collect()
}

fn store(dir: &Path) -> Option<Store> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    Some(Store::open(&dir.join("s"), libstore::Options { sync: false, ..Default::default() }).unwrap())
}

fn example(number: usize) -> &'static str {
    PAGE.split(".Bd -literal\n").nth(number).and_then(|rest| rest.split(".Ed").next()).unwrap()
}

#[test]
fn the_example_of_the_page_is_what_is_written() {
    let example = example(1);
    let mut reader = Reader::<_, BuildRecord>::new(example.as_bytes());
    let mut written = Vec::new();
    let mut writer = None;
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Header(header) => {
                writer = Some(Writer::<_, BuildRecord>::new(Vec::new(), header.extra).unwrap());
            }
            Event::Record(record) => writer.as_mut().unwrap().write(&record).unwrap(),
            Event::End => written.extend(writer.take().unwrap().finish().unwrap()),
            Event::Cut => panic!("the example is cut"),
        }
    }
    assert_eq!(String::from_utf8(written).unwrap(), example);
}

#[test]
fn the_failure_of_the_page_is_what_is_written() {
    let record: Record = serde_json::from_str(example(2)).unwrap();
    assert!(matches!(&record, Record::Failed(failed) if failed.waited.len() == 1));
    assert_eq!(serde_json::to_string(&record).unwrap() + "\n", example(2));
    let record: Record = serde_json::from_str(example(4)).unwrap();
    assert!(matches!(&record, Record::Failed(failed) if failed.left.is_some()));
    assert_eq!(serde_json::to_string(&record).unwrap() + "\n", example(4));
}

#[test]
fn the_stage_on_a_stage_of_the_page_is_what_is_written() {
    let record: Record = serde_json::from_str(example(3)).unwrap();
    assert!(matches!(&record, Record::Base(base) if base.provenance.is_some()));
    assert_eq!(serde_json::to_string(&record).unwrap() + "\n", example(3));
}

#[test]
fn a_second_build_finds_every_snapshot_and_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let plan = plan(&[(None, &[WORKDIR, USER])]);
    let run = || steps(&build(plan.as_bytes(), store.clone(), &options(), Vec::new()).unwrap());
    let (first, second) = (run(), run());
    assert_eq!([first[0].cache, second[0].cache, second[1].cache], [Cache::Miss, Cache::Hit, Cache::None]);
    assert_eq!(first[0].snapshot, second[0].snapshot);
    assert_eq!((&first[1].config, &first[0].ingredients), (&second[1].config, &second[0].ingredients));
    let tree = store.snapshot_fs(first[0].snapshot.as_ref().unwrap()).unwrap();
    assert!(tree.join("w").is_dir());
    let again = Options { no_cache: true, ..options() };
    let third = steps(&build(plan.as_bytes(), store, &again, Vec::new()).unwrap());
    assert_eq!(third[0].cache, Cache::Miss);
}

#[test]
fn a_stage_stands_on_another_of_the_same_plan_or_of_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let plan = plan(&[(None, &[WORKDIR]), (Some(0), &[USER])]);
    let whole = build(plan.as_bytes(), store.clone(), &options(), Vec::new()).unwrap();
    let apart = |stage: &str| {
        let build_dir = Some(dir.path().to_owned());
        let options = Options { stage: Some(stage.into()), build_dir, ..options() };
        steps(&build(plan.as_bytes(), store.clone(), &options, Vec::new()).unwrap())
    };
    apart("0");
    let child = apart("S1");
    let last = steps(&whole).pop().unwrap();
    assert_eq!((&child[0].config, &child[0].parents), (&last.config, &last.parents));
    assert_eq!((child[0].parents.len(), child[0].config.history.len()), (1, 2));
}

#[test]
fn a_stage_on_a_stage_tells_the_lines_it_inherits_built_cached_or_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let built = |workdir: &str, select: Option<&str>, build_dir: Option<&Path>| {
        let plan = plan(&[(None, &[workdir]), (Some(0), &[USER]), (Some(1), &[])]);
        let build_dir = build_dir.map(Path::to_owned);
        let options = Options { stage: select.map(str::to_owned), build_dir, ..options() };
        let output = build(plan.as_bytes(), store.clone(), &options, Vec::new()).unwrap();
        let records = Reader::<_, BuildRecord>::new(&output[..]).read_all().unwrap();
        let told = records.iter().rev().find_map(|record| match record {
            Record::Base(base) => Some(base.provenance.clone()),
            _ => None,
        });
        told.unwrap().map(|told| {
            let stages: Vec<_> = told.stages.iter().map(|stage| stage.history).collect();
            let steps: Vec<_> = told.steps.into_iter().map(|step| (step.line, step.text)).collect();
            (told.base.history, stages, steps)
        })
    };
    let lines = |workdir| Some((0, vec![1], vec![(workdir, "WORKDIR /w".into()), (3, "USER app".into())]));
    assert_eq!(built(WORKDIR, None, None), lines(2));
    let moved = WORKDIR.replace("\"line\":2", "\"line\":9");
    assert_eq!(built(&moved, None, None), lines(9), "from the cache, the lines are those of this build");
    for stage in ["0", "1"] {
        built(WORKDIR, Some(stage), Some(dir.path()));
    }
    assert_eq!(built(WORKDIR, Some("2"), Some(dir.path())), lines(2));
}

#[test]
fn only_the_stage_asked_for_and_what_it_needs_are_built() {
    let text = plan(&[(None, &[]), (None, &[]), (Some(0), &[]), (Some(2), &[])]);
    let plan = Plan::read(text.as_bytes()).unwrap();
    let built = |select: &str, elsewhere: bool| -> Vec<usize> {
        let asked = plan.stage(select).unwrap().index;
        plan.wanted(Some(asked), elsewhere).iter().map(|stage| stage.index).collect()
    };
    assert_eq!(built("3", false), [0, 2, 3]);
    assert_eq!(built("s1", false), [1]);
    assert_eq!(built("3", true), [3]);
    assert_eq!(plan.stage("nope").unwrap_err().status(), 2);
}

#[test]
fn a_failure_names_line_instruction_and_what_to_do_and_leaves_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let bad = r#"{"line":7,"line_end":7,"text":"STOPSIGNAL SIGNOPE","op":"stopsignal","signal":"SIGNOPE"}"#;
    let plan = plan(&[(None, &[USER, bad])]);
    let build_dir = Some(dir.path().to_owned());
    let options = Options { stage: Some("0".into()), build_dir, ..options() };
    let mut output = Vec::new();
    let failure = build(plan.as_bytes(), store, &options, &mut output).unwrap_err();
    assert_eq!(failure.status(), 3);
    let text = failure.render("stage-run").unwrap();
    assert!(text.starts_with("stage-run: Dockerfile:7: invalid signal: SIGNOPE; "), "{text}");
    assert!(text.ends_with("\n   7 | STOPSIGNAL SIGNOPE\n     |            ^^^^^^^\n"), "{text}");
    assert!(Reader::<_, BuildRecord>::new(&output[..]).read_all().is_err());
    assert!(dir.path().join("0.failed").exists());
    let last = output.trim_ascii_end().rsplit(|&byte| byte == b'\n').next().unwrap();
    let Record::Failed(failed) = serde_json::from_slice(last).unwrap() else { panic!("no failure") };
    assert_eq!((failed.step, failed.line, failed.status), (Some(2), 7, 3));
    assert_eq!(failed.message, failure.what());
}
