use super::*;
use libwire::plan::{ArgDecl, Base, Command, Pair};

fn stage() -> Stage {
    Stage {
        index: 0,
        name: None,
        dockerfile: "Dockerfile".into(),
        line: 1,
        line_end: 1,
        text: "FROM scratch".into(),
        lines: Vec::new(),
        base: Base::Scratch,
        platform: "linux/amd64".into(),
        image_platform: None,
        epoch: None,
        target: true,
        ships: true,
        needs: Vec::new(),
        stages: Vec::new(),
        contexts: Vec::new(),
        build_args: [("GIVEN".to_owned(), "cli".to_owned())].into(),
        global_args: [("GLOBAL".to_owned(), "global".to_owned())].into(),
        escape: '\\',
        instructions: Vec::new(),
    }
}

fn created(state: &mut State, op: Op) -> String {
    apply(state, &stage(), &op).unwrap().unwrap().unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<Pair> {
    pairs.iter().map(|(key, value)| Pair { key: (*key).into(), value: (*value).into() }).collect()
}

fn arg(name: &str, default: Option<&str>) -> ArgDecl {
    ArgDecl { name: name.into(), default: default.map(str::to_owned) }
}

#[test]
fn env_uses_the_values_from_before_its_line() {
    let mut state = State::default();
    created(&mut state, Op::Env { pairs: pairs(&[("abc", "hello")]) });
    let text = created(&mut state, Op::Env { pairs: pairs(&[("abc", "bye"), ("def", "$abc")]) });
    assert_eq!(text, "ENV abc=bye def=hello");
    assert_eq!(state.config.config.env, ["abc=bye", "def=hello"]);
}

#[test]
fn arg_after_env_wins_in_the_stage_but_not_in_the_config() {
    let mut state = State::default();
    created(&mut state, Op::Env { pairs: pairs(&[("X", "env")]) });
    created(&mut state, Op::Arg { args: vec![arg("X", Some("arg"))] });
    let text = created(&mut state, Op::Label { pairs: pairs(&[("l", "$X")]) });
    assert_eq!((text.as_str(), &state.config.config.env[..]), ("LABEL l=arg", &["X=env".to_owned()][..]));
}

#[test]
fn an_argument_is_given_or_its_default_or_the_global_value() {
    let mut state = State::default();
    let args = vec![
        arg("GIVEN", Some("default")),
        arg("GLOBAL", None),
        arg("OWN", Some("$GLOBAL-x")),
        arg("NONE", None),
        arg("EMPTY", Some("")),
    ];
    let text = created(&mut state, Op::Arg { args });
    assert_eq!(text, "ARG GIVEN=cli GLOBAL=global OWN=global-x NONE EMPTY=");
    assert_eq!((state.scope.get("NONE"), state.scope.get("EMPTY")), (None, Some("")));
}

#[test]
fn entrypoint_clears_only_an_inherited_cmd() {
    let exec = |word: &str| Command::Exec(vec![word.to_owned()]);
    let mut state = State::default();
    state.config.config.cmd = Some(vec!["inherited".into()]);
    created(&mut state, Op::Entrypoint { command: exec("e") });
    assert_eq!(state.config.config.cmd, None);
    created(&mut state, Op::Cmd { command: exec("own") });
    created(&mut state, Op::Entrypoint { command: exec("e") });
    assert_eq!(state.config.config.cmd.as_deref(), Some(&["own".to_owned()][..]));
    assert!(state.config.config.args_escaped);
    assert_eq!(created(&mut state, Op::Cmd { command: Command::Exec(vec![]) }), "CMD []");
    assert_eq!(state.config.config.cmd, None);
}

#[test]
fn shell_forms_use_the_shell_of_their_moment() {
    let mut state = State::default();
    let shell = || Command::Shell("echo \"a\"".into());
    assert_eq!(created(&mut state, Op::Cmd { command: shell() }), r#"CMD ["/bin/sh" "-c" "echo \"a\""]"#);
    assert_eq!(
        created(&mut state, Op::Shell { shell: vec!["/bin/sh".into(), "-euxc".into()] }),
        "SHELL [/bin/sh -euxc]"
    );
    assert_eq!(
        created(&mut state, Op::Entrypoint { command: Command::Shell("x".into()) }),
        r#"ENTRYPOINT ["/bin/sh" "-euxc" "x"]"#
    );
}

#[test]
fn history_strings_are_buildkits() {
    let mut state = State::default();
    let expose = Op::Expose { ports: ["9000-9001", "53/udp", "443/TCP"].map(str::to_owned).to_vec() };
    assert_eq!(created(&mut state, expose), "EXPOSE [443/tcp 53/udp 9000/tcp 9001/tcp]");
    let volume = Op::Volume { paths: vec!["/a".into(), "/b c".into()] };
    assert_eq!(created(&mut state, volume), "VOLUME [/a /b c]");
    let health = Op::Healthcheck {
        test: Some(Command::Shell("curl x".into())),
        interval: 90_000_000_000,
        timeout: 0,
        start_period: 0,
        start_interval: 0,
        retries: 3,
    };
    assert_eq!(
        created(&mut state, health),
        "HEALTHCHECK {Test:[CMD-SHELL curl x] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3}"
    );
    assert_eq!(created(&mut state, Op::Maintainer { name: "me".into() }), "MAINTAINER me");
    let onbuild = Op::Onbuild { trigger: "RUN x".into(), from: None };
    assert_eq!(apply(&mut state, &stage(), &onbuild).unwrap(), Some(None));
    assert_eq!(state.config.config.on_build, ["RUN x"]);
}

#[test]
fn an_unset_user_resets_it() {
    let mut state = State::default();
    state.config.config.user = "app".into();
    assert_eq!(created(&mut state, Op::User { user: "$NOPE".into() }), "USER ");
    assert_eq!(state.config.config.user, "");
}

#[test]
fn a_user_whose_number_comes_from_a_variable_is_refused_at_once() {
    let mut state = State::default();
    created(&mut state, Op::Env { pairs: pairs(&[("ID", "4294967295")]) });
    let refused = apply(&mut state, &stage(), &Op::User { user: "$ID:1".into() }).unwrap_err();
    assert_eq!(refused.to_string(), "4294967295 is not an id: ids go from 0 to 4294967294");
}
