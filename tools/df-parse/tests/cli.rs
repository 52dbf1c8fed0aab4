//! df-parse as a program: its exit status and its output.

use serde_json::Value;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

/// Runs df-parse with `args` and `dockerfile` on its standard input.
fn df_parse(args: &[&str], dockerfile: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_df-parse"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Close it before the wait, because the child may wait for more input.
    let mut stdin = child.stdin.take().unwrap();
    let written = stdin.write_all(dockerfile.as_bytes());
    drop(stdin);
    // A child that reads a file, or refuses its arguments, ends before it reads.
    if let Err(error) = written {
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
    }
    child.wait_with_output().unwrap()
}

/// The output of a run that must succeed.
fn good(args: &[&str], dockerfile: &str) -> String {
    let output = df_parse(args, dockerfile);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    text(&output.stdout)
}

/// The message of a run that must end with `status`.
fn bad(args: &[&str], dockerfile: &str, status: i32) -> String {
    let output = df_parse(args, dockerfile);
    assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
    text(&output.stderr)
}

fn json(args: &[&str], dockerfile: &str) -> Value {
    serde_json::from_str(&good(args, dockerfile)).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Two named stages with descriptions, an argument, a secret, an agent and a cache.
const TWO: &str = "\
# build makes the program
FROM busybox AS build
RUN --mount=type=secret,id=key,required=true --mount=type=ssh --mount=type=cache,target=/c true
# out is what ships
FROM scratch AS out
# V is the version
ARG V=1
COPY --from=build /a /
";

#[test]
fn an_error_names_the_line_points_at_the_word_and_suggests_another() {
    assert_eq!(
        bad(&[], "FROM busybox\nRUNN make\n", 3),
        "df-parse: Dockerfile:2: unknown instruction RUNN; did you mean RUN?\n   2 | RUNN make\n     | ^^^^\n"
    );
}

#[test]
fn the_carets_stand_below_a_flag_in_the_middle_of_a_line() {
    let message = bad(&[], "FROM busybox\nCOPY --chonw=1 a /b\n", 3);
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[0].starts_with("df-parse: Dockerfile:2: unknown flag --chonw"), "{message}");
    assert!(lines[0].contains("did you mean --chown?"), "{message}");
    assert_eq!(lines[1..], ["   2 | COPY --chonw=1 a /b", "     |      ^^^^^^^"]);
}

#[test]
fn an_error_writes_no_plan() {
    assert_eq!(text(&df_parse(&[], "FROM busybox\nCOPY --from=7 a /\n").stdout), "");
}

#[test]
fn a_target_that_is_not_there_is_named_with_the_nearest_one() {
    let message = bad(&["--target", "biuld"], TWO, 3);
    assert_eq!(
        message,
        "df-parse: Dockerfile: target stage \"biuld\" could not be found; did you mean build?\n"
    );
}

#[test]
fn standard_input_is_read_without_a_file_and_for_a_dash() {
    let plan = good(&[], "FROM scratch\n");
    assert_eq!(good(&["-"], "FROM scratch\n"), plan);
    assert!(plan.contains("\"dockerfile\":\"Dockerfile\""), "{plan}");
    assert!(plan.ends_with("{\"type\":\"end\",\"records\":1}\n"), "{plan}");
}

#[test]
fn a_file_gives_its_name_to_messages_unless_another_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.Dockerfile");
    std::fs::write(&path, "FROM busybox\nRUNN make\n").unwrap();
    let path = path.to_str().unwrap();
    assert!(bad(&[path], "", 3).starts_with(&format!("df-parse: {path}:2: ")));
    assert!(bad(&["--name", "app", path], "", 3).starts_with("df-parse: app:2: "));
}

#[test]
fn a_file_that_is_not_there_is_a_failure_and_not_bad_input() {
    assert!(bad(&["/nonexistent/Dockerfile"], "", 1).contains("cannot be read"));
}

#[test]
fn bytes_that_are_no_text_are_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Dockerfile");
    std::fs::write(&path, b"FROM \xff\n").unwrap();
    assert!(bad(&[path.to_str().unwrap()], "", 3).contains(":1: the line is not UTF-8 text"));
}

#[test]
fn check_as_json_has_rule_and_place_and_is_no_failure() {
    let found = json(&["--check", "--format", "json"], "FROM busybox AS Base\nWORKDIR x\n");
    let warnings = found["warnings"].as_array().unwrap();
    let rules: Vec<_> = warnings.iter().map(|warning| warning["ruleName"].as_str().unwrap()).collect();
    assert_eq!(rules, ["StageNameCasing", "WorkdirRelativePath"]);
    assert_eq!(warnings[1]["location"]["ranges"][0]["start"]["line"], 2);
    assert_eq!(found["sources"][0]["filename"], "Dockerfile");
}

#[test]
fn check_as_text_says_the_place_and_counts() {
    let found = good(&["--check"], "FROM busybox\nWORKDIR x\n");
    assert!(found.starts_with("WARNING: WorkdirRelativePath - https://"), "{found}");
    assert!(found.contains("\nDockerfile:2\n"), "{found}");
    assert!(found.ends_with("Check complete, 1 warning has been found!\n"), "{found}");
    assert_eq!(good(&["--check"], "FROM busybox\n"), "Check complete, no warnings found.\n");
}

#[test]
fn check_error_true_fails_a_check_and_a_plan_alike() {
    let file = "# check=error=true\nFROM busybox\nWORKDIR x\n";
    for args in [&["--check"][..], &[]] {
        let message = bad(args, file, 1);
        assert!(message.contains("lint violation found for rules: WorkdirRelativePath"), "{message}");
    }
}

#[test]
fn an_ignored_source_is_found_only_with_the_ignore_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".dockerignore");
    std::fs::write(&path, "secret\n").unwrap();
    let file = "FROM busybox\nCOPY secret /\n";
    assert_eq!(good(&["--check"], file), "Check complete, no warnings found.\n");
    let found = good(&["--check", "--ignore-file", path.to_str().unwrap()], file);
    assert!(found.contains("CopyIgnoredFile"), "{found}");
}

#[test]
fn targets_lists_the_stages_with_their_descriptions_and_marks_the_default() {
    assert_eq!(
        good(&["--targets"], TWO),
        "TARGET        DESCRIPTION\nbuild         makes the program\nout (default) is what ships\n"
    );
    let found = json(&["--targets", "--format", "json"], TWO);
    assert_eq!(found["targets"][0]["name"], "build");
    assert_eq!(found["targets"][0]["base"], "busybox");
    assert_eq!(found["targets"][1]["default"], true);
}

#[test]
fn outline_says_what_the_target_and_the_stages_it_needs_take() {
    let found = json(&["--outline", "--format", "json", "--build-arg", "V=2"], TWO);
    assert_eq!(found["name"], "out");
    assert_eq!(found["args"][0]["value"], "2");
    assert_eq!(found["args"][0]["description"], "is the version");
    assert_eq!(found["secrets"][0]["name"], "key");
    assert_eq!(found["secrets"][0]["required"], true);
    assert_eq!(found["ssh"][0]["name"], "default");
    let text = good(&["--outline"], TWO);
    assert!(
        text.contains("V           1       is the version\n") && text.contains("key      true\n"),
        "{text}"
    );
}

#[test]
fn outline_leaves_out_what_other_stages_take() {
    let found = json(&["--outline", "--format", "json", "--target", "build"], TWO);
    assert_eq!(found.get("args"), None);
}

#[test]
fn two_modes_at_once_are_a_wrong_command_line() {
    bad(&["--check", "--targets"], "FROM scratch\n", 2);
}

#[test]
fn a_build_arg_without_a_value_comes_from_the_environment() {
    let output = Command::new("sh")
        .args(["-c", "echo 'FROM scratch' | GIVEN=here \"$0\" --build-arg GIVEN --build-arg ABSENT"])
        .arg(env!("CARGO_BIN_EXE_df-parse"))
        .env_remove("ABSENT")
        .output()
        .unwrap();
    let plan = text(&output.stdout);
    assert!(plan.contains("\"build_args\":{\"GIVEN\":\"here\"}"), "{plan}");
}

/// The output of `--summary`, and the plan's stages.
fn summary(args: &[&str], dockerfile: &str) -> (String, usize) {
    let output = df_parse(&[&["--summary", "/dev/stderr"], args].concat(), dockerfile);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stages = text(&output.stdout).matches("\"type\":\"stage\"").count();
    (text(&output.stderr), stages)
}

#[test]
fn the_summary_names_each_stage_of_the_plan_and_its_part() {
    let three =
        "FROM scratch AS a\nFROM scratch AS b\nCOPY x /\nFROM a\nCOPY --from=b /x /\nFROM scratch AS z\n";
    let until = summary(&["--until", "2:1"], three);
    assert_eq!(until, ("stage 0 below\nstage 1 beside\nstage 2 target\n".into(), 3));
}

#[test]
fn the_summary_asks_for_images_until_they_are_known() {
    let stages = "stage 0 beside\nstage 1 target\n";
    assert_eq!(summary(&[], TWO).0, format!("images\n{stages}"));
    let known = std::env::temp_dir().join(format!("df-parse-bases-{}", std::process::id()));
    std::fs::write(
        &known,
        "{\"type\":\"header\",\"format\":\"build-record\",\"version\":1}\n{\"type\":\"end\",\"records\":0}\n",
    )
    .unwrap();
    let told = summary(&["--bases", known.to_str().unwrap()], TWO).0;
    std::fs::remove_file(&known).unwrap();
    assert_eq!(told, stages);
    assert_eq!(summary(&["--build-context", "c"], "FROM c").0, "images\nstage 0 target\n");
}

#[test]
fn the_summary_says_whose_time_is_asked_for_and_the_plan_is_without_it() {
    let of = |value: &str, more: &[&str], dockerfile: &str| {
        let argument = format!("SOURCE_DATE_EPOCH={value}");
        let output =
            df_parse(&[&["--summary", "/dev/stderr", "--build-arg", &argument], more].concat(), dockerfile);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!text(&output.stdout).contains("\"epoch\""), "{}", text(&output.stdout));
        text(&output.stderr)
    };
    let added = "FROM scratch AS s\nADD https://h/x /\nFROM scratch\n";
    assert_eq!(of("context", &[], added), "time context\nstage 1 target\n");
    assert_eq!(of("s", &[], added), "time url https://h/x\nstage 1 target\n");
    assert_eq!(of("c", &["--build-context", "c"], added), "time named c\nstage 1 target\n");
    assert_eq!(summary(&["--build-arg", "SOURCE_DATE_EPOCH=7"], added).0, "epoch 7\nstage 1 target\n");
    assert_eq!(summary(&["--build-arg", "SOURCE_DATE_EPOCH="], added).0, "stage 1 target\n");
    let broken = "ARG SOURCE_DATE_EPOCH=s\nFROM scratch AS s\nARG U\nADD https://h/$U /\nFROM scratch\n";
    let said = bad(&["--summary", "/dev/null", "--build-arg", "U=x\nstage 9 target"], broken, 3);
    assert!(said.contains("control characters in its URL"), "{said}");
}

#[test]
fn only_a_plan_that_is_the_last_one_is_checked() {
    let draft = "# check=error=true\nFrom busybox\nRUN true\n";
    assert_eq!(summary(&["--warn"], draft).0, "images\nstage 0 target\n");
    let last = df_parse(&["--warn", "--summary", "/dev/null"], &draft.replace("busybox", "scratch"));
    assert_eq!(last.status.code(), Some(1));
    assert!(text(&last.stderr).contains("ConsistentInstructionCasing"), "{}", text(&last.stderr));
}

#[test]
fn a_check_of_a_file_that_is_refused_is_whole_json_and_fails() {
    let output = df_parse(&["--check", "--format", "json"], "FROM busybox AS Base\nRUN <<E\nx\n");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("df-parse: Dockerfile:2: unterminated heredoc <<E"));
    let found: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(found["warnings"][0]["ruleName"], "StageNameCasing");
    let error = &found["buildError"];
    assert!(error["message"].as_str().unwrap().starts_with("unterminated heredoc"), "{error}");
    let range = &error["location"]["ranges"][0];
    assert_eq!((&range["start"]["line"], &range["end"]["line"]), (&2.into(), &3.into()));
    // An error that is not about a line has no range.
    let output = df_parse(&["--check", "--format", "json"], "");
    let found: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(found["buildError"]["location"]["ranges"], serde_json::json!([]));
}

#[test]
fn targets_are_listed_as_far_as_the_file_can_be_read() {
    let listed = |dockerfile: &str| {
        let output = df_parse(&["--targets", "--format", "json"], dockerfile);
        let found: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        (output.status.code(), found["targets"].as_array().unwrap().len())
    };
    assert_eq!(listed("FROM a\nRUN --mount=type=nosuch x\nCOPY --from=$X a /\nFROM b\n"), (Some(0), 2));
    assert_eq!(listed("ARG A\n"), (Some(0), 0));
    assert_eq!(listed("FROM a\nRUNN x\nFROM b\n"), (Some(3), 2));
}

#[test]
fn outline_follows_an_argument_that_is_made_of_itself() {
    let file = "ARG ABC=1\nARG FOO=${ABC}\nARG FOO=${FOO}x\nFROM busybox\nARG FOO\n";
    let found = json(&["--outline", "--format", "json"], file);
    let args = found["args"].as_array().unwrap();
    let names: Vec<_> =
        args.iter().map(|arg| (arg["name"].as_str().unwrap(), arg["value"].as_str().unwrap())).collect();
    assert_eq!(names, [("ABC", "1"), ("FOO", "1x")]);
}
