//! What a sandbox promises, tried out in every mode that works here.
//!
//! A sandbox wants a process with one thread, and rootless modes an ordinary user: so each case starts
//! this program again, as that user where needed, and judges from outside. Without busybox, without root
//! or without a user who has subordinate ids the cases concerned are skipped, and that is said.

mod cases;
mod devices;
mod inside;
mod relayed;
mod signals;

use libsandbox::Isolation;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

/// Programs of busybox that the cases use.
const PROGRAMS: [&str; 21] = [
    "sh", "ls", "cat", "id", "env", "touch", "sleep", "readlink", "grep", "hostname", "setsid", "stat",
    "true", "mkdir", "df", "tty", "mknod", "head", "tail", "wc", "cut",
];

/// A case's verdict: nothing, or what was not as promised.
type Verdict = Result<(), String>;

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if words.first().is_some_and(|word| word == "--inside") {
        return inside::main(&words[1..]);
    }
    if words.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let filter = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
    let modes = [Isolation::Root, Isolation::Subuid, Isolation::Single];
    let failed = std::thread::scope(|scope| {
        let started = modes.map(|mode| scope.spawn(move || keep_promises(mode, filter)));
        started.into_iter().map(|mode| mode.join().unwrap_or(1)).sum::<u32>()
    });
    ExitCode::from(u8::from(failed > 0))
}

/// Tries every promise in a mode; how many were broken.
fn keep_promises(mode: Isolation, filter: &str) -> u32 {
    let who = match user_for(mode) {
        Ok(who) => who,
        Err(why) => {
            say(&format!("skipped: promises in mode {mode}: {why}"));
            return 0;
        }
    };
    let mut failed = 0;
    for (name, case) in cases::ALL {
        if !name.contains(filter) && !mode.name().contains(filter) {
            continue;
        }
        match World::new(mode, who).and_then(|world| case(&world)) {
            Ok(()) => say(&format!("{mode}: {name}: ok")),
            Err(why) => {
                failed += 1;
                say(&format!("{mode}: {name}: FAILED: {why}"));
            }
        }
    }
    failed
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Uid and gid to run as; nothing is "as we are".
type Who = Option<(u32, u32)>;

fn user_for(mode: Isolation) -> Result<Who, &'static str> {
    if !Path::new("/bin/busybox").exists() {
        return Err("there is no /bin/busybox (busybox-static)");
    }
    let root = nix::unistd::geteuid().is_root();
    let who = match (mode, root) {
        (Isolation::Root, true) | (Isolation::Single, false) => None,
        (Isolation::Root, false) => return Err("it needs root"),
        (Isolation::Subuid, _) => {
            let user = with_subordinate_ids(root).ok_or("no user, or not this one, has subordinate ids")?;
            root.then_some((user.uid.as_raw(), user.gid.as_raw()))
        }
        (Isolation::Single, true) => Some((65534, 65534)),
    };
    // Another program's opinion on whether the machine allows it.
    let kind = if mode == Isolation::Root { "--mount" } else { "--user" };
    let mut probe = as_user(who, Path::new("unshare"));
    let allowed =
        probe.args([kind, "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if allowed { Ok(who) } else { Err("this machine allows no namespaces") }
}

fn with_subordinate_ids(root: bool) -> Option<nix::unistd::User> {
    let ranges = std::fs::read_to_string("/etc/subuid").ok()?;
    let user = |line: &str| nix::unistd::User::from_name(line.split(':').next()?).ok().flatten();
    let usable = |user: &nix::unistd::User| match root {
        true => !user.uid.is_root(),
        false => user.uid == nix::unistd::getuid(),
    };
    ranges.lines().filter_map(user).find(usable)
}

fn as_user(who: Who, program: &Path) -> Command {
    let Some((uid, gid)) = who else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]).arg(program);
    command
}

/// One case's files: a small image, an upper directory, and a copy of this program that the user may run.
struct World {
    mode: Isolation,
    who: Who,
    dir: tempfile::TempDir,
}

/// Copies by cp(1): a descriptor open for writing in this process could be inherited, for a moment, by what
/// another thread starts, and then the copy can't be run ("Text file busy").
fn copy_program(from: &Path, to: &Path) -> std::io::Result<()> {
    match Command::new("cp").arg("--").arg(from).arg(to).status()?.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("cp failed")),
    }
}

impl World {
    fn new(mode: Isolation, who: Who) -> Result<Self, String> {
        let make = || {
            let dir = tempfile::tempdir()?;
            std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755))?;
            copy_program(&std::env::current_exe()?, &dir.path().join("program"))?;
            for name in ["bin", "etc", "home/app", "tmp"] {
                std::fs::create_dir_all(dir.path().join("image").join(name))?;
            }
            for name in ["upper", "work", "scratch", "shared"] {
                std::fs::create_dir(dir.path().join(name))?;
            }
            let image = dir.path().join("image");
            copy_program(Path::new("/bin/busybox"), &image.join("bin/busybox"))?;
            for name in PROGRAMS {
                symlink("busybox", image.join("bin").join(name))?;
            }
            std::fs::write(
                image.join("etc/passwd"),
                "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
            )?;
            std::fs::write(image.join("etc/group"), "app:x:1001:\nextra:x:44:app\n")?;
            std::fs::write(dir.path().join("shared/file"), "shared\n")?;
            Ok(Self { mode, who, dir })
        };
        let world = make().map_err(|error: std::io::Error| format!("cannot make the image: {error}"))?;
        world.give_away(world.path(""))?;
        Ok(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives what is at `path` to the user of the mode.
    fn give_away(&self, path: PathBuf) -> Verdict {
        fn walk(path: &Path, who: (u32, u32)) -> std::io::Result<()> {
            lchown(path, Some(who.0), Some(who.1))?;
            if path.symlink_metadata()?.is_dir() {
                for entry in std::fs::read_dir(path)? {
                    walk(&entry?.path(), who)?;
                }
            }
            Ok(())
        }
        let Some(who) = self.who else { return Ok(()) };
        walk(&path, who).map_err(|error| error.to_string())
    }

    /// The command that runs `argv` in a sandbox with `options` (see the module `inside`).
    fn command(&self, options: &[&str], argv: &[&str]) -> Command {
        let mut command = as_user(self.who, &self.path("program"));
        command.arg("--inside").arg(self.mode.name()).arg(self.dir.path()).args(options).arg("--").args(argv);
        command.stdin(Stdio::null()).current_dir("/");
        command
    }

    fn run(&self, options: &[&str], argv: &[&str]) -> Ran {
        self.freshen();
        match self.command(options, argv).output() {
            Ok(output) => Ran::from(output),
            Err(error) => Ran { status: -1, out: String::new(), err: error.to_string() },
        }
    }

    /// Makes the directories anew that serve for one run.
    fn freshen(&self) {
        for name in ["work", "scratch"] {
            self.remove(name);
            let _ = std::fs::create_dir(self.path(name));
            let _ = self.give_away(self.path(name));
        }
    }

    /// overlayfs leaves directories without any permission.
    fn remove(&self, name: &str) {
        if let Ok(dir) = std::fs::File::open(self.path("")) {
            let _ = libtree::remove::remove_all(dir, name.as_bytes());
        }
    }

    fn sh(&self, options: &[&str], script: &str) -> Ran {
        self.run(options, &["sh", "-c", script])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // An ordinary user can't remove what other ids own; root can.
        for name in ["work", "upper"] {
            self.remove(name);
        }
    }
}

/// A sandbox that runs beside the test, and never outlives it.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a sandbox ended, seen from outside.
#[derive(Debug)]
struct Ran {
    status: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
