//! Asks a program that keeps logins, `docker-credential-NAME`: it reads the server's name from standard input, and
//! prints a login. Its time and its output are limited. Neither its output nor its standard error is shown, because
//! they may have the login.

use super::{Found, Login};
use libhttp::FetchError;
use libsandbox::Caller;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The time for a helper, which may ask its user for a password first.
const PATIENCE: Duration = Duration::from_secs(30);
const LARGEST: usize = 1 << 18;
/// The message of docker's helpers for an unknown server.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user of a login that is a token.
const TOKEN_USER: &str = "<token>";
/// The name of Docker Hub for docker's helpers.
const HUB: &str = "https://index.docker.io/v1/";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks the helper `name`, which `file` names, for the login of `domain`. It is looked for in `path`, and run as
/// `caller`.
pub(super) fn get(
    name: &str,
    domain: &str,
    file: &Path,
    path: Option<&OsStr>,
    caller: Caller,
) -> Result<Option<Found>, FetchError> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.len() > 200 || !name.bytes().all(part) {
        let what = "the name of a credential helper in it has other than letters, digits, '-', '_' and '.'";
        return Err(FetchError::invalid(format!("{}: {what}; correct it", file.display())));
    }
    let program = format!("docker-credential-{name}");
    let failed = |what: String| FetchError::Login { place: format!("{}: {program}", file.display()), what };
    let server = if domain == "docker.io" { HUB } else { domain };
    let (status, output) =
        run(&program, server, path, caller, PATIENCE).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                failed("it is named there and not installed; install it, or log in again".into())
            }
            ErrorKind::TimedOut => {
                failed(format!("it gave no login within {} seconds; try it alone", PATIENCE.as_secs()))
            }
            ErrorKind::FileTooLarge => failed("what it prints is too long for a login; try it alone".into()),
            _ => failed(format!("it can't be run: {error}")),
        })?;
    let output = String::from_utf8_lossy(&output);
    if !status.success() {
        return match output.trim() {
            NOT_FOUND => Ok(None),
            said => Err(failed(format!("it failed: {}; try it alone", reason(said, status)))),
        };
    }
    // The reader's error could repeat a part of the login.
    let answer: Answer = serde_json::from_str(&output)
        .map_err(|_| failed("what it prints is no login; try it alone".into()))?;
    let login = match &*answer.username {
        _ if answer.secret.is_empty() => return Ok(None),
        TOKEN_USER => Login::Identity(answer.secret),
        user => Login::Password(user.to_owned(), answer.secret),
    };
    Ok(Some(Found { login, place: program }))
}

/// The reason in a helper's message, unless that could be a login.
fn reason(said: &str, status: ExitStatus) -> String {
    let line = said.lines().next().unwrap_or_default();
    match line.is_empty() || said.contains(['{', '"']) {
        true => status.to_string(),
        false => line.chars().take(200).collect(),
    }
}

/// The output of `program` for `input`.
fn run(
    program: &str,
    input: &str,
    path: Option<&OsStr>,
    caller: Caller,
    patience: Duration,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let deadline = Instant::now() + patience;
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = libsandbox::end_with_parent(caller.runs(&mut command)).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input may still have the login.
        let _ = stdin.write_all(input.as_bytes());
    }
    let done = collect(&mut child, deadline).and_then(|output| Ok((wait(&mut child, deadline)?, output)));
    if done.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    done
}

fn collect(child: &mut Child, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let Some(stdout) = &mut child.stdout else { return Ok(output) };
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        match stdout.read(&mut buffer)? {
            0 => return Ok(output),
            length if output.len() + length > LARGEST => return Err(ErrorKind::FileTooLarge.into()),
            length => output.extend_from_slice(&buffer[..length]),
        }
    }
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;

    /// A script may not be run while another test's child still has it open to write.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Calls `ask` with where a helper is that is this script.
    fn with<T>(script: &str, ask: impl FnOnce(&OsStr) -> T) -> T {
        let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker-credential-x");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut path = dir.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        ask(&path)
    }

    fn myself() -> Caller {
        Caller::of(|_| None)
    }

    fn helper(script: &str) -> Result<Option<Found>, String> {
        with(script, |path| {
            get("x", "docker.io", Path::new("f"), Some(path), myself()).map_err(|error| error.to_string())
        })
    }

    #[test]
    fn a_helper_is_told_the_server_and_tells_the_login() {
        let script =
            r#"read -r server; echo "{\"ServerURL\":\"s\",\"Username\":\"$1\",\"Secret\":\"$server\"}""#;
        let found = helper(script).unwrap().unwrap();
        assert_eq!(found.place, "docker-credential-x");
        assert_eq!(found.login, Login::Password("get".into(), HUB.into()));
        let token = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        assert_eq!(helper(token).unwrap().unwrap().login, Login::Identity("t".into()));
    }

    #[test]
    fn one_that_does_not_know_of_the_server_is_no_error() {
        assert_eq!(helper("echo credentials not found in native keychain; exit 1"), Ok(None));
        assert_eq!(helper(r#"echo '{"Username":"","Secret":""}'"#), Ok(None));
    }

    #[test]
    fn one_that_fails_is_an_error_without_secrets() {
        for (script, wanted) in [
            ("echo locked; echo more; exit 3", "it failed: locked;"),
            ("exit 3", "it failed: exit status: 3;"),
            (r#"echo '{"Secret":"hunter2"}'; exit 1"#, "it failed: exit status: 1;"),
            ("echo hunter2", "no login"),
            (r#"echo '{"Username":"hunter2","Secret":5}'"#, "no login"),
            ("exec cat /dev/zero", "too long"),
        ] {
            let error = helper(script).unwrap_err();
            assert!(error.starts_with("f: docker-credential-x: ") && error.contains(wanted), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn one_that_is_not_there_or_not_to_be_named_is_an_error() {
        let ask =
            |name: &str| get(name, "h", Path::new("f"), Some("/nonexistent".as_ref()), myself()).unwrap_err();
        assert!(ask("y").to_string().contains("not installed"));
        for name in ["../x", "a b", "x\n", &"x".repeat(201)] {
            assert!(ask(name).is_input(), "{name}");
        }
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let begun = Instant::now();
        for script in ["exec sleep 60", "exec >&-; exec sleep 60"] {
            let hung = with(script, |path| {
                run("docker-credential-x", "", Some(path), myself(), Duration::from_millis(50))
            });
            assert_eq!(hung.map_err(|error| error.kind()), Err(ErrorKind::TimedOut), "{script}");
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
