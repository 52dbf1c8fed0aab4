//! Options of docker, perhaps also of podman, that image-build does not obey. They are those of `docker buildx build`,
//! even hidden ones, and those of docker's first builder.

use crate::foreign::Of::{Both, Docker};
use crate::foreign::{Foreign, Idle, but, idle, letter, off, off_by_value, on, refused};
use crate::table::Takes;

const NO_LIMITS: &str = "a RUN has limits of memory, time and processes only";
const OWN_LIMITS: &str = "start image-build below them, by systemd-run --scope or in a cgroup";
const NO_ATTESTATION: &str = "no attestation is made";
const LEAVE_OUT: &str = "leave it out";

/// The options.
pub const ROWS: &[Foreign] = &[
    refused(
        Both,
        "--annotation=KEY=VALUE",
        "an image gets no annotations",
        "write --label KEY=VALUE, which goes into its config",
    ),
    but(
        Idle {
            written: "--attest=type=provenance,disabled=true",
            takes: Takes::Values("SPEC"),
            when: |value| value.split(',').any(|word| word == "disabled=true"),
        },
        refused(Docker, "--attest=type=sbom", NO_ATTESTATION, LEAVE_OUT),
    ),
    refused(Docker, "--builder=NAME", "there is no builder to choose", LEAVE_OUT),
    refused(
        Both,
        "--cache-from=type=registry,ref=HOST/NAME",
        "the store is the cache",
        "keep its directory from one build to the next",
    ),
    refused(
        Both,
        "--cache-to=type=local,dest=DIR",
        "the store is the cache",
        "keep its directory from one build to the next",
    ),
    refused(
        Both,
        "--cgroup-parent=PATH",
        "a RUN is in the cgroup of image-build",
        "start image-build in the one that is wanted",
    ),
    idle(Both, "--compress", "no context is sent to a daemon"),
    letter('c', refused(Both, "--cpu-shares=512", NO_LIMITS, OWN_LIMITS)),
    refused(Both, "--cpuset-cpus=0,1", NO_LIMITS, "start image-build by taskset -c"),
    refused(Both, "--cpuset-mems=0", NO_LIMITS, "start image-build by numactl --membind"),
    letter(
        'D',
        but(
            off("--debug=false"),
            refused(
                Docker,
                "--debug",
                "there is no daemon with a log",
                "--explain, --shell-on-fail and --trace tell more of a build",
            ),
        ),
    ),
    but(
        on("--disable-content-trust"),
        refused(
            Both,
            "--disable-content-trust=false",
            "no image's signature is verified",
            "name images by digest, or write --locked",
        ),
    ),
    idle(Both, "--force-rm", "no container is left of a step"),
    refused(Both, "--memory-swap=4g", NO_LIMITS, OWN_LIMITS),
    refused(
        Docker,
        "--policy=filename=FILE",
        "no policy is asked about sources",
        "--locked holds them to what FILE.lock says",
    ),
    refused(Docker, "--print=outline", "it has another name", "write --call=outline"),
    but(
        off_by_value("--provenance=false"),
        refused(Docker, "--provenance=mode=max", NO_ATTESTATION, "write --provenance=false, or leave it out"),
    ),
    refused(
        Docker,
        "--resource=memory=2g",
        "each limit is an option of its own",
        "write --memory, --cpus or --pids-limit",
    ),
    idle(Both, "--rm", "no container is left of a step"),
    but(
        off_by_value("--sbom=false"),
        refused(Both, "--sbom=true", NO_ATTESTATION, "write --sbom=false, or leave it out"),
    ),
    refused(
        Both,
        "--security-opt=seccomp=unconfined",
        "the sandbox of RUN has no options",
        "write RUN --security=insecure, and --allow security.insecure",
    ),
    but(
        off("--squash=false"),
        refused(
            Both,
            "--squash",
            "each instruction has a layer of its own",
            "image-report --what-if squash says what a single one would save",
        ),
    ),
];
