//! Every build check: one test a rule, with a file that breaks it and one that does not.

use df_parse::bases::{Bases, Image};
use df_parse::check::{Checked, Request, check_text, write_json, write_text};
use df_parse::{Extent, Options};
use libpattern::IgnoreFile;
use serde_json::Value;

/// The owner of a finding, which determines what silences it: the whole file, or an instruction and the comment above
/// it.
#[derive(PartialEq)]
enum Of {
    File,
    Instruction,
}
use Of::{File, Instruction};

/// Facts beside the file: the first stage starts from an image for another machine, with a variable. `ignored` is
/// left out of the context.
fn checked(text: &str, options: Options) -> Checked {
    let ignored = IgnoreFile::parse("ignored\n").matcher().unwrap();
    let (options, ignored) = (&options, &ignored);
    let checked = check_text(text, &Request { options, ignored, extent: Extent::AllStages, own: true });
    assert_eq!(checked.refused, None, "{text}");
    checked
}

fn foreign() -> Options {
    let image = Image { platform: ("linux".into(), "s390x".into()), ..Image::default() };
    Options { platform: Some("linux/amd64".into()), bases: Bases::from([(0, image)]), ..Options::default() }
}

fn rules(checked: &Checked) -> Vec<(&str, u32)> {
    checked.findings.iter().map(|finding| (finding.rule.name, finding.line)).collect()
}

/// Tests `rule`: `bad` breaks it at `line` and at no other, in text and JSON; `good` does not.
fn holds(rule: &str, of: &Of, line: u32, bad: &str, good: &str, options: fn() -> Options) {
    let found = checked(bad, options());
    assert_eq!(rules(&found), [(rule, line)], "{bad}");
    assert!(!found.error);
    let own = found.findings[0].rule.own;

    let mut text = Vec::new();
    write_text("dir/app.Dockerfile", bad, &found, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(&format!("WARNING: {rule}")), "{first}");
    assert_eq!(first.contains("https://docs.docker.com/go/dockerfile/rule/"), has_page(rule, own), "{first}");
    assert!(text.contains(&format!("\napp.Dockerfile:{line}\n")), "{text}");
    assert!(text.contains(&format!("{line:>4} | >>> ")), "{text}");
    assert!(text.ends_with("Check complete, 1 warning has been found!\n"), "{text}");

    let mut json = Vec::new();
    write_json("dir/app.Dockerfile", bad, &found, &mut json).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let warning = &json["warnings"][0];
    assert_eq!(warning["ruleName"], rule);
    assert_eq!(warning["location"]["ranges"][0]["start"]["line"], line);
    assert_eq!(warning["url"].as_str().unwrap().is_empty(), !has_page(rule, own));
    assert!(!warning["description"].as_str().unwrap().is_empty());
    assert_eq!(json["sources"][0]["filename"], "app.Dockerfile");

    assert_eq!(rules(&checked(good, options())), [], "{good}");
    silenced(rule, of, line, bad, options);
}

fn has_page(rule: &str, own: bool) -> bool {
    !own && rule != "InvalidBaseImagePlatform"
}

/// `# check=` at the top and above the instruction.
fn silenced(rule: &str, of: &Of, line: u32, bad: &str, options: fn() -> Options) {
    let with = |directive: &str| format!("# check={directive}\n{bad}");
    for skip in [format!("skip={rule}"), format!("skip=A,{rule}"), "skip=all".into()] {
        assert_eq!(rules(&checked(&with(&skip), options())), [], "{skip}");
    }
    let other = checked(&with("skip=Other;error=true"), options());
    assert_eq!((rules(&other).len(), other.error), (1, true));

    // Below a first line that is not a directive.
    let mut lines: Vec<String> = bad.lines().map(str::to_owned).collect();
    let comment = if rule == "MultipleInstructionsDisallowed" { lines.len() } else { line as usize };
    lines.insert(comment - 1, format!("# check=skip={rule} // why"));
    lines.insert(0, "#".into());
    let found = checked(&lines.join("\n"), options());
    assert_eq!(rules(&found).is_empty(), *of == Instruction, "{lines:?}");
}

macro_rules! rules {
    ($($test:ident $rule:literal $of:ident $line:literal $bad:literal $good:literal $options:expr;)*) => {
        $(#[test]
        fn $test() {
            holds($rule, &$of, $line, $bad, $good, $options);
        })*
    };
}

rules! {
    stage_name_casing "StageNameCasing" Instruction 1 "FROM a AS Base\n" "FROM a AS base\n" Options::default;
    from_as_casing "FromAsCasing" Instruction 1 "FROM a as base\n" "from a as base\n" Options::default;
    no_empty_continuation "NoEmptyContinuation" File 4 "FROM a\nRUN b \\\n\n    c\n" "FROM a\nRUN b \\\n# x\n    c\n" Options::default;
    consistent_instruction_casing "ConsistentInstructionCasing" File 2 "FROM a\nrun b\nRUN c\n" "from a\nrun b\n" Options::default;
    duplicate_stage_name "DuplicateStageName" File 2 "FROM a AS x\nFROM a AS x\n" "FROM a AS x\nFROM a AS y\n" Options::default;
    reserved_stage_name "ReservedStageName" File 1 "FROM a AS context\n" "FROM a AS contexts\n" Options::default;
    json_args_recommended "JSONArgsRecommended" Instruction 2 "FROM a\nCMD b\n" "FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nCMD b\n" Options::default;
    maintainer_deprecated "MaintainerDeprecated" Instruction 2 "FROM a\nMAINTAINER me\n" "FROM a\nLABEL maintainer=me\n" Options::default;
    undefined_arg_in_from "UndefinedArgInFrom" Instruction 2 "ARG BASE=a\nFROM ${BAES:-a}\n" "ARG BASE=a\nFROM $BASE\n" Options::default;
    workdir_relative_path "WorkdirRelativePath" Instruction 2 "FROM a\nWORKDIR b\nWORKDIR c\n" "FROM a\nWORKDIR /b\nWORKDIR c\n" Options::default;
    undefined_var "UndefinedVar" Instruction 3 "FROM a\nARG NAME\nLABEL a=$NAEM b=$NAME\n" "FROM a\nARG NAME\nLABEL a='$X' b=$NAME c=$PATH\nRUN echo $Y\n" Options::default;
    multiple_instructions_disallowed "MultipleInstructionsDisallowed" Instruction 2 "FROM a\nCMD [\"b\"]\nCMD [\"c\"]\n" "FROM a AS x\nCMD [\"b\"]\nFROM x\nCMD [\"c\"]\n" Options::default;
    legacy_key_value_format "LegacyKeyValueFormat" Instruction 2 "FROM a\nENV B c\n" "FROM a\nENV B=c\n" Options::default;
    invalid_base_image_platform "InvalidBaseImagePlatform" File 1 "FROM a\n" "FROM --platform=linux/s390x a AS s390x\n" foreign;
    redundant_target_platform "RedundantTargetPlatform" Instruction 1 "FROM --platform=$TARGETPLATFORM a\n" "FROM --platform=$BUILDPLATFORM a\n" Options::default;
    secrets_used_in_arg_or_env "SecretsUsedInArgOrEnv" Instruction 2 "FROM a\nARG API_TOKEN\n" "FROM a\nARG API_TOKEN_FILE\nENV PUBLIC_KEY=x\nENV TOKENIZER=y\n" Options::default;
    invalid_default_arg_in_from "InvalidDefaultArgInFrom" File 2 "ARG TAG\nFROM a:$TAG\n" "ARG TAG=1\nFROM a:$TAG\n" given_tag;
    from_platform_flag_const_disallowed "FromPlatformFlagConstDisallowed" Instruction 1 "FROM --platform=linux/amd64 a AS b\n" "FROM --platform=linux/amd64 a AS b-amd64\n" Options::default;
    copy_ignored_file "CopyIgnoredFile" Instruction 2 "FROM a\nCOPY ignored /x/\n" "FROM a\nCOPY other /x/\nCOPY --from=b ignored /x/\n" Options::default;
    expose_proto_casing "ExposeProtoCasing" Instruction 2 "FROM a\nEXPOSE 80/TCP\n" "FROM a\nEXPOSE 80/tcp\n" Options::default;
    expose_invalid_format "ExposeInvalidFormat" Instruction 2 "FROM a\nEXPOSE 127.0.0.1:80:80\n" "FROM a\nEXPOSE 80-90\n" Options::default;
    package_cache_left "PackageCacheLeft" Instruction 2 "FROM a\nRUN apk add b\n" "FROM a\nRUN apk add --no-cache b\n" Options::default;
    removed_too_late "RemovedTooLate" Instruction 3 "FROM a\nCOPY b.tar /tmp/\nRUN tar xf /tmp/b.tar && rm /tmp/b.tar\n" "FROM a\nRUN --mount=source=b.tar,target=/tmp/b.tar tar xf /tmp/b.tar\n" Options::default;
    recursive_change_copies "RecursiveChangeCopies" Instruction 3 "FROM a\nCOPY . /app\nRUN chown -R b /app\n" "FROM a\nCOPY --chown=b . /app\n" Options::default;
    compiler_in_final_stage "CompilerInFinalStage" Instruction 2 "FROM a\nRUN apk add --no-cache gcc\n" "FROM a AS b\nRUN apk add --no-cache gcc\nFROM a\nCOPY --from=b /x /x\n" Options::default;
    large_user_id "LargeUserId" Instruction 2 "FROM a\nRUN useradd -u 2000000 b\n" "FROM a\nRUN useradd -l -u 2000000 b\n" Options::default;
    quotes_in_quotes "QuotesInQuotes" Instruction 2 "FROM a\nLABEL b=\"{\"c\":\"d\"}\"\n" "FROM a\nARG P\nENV B=\"{\\\"c\\\":1}\" P=\"$P\":\"$PATH\"\n" Options::default;
    secret_copied "SecretCopied" Instruction 2 "FROM a\nCOPY id_rsa /root/.ssh/id_rsa\nRUN git fetch && rm /root/.ssh/id_rsa\n" "FROM a\nRUN --mount=type=ssh git fetch\n" Options::default;
}

/// The file has no default for TAG. The build got one, because otherwise it would be refused.
fn given_tag() -> Options {
    Options { build_args: [("TAG".to_owned(), "1".to_owned())].into(), ..Options::default() }
}

/// Experimental rules are silent unless asked for.
#[test]
fn invalid_definition_description() {
    let bad = "#\n# says what VERSION is\nARG VERSION=1\nFROM a\n";
    assert_eq!(rules(&checked(bad, Options::default())), []);
    let asked = |what: &str, file: &str| {
        let text = format!("# check=experimental={what}\n{file}");
        let found = checked(&text, Options::default());
        found.findings.iter().map(|finding| (finding.rule.name, finding.line)).collect::<Vec<_>>()
    };
    for what in ["InvalidDefinitionDescription", "all"] {
        assert_eq!(asked(what, bad), [("InvalidDefinitionDescription", 4)]);
    }
    assert_eq!(asked("all", "#\n# VERSION of what is built\nARG VERSION=1\nFROM a\n"), []);
    assert_eq!(asked("all", "# a remark\n#\nARG VERSION=1\nFROM a\n"), []);
    assert_eq!(asked("all;skip=all", bad), [("InvalidDefinitionDescription", 4)]);
}

#[test]
fn what_an_image_sets_is_known() {
    let image = Image {
        env: vec![("JAVA_HOME".into(), "/jdk".into())],
        shell: true,
        triggers: vec!["WORKDIR sub".into()],
        ..Image::default()
    };
    let options = || Options { bases: Bases::from([(0, image.clone())]), ..Options::default() };
    let file = "FROM a AS b\nENV X=$JAVA_HOME\nCMD run\nFROM b\nENV Y=$JAVA_HOME\n";
    assert_eq!(rules(&checked(file, options())), [("WorkdirRelativePath", 1)]);
    let found = checked(file, Options::default());
    assert_eq!(rules(&found), [("UndefinedVar", 2), ("JSONArgsRecommended", 3), ("UndefinedVar", 5)]);
}

#[test]
fn a_check_comment_counts_for_one_instruction_and_a_bad_one_not_at_all() {
    let file = "FROM a\n# check=skip=LegacyKeyValueFormat\nENV A b\nENV C d\n# check=skpi=x\nENV E f\n";
    let legacy = "LegacyKeyValueFormat";
    assert_eq!(rules(&checked(file, Options::default())), [(legacy, 4), (legacy, 6)]);
}

#[test]
fn a_build_argument_takes_the_place_of_the_directive() {
    let given = |value: &str| Options {
        build_args: [("BUILDKIT_DOCKERFILE_CHECK".to_owned(), value.to_owned())].into(),
        ..Options::default()
    };
    let file = "# check=skip=all\nFROM a\nWORKDIR b\n";
    assert_eq!(rules(&checked(file, given("skip=Other"))), [("WorkdirRelativePath", 3)]);
    assert!(checked(file, given("error=true")).error);
}
