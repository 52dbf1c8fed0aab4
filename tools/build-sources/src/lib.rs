//! Where a build's context, its Dockerfile and its ignore file are. What comes from standard input, from a FIFO or from
//! elsewhere is put into the build's directory first.
//!
//! It reads none of them. A file that was named may be anything that can be read; one that is found in a context is a
//! stranger's, and has to be a regular file of that context.

mod find;

use find::{Found, Place, Wanted};
use libcli::Failure;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most bytes that are kept of a Dockerfile: one more than df-parse takes.
const MOST: u64 = (16 << 20) + 1;
/// The names of a context's Dockerfile, the first that is there.
const NAMES: [&str; 2] = ["Dockerfile", "dockerfile"];

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// A directory, `-`, or what can be fetched.
    pub context: OsString,
    /// A file, `-`, a URL, or nothing.
    pub file: OsString,
    /// The build's directory.
    pub dir: PathBuf,
    /// Whether the sources have to be there a second time.
    pub again: bool,
}

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The context.
    pub context: PathBuf,
    /// The Dockerfile.
    pub file: PathBuf,
    /// What the Dockerfile is called in messages.
    pub name: OsString,
    /// What is left out of the context.
    pub ignore: Option<PathBuf>,
    /// Whether something was put into the build's directory.
    pub is_fetched: bool,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// Fetches a source into a directory; the path of what it is.
pub type Fetch<'a> = dyn FnMut(&OsStr, &Path) -> Result<PathBuf, Failure> + 'a;

/// Finds the sources. `input` is standard input.
pub fn find(asked: &Asked, input: &mut dyn Read, fetch: &mut Fetch) -> Result<Sources, Failure> {
    let standard = |word: &OsString| word == "-";
    if asked.again && (standard(&asked.context) || standard(&asked.file)) {
        let what = "-n: the script could not read standard input again; name a directory and a file";
        return Err(Failure::usage(what));
    }
    if standard(&asked.context) && standard(&asked.file) {
        return Err(Failure::usage("the Dockerfile and the context can't both be standard input"));
    }
    let context = context(asked, fetch)?;
    let mut found = dockerfile(asked, &context, input, fetch)?;
    if !context.is_fetched {
        ignore(&context.place(asked), &mut found)?;
    }
    let meta = fs::metadata(&found.file);
    if !meta.is_ok_and(|meta| meta.is_file()) {
        save_named(asked, &mut found)?;
    }
    Ok(found)
}

/// The context, and the Dockerfile where that is all there is.
struct Context {
    path: PathBuf,
    sole: Option<PathBuf>,
    is_fetched: bool,
}

impl Context {
    fn place<'a>(&'a self, asked: &'a Asked) -> Place<'a> {
        Place { root: &self.path, shown: &asked.context, is_fetched: self.is_fetched }
    }
}

fn context(asked: &Asked, fetch: &mut Fetch) -> Result<Context, Failure> {
    let source = &asked.context;
    let path = Path::new(source);
    let shown = path.display();
    if source != "-" && path.is_dir() {
        return Ok(Context { path: path.to_owned(), sole: None, is_fetched: false });
    }
    if source != "-" && path.exists() {
        return Err(Failure::failed(shown.to_string(), "the context is not a directory"));
    }
    // What else there is, context-fetch knows.
    let fetched = fetch(source, &asked.dir.join("context"))?;
    if fetched.is_dir() {
        return Ok(Context { path: fetched, sole: None, is_fetched: true });
    }
    if !asked.file.is_empty() {
        return Err(Failure::usage("the context is a Dockerfile already; leave -f out"));
    }
    // What comes from a URL is the context too.
    let path = match source == "-" {
        false => fetched.parent().unwrap_or(Path::new("/")).to_owned(),
        true => {
            let empty = asked.dir.join("empty");
            DirBuilder::new().create(&empty).map_err(|error| failed(&empty, error))?;
            empty
        }
    };
    Ok(Context { path, sole: Some(fetched), is_fetched: true })
}

fn dockerfile(
    asked: &Asked,
    context: &Context,
    input: &mut dyn Read,
    fetch: &mut Fetch,
) -> Result<Sources, Failure> {
    let of = |file: PathBuf, name: OsString, is_fetched: bool| Sources {
        context: context.path.clone(),
        file,
        name,
        // A context that is fetched has no ignore file, as in BuildKit.
        ignore: context.is_fetched.then(|| "/dev/null".into()),
        is_fetched: context.is_fetched || is_fetched,
        warnings: Vec::new(),
    };
    if let Some(sole) = &context.sole {
        return Ok(of(sole.clone(), NAMES[0].into(), true));
    }
    let text = asked.file.to_string_lossy();
    if text == "-" {
        return Ok(of(save(asked, input)?, NAMES[0].into(), true));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let file = fetch(&asked.file, &asked.dir.join("dockerfile"))?;
        return match file.is_file() {
            true => Ok(of(file, NAMES[0].into(), true)),
            false => Err(Failure::bad_input("-f", "what the URL gives is a tar; a Dockerfile is needed")),
        };
    }
    let place = context.place(asked);
    if text.is_empty() {
        for name in NAMES {
            let file = context.path.join(name);
            if find::found(&file, &[&context.path], &place, Wanted::Dockerfile)? == Found::File {
                return Ok(of(file, name.into(), false));
            }
        }
        return Err(place.has_no_dockerfile());
    }
    Ok(of(find::named(Path::new(&asked.file), &place)?, asked.file.clone(), false))
}

/// The ignore file beside the Dockerfile, else the context's.
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

/// A Dockerfile that can be read once is kept, because it is read twice.
fn save_named(asked: &Asked, found: &mut Sources) -> Result<(), Failure> {
    if asked.again {
        let file = found.file.display();
        return Err(Failure::usage(format!(
            "-n: the script could not read {file} again; name a regular file"
        )));
    }
    let mut file = fs::File::open(&found.file).map_err(|error| failed(&found.file, error))?;
    found.file = save(asked, &mut file)?;
    found.is_fetched = true;
    Ok(())
}

fn save(asked: &Asked, input: &mut dyn Read) -> Result<PathBuf, Failure> {
    let path = asked.dir.join("input");
    let copied = fs::File::create_new(&path).and_then(|mut file| io::copy(&mut input.take(MOST), &mut file));
    copied.map_err(|error| failed(&path, error))?;
    Ok(path)
}

fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::failed(path.display().to_string(), error)
}

/// Writes the sources as lines of a name and a word of shell: the build's directory is `"$_dir"` in it.
pub fn write(sources: &Sources, dir: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let ignore = sources.ignore.as_deref().map(|path| ("ignore", path));
    let paths = [("context", sources.context.as_path()), ("file", &sources.file)];
    let lines = paths.into_iter().chain(ignore).chain([("name", Path::new(&sources.name))]);
    for (name, path) in lines {
        if path.as_os_str().as_bytes().contains(&b'\n') {
            return Err(Failure::usage(format!(
                "{}: a name with a line break can't be used",
                path.display()
            )));
        }
        let word = match path.strip_prefix(dir) {
            Ok(rest) => [b"\"$_dir\"/", &libcli::shell_word(rest)[..]].concat(),
            Err(_) => libcli::shell_word(path),
        };
        out.write_all(&[name.as_bytes(), b" ", &word, b"\n"].concat())?;
    }
    if sources.is_fetched {
        out.write_all(b"fetched 1\n")?;
    }
    Ok(())
}
