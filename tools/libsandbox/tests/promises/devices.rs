//! The promises about device nodes.

use crate::cases::expect;
use crate::{Verdict, World};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::os::unix::fs::PermissionsExt;

pub fn of_the_image(world: &World) -> Verdict {
    let script = "echo x >/dev/null && [ $(ls -l /dev/zero | grep -c '^crw-rw-rw-') = 1 ]
        if mknod /node c 1 5 2>/dev/null; then (: </node) 2>/dev/null && echo opens; fi
        mknod /white c 0 0 2>/dev/null && echo a whiteout; echo checked";
    expect("devices", &world.sh(&[], script), 0, "checked\n")
}

/// EACCES is what a mount without devices answers, whether or not there is a driver.
pub fn in_all_places(world: &World) -> Verdict {
    let all = Mode::from_bits_truncate(0o666);
    let kinds = [("char", SFlag::S_IFCHR, makedev(1, 5)), ("block", SFlag::S_IFBLK, makedev(7, 0))];
    for (name, kind, device) in kinds {
        let path = world.path("shared").join(name);
        // Without root there is none in the mount's source either.
        if mknod(&path, kind, all, device).is_ok() {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).map_err(|e| e.to_string())?;
        }
    }
    let script = ": >/dev/shm/made
        for dir in / /dev /dev/shm /dev/mqueue /t /b /new; do
            mkdir -p $dir
            mknod -m 666 $dir/char c 1 5; mknod -m 666 $dir/block b 7 0
            for node in $dir/char $dir/block; do
                if [ -e $node ]; then (: <$node); echo made >>/dev/shm/made; fi
            done
        done 2>/dev/shm/said
        grep -v 'Permission denied\\|not permitted\\|File exists' /dev/shm/said
        [ $(grep -c 'Permission denied' /dev/shm/said) = $(grep -c made /dev/shm/made) ] && echo all refused
        for node in null zero full random urandom tty; do ls -l /dev/$node | grep -v '^crw-rw-rw-'; done
        (: </dev/zero) && (: >/dev/null) && echo ours open";
    for options in
        [&["tmpfs=/t", "bindrw=/b"][..], &["tmpfs=/t", "bindrw=/b", "insecure"], &["tmpfs=/t", "hostrw=/b"]]
    {
        let ran = world.sh(options, script);
        expect(&format!("{options:?}"), &ran, 0, "all refused\nours open\n")?;
    }
    Ok(())
}
