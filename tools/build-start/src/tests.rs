//! Tests the variables that a shell has after the assignments.

use super::*;
use std::fs;
use std::process::Command;

/// The value that sh has for `$_tree|$_file|$_name|$_sources` after a start with these arguments, and the
/// build's directory.
fn started(temporary: &Path, args: &[&str]) -> Result<(String, String), Failure> {
    let args = args.iter().map(Into::into).collect();
    let asked = build_options::request(args, &|name| (name == "STAGEPIPE_STORE").then(|| "/store".into()))?;
    let mut script = b"set -u; _sources=''; _tree='' _file='' _name=''\n".to_vec();
    start(&asked, Progress::Plain, std::process::id(), temporary, &mut script)?;
    script.extend(br#"printf '%s\0' "$_tree|$_file|$_name|$_sources" "$_dir""#);
    let output = Command::new("sh").arg("-c").arg(std::ffi::OsStr::from_bytes(&script)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut parts = text.split('\0').map(str::to_owned);
    Ok((parts.next().unwrap(), parts.next().unwrap()))
}

#[test]
fn sources_that_are_here_are_found_and_others_are_left_to_be_fetched() {
    let temporary = tempfile::tempdir().unwrap();
    let context = temporary.path().join("a b");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("Dockerfile"), "FROM scratch\n").unwrap();
    let shown = context.to_str().unwrap();
    let (found, dir) = started(temporary.path(), &[shown]).unwrap();
    assert_eq!(found, format!("'{shown}'|'{shown}/Dockerfile'|Dockerfile|"));
    assert!(Path::new(&dir).join("alive").exists());
    for (args, sources) in [
        (&["-"][..], "- ''"),
        (&["http://x/y z"], "'http://x/y z' ''"),
        (&["-f", "-", shown], &format!("'{shown}' -")),
        (&["-f", "https://x/Dockerfile", shown], &format!("'{shown}' https://x/Dockerfile")),
        (&["-f", "/dev/null", shown], &format!("'{shown}' /dev/null")),
    ] {
        assert_eq!(started(temporary.path(), args).unwrap().0, format!("|||{sources}"), "{args:?}");
    }
}

#[test]
fn a_start_that_fails_leaves_no_directory() {
    let temporary = tempfile::tempdir().unwrap();
    let context = temporary.path().to_str().unwrap();
    let failure = started(temporary.path(), &[context]).unwrap_err();
    assert!(failure.what().starts_with("there is no Dockerfile in it"), "{}", failure.what());
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_to_keep_is_taken_unless_nothing_is_built() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let keep = temporary.path().join("keep");
    let args = ["--keep", keep.to_str().unwrap(), temporary.path().to_str().unwrap()];
    assert_ne!(Path::new(&started(temporary.path(), &[&["-n"], &args[..]].concat()).unwrap().1), keep);
    assert!(!keep.exists());
    assert_eq!(Path::new(&started(temporary.path(), &args).unwrap().1), keep);
}
