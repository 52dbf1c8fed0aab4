//! Trees from git repositories, by the git program in an environment of its own: no configuration but what
//! is set here, no hooks, no prompts, no protocol that runs a command or reads local files.

mod command;
mod locator;
mod tidy;

pub use locator::Repository;

use crate::{Environment, FetchError};
use command::Git;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Where a repository's reference points, as its server says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The commit.
    pub commit: String,
    /// The full name to fetch it by: a branch, a tag, or the commit itself.
    reference: String,
    /// The annotated tag that was named.
    tag: Option<String>,
}

impl Pinned {
    fn to(commit: &str) -> Self {
        Self { commit: commit.to_owned(), reference: commit.to_owned(), tag: None }
    }
}

/// Asks the server which commit is meant. The checksum, if one is asked for, is compared.
pub fn pin(repository: &Repository, environment: &Environment) -> Result<Pinned, FetchError> {
    let pinned = match (repository.reference.as_deref(), repository.checksum.as_deref()) {
        (_, Some(commit)) if repository.trusted => Pinned::to(commit),
        (Some(commit), _) if is_commit(commit) => Pinned::to(commit),
        (reference, _) => look_up(repository, reference.unwrap_or("HEAD"), environment)?,
    };
    let begins = |expected: &str| {
        pinned.commit.starts_with(expected)
            || pinned.tag.as_ref().is_some_and(|tag| tag.starts_with(expected))
    };
    match &repository.checksum {
        Some(expected) if !begins(expected) => Err(FetchError::Checksum {
            url: crate::redact(&repository.remote),
            got: pinned.commit,
            expected: expected.clone(),
        }),
        _ => Ok(pinned),
    }
}

fn look_up(repository: &Repository, name: &str, environment: &Environment) -> Result<Pinned, FetchError> {
    let patterns = match name {
        "HEAD" => vec!["HEAD".to_owned()],
        name if name.starts_with("refs/") => vec![name.to_owned(), format!("{name}^{{}}")],
        name => ["heads/", "tags/"].map(|kind| format!("refs/{kind}{name}")).to_vec(),
    };
    let mut git = Git::new(&repository.remote, environment, None);
    git.args(["ls-remote", "--quiet", "--", &repository.remote]);
    for pattern in &patterns {
        git.args([pattern.as_str(), &format!("{pattern}^{{}}")]);
    }
    let listing = git.run()?;
    let find = |wanted: &str| -> Option<String> {
        let pair = |line: &str| line.split_once('\t').map(|(id, name)| (id.to_owned(), name.to_owned()));
        listing.lines().filter_map(pair).find(|(id, name)| name == wanted && is_commit(id)).map(|(id, _)| id)
    };
    // A branch wins over a tag, and a tag means the commit it is of.
    let found = patterns.iter().find_map(|pattern| {
        let (object, peeled) = (find(pattern)?, find(&format!("{pattern}^{{}}")));
        let tag = peeled.is_some().then(|| object.clone());
        Some(Pinned { commit: peeled.unwrap_or(object), reference: pattern.clone(), tag })
    });
    found.ok_or_else(|| {
        let what = format!("the repository has no branch or tag {name}; correct what is after the #");
        FetchError::remote(&repository.remote, what)
    })
}

/// Checks the commit out into the empty directory `into`, with its submodules, and opens what is asked for of
/// it. `keep` leaves `.git`, which a subdirectory never has.
pub fn check_out(
    repository: &Repository,
    pinned: &Pinned,
    into: &Path,
    keep: bool,
    environment: &Environment,
) -> Result<OwnedFd, FetchError> {
    let into = &std::path::absolute(into).map_err(FetchError::io("the current directory"))?;
    let remote = &repository.remote;
    let run = |args: &[&str]| Git::new(remote, environment, Some(into)).args(args).run();
    run(&["init", "--quiet", "--template=", "--initial-branch=main", "."])?;
    fetch(remote, pinned, &run)?;
    let object = format!("{}^{{commit}}", pinned.commit);
    if run(&["rev-parse", "--quiet", "--verify", "--end-of-options", &object]).is_err() {
        return Err(FetchError::remote(remote, "the reference moved while it was fetched; try again"));
    }
    run(&["checkout", "--quiet", "--detach", &pinned.commit])?;
    // A submodule's URL may be relative to this one.
    run(&["config", "remote.origin.url", remote])?;
    if !repository.bare && into.join(".gitmodules").symlink_metadata().is_ok_and(|meta| meta.is_file()) {
        submodules(&run)?;
    }
    let time = match repository.fresh {
        true => None,
        false => {
            let time = run(&["show", "--no-patch", "--format=%ct", &pinned.commit])?;
            Some(time.trim().parse().unwrap_or(0))
        }
    };
    let keep = keep && repository.subdir.is_none();
    tidy::repositories(into, keep).map_err(FetchError::io("cannot tidy the checkout"))?;
    tidy::settle(into, time).map_err(FetchError::io("cannot set the times of the checkout"))?;
    open(repository, into)
}

/// Runs git with these arguments in the checkout.
type Run<'a> = dyn Fn(&[&str]) -> Result<String, FetchError> + 'a;

/// Fetches the one commit, or more where a server can't give that.
fn fetch(remote: &str, pinned: &Pinned, run: &Run) -> Result<(), FetchError> {
    let few = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
    let reference = pinned.reference.as_str();
    let Err(error) = run(&[&few[..], &["--depth=1", "--", remote, reference]].concat()) else {
        return Ok(());
    };
    if is_commit(reference) {
        // Some servers give no commit that is not the end of a branch.
        let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
        return run(&["fetch", "--quiet", "--no-recurse-submodules", "--", remote, all[0], all[1]]).map(drop);
    }
    match error.to_string().contains("shallow") {
        // Plain files on a web server can't be fetched in part.
        true => run(&[&few[..], &["--", remote, reference]].concat()).map(drop),
        false => Err(error),
    }
}

fn submodules(run: &Run) -> Result<(), FetchError> {
    let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
    let shallow = run(&[&update[..], &["--depth=1"]].concat());
    shallow.or_else(|_| run(&update)).map(drop)
}

/// Opens the subdirectory, which no link may lead to.
fn open(repository: &Repository, into: &Path) -> Result<OwnedFd, FetchError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, into, flags, Mode::empty())
        .map_err(|errno| FetchError::io("cannot open the checkout")(errno.into()))?;
    let Some(subdir) = &repository.subdir else { return Ok(root) };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(&root, subdir.as_str(), flags, Mode::empty(), resolve).map_err(|_| {
        FetchError::invalid(format!("{}: it has no directory {subdir}", crate::redact(&repository.remote)))
    })
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
