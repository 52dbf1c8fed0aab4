use super::*;
use crate::session::build_dir::Build;
use std::path::Path;

const NOW: WaitRules = WaitRules { driver: false, patience: Duration::ZERO, shown: false };
const PATIENT: WaitRules = WaitRules { patience: Duration::from_secs(60), ..NOW };
const BY_DRIVER: WaitRules = WaitRules { driver: true, ..NOW };

fn build(plan: &str) -> Build {
    let (context, store, isolation) = ("/c".into(), "/s".into(), "root".into());
    Build { plan: Digest::of(plan.as_bytes()), context, contexts: None, store, isolation }
}

fn stages_of(build: Build, dir: &Path, rules: WaitRules) -> Stages {
    let names = (0..9).map(|index| (index, None)).collect();
    Stages::new(names).shared(BuildDir::new(dir.into(), build, false), rules)
}

fn stages(dir: &Path, rules: WaitRules) -> Stages {
    stages_of(build("plan"), dir, rules)
}

fn state(value: &str) -> State {
    let mut state = State::default();
    state.scope.set("A", value);
    state
}

fn make(mut stages: Stages, index: usize, value: &str) {
    stages.begin(index).unwrap();
    stages.done(index, None, state(value)).unwrap();
}

fn refused(stages: &Stages, index: usize) -> String {
    stages.get(index).unwrap_err().to_string()
}

#[test]
fn a_stage_is_handed_over_whole_through_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let taker = stages(dir.path(), PATIENT);
    let waiting = std::thread::spawn(move || taker.get(3).unwrap());
    make(stages(dir.path(), NOW), 3, "1");
    assert_eq!(waiting.join().unwrap(), state("1"));
}

#[test]
fn a_wait_is_told_once_and_only_if_there_was_one() {
    let dir = tempfile::tempdir().unwrap();
    let taker = stages(dir.path(), PATIENT);
    let waits = std::thread::scope(|scope| {
        let waiting = scope.spawn(move || taker.get(3).map(|_| (taker.take_waits(), taker)));
        std::thread::sleep(PAUSE * 2);
        make(stages(dir.path(), NOW), 3, "1");
        let (waits, taker) = waiting.join().unwrap().unwrap();
        assert!(taker.get(3).is_ok() && taker.take_waits().is_empty());
        waits
    });
    assert_eq!((waits.len(), waits[0].stage), (1, 3));
    assert!(waits[0].span.duration_ms > 0);
}

#[test]
fn a_failure_ends_the_wait_unless_it_is_an_earlier_ones() {
    let dir = tempfile::tempdir().unwrap();
    stages(dir.path(), NOW).failed(0);
    assert_eq!(refused(&stages(dir.path(), BY_DRIVER), 0), "stage 0, which is needed here, failed");
    let taker = stages(dir.path(), PATIENT);
    let waiting = std::thread::spawn(move || taker.get(0).unwrap());
    std::thread::sleep(PAUSE * 2);
    make(stages(dir.path(), NOW), 0, "1");
    assert_eq!(waiting.join().unwrap(), state("1"));
    stages_of(build("other"), dir.path(), NOW).failed(1);
    assert!(refused(&stages(dir.path(), NOW), 1).contains("nobody has built it"));
    assert!(Stages::default().get(0).is_err());
}

#[test]
fn a_wait_ends_when_nobody_is_at_the_stage_and_goes_on_while_somebody_is() {
    let dir = tempfile::tempdir().unwrap();
    let taker = stages(dir.path(), NOW);
    let text = refused(&taker, 0);
    assert!(text.contains("stage-run --stage 0 --build-dir ") && text.contains("--wait"), "{text}");
    let mut maker = stages(dir.path(), NOW);
    maker.begin(0).unwrap();
    let waiting = std::thread::spawn(move || taker.get(0).unwrap());
    std::thread::sleep(PAUSE * 3);
    maker.done(0, None, state("1")).unwrap();
    assert_eq!(waiting.join().unwrap(), state("1"));
    assert!(refused(&stages(dir.path(), PATIENT), 9).contains("no stage 9"));
}

#[test]
fn what_another_build_left_is_refused_with_what_it_is_of() {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("0.json").display().to_string();
    let other = |what| format!("{name} is of {what}; remove it or name a new directory");
    let mine = build("plan");
    for (theirs, what) in [
        (build("other"), "another plan"),
        (Build { context: "/d".into(), ..mine.clone() }, "the context /d"),
        (Build { store: "/t".into(), ..mine.clone() }, "the store /t"),
        (Build { isolation: "single".into(), ..mine.clone() }, "the isolation single"),
        (Build { contexts: Some(Digest::of(b"")), ..mine.clone() }, "other named contexts"),
    ] {
        make(stages_of(theirs, dir.path(), NOW), 0, "1");
        assert_eq!(refused(&stages(dir.path(), NOW), 0), other(what));
        make(stages(dir.path(), NOW), 0, "2");
        assert_eq!(stages(dir.path(), NOW).get(0).unwrap(), state("2"));
    }
    std::fs::copy(&name, dir.path().join("1.json")).unwrap();
    assert!(refused(&stages(dir.path(), NOW), 1).contains("1.json is of stage 0; "));
    std::fs::write(&name, "{}").unwrap();
    assert!(
        refused(&stages(dir.path(), BY_DRIVER), 0).contains("0.json is not what this stage-run leaves there")
    );
}

#[test]
fn what_ends_early_is_no_base() {
    let dir = tempfile::tempdir().unwrap();
    let mut maker = stages(dir.path(), NOW);
    maker.begin(0).unwrap();
    maker.done(0, Some(2), state("1")).unwrap();
    assert!(refused(&stages(dir.path(), NOW), 0).contains("0.json ends with step 2; "));
}

#[test]
fn a_stage_built_again_makes_those_made_of_it_stale_only_if_it_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let chain = |from: usize| {
        let mut maker = stages(dir.path(), NOW);
        maker.begin(from + 1).unwrap();
        let _ = maker.get(from).unwrap();
        maker.done(from + 1, None, state("x")).unwrap();
    };
    make(stages(dir.path(), NOW), 0, "1");
    chain(0);
    chain(1);
    make(stages(dir.path(), NOW), 0, "1");
    stages(dir.path(), NOW).get(2).unwrap();
    make(stages(dir.path(), NOW), 0, "2");
    assert!(refused(&stages(dir.path(), NOW), 2).contains("2.json was made of what stage 0 was before"));
    let mut late = stages(dir.path(), NOW);
    late.begin(1).unwrap();
    let _ = late.get(0).unwrap();
    make(stages(dir.path(), NOW), 0, "3");
    assert!(late.done(1, None, state("x")).unwrap_err().to_string().contains("stage 0 was built again"));
}

#[test]
fn two_at_one_stage_are_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = stages(dir.path(), NOW);
    first.begin(0).unwrap();
    let mut second = stages(dir.path(), NOW);
    let waiting = std::thread::spawn(move || second.begin(0).map(|()| second).unwrap());
    std::thread::sleep(PAUSE * 3);
    assert!(!waiting.is_finished());
    first.done(0, None, state("1")).unwrap();
    waiting.join().unwrap().done(0, None, state("2")).unwrap();
    assert_eq!(stages(dir.path(), NOW).get(0).unwrap(), state("2"));
}

#[test]
fn a_dry_run_neither_takes_nor_gives() {
    let dir = tempfile::tempdir().unwrap();
    make(stages(dir.path(), NOW), 0, "1");
    let dry = || {
        let build_dir = BuildDir::new(dir.path().into(), build("plan"), true);
        Stages::new([(0, None)].into()).shared(build_dir, NOW)
    };
    assert!(dry().get(0).is_err());
    make(dry(), 0, "2");
    assert_eq!(stages(dir.path(), NOW).get(0).unwrap(), state("1"));
    assert_eq!(dry().get(0).unwrap(), state("2"));
}
