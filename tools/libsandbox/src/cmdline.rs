//! Hides the command line and the environment that /proc shows of a process. The kernel reads them from the process's
//! own memory.

use crate::{SandboxError, setup, sys};
use std::ops::Range;
use std::sync::OnceLock;

/// The command line that pid 1 shows instead.
const NAME: &[u8] = b"init";

/// Overwrites this process's command line and environment, which are the caller's, because a command may read those of
/// any process that it sees. `std::env` loses them, too.
pub(crate) fn hide() -> Result<(), SandboxError> {
    let [arguments, environment] = locate()?;
    sys::overwrite_start(arguments.clone(), NAME);
    sys::overwrite_start(environment.clone(), b"");
    // The name of a process that is shown besides its command line.
    rustix::thread::set_name(c"init").map_err(setup("name of pid 1"))
}

/// The addresses of arguments and environment, in this process and all of its forks.
pub(crate) fn locate() -> Result<&'static [Range<usize>; 2], SandboxError> {
    static AREAS: OnceLock<[Range<usize>; 2]> = OnceLock::new();
    if let Some(areas) = AREAS.get() {
        return Ok(areas);
    }
    let stat = std::fs::read("/proc/self/stat").map_err(setup("/proc/self/stat"))?;
    let found = areas(&String::from_utf8_lossy(&stat)).ok_or_else(|| {
        SandboxError::Setup("/proc/self/stat does not say where the command line is".into())
    })?;
    Ok(AREAS.get_or_init(|| found))
}

/// The addresses in the text of proc_pid_stat(5).
fn areas(stat: &str) -> Option<[Range<usize>; 2]> {
    // The second field, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let address =
        |number: usize| fields.get(number - 3)?.parse::<usize>().ok().filter(|&address| address != 0);
    Some([address(48)?..address(49)?, address(50)?..address(51)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_areas_are_found_after_any_name() {
        let zeros = "0 ".repeat(44);
        let stat = format!("7 (a) b) S {zeros}100 120 120 150 0\n");
        assert_eq!(areas(&stat), Some([100..120, 120..150]));
        assert_eq!(areas(&format!("7 (a) S {zeros}0 0 0 0 0\n")), None);
        assert_eq!(areas("7 (a) S 0"), None);
    }
}
