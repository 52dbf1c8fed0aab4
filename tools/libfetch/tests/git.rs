//! Repositories, served on the loopback interface: one run of `git daemon --inetd` for each connection, so that no
//! process has to be ended.

use libfetch::git::{Repository, check_out, pin};
use libfetch::{Environment, FetchError};
use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
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

/// A repository with a tag `v1`, a branch `side`, a directory `sub` and a link `way` to it. `None` if git cannot
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
    let repository = Repository::parse(text).map_err(|what| FetchError::Invalid { what })?;
    let pinned = pin(&repository, &environment())?;
    check_out(&repository, &pinned, dir.path(), keep, &environment())?;
    Ok((dir, pinned.commit().to_owned()))
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

/// The output of git's own commands about a kept repository, which must be complete and unchanged.
fn look(dir: &Path) -> (String, String) {
    git(dir, &["fsck", "--strict"]);
    assert_eq!(git(dir, &["status", "--porcelain"]), "");
    assert_eq!(
        git(dir, &["log", "--format=%H"]),
        git(dir, &["rev-parse", "HEAD"]),
        "one commit, as in BuildKit"
    );
    assert_eq!(git(dir, &["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD", "none checked out, as in BuildKit");
    let references = git(dir, &["for-each-ref", "--format=%(refname) %(objecttype) %(objectname)"]);
    (git(dir, &["rev-parse", "HEAD"]), references)
}

#[test]
fn a_kept_repository_has_what_was_asked_for_as_a_reference() {
    let Some(server) = server() else { return };
    let repo = server.dir.path().join("r");
    git(&repo, &["tag", "light", "v1^{}"]);
    git(&repo, &["update-ref", "refs/pull/1/head", "side"]);
    for branch in ["logs/config", "FETCH_HEAD"] {
        git(&repo, &["update-ref", &format!("refs/heads/{branch}"), "side"]);
    }
    let [head, old, tag] = ["HEAD", "HEAD~", "v1"].map(|name| git(&repo, &["rev-parse", name]));
    for (what, commit, wanted) in [
        (String::new(), &head, format!("refs/heads/main commit {head}")),
        ("#main".into(), &head, format!("refs/heads/main commit {head}")),
        ("#refs/heads/side".into(), &old, format!("refs/heads/side commit {old}")),
        ("#logs/config".into(), &old, format!("refs/heads/logs/config commit {old}")),
        ("#FETCH_HEAD".into(), &old, format!("refs/heads/FETCH_HEAD commit {old}")),
        ("#v1".into(), &old, format!("refs/tags/v1 tag {tag}")),
        (format!("?tag=v1&checksum={old}"), &old, format!("refs/tags/v1 tag {tag}")),
        ("#light".into(), &old, format!("refs/tags/light commit {old}")),
        ("#refs/pull/1/head".into(), &old, format!("refs/pull/1/head commit {old}")),
        ("#pull/1/head".into(), &old, format!("refs/pull/1/head commit {old}")),
        (format!("#{old}"), &old, String::new()),
        (format!("#{tag}"), &old, String::new()),
        (
            format!("?ref=side&fetch-by-commit&checksum={head}"),
            &head,
            format!("refs/heads/side commit {head}"),
        ),
        (format!("?tag=gone&fetch-by-commit&checksum={old}"), &old, format!("refs/tags/gone commit {old}")),
    ] {
        let (dir, _) = fetch(&format!("{}{what}", server.url), true).unwrap();
        assert_eq!(look(dir.path()), (commit.clone(), wanted.clone()), "{what}");
        let described = git(dir.path(), &["describe", "--tags", "--always", "--dirty"]);
        let name = wanted.split(' ').next().unwrap().strip_prefix("refs/tags/");
        assert_eq!(described, name.unwrap_or(&commit[..7]), "{what}");
    }
}

#[test]
fn a_kept_repository_can_fetch_the_rest() {
    let Some(server) = server() else { return };
    let head = git(&server.dir.path().join("r"), &["rev-parse", "HEAD"]);
    for what in ["", "#v1", &format!("#{head}")] {
        let (dir, _) = fetch(&format!("{}{what}", server.url), true).unwrap();
        assert_eq!(git(dir.path(), &["remote", "get-url", "origin"]), server.url);
        git(dir.path(), &["fetch", "--quiet", "--unshallow", "--tags"]);
        assert_eq!(git(dir.path(), &["describe", "--tags", "origin/main"]), format!("v1-1-g{}", &head[..7]));
        git(dir.path(), &["fsck", "--strict"]);
    }
}

#[test]
fn a_head_without_a_branch_has_no_name_and_one_with_an_odd_name_is_refused() {
    let Some(server) = server() else { return };
    let repo = server.dir.path().join("r");
    let old = git(&repo, &["rev-parse", "side"]);
    git(&repo, &["checkout", "--quiet", "--detach", "side"]);
    let (dir, _) = fetch(&server.url, true).unwrap();
    assert_eq!(look(dir.path()), (old.clone(), String::new()));
    git(&repo, &["update-ref", "refs/heads/--upload-pack=touch", &old]);
    git(&repo, &["symbolic-ref", "HEAD", "refs/heads/--upload-pack=touch"]);
    let error = fetch(&server.url, true).unwrap_err().to_string();
    assert!(error.contains("its HEAD is not a valid name"), "{error}");
    assert!(fetch(&format!("{}#side", server.url), true).is_ok());
}

#[test]
fn a_repository_of_sha256_is_one_too() {
    let Some(server) = server() else { return };
    let repo = server.dir.path().join("long");
    fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "--quiet", "--object-format=sha256"]);
    git(&repo, &["commit", "--quiet", "--allow-empty", "-m", "1"]);
    git(&repo, &["tag", "v2"]);
    let (dir, commit) = fetch(&format!("{}#v2", server.url.replace("/r", "/long")), true).unwrap();
    assert_eq!((commit.len(), git(dir.path(), &["describe", "--tags"]).as_str()), (64, "v2"));
}

/// Every path below `dir`, with its content.
fn bytes(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
            let meta = path.symlink_metadata().unwrap();
            let content = if kind.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let what = format!("{:o} {} ", meta.mode(), meta.mtime()).into_bytes();
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), [what, content].concat());
            if kind.is_dir() {
                waiting.push(path);
            }
        }
    }
    found
}

#[test]
fn what_is_kept_is_the_same_to_the_byte_whenever_it_is_fetched() {
    let Some(server) = server() else { return };
    let (repo, other) = (server.dir.path().join("r"), server.dir.path().join("other"));
    add_submodule(&server, "objects/logs");
    for n in 0..150 {
        fs::write(repo.join(format!("file{n}")), "text\n".repeat(n)).unwrap();
    }
    git(&repo, &["add", "file*"]);
    git(&repo, &["commit", "--quiet", "-m", "many"]);
    git(&repo, &["tag", "-a", "v3", "-m", "v3"]);
    git(&repo, &["branch", "stays"]);
    let commit = git(&repo, &["rev-parse", "HEAD"]);
    let fetched = || {
        [format!("?tag=v3&checksum={commit}"), "#stays".to_owned(), format!("#{commit}")]
            .map(|what| bytes(fetch(&format!("{}{what}", server.url), true).unwrap().0.path()))
    };
    let first = fetched();
    // The servers change, and pack.
    for dir in [&repo, &other] {
        git(dir, &["commit", "--quiet", "--allow-empty", "-m", "later"]);
        git(dir, &["tag", "later"]);
        git(dir, &["branch", "-M", "trunk"]);
        git(dir, &["gc", "--quiet", "--aggressive"]);
    }
    let second = fetched();
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
        let changed: Vec<_> = first.iter().filter(|(path, what)| second[*path] != **what).collect();
        assert!(changed.is_empty(), "{:?}", changed.iter().map(|(path, _)| path).collect::<Vec<_>>());
        assert!(first.contains_key(Path::new("module/m")));
        assert!(!first.keys().any(|path| path.ends_with("hooks")), "nothing is of this machine's git");
    }
    assert!(first[0] != first[1] && first[1] != first[2], "a name is part of it");
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

/// An environment in which a script replaces ssh: it records its arguments in `called`, and runs here the command
/// that ssh would have run on the server.
fn ssh(server: &Server) -> Environment {
    let fake = server.dir.path().join("ssh");
    let script =
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"${0%/*}/called\"\nfor command; do :; done\neval \"$command\"\n";
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = server.dir.path().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    Environment { path: Some(path), known_hosts: Some("/home/a b/known".into()), ..Environment::default() }
}

#[test]
fn ssh_is_given_the_callers_known_hosts_and_no_configuration() {
    let Some(server) = server() else { return };
    let environment = ssh(&server);
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

#[test]
fn no_password_is_left_in_what_is_kept() {
    let Some(server) = server() else { return };
    // Names that are those of git's own directories and files.
    for name in ["objects/x", "logs", "refs"] {
        let _ = fs::remove_dir_all(server.dir.path().join("other"));
        add_submodule(&server, name);
        let environment = ssh(&server);
        let text = format!("ssh://me:secret@host{}", server.dir.path().join("r").display());
        let repository = Repository::parse(&text).unwrap();
        let pinned = pin(&repository, &environment).unwrap();
        let into = tempfile::tempdir().unwrap();
        check_out(&repository, &pinned, into.path(), true, &environment).unwrap();
        for (path, content) in bytes(into.path()) {
            assert!(!String::from_utf8_lossy(&content).contains("secret"), "{}", path.display());
        }
        assert_eq!(git(&into.path().join("module"), &["status", "--porcelain"]), "");
        let url = git(&into.path().join("module"), &["remote", "get-url", "origin"]);
        assert_eq!(url, format!("ssh://host{}", server.dir.path().join("other").display()));
    }
}

/// Adds the submodule `name` at `module`, with a relative URL, to the repository.
fn add_submodule(server: &Server, name: &str) {
    let (repo, other) = (server.dir.path().join("r"), server.dir.path().join("other"));
    fs::create_dir(&other).unwrap();
    git(&other, &["init", "--quiet"]);
    fs::write(other.join("m"), "inside").unwrap();
    git(&other, &["add", "."]);
    git(&other, &["commit", "--quiet", "-m", "m"]);
    let commit = git(&other, &["rev-parse", "HEAD"]);
    let modules = format!("[submodule \"{name}\"]\n\tpath = module\n\turl = ../other\n");
    fs::write(repo.join(".gitmodules"), modules).unwrap();
    git(&repo, &["add", ".gitmodules"]);
    git(&repo, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},module")]);
    git(&repo, &["commit", "--quiet", "-m", "module"]);
}

#[test]
fn submodules_are_fetched_unless_they_are_left_out() {
    let Some(server) = server() else { return };
    add_submodule(&server, "module");
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
    add_submodule(&server, "module");
    let repo = server.dir.path().join("r");
    let url = server.dir.path().join("other").display().to_string();
    git(&repo, &["config", "--file", ".gitmodules", "submodule.module.url", &url]);
    git(&repo, &["commit", "--quiet", "-m", "local", ".gitmodules"]);
    let error = fetch(&server.url, false).unwrap_err().to_string();
    assert!(error.contains("transport 'file' not allowed"), "{error}");
}
