//! Options that only `podman build` or `buildah build` has, and that image-build does not obey.

use crate::foreign::Of::Podman;
use crate::foreign::{Foreign, Idle, but, letter, off, on, refused};
use crate::table::Takes;

const PLATFORM: &str = "a platform is one word";
const ALWAYS_ISOLATED: &str = "each RUN has namespaces of its own";
const ISOLATION: &str = "--isolation says how they are made";
const ONE_MAP: &str = "ids are mapped as the isolation needs it";
const NO_RUNTIME: &str = "no OCI runtime runs the steps";
const RESOLVER: &str = "RUN has this machine's resolv.conf";
const LEAVE_OUT: &str = "leave it out";
const NO_SBOM: &str = "no list of packages is made";
const EPOCH: &str = "set SOURCE_DATE_EPOCH=SECONDS in the environment";
const AS_IN_FILE: &str = "an image's config is what the Dockerfile says";

/// The options.
pub const ROWS: &[Foreign] = &[
    refused(
        Podman,
        "--all-platforms",
        "several platforms are not built at once",
        "build each with --platform OS/ARCH",
    ),
    refused(Podman, "--arch=arm64", PLATFORM, "write --platform linux/arm64"),
    refused(
        Podman,
        "--authfile=FILE",
        "logins are found as podman's",
        "set REGISTRY_AUTH_FILE=FILE in the environment",
    ),
    refused(Podman, "--build-arg-file=FILE", "arguments are read from no file", "write --build-arg for each"),
    refused(
        Podman,
        "--cache-ttl=24h",
        "a cached step does not age",
        "write --no-cache, or --no-cache-filter STAGE",
    ),
    refused(
        Podman,
        "--cap-add=NET_RAW",
        "each RUN has the same capabilities",
        "write RUN --security=insecure, and --allow security.insecure",
    ),
    refused(
        Podman,
        "--cap-drop=CHOWN",
        "each RUN has the same capabilities",
        "drop them in the RUN, by setpriv",
    ),
    refused(
        Podman,
        "--cert-dir=DIR",
        "certificates are found by the registry's name",
        "put them into /etc/containers/certs.d/HOST:PORT",
    ),
    refused(Podman, "--cgroupns=private", ALWAYS_ISOLATED, LEAVE_OUT),
    but(
        off("--compat-volumes=false"),
        refused(Podman, "--compat-volumes", "what a RUN changes in a VOLUME is kept", "undo it in the RUN"),
    ),
    refused(Podman, "--compression-format=zstd", "it has another name", "write --compression zstd"),
    refused(
        Podman,
        "--compression-level=9",
        "it is an attribute here",
        "write -o type=image,compression-level=9",
    ),
    refused(
        Podman,
        "--cpp-flag=-DNAME",
        "no Dockerfile is preprocessed",
        "pipe it: cpp -P Dockerfile.in | image-build -f - .",
    ),
    but(
        off("--created-annotation=false"),
        refused(Podman, "--created-annotation", "an image gets no annotations", LEAVE_OUT),
    ),
    refused(
        Podman,
        "--creds=USER:PASSWORD",
        "a password on a command line can be read by others",
        "log in first, by podman login or docker login",
    ),
    refused(Podman, "--cw=type=snp", "no image is encrypted", LEAVE_OUT),
    refused(Podman, "--decryption-key=KEY", "no image is decrypted", "decrypt it first, by skopeo copy"),
    refused(
        Podman,
        "--device=/dev/fuse",
        "no RUN has devices of this machine",
        "write RUN --security=insecure, and --allow security.insecure",
    ),
    but(
        off("--disable-compression=false"),
        refused(Podman, "--disable-compression", "it has another name", "write --compression none"),
    ),
    refused(Podman, "--dns=1.1.1.1", RESOLVER, "write --add-host NAME:ADDRESS, or change /etc/resolv.conf"),
    refused(Podman, "--dns-option=ndots:1", RESOLVER, "change /etc/resolv.conf"),
    refused(Podman, "--dns-search=example.org", RESOLVER, "change /etc/resolv.conf"),
    refused(Podman, "--env=NAME=VALUE", AS_IN_FILE, "write ENV there, with an ARG and --build-arg"),
    but(
        off("--force-compression=false"),
        refused(
            Podman,
            "--force-compression",
            "layers of a base stay as they are",
            "write --compression, which new layers get",
        ),
    ),
    but(
        Idle { written: "--format=oci", takes: Takes::Value("NAME"), when: |value| value == "oci" },
        refused(
            Podman,
            "--format=docker",
            "an image is an OCI image",
            "write -o type=docker,dest=FILE for an archive that docker loads",
        ),
    ),
    refused(
        Podman,
        "--from=IMAGE",
        "FROM means what it says",
        "write --build-context NAME=docker-image://IMAGE, which takes the place of NAME",
    ),
    refused(
        Podman,
        "--group-add=GROUP",
        "a RUN has the groups of its USER",
        "add the USER to them in the image",
    ),
    refused(Podman, "--hooks-dir=DIR", NO_RUNTIME, LEAVE_OUT),
    but(
        off("--http-proxy=false"),
        refused(
            Podman,
            "--http-proxy",
            "proxies of the environment are not handed to RUN",
            "write --build-arg HTTP_PROXY for each, without a value",
        ),
    ),
    but(
        off("--identity-label=false"),
        refused(Podman, "--identity-label", "no label names the builder", "add one with --label"),
    ),
    refused(
        Podman,
        "--ignorefile=FILE",
        "an ignore file is found by its name",
        "call it DOCKERFILE.dockerignore, beside the Dockerfile",
    ),
    refused(
        Podman,
        "--iidfile-raw=FILE",
        "the digest of the config is in another file",
        "write --metadata-file FILE, which has containerimage.config.digest",
    ),
    but(
        on("--inherit-annotations"),
        refused(Podman, "--inherit-annotations=false", "an image gets no annotations", LEAVE_OUT),
    ),
    but(
        on("--inherit-labels"),
        refused(
            Podman,
            "--inherit-labels=false",
            "labels of the base stay",
            "write --label NAME= to empty one",
        ),
    ),
    refused(Podman, "--ipc=host", ALWAYS_ISOLATED, ISOLATION),
    refused(Podman, "--layer-label=NAME=VALUE", "only an image has labels", "write --label"),
    but(
        on("--layers"),
        refused(
            Podman,
            "--layers=false",
            "each instruction has a layer of its own",
            "write --no-cache to run every step again",
        ),
    ),
    refused(Podman, "--logfile=FILE", "messages go to standard error", "write 2>FILE"),
    but(off("--logsplit=false"), refused(Podman, "--logsplit", "one platform is built", LEAVE_OUT)),
    refused(Podman, "--manifest=NAME", "no index of platforms is made", "write --tag NAME"),
    refused(Podman, "--mount=type=bind,src=DIR,dst=/d", "a mount is the RUN's", "write RUN --mount there"),
    refused(Podman, "--net=none", "it has another name", "write --network none"),
    but(
        off("--no-hostname=false"),
        refused(
            Podman,
            "--no-hostname",
            "each RUN has a host name",
            "--build-arg BUILDKIT_SANDBOX_HOSTNAME=NAME sets it",
        ),
    ),
    but(
        off("--no-hosts=false"),
        refused(Podman, "--no-hosts", "each RUN has its own /etc/hosts", "--add-host adds a line to it"),
    ),
    but(
        off("--omit-history=false"),
        refused(Podman, "--omit-history", "an image has its history", LEAVE_OUT),
    ),
    refused(Podman, "--os=linux", PLATFORM, "write --platform linux/amd64"),
    refused(Podman, "--os-feature=NAME", "only images for Linux are made", LEAVE_OUT),
    refused(Podman, "--os-version=NAME", "only images for Linux are made", LEAVE_OUT),
    refused(Podman, "--pid=host", ALWAYS_ISOLATED, ISOLATION),
    refused(
        Podman,
        "--retry=5",
        "a pull is tried again as image-pull does it",
        "run image-pull --max-wait SECONDS before the build",
    ),
    refused(
        Podman,
        "--retry-delay=2s",
        "a pull is tried again as image-pull does it",
        "run image-pull --max-wait SECONDS before the build",
    ),
    but(
        off("--rewrite-timestamp=false"),
        refused(
            Podman,
            "--rewrite-timestamp",
            "it is an attribute here",
            "write -o type=image,rewrite-timestamp=true",
        ),
    ),
    refused(Podman, "--runtime=crun", NO_RUNTIME, LEAVE_OUT),
    refused(Podman, "--runtime-flag=debug", NO_RUNTIME, LEAVE_OUT),
    but(
        off("--save-stages=false"),
        refused(
            Podman,
            "--save-stages",
            "a stage that is not the target is no image",
            "build it with --target STAGE; its steps are cached",
        ),
    ),
    refused(Podman, "--sbom-image-output=PATH", NO_SBOM, LEAVE_OUT),
    refused(Podman, "--sbom-image-purl-output=PATH", NO_SBOM, LEAVE_OUT),
    refused(Podman, "--sbom-merge-strategy=cat", NO_SBOM, LEAVE_OUT),
    refused(Podman, "--sbom-output=FILE", NO_SBOM, "run a scanner on what image-save --format layout writes"),
    refused(Podman, "--sbom-purl-output=FILE", NO_SBOM, LEAVE_OUT),
    refused(Podman, "--sbom-scanner-command=COMMAND", NO_SBOM, LEAVE_OUT),
    refused(Podman, "--sbom-scanner-image=IMAGE", NO_SBOM, LEAVE_OUT),
    refused(
        Podman,
        "--sign-by=FINGERPRINT",
        "no image is signed",
        "sign what was pushed, by skopeo standalone-sign or cosign",
    ),
    but(
        on("--skip-unused-stages"),
        refused(
            Podman,
            "--skip-unused-stages=false",
            "a stage that the target does not need is not built",
            "build it with --target STAGE",
        ),
    ),
    refused(Podman, "--source-date-epoch=0", "it is a variable here", EPOCH),
    refused(
        Podman,
        "--source-policy-file=FILE",
        "no policy is asked about sources",
        "--locked holds them to what FILE.lock says",
    ),
    refused(
        Podman,
        "--squash-all",
        "each instruction has a layer of its own",
        "write FROM scratch and COPY --from=STAGE / / as the last stage",
    ),
    but(
        off("--stage-labels=false"),
        refused(Podman, "--stage-labels", "only an image has labels", LEAVE_OUT),
    ),
    but(
        off("--stdin=false"),
        refused(
            Podman,
            "--stdin",
            "no RUN reads standard input",
            "write what it reads into a file, and COPY that",
        ),
    ),
    refused(Podman, "--timestamp=0", "it is a variable here", EPOCH),
    but(
        on("--tls-verify"),
        refused(Podman, "--tls-verify=false", "a registry is insecure by its name", "write --insecure HOST"),
    ),
    refused(Podman, "--unsetannotation=KEY", "an image gets no annotations", LEAVE_OUT),
    refused(Podman, "--unsetenv=NAME", AS_IN_FILE, "write ENV NAME= to empty a variable of the base"),
    refused(Podman, "--unsetlabel=NAME", AS_IN_FILE, "write --label NAME= to empty a label of the base"),
    refused(Podman, "--userns=host", ONE_MAP, ISOLATION),
    refused(Podman, "--userns-gid-map=0:1000:1", ONE_MAP, ISOLATION),
    refused(Podman, "--userns-gid-map-group=NAME", ONE_MAP, ISOLATION),
    refused(Podman, "--userns-uid-map=0:1000:1", ONE_MAP, ISOLATION),
    refused(Podman, "--userns-uid-map-user=NAME", ONE_MAP, ISOLATION),
    refused(Podman, "--uts=host", ALWAYS_ISOLATED, ISOLATION),
    refused(Podman, "--variant=v7", PLATFORM, "write --platform linux/arm/v7"),
    letter(
        'v',
        refused(
            Podman,
            "--volume=/DIR:/DIR",
            "no directory of this machine is mounted in every RUN",
            "write --build-context NAME=DIR, and RUN --mount=from=NAME,target=/DIR",
        ),
    ),
];
