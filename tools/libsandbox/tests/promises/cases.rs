//! The promises, one function each.

use crate::inside::FAILED;
use crate::{Ran, Running, Verdict, World, devices, relayed, signals};
use libsandbox::Isolation;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

type Case = fn(&World) -> Verdict;

/// All of them, with their names.
pub const ALL: &[(&str, Case)] = &[
    ("the status is the command's, or says how it ended", statuses),
    ("nothing outlives the command", nothing_outlives_the_command),
    ("nothing outlives a killed caller, and no mount stays", nothing_outlives_a_killed_caller),
    ("a command has descriptors 0, 1 and 2, and nothing to read", three_descriptors),
    ("the environment is what was given, and HOME", environment),
    ("pid 1 can't be looked into, killed or traced", pid_1_is_closed),
    ("pid 1 shows nothing of the caller's command line and environment", pid_1_shows_nothing),
    ("system calls are filtered, unless insecure", filtered),
    ("capabilities are docker's without raw sockets, and none for another user", capabilities),
    ("a command that changes nothing leaves nothing", empty_upper),
    ("kernel files are masked or read-only", masks),
    ("output comes on its own channel, all of it", channels),
    ("the working directory is made, and must be in the image", working_directory),
    ("users and groups are the image's", users),
    ("host name, umask and shared memory are as asked", small_things),
    ("resolv.conf and hosts are ours and read-only", etc_files),
    ("resolv.conf and hosts can be written where that is wanted", writable_etc_files),
    ("without a network there is a loopback interface", no_network),
    ("limits are lowered, and raising them is not fatal", limits),
    ("cgroups hold a command to its limits, and go with it", cgroups),
    ("a command ends when its time is up", timeouts),
    ("mounts show what they should", mounts),
    ("what the host has can be mounted, without devices and setuid, on nothing that masks", host_mounts),
    ("a tree that can't be written has mounts that can", readonly_tree),
    ("an image's links lead nothing out of it", hostile_links),
    ("a signal ends the command in time, or by force", signals::ending),
    ("a signal reaches the command as it was sent, and the status is its own", signals::passed_on),
    ("devices of the image don't open, ours do", devices::of_the_image),
    ("no device opens that a command makes or a mount has", devices::in_all_places),
    ("what is relayed goes through pipes", relayed::relayed_through_pipes),
    ("relayed output to one file keeps its order", relayed::relayed_in_order),
    ("input that the command did not read is left", relayed::unread_input),
    ("a reader that is slow or gone keeps nothing waiting", relayed::slow_readers),
    ("an image without /etc works", bare_image),
    ("a terminal is the sandbox's own", terminal),
    ("without a working newuidmap one id will do, unless more are asked for", fall_to_single),
];

pub fn expect(what: &str, ran: &Ran, status: i32, out: &str) -> Verdict {
    match ran.status == status && ran.out == out {
        true => Ok(()),
        false => Err(format!("{what}: {ran:?}, not status {status} and {out:?}")),
    }
}

pub fn ensure(holds: bool, what: impl Into<String>) -> Verdict {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn statuses(world: &World) -> Verdict {
    expect("exit 3", &world.sh(&[], "exit 3"), 3, "")?;
    expect("KILL", &world.sh(&[], "kill -9 $$"), 137, "")?;
    expect("SEGV", &world.sh(&[], "kill -SEGV $$"), 139, "")?;
    expect("a missing program", &world.run(&[], &["nope"]), 127, "")?;
    expect("a missing path", &world.run(&[], &["/bin/nope"]), 127, "")?;
    expect("no program", &world.run(&[], &["/etc/passwd"]), 126, "")?;
    expect("a directory", &world.run(&[], &["/etc"]), 126, "")?;
    expect("no command", &world.run(&[], &[""]), FAILED.into(), "")
}

/// A number of seconds by which a `sleep` of this case is found among the machine's processes.
pub fn unique(world: &World, offset: u32) -> String {
    let mode = world.mode as u32;
    (10_000_000 + std::process::id() * 300 + mode * 100 + offset).to_string()
}

pub fn sleeping(seconds: &str) -> bool {
    // Without it nobody would seem to be left, which is what some cases promise.
    let processes = std::fs::read_dir("/proc").expect("/proc can be read");
    let wanted = format!("sleep\0{seconds}\0");
    processes.flatten().any(|process| {
        std::fs::read(process.path().join("cmdline")).is_ok_and(|line| line.ends_with(wanted.as_bytes()))
    })
}

pub fn within(seconds: u64, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    holds()
}

fn nothing_outlives_the_command(world: &World) -> Verdict {
    let (a, b) = (unique(world, 0), unique(world, 1));
    let script = format!("trap '' TERM HUP; sleep {a} & setsid sleep {b} & sleep 0.1; echo done");
    let start = Instant::now();
    expect("daemons", &world.sh(&[], &script), 0, "done\n")?;
    ensure(start.elapsed() < Duration::from_secs(5), "it waited for its daemons")?;
    ensure(!sleeping(&a) && !sleeping(&b), "a daemon lives on")
}

fn nothing_outlives_a_killed_caller(world: &World) -> Verdict {
    let seconds = unique(world, 2);
    let script = format!("setsid sleep {seconds} & sleep {seconds}");
    let mut command = world.command(&[], &["sh", "-c", &script]);
    let child = command.stdout(Stdio::null()).spawn().map(Running).map_err(|error| error.to_string())?;
    ensure(within(10, || sleeping(&seconds)), "the command did not start")?;
    if world.mode == Isolation::Root {
        ensure(is_sealed(child.0.id()), "root runs from a file that can be written through /proc")?;
    }
    drop(child);
    ensure(within(5, || !sleeping(&seconds)), "a process outlives the caller")?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let dir = world.path("").display().to_string();
    ensure(!mounts.contains(dir.trim_end_matches('/')), "a mount stays")
}

/// Whether what a process runs is a sealed copy, or in an overlay without a place for changes. A mount that is
/// only read-only itself can be made writable again from a user namespace.
fn is_sealed(pid: u32) -> bool {
    let program = format!("/proc/{pid}/exe");
    let copied = |path: std::path::PathBuf| path.to_string_lossy().starts_with("/memfd:");
    let overlay = |fs: rustix::fs::StatFs| fs.f_type as u64 == 0x794c_7630;
    let opened = std::fs::OpenOptions::new().write(true).open(&program);
    let refused = opened.is_err_and(|error| error.kind() == std::io::ErrorKind::ReadOnlyFilesystem);
    std::fs::read_link(&program).is_ok_and(copied)
        || (refused && rustix::fs::statfs(&program).is_ok_and(overlay))
}

fn three_descriptors(world: &World) -> Verdict {
    let script = "i=0; while [ $i -lt 40 ]; do [ -e /proc/self/fd/$i ] && echo $i; i=$((i+1)); done; cat";
    expect("descriptors", &world.sh(&[], script), 0, "0\n1\n2\n")
}

fn environment(world: &World) -> Verdict {
    let all = "PATH=/bin\nONE=1\nHOME=/root\n";
    expect("environment", &world.run(&[], &["env"]), 0, all)?;
    if world.mode == Isolation::Single {
        return Ok(());
    }
    expect("a user's", &world.run(&["user=app"], &["env"]), 0, &all.replace("/root", "/home/app"))?;
    expect("a number's", &world.run(&["user=77"], &["env"]), 0, &all.replace("/root", "/"))
}

fn pid_1_is_closed(world: &World) -> Verdict {
    let script = "for f in exe root cwd; do readlink /proc/1/$f; done 2>/dev/null
        cat /proc/1/environ /proc/1/maps 2>/dev/null; i=0
        while [ $i -lt 40 ]; do readlink /proc/1/fd/$i 2>/dev/null; i=$((i+1)); done
        kill -9 1; kill -9 -1; echo still here";
    expect("pid 1", &world.sh(&[], script), 0, "still here\n")
}

fn pid_1_shows_nothing(world: &World) -> Verdict {
    let ran = world.sh(&[], "cat /proc/1/cmdline; echo; cat /proc/1/comm");
    expect("command line", &Ran { out: ran.out.replace('\0', ""), ..ran }, 0, "init\ninit\n")?;
    // Who has all capabilities, of the host at least, may read this too.
    let ran = world.sh(&["insecure"], "cat /proc/1/environ 2>/dev/null; true");
    expect("environment", &Ran { out: ran.out.replace('\0', ""), ..ran }, 0, "")
}

fn filtered(world: &World) -> Verdict {
    let mode =
        |status: &str| status.lines().find_map(|line| line.strip_prefix("Seccomp:\t").map(str::to_owned));
    let own = mode(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
    let read = |options: &[&str]| mode(&world.run(options, &["cat", "/proc/self/status"]).out);
    ensure(read(&[]).as_deref() == Some("2"), "there is no filter")?;
    ensure(read(&["insecure"]) == own, "an insecure command is filtered")
}

fn capabilities(world: &World) -> Verdict {
    let read = |options: &[&str]| {
        let ran = world.run(options, &["grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status"]);
        ran.out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // In a container of less the bounding set is smaller already.
    let own = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap_or_default().trim().to_owned();
    let own = u64::from_str_radix(&own, 16).unwrap_or(0);
    let kept = if world.mode == Isolation::Root { 0xa804_05fb & own } else { 0xa804_05fb };
    let set = |p: u64, bound: u64| {
        format!(
            "CapInh: {0:016x} CapPrm: {p:016x} CapEff: {p:016x} CapBnd: {bound:016x} CapAmb: {0:016x} NoNewPrivs: 0",
            0
        )
    };
    let found = read(&[]);
    ensure(found == set(kept, kept), format!("root has {found}"))?;
    let insecure = read(&["insecure"]);
    ensure(
        insecure.contains("CapInh: 0000000000000000") && insecure != found,
        format!("insecure: {insecure}"),
    )?;
    let bound = read(&["no-new-privileges"]);
    ensure(bound == found.replace("NoNewPrivs: 0", "NoNewPrivs: 1"), format!("bound: {bound}"))?;
    if world.mode == Isolation::Single {
        return Ok(());
    }
    let found = read(&["user=app"]);
    ensure(found == set(0, kept), format!("app has {found}"))
}

fn upper_is_empty(world: &World) -> Verdict {
    let entries = std::fs::read_dir(world.path("upper")).map_err(|error| error.to_string())?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    ensure(names.is_empty(), format!("the upper directory has {names:?}"))
}

fn empty_upper(world: &World) -> Verdict {
    let before = world.path("upper").metadata().and_then(|meta| meta.modified()).ok();
    let options = ["tmpfs=/var/cache/x", "secret=/run/secrets/s", "bind=/src"];
    expect("true", &world.run(&options, &["true"]), 0, "")?;
    upper_is_empty(world)?;
    let after = world.path("upper").metadata().and_then(|meta| meta.modified()).ok();
    ensure(before == after, "the root directory's time changed")?;
    // What the stub layer adds takes the image's own metadata along.
    std::fs::set_permissions(world.path("image/etc"), PermissionsExt::from_mode(0o751))
        .map_err(|error| error.to_string())?;
    expect("touch", &world.run(&[], &["touch", "/etc/new"]), 0, "")?;
    let etc = world.path("upper/etc").metadata().map_err(|error| error.to_string())?;
    ensure(etc.permissions().mode() & 0o7777 == 0o751, "/etc lost its mode")?;
    let names = std::fs::read_dir(world.path("upper/etc")).map_err(|error| error.to_string())?.count();
    ensure(names == 1, "there is more than the new file")
}

fn masks(world: &World) -> Verdict {
    let script = "for f in kallsyms kcore keys timer_list sched_debug slabinfo vmallocinfo interrupts; do
            if [ -e /proc/$f ] && [ -n \"$(cat /proc/$f)\" ]; then echo /proc/$f has content; fi; done
        for d in /proc/acpi /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do
            if [ -d $d ] && [ -n \"$(ls $d)\" ]; then echo $d has content; fi; done
        for f in /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/x /proc/irq/x; do
            if (echo x >$f) 2>/dev/null; then echo $f can be written; fi; done
        ls /proc/sys/kernel/hostname";
    expect("masks", &world.sh(&[], script), 0, "/proc/sys/kernel/hostname\n")
}

fn channels(world: &World) -> Verdict {
    let ran = world.sh(&[], "echo out; echo err >&2");
    ensure(ran.out == "out\n" && ran.err == "err\n", format!("{ran:?}"))?;
    let ran = world.sh(&[], "i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678; i=$((i+1)); done");
    ensure(ran.out.len() == 400_000, format!("{} bytes of 400000", ran.out.len()))
}

fn working_directory(world: &World) -> Verdict {
    let ran = world.sh(&["cwd=/new/dir"], "pwd; stat -c %a.%u.%g /new/dir; stat -c %a /new");
    expect("a new one", &ran, 0, "/new/dir\n755.0.0\n755\n")?;
    expect("a file", &world.run(&["cwd=/etc/passwd"], &["true"]), FAILED.into(), "")?;
    let ran = world.run(&["cwd=/proc/self/fd/3"], &["sh", "-c", "ls /"]);
    ensure(ran.status == i32::from(FAILED) || !ran.out.contains("program"), format!("descriptor: {ran:?}"))
}

fn users(world: &World) -> Verdict {
    expect("unknown", &world.run(&["user=nope"], &["true"]), FAILED.into(), "")?;
    expect("too large", &world.run(&["user=4294967296"], &["true"]), FAILED.into(), "")?;
    let ran = world.run(&["user=app"], &["id"]);
    if world.mode == Isolation::Single {
        return ensure(ran.err.contains("subordinate"), format!("single: {ran:?}"));
    }
    expect("by name", &ran, 0, "uid=1000(app) gid=1001(app) groups=44(extra),1001(app)\n")?;
    let ran = world.run(&["user=app:extra"], &["id"]);
    expect("with a group", &ran, 0, "uid=1000(app) gid=44(extra) groups=44(extra)\n")?;
    expect("a number", &world.run(&["user=77"], &["id"]), 0, "uid=77 gid=0 groups=0\n")?;
    let script = ["sh", "-c", "stat -c %u:%g . .. /own"];
    let ran = world.run(&["user=app", "cwd=/own/new/dir"], &script);
    expect("its directory", &ran, 0, "1000:1001\n1000:1001\n1000:1001\n")?;
    let ran =
        world.run(&["user=app", "cwd=/home"], &["sh", "-c", "cat /proc/self/uid_map >/dev/null && id -u"]);
    expect("after the switch", &ran, 0, "1000\n")
}

fn small_things(world: &World) -> Verdict {
    expect("host name", &world.run(&[], &["hostname"]), 0, "buildkitsandbox\n")?;
    expect("umask", &world.sh(&[], "umask"), 0, "0022\n")?;
    let size = "df -k /dev/shm | { read -r x; read -r x total y; echo $total; }";
    expect("shm", &world.sh(&[], size), 0, "65536\n")?;
    expect("small shm", &world.sh(&["shm=1048576"], size), 0, "1024\n")?;
    expect("processes", &world.sh(&[], "echo $$"), 0, "2\n")
}

fn etc_files(world: &World) -> Verdict {
    let ran =
        world.sh(&["host=db:10.0.0.9"], "cat /etc/hosts; (echo x >>/etc/hosts) 2>/dev/null || echo refused");
    let hosts =
        "127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.9\tdb\n";
    expect("hosts", &ran, 0, &format!("{hosts}refused\n"))?;
    let ran = world.sh(&[], "cat /etc/resolv.conf; (echo x >/etc/resolv.conf) 2>/dev/null || echo refused");
    ensure(ran.out.ends_with("refused\n"), format!("resolv.conf: {ran:?}"))?;
    upper_is_empty(world)
}

fn writable_etc_files(world: &World) -> Verdict {
    let script = "echo 10.0.0.9 db >>/etc/hosts; echo search x >/etc/resolv.conf; tail -n1 /etc/hosts; cat /etc/resolv.conf";
    expect("writing", &world.sh(&["writable-etc"], script), 0, "10.0.0.9 db\nsearch x\n")?;
    upper_is_empty(world)
}

fn no_network(world: &World) -> Verdict {
    let script = "while read -r name x; do case $name in *:) echo $name;; esac; done </proc/net/dev | grep -v '^\\(sit\\|tunl\\|ip6\\|gre\\|erspan\\)'";
    expect("interfaces", &world.sh(&["network=none"], script), 0, "lo:\n")?;
    // IFF_UP
    let ran = world.sh(&["network=none"], "cat /sys/class/net/lo/flags");
    expect("loopback", &ran, 0, "0x9\n")
}

fn limits(world: &World) -> Verdict {
    expect("lowered", &world.sh(&["nofile=99"], "ulimit -n; ulimit -Hn"), 0, "99\n99\n")?;
    let ran = world.sh(&["nofile=4000000000"], "echo ran");
    expect("raised", &ran, 0, "ran\n")
}

fn cgroups(world: &World) -> Verdict {
    let refused = world.run(&["memory=30000000"], &["true"]);
    if refused.status == i32::from(FAILED) {
        // Nothing is delegated to users here, so they must be told.
        let told = refused.err.contains("--memory can't be held to") && refused.err.contains("delegated");
        return ensure(world.mode != Isolation::Root && told, format!("{refused:?}"));
    }
    expect("enough memory", &refused, 0, "")?;
    let hungry = world.sh(&["memory=30000000"], "head -c 100m /dev/zero | tail -c 100m | wc -c; exit 3");
    ensure(hungry.out.ends_with("out of memory\n"), format!("too little memory: {hungry:?}"))?;
    expect("memory that is not used up", &world.sh(&["memory=30000000"], "exit 3"), 3, "")?;
    let many = world.sh(&["pids=6"], "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo started");
    ensure(many.status != 0 && !many.out.contains("started"), format!("processes: {many:?}"))?;
    expect("few processes", &world.sh(&["pids=6"], "sleep 0 & sleep 0 & wait; echo done"), 0, "done\n")?;
    let script = "i=0; while [ $i -lt 1000000 ]; do i=$((i + 1)); done & sleep 1; cat /proc/$!/stat | cut -d ' ' -f 14";
    let ticks = world.sh(&["cpu=10000"], script).out.trim().parse::<u32>().unwrap_or(u32::MAX);
    ensure(ticks < 50, format!("a tenth of a processor: {ticks} ticks of a second's 100"))?;
    let left = std::process::Command::new("find").args(["/sys/fs/cgroup", "-name", "stagepipe-*"]).output();
    let left = left.map(|found| String::from_utf8_lossy(&found.stdout).into_owned()).unwrap_or_default();
    ensure(left.is_empty(), format!("left: {left}"))
}

fn timeouts(world: &World) -> Verdict {
    expect("in time", &world.sh(&["timeout=60000"], "echo done"), 0, "done\n")?;
    expect("a sleep", &world.sh(&["timeout=300"], "echo before; sleep 100; echo after"), 124, "before\n")?;
    expect(
        "an orderly end",
        &world.sh(&["timeout=300"], "trap 'echo end; exit 0' TERM; sleep 100 & wait"),
        124,
        "end\n",
    )?;
    let stopped = world.sh(&["timeout=300", "grace=0"], "trap '' TERM; kill -STOP $$; echo after");
    expect("what does not listen", &stopped, 124, "")
}

fn mounts(world: &World) -> Verdict {
    let options = ["tmpfs=/cache", "secret=/run/secrets/s", "bind=/src", "bindrw=/cache/below"];
    let script = "cat /run/secrets/s /src/file /cache/below/file; stat -c %a.%u /run/secrets/s /cache
        echo x >/cache/x && (echo x >/src/x) 2>/dev/null || echo refused; echo y >/cache/below/made";
    let out = "hushshared\nshared\n400.0\n1777.0\nrefused\n";
    expect("mounts", &world.sh(&options, script), 0, out)?;
    ensure(world.path("shared/made").exists(), "what was written to a bind is not there")?;
    upper_is_empty(world)?;
    let ran =
        world.sh(&["umask=63", "tmpfs=/new/dir/cache"], "stat -c %a /new /new/dir /dev/null /dev/shm/..");
    expect("modes of what is missing, whatever the caller's umask", &ran, 0, "755\n755\n666\n755\n")?;
    symlink("/data", world.path("image/var")).map_err(|error| error.to_string())?;
    let ran = world.run(&["secret=/var/s"], &["cat", "/data/s"]);
    expect("through a link of the image", &ran, 0, "hush")?;
    let ran = world.run(&["tmpfs=/"], &["true"]);
    expect("on the root", &ran, FAILED.into(), "")
}

fn host_mounts(world: &World) -> Verdict {
    let script = "cat /ro/file /rw/file; (echo x >/ro/x) 2>/dev/null || echo refused; echo y >/rw/made
        grep -c ' /r[ow] .*nosuid,nodev' /proc/self/mountinfo";
    let out = "shared\nshared\nrefused\n2\n";
    expect("mounts of the host", &world.sh(&["hostro=/ro", "hostrw=/rw"], script), 0, out)?;
    ensure(world.path("shared/made").exists(), "what was written is not there")?;
    // No link of the image leads out of it, nor to where masks are.
    symlink("/proc", world.path("image/kernel")).map_err(|error| error.to_string())?;
    for target in ["/kernel", "/proc/1", "/dev", "/x/../proc"] {
        let ran = world.run(&[&format!("hostro={target}")], &["true"]);
        expect(target, &ran, FAILED.into(), "")?;
        ensure(ran.err.contains("nothing can be mounted on /dev"), format!("{target}: {ran:?}"))?;
    }
    let outside = world.path("outside");
    std::fs::create_dir(&outside).map_err(|error| error.to_string())?;
    symlink(&outside, world.path("image/out")).map_err(|error| error.to_string())?;
    expect("through a link", &world.run(&["hostrw=/out/at"], &["true"]), 0, "")?;
    ensure(!outside.join("at").exists(), "a target was made outside of the image")
}

fn readonly_tree(world: &World) -> Verdict {
    let script = "pwd; for dir in / /etc /new /proc/sys/kernel; do (: >$dir/x) 2>/dev/null && echo $dir; done
        for dir in /t /rw /dev/shm; do : >$dir/x || echo $dir; done";
    let ran = world.sh(&["readonly", "tmpfs=/t", "hostrw=/rw", "cwd=/new"], script);
    expect("a tree that can't be written", &ran, 0, "/new\n")
}

fn hostile_links(world: &World) -> Verdict {
    let link =
        |to: &Path, at: &str| symlink(to, world.path("image").join(at)).map_err(|error| error.to_string());
    let canary = world.path("shared/file");
    let escape = Path::new("../../../../../../../../..").join(canary.strip_prefix("/").unwrap_or(&canary));
    link(&escape, "etc/resolv.conf")?;
    link(&canary, "etc/hosts")?;
    let ran = world.sh(
        &["tmpfs=/out"],
        "(echo bad >/etc/resolv.conf; echo bad >/etc/hosts) 2>/dev/null; cat /etc/hosts",
    );
    ensure(ran.out.contains("localhost"), format!("hosts: {ran:?}"))?;
    let same = std::fs::read_to_string(&canary).is_ok_and(|text| text == "shared\n");
    ensure(same, "the host's file was written")?;
    for name in ["dev", "proc", "sys"] {
        link(&world.path("shared"), name)?;
        let ran = world.run(&[], &["true"]);
        ensure(ran.status == i32::from(FAILED), format!("/{name} is a link: {ran:?}"))?;
        std::fs::remove_file(world.path("image").join(name)).map_err(|error| error.to_string())?;
    }
    let count = std::fs::read_dir(world.path("shared")).map_err(|error| error.to_string())?.count();
    ensure(count == 1, "something was made beside the image")
}

fn bare_image(world: &World) -> Verdict {
    for name in ["etc", "home", "tmp"] {
        std::fs::remove_dir_all(world.path("image").join(name)).map_err(|error| error.to_string())?;
    }
    expect("no etc", &world.sh(&[], "cat /etc/hosts | grep -c localhost; id -u"), 0, "2\n0\n")?;
    upper_is_empty(world)
}

fn terminal(world: &World) -> Verdict {
    let ran = world
        .sh(&["terminal"], "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; (: </dev/tty) && echo ctty");
    expect("terminal", &ran, 0, "/dev/pts/0\r\nall\r\nctty\r\n")
}

fn fall_to_single(world: &World) -> Verdict {
    if world.mode != Isolation::Subuid || world.who.is_none() {
        return Ok(());
    }
    let run = |mode: &str| -> Result<Ran, String> {
        let inner = world.command(&[], &["cat", "/proc/self/uid_map"]);
        // setuid programs get nothing any more.
        let mut command = std::process::Command::new("setpriv");
        command.arg("--no-new-privs").arg(inner.get_program());
        command.args(inner.get_args().map(|word| if word == "subuid" { mode.as_ref() } else { word }));
        command.output().map(Ran::from).map_err(|error| error.to_string())
    };
    let ran = run("auto")?;
    let map: Vec<_> = ran.out.split_whitespace().collect();
    ensure(matches!(map[..], ["0", _, "1"]), format!("auto: {ran:?}"))?;
    let ran = run("subuid")?;
    ensure(ran.status == i32::from(FAILED) && ran.err.contains("usermod"), format!("subuid: {ran:?}"))
}
