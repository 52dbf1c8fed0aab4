//! Finds a build's context, its Dockerfile and its ignore file. A source from standard input, a FIFO or a URL is put
//! into the build's directory first.
//!
//! This module reads none of them, and [`here`] writes nothing either. A file that the caller names may be anything
//! that can be read. A file that is found in a context is not trusted, and must be a regular file of that context.

mod find;

use find::{Found, Place, Wanted};
use libcli::{Failure, shell_word};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most bytes that are kept of a Dockerfile: one more than df-parse accepts.
const MOST: u64 = (16 << 20) + 1;
/// The names of a context's Dockerfile; the first that exists counts.
const NAMES: [&str; 2] = ["Dockerfile", "dockerfile"];

/// The caller's words for the context and the Dockerfile.
#[derive(Clone, Debug)]
pub struct Asked {
    /// A directory, `-`, or a source that can be fetched.
    pub context: OsString,
    /// A file, `-`, a URL, or nothing.
    pub file: OsString,
}

/// The paths of the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The context.
    pub context: PathBuf,
    /// The Dockerfile.
    pub file: PathBuf,
    /// The name of the Dockerfile in messages.
    pub name: OsString,
    /// The ignore file, if there is one.
    pub ignore: Option<PathBuf>,
    /// The lock of the Dockerfile, if there is one.
    pub lock: Option<PathBuf>,
    /// Warnings for the caller.
    pub warnings: Vec<String>,
}

/// The means to get sources that are not here.
pub struct Means<'a> {
    /// The build's directory.
    pub dir: &'a Path,
    /// Whether the sources must be readable a second time.
    pub again: bool,
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Fetches a source into a directory, and returns its path.
    pub fetch: &'a mut dyn FnMut(&OsStr, &Path) -> Result<PathBuf, Failure>,
}

/// Finds local sources; `None` if one of them must be fetched, or can only be read once.
pub fn here(asked: &Asked) -> Result<Option<Sources>, Failure> {
    let Some(context) = own_context(asked)? else { return Ok(None) };
    let Some(mut found) = own_dockerfile(asked, &context)? else { return Ok(None) };
    ignore(&context.place(asked), &mut found)?;
    if !is_file(&found.file) {
        return Ok(None);
    }
    lock(&context.place(asked), &mut found)?;
    Ok(Some(found))
}

/// Finds the sources, and gets those that are not here.
pub fn find(asked: &Asked, means: &mut Means) -> Result<Sources, Failure> {
    let standard = |word: &OsString| word == "-";
    if means.again && (standard(&asked.context) || standard(&asked.file)) {
        let what = "-n: the script could not read standard input again; name a directory and a file";
        return Err(Failure::usage(what));
    }
    if standard(&asked.context) && standard(&asked.file) {
        return Err(Failure::usage("the Dockerfile and the context can't both be standard input"));
    }
    let context = match own_context(asked)? {
        Some(context) => context,
        None => fetched_context(asked, means)?,
    };
    let mut found = match own_dockerfile(asked, &context)? {
        Some(found) => found,
        None => context.with(fetched_dockerfile(asked, means)?, NAMES[0].into()),
    };
    if !context.is_fetched {
        ignore(&context.place(asked), &mut found)?;
    }
    match (is_file(&found.file), asked.file == "-" || is_url(&asked.file) || context.sole.is_some()) {
        (true, false) => lock(&context.place(asked), &mut found)?,
        (true, true) => {}
        (false, _) => save_named(&mut found, means)?,
    }
    Ok(found)
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file())
}

/// The context, and the Dockerfile if that is the whole source.
struct Context {
    path: PathBuf,
    sole: Option<PathBuf>,
    is_fetched: bool,
}

impl Context {
    fn place<'a>(&'a self, asked: &'a Asked) -> Place<'a> {
        Place { root: &self.path, shown: &asked.context, is_fetched: self.is_fetched }
    }

    /// Adds the Dockerfile. As in BuildKit, a fetched context has no ignore file.
    fn with(&self, file: PathBuf, name: OsString) -> Sources {
        let ignore = self.is_fetched.then(|| "/dev/null".into());
        Sources { context: self.path.clone(), file, name, ignore, ..Sources::default() }
    }
}

/// The context in a local directory.
fn own_context(asked: &Asked) -> Result<Option<Context>, Failure> {
    let path = Path::new(&asked.context);
    if asked.context == "-" || !path.exists() {
        return Ok(None);
    }
    if !path.is_dir() {
        return Err(Failure::failed(path.display().to_string(), "the context is not a directory"));
    }
    Ok(Some(Context { path: path.to_owned(), sole: None, is_fetched: false }))
}

/// Fetches a context that is no local directory by context-fetch.
fn fetched_context(asked: &Asked, means: &mut Means) -> Result<Context, Failure> {
    let fetched = (means.fetch)(&asked.context, &means.dir.join("context"))?;
    if fetched.is_dir() {
        return Ok(Context { path: fetched, sole: None, is_fetched: true });
    }
    if !asked.file.is_empty() {
        return Err(Failure::usage("the context is a Dockerfile already; leave -f out"));
    }
    // Sources from a URL are the context, too.
    let path = match asked.context == "-" {
        false => fetched.parent().unwrap_or(Path::new("/")).to_owned(),
        true => {
            let empty = means.dir.join("empty");
            DirBuilder::new().create(&empty).map_err(|error| failed(&empty, error))?;
            empty
        }
    };
    Ok(Context { path, sole: Some(fetched), is_fetched: true })
}

/// The Dockerfile in the context, or in a local file.
fn own_dockerfile(asked: &Asked, context: &Context) -> Result<Option<Sources>, Failure> {
    if let Some(sole) = &context.sole {
        return Ok(Some(context.with(sole.clone(), NAMES[0].into())));
    }
    if asked.file == "-" || is_url(&asked.file) {
        return Ok(None);
    }
    let place = context.place(asked);
    if !asked.file.is_empty() {
        let file = find::named(Path::new(&asked.file), &place)?;
        return Ok(Some(context.with(file, asked.file.clone())));
    }
    for name in NAMES {
        let file = context.path.join(name);
        if find::found(&file, &[&context.path], &place, Wanted::Dockerfile)? == Found::File {
            return Ok(Some(context.with(file, name.into())));
        }
    }
    Err(place.has_no_dockerfile())
}

fn is_url(file: &OsStr) -> bool {
    [&b"http://"[..], b"https://"].iter().any(|start| file.as_bytes().starts_with(start))
}

/// The Dockerfile from standard input, or from a URL.
fn fetched_dockerfile(asked: &Asked, means: &mut Means) -> Result<PathBuf, Failure> {
    if asked.file == "-" {
        return save(means.dir, means.input);
    }
    let file = (means.fetch)(&asked.file, &means.dir.join("dockerfile"))?;
    match file.is_file() {
        true => Ok(file),
        false => Err(Failure::bad_input("-f", "what the URL gives is a tar; a Dockerfile is needed")),
    }
}

/// The ignore file beside the Dockerfile, or else the context's.
fn ignore(place: &Place, found: &mut Sources) -> Result<(), Failure> {
    let beside = found.file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut own = found.file.clone().into_os_string();
    own.push(".dockerignore");
    let general = place.root.join(".dockerignore");
    for (path, dirs) in [(PathBuf::from(own), &[place.root, beside][..]), (general, &[place.root][..])] {
        match find::found(&path, dirs, place, Wanted::IgnoreFile)? {
            Found::File => {
                found.ignore = Some(path);
                return Ok(());
            }
            Found::Nowhere => {
                let what = "this link leads nowhere, so it keeps nothing out of the context; make what it leads to, or remove it";
                found.warnings.push(format!("{}: {what}", path.display()));
                found.ignore = Some("/dev/null".into());
            }
            Found::Nothing => {}
        }
    }
    Ok(())
}

/// The path of the lock of a Dockerfile, whether it exists or not.
pub fn lock_of(dockerfile: &Path) -> PathBuf {
    let mut path = dockerfile.to_owned().into_os_string();
    path.push(".lock");
    path.into()
}

/// The lock beside the Dockerfile.
fn lock(place: &Place, found: &mut Sources) -> Result<(), Failure> {
    let path = lock_of(&found.file);
    let beside = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if find::found(&path, &[place.root, beside], place, Wanted::Lock)? == Found::File {
        found.lock = Some(path);
    }
    Ok(())
}

/// Keeps a copy of a Dockerfile that can only be read once, because it is read twice.
fn save_named(found: &mut Sources, means: &Means) -> Result<(), Failure> {
    if means.again {
        let file = found.file.display();
        return Err(Failure::usage(format!(
            "-n: the script could not read {file} again; name a regular file"
        )));
    }
    let mut file = fs::File::open(&found.file).map_err(|error| failed(&found.file, error))?;
    found.file = save(means.dir, &mut file)?;
    Ok(())
}

fn save(dir: &Path, input: &mut dyn Read) -> Result<PathBuf, Failure> {
    let path = dir.join("input");
    let copied = fs::File::create_new(&path).and_then(|mut file| io::copy(&mut input.take(MOST), &mut file));
    copied.map_err(|error| failed(&path, error))?;
    Ok(path)
}

fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::failed(path.display().to_string(), error)
}

impl Sources {
    /// The name of each source and a word of shell for its path. A path in the build's directory begins with
    /// `"$_dir"`.
    pub fn words(&self, dir: Option<&Path>) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
        let ignore = self.ignore.as_deref().map(|path| ("ignore", path));
        let lock = self.lock.as_deref().map(|path| ("lock", path));
        let paths = [("tree", self.context.as_path()), ("file", &self.file), ("name", Path::new(&self.name))];
        let word = |(name, path): (&'static str, &Path)| {
            if path.as_os_str().as_bytes().contains(&b'\n') {
                let what = format!("{}: a name with a line break can't be used", path.display());
                return Err(Failure::usage(what));
            }
            Ok(match dir.and_then(|dir| path.strip_prefix(dir).ok()) {
                Some(rest) => (name, [b"\"$_dir\"/", &shell_word(rest)[..]].concat()),
                None => (name, shell_word(path)),
            })
        };
        paths.into_iter().chain(ignore).chain(lock).map(word).collect()
    }
}
