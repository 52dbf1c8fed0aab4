//! Repositories, served on the loopback interface: one run of `git daemon --inetd` a connection, so that nothing
//! has to be ended.

use libfetch::git::{Repository, check_out, pin};
use libfetch::{Environment, FetchError};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

struct Server {
    dir: tempfile::TempDir,
    url: String,
}

fn git(dir: &Path, args: &[&str]) -> String {
    let identity = ["user.name=n", "user.email=e@e", "commit.gpgsign=false", "init.defaultBranch=main"];
    let output = Command::new("git")
        .args(identity.iter().flat_map(|setting| ["-c", setting]))
        .args(args)
        .current_dir(dir)
        .env("GIT_COMMITTER_DATE", "1000000000 +0000")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a tag `v1`, a branch `side`, a directory `sub` and a link `way` to it. None where git can't
/// serve one.
fn server() -> Option<Server> {
    let programs = Command::new("git").arg("--exec-path").output().ok()?;
    let programs = String::from_utf8(programs.stdout).ok()?;
    if !Path::new(programs.trim()).join("git-daemon").exists() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("r");
    fs::create_dir_all(repo.join("sub")).unwrap();
    git(&repo, &["init", "--quiet"]);
    fs::write(repo.join("f"), "one").unwrap();
    fs::write(repo.join("sub/g"), "g").unwrap();
    symlink("sub", repo.join("way")).unwrap();
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "--quiet", "-m", "1"]);
    git(&repo, &["tag", "-a", "v1", "-m", "v1"]);
    git(&repo, &["branch", "side"]);
    fs::write(repo.join("f"), "two").unwrap();
    git(&repo, &["commit", "--quiet", "-am", "2"]);
    let base = format!("--base-path={}", dir.path().display());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/r", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &base);
        }
    });
    Some(Server { dir, url })
}

fn answer(stream: TcpStream, base: &str) {
    let (input, output) = (OwnedFd::from(stream.try_clone().unwrap()), OwnedFd::from(stream));
    let mut daemon = Command::new("git");
    daemon.args(["daemon", "--inetd", "--export-all", "--log-destination=none", base]);
    let daemon = daemon.stdin(input).stdout(output).stderr(Stdio::null()).status();
    assert!(daemon.is_ok());
}

fn environment() -> Environment {
    Environment { path: std::env::var_os("PATH"), ..Environment::default() }
}

fn fetch(text: &str, keep: bool) -> Result<(tempfile::TempDir, String), FetchError> {
    let dir = tempfile::tempdir().unwrap();
    let repository = Repository::parse(text)?;
    let pinned = pin(&repository, &environment())?;
    check_out(&repository, &pinned, dir.path(), keep, &environment())?;
    Ok((dir, pinned.commit))
}

#[test]
fn a_branch_a_tag_a_commit_and_nothing_name_their_trees() {
    let Some(server) = server() else { return };
    let repo = server.dir.path().join("r");
    let [head, old, tag] = ["HEAD", "HEAD~", "v1"].map(|name| git(&repo, &["rev-parse", name]));
    for (what, commit, text) in [
        (String::new(), &head, "two"),
        ("#main".into(), &head, "two"),
        ("#side".into(), &old, "one"),
        ("#v1".into(), &old, "one"),
        ("?tag=v1".into(), &old, "one"),
        ("#refs/tags/v1".into(), &old, "one"),
        (format!("#{old}"), &old, "one"),
        (format!("?branch=side&checksum={}", &old[..12]), &old, "one"),
        (format!("?tag=v1&checksum={tag}"), &old, "one"),
        (format!("?ref=gone&fetch-by-commit=1&checksum={old}"), &old, "one"),
    ] {
        let (dir, got) = fetch(&format!("{}{what}", server.url), false).unwrap();
        assert_eq!(
            (&got, fs::read_to_string(dir.path().join("f")).unwrap().as_str()),
            (commit, text),
            "{what}"
        );
        assert!(!dir.path().join(".git").exists());
        let meta = fs::metadata(dir.path().join("sub/g")).unwrap();
        assert_eq!((meta.mtime(), meta.mode() & 0o7777), (1_000_000_000, 0o644));
    }
}

#[test]
fn a_kept_repository_is_whole_and_knows_where_it_came_from() {
    let Some(server) = server() else { return };
    let (dir, commit) = fetch(&server.url, true).unwrap();
    assert_eq!(git(dir.path(), &["rev-parse", "HEAD"]), commit);
    assert_eq!(git(dir.path(), &["config", "remote.origin.url"]), server.url);
    assert!(!dir.path().join(".git/FETCH_HEAD").exists());
}

#[test]
fn a_link_is_no_subdirectory_and_a_wrong_checksum_no_commit() {
    let Some(server) = server() else { return };
    assert!(fetch(&format!("{}#main:/sub/.", server.url), false).is_ok());
    for bad in ["#main:way", "#main:f", "#main:nope", "#nope", "?checksum=1234567"] {
        assert!(fetch(&format!("{}{bad}", server.url), false).is_err(), "{bad}");
    }
}

#[test]
fn no_hook_and_no_filter_of_the_repository_runs() {
    let Some(server) = server() else { return };
    let repo = server.dir.path().join("r");
    fs::write(repo.join(".gitattributes"), "* filter=x\n").unwrap();
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "--quiet", "-m", "3"]);
    let (dir, _) = fetch(&server.url, true).unwrap();
    assert!(!dir.path().join(".git/hooks").exists());
    assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "two");
}

#[test]
fn ssh_is_given_the_callers_known_hosts_and_no_configuration() {
    let Some(server) = server() else { return };
    // Stands in for ssh: notes how it was called, and does here what it should have done there.
    let fake = server.dir.path().join("ssh");
    let script =
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"${0%/*}/called\"\nfor command; do :; done\neval \"$command\"\n";
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = server.dir.path().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let known_hosts = Some("/home/a b/known".into());
    let environment = Environment { path: Some(path), known_hosts, ..Environment::default() };
    let repository =
        Repository::parse(&format!("me@host:{}#v1", server.dir.path().join("r").display())).unwrap();
    let pinned = pin(&repository, &environment).unwrap();
    let into = tempfile::tempdir().unwrap();
    check_out(&repository, &pinned, into.path(), false, &environment).unwrap();
    assert_eq!(fs::read_to_string(into.path().join("f")).unwrap(), "one");
    let called = fs::read_to_string(server.dir.path().join("called")).unwrap();
    let words: Vec<&str> = called.lines().collect();
    assert_eq!(words[..2], ["-F", "none"]);
    for word in ["BatchMode=yes", "UserKnownHostsFile=\"/home/a b/known\"", "me@host"] {
        assert!(words.contains(&word), "{word}: {called}");
    }
}

/// Gives the repository a submodule `module`, whose URL is relative.
fn add_submodule(server: &Server) {
    let (repo, other) = (server.dir.path().join("r"), server.dir.path().join("other"));
    fs::create_dir(&other).unwrap();
    git(&other, &["init", "--quiet"]);
    fs::write(other.join("m"), "inside").unwrap();
    git(&other, &["add", "."]);
    git(&other, &["commit", "--quiet", "-m", "m"]);
    let commit = git(&other, &["rev-parse", "HEAD"]);
    fs::write(repo.join(".gitmodules"), "[submodule \"module\"]\n\tpath = module\n\turl = ../other\n")
        .unwrap();
    git(&repo, &["add", ".gitmodules"]);
    git(&repo, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},module")]);
    git(&repo, &["commit", "--quiet", "-m", "module"]);
}

#[test]
fn submodules_are_fetched_unless_they_are_left_out() {
    let Some(server) = server() else { return };
    add_submodule(&server);
    for (what, keep, wanted) in
        [("", false, true), ("?submodules", true, true), ("?submodules=false", false, false)]
    {
        let (dir, _) = fetch(&format!("{}{what}", server.url), keep).unwrap();
        let module = dir.path().join("module");
        assert_eq!(
            fs::read_to_string(module.join("m")).ok().as_deref(),
            wanted.then_some("inside"),
            "{what}"
        );
        assert_eq!(module.join(".git").exists(), keep, "{what}");
        assert!(module.is_dir());
    }
}

#[test]
fn a_submodule_that_is_a_local_path_is_refused() {
    let Some(server) = server() else { return };
    add_submodule(&server);
    let repo = server.dir.path().join("r");
    let url = server.dir.path().join("other").display().to_string();
    git(&repo, &["config", "--file", ".gitmodules", "submodule.module.url", &url]);
    git(&repo, &["commit", "--quiet", "-m", "local", ".gitmodules"]);
    let error = fetch(&server.url, false).unwrap_err().to_string();
    assert!(error.contains("transport 'file' not allowed"), "{error}");
}
