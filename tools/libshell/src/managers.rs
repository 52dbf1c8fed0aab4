//! Package managers and build tools: their programs, the files that they keep for their next run, and how to avoid or
//! remove these.

/// A package manager, or a tool that keeps the files that it fetches or makes.
#[derive(Debug, PartialEq)]
pub struct Manager {
    /// Its name in messages.
    pub name: &'static str,
    /// The commands that fill or read its caches.
    pub commands: &'static [&'static str],
    /// Directories of files that can be fetched again. A path with a leading slash starts at the root; others can be
    /// anywhere, usually in a home.
    pub caches: &'static [&'static str],
    /// The directories of package lists.
    pub lists: &'static [&'static str],
    /// Whether two builds must not use the directories at the same time.
    pub locked: bool,
    /// How it empties its directories.
    pub emptying: &'static [Emptying],
    /// How it installs in a RUN, if known.
    pub installing: Option<Installing>,
}

/// How a tool empties its caches.
#[derive(Debug, PartialEq)]
pub struct Emptying {
    /// The programs that empty the caches.
    pub programs: &'static [&'static str],
    /// The command, and words that must follow it.
    pub words: &'static [&'static str],
    /// The end of the path of the directory that is emptied. If empty, all directories of the tool are.
    pub dir: &'static str,
}

/// How packages are installed, and which files that leaves in a layer.
#[derive(Debug, PartialEq)]
pub struct Installing {
    /// The programs that install.
    pub programs: &'static [&'static str],
    /// The words that install.
    pub install: &'static [&'static str],
    /// The words that replace installed packages.
    pub replace: &'static [&'static str],
    /// The words that remove packages. Empty for a manager of one language's libraries.
    pub remove: &'static [&'static str],
    /// The words that leave files.
    pub leave: &'static [&'static str],
    /// The words for the files that are left.
    pub left: &'static str,
    /// The option with which no files are left.
    pub option: &'static str,
    /// The variable with the same effect as the option.
    pub variable: Option<&'static str>,
    /// Texts in a RUN that show that it removes the files.
    pub cares: &'static [&'static str],
    /// A path below which such a text counts too.
    pub below: Option<&'static str>,
    /// How to leave no files.
    pub remedy: Remedy,
}

/// How an installation leaves no files.
#[derive(Debug, PartialEq)]
pub enum Remedy {
    /// With its option.
    Option,
    /// With a command at the end of the RUN, or with a cache mount on the directory, if there is one.
    Removal(&'static str, Option<&'static str>),
}

const APT: &[&str] = &["apt-get", "apt"];
const DNF: &[&str] = &["dnf", "microdnf", "yum", "dnf5"];
const CCACHE: &[&str] = &["ccache", "make", "cmake", "ninja"];
const DNF_INSTALLING: Installing = Installing {
    programs: &[],
    install: &["install"],
    replace: &["update", "upgrade"],
    remove: &["remove", "autoremove", "erase"],
    leave: &["install", "update", "upgrade"],
    left: "package lists and cache",
    option: "",
    variable: None,
    cares: &["clean all"],
    below: Some("/var/cache"),
    remedy: Remedy::Removal("", None),
};

const fn emptying(
    programs: &'static [&'static str],
    words: &'static [&'static str],
    dir: &'static str,
) -> Emptying {
    Emptying { programs, words, dir }
}

const fn tool(
    name: &'static str,
    commands: &'static [&'static str],
    caches: &'static [&'static str],
    emptying: &'static [Emptying],
) -> Manager {
    Manager { name, commands, caches, lists: &[], locked: false, emptying, installing: None }
}

/// All known managers.
pub const MANAGERS: &[Manager] = &[
    Manager {
        lists: &["/var/lib/apt/lists"],
        locked: true,
        installing: Some(Installing {
            programs: APT,
            install: &["install"],
            replace: &[],
            remove: &["purge", "remove", "autoremove"],
            leave: &["update"],
            left: "package lists",
            option: "",
            variable: None,
            cares: &["distclean"],
            below: Some("/var/lib/apt"),
            remedy: Remedy::Removal("rm -rf /var/lib/apt/lists/*", None),
        }),
        ..tool(
            "apt",
            &["apt-get", "apt", "aptitude"],
            &["/var/cache/apt"],
            &[
                emptying(APT, &["clean"], "/var/cache/apt"),
                emptying(APT, &["autoclean"], "/var/cache/apt"),
                emptying(APT, &["distclean"], "/var/lib/apt/lists"),
            ],
        )
    },
    Manager {
        locked: true,
        installing: Some(Installing {
            programs: &["apk"],
            install: &["add"],
            replace: &[],
            remove: &["del"],
            leave: &["add"],
            left: "package lists",
            option: "--no-cache",
            variable: None,
            cares: &[],
            below: Some("/var/cache/apk"),
            remedy: Remedy::Option,
        }),
        ..tool("apk", &["apk"], &["/var/cache/apk", "/etc/apk/cache"], &[])
    },
    Manager {
        locked: true,
        installing: Some(Installing {
            programs: &["dnf"],
            remedy: Remedy::Removal("dnf clean all", None),
            ..DNF_INSTALLING
        }),
        ..tool(
            "dnf",
            DNF,
            &["/var/cache/dnf", "/var/cache/libdnf5"],
            &[emptying(&["dnf", "microdnf", "yum"], &["clean"], "")],
        )
    },
    Manager {
        installing: Some(Installing {
            programs: &["microdnf"],
            remedy: Remedy::Removal("microdnf clean all", None),
            ..DNF_INSTALLING
        }),
        ..tool("microdnf", DNF, &[], &[])
    },
    Manager {
        locked: true,
        installing: Some(Installing {
            programs: &["yum"],
            remedy: Remedy::Removal("yum clean all", None),
            ..DNF_INSTALLING
        }),
        ..tool("yum", DNF, &["/var/cache/yum"], &[])
    },
    Manager {
        locked: true,
        ..tool("zypper", &["zypper"], &["/var/cache/zypp"], &[emptying(&["zypper"], &["clean"], "")])
    },
    Manager { locked: true, ..tool("pacman", &["pacman"], &["/var/cache/pacman/pkg"], &[]) },
    Manager {
        installing: Some(Installing {
            programs: &["pip", "pip3"],
            install: &["install"],
            replace: &[],
            remove: &[],
            leave: &["install"],
            left: "downloads",
            option: "--no-cache-dir",
            variable: Some("PIP_NO_CACHE_DIR"),
            cares: &["cache purge", ".cache"],
            below: None,
            remedy: Remedy::Option,
        }),
        ..tool(
            "pip",
            &["pip", "pip3", "python", "python3"],
            &[".cache/pip"],
            &[emptying(&["pip", "pip3"], &["cache", "purge"], "")],
        )
    },
    tool("uv", &["uv", "uvx"], &[".cache/uv"], &[emptying(&["uv"], &["cache", "clean"], "")]),
    tool("poetry", &["poetry"], &[".cache/pypoetry"], &[emptying(&["poetry"], &["cache", "clear"], "")]),
    Manager {
        installing: Some(Installing {
            programs: &["npm"],
            install: &["install", "ci", "i"],
            replace: &[],
            remove: &[],
            leave: &["install", "ci", "i"],
            left: "downloads",
            option: "--cache",
            variable: Some("NPM_CONFIG_CACHE"),
            cares: &["npm cache clean", "/.npm"],
            below: None,
            remedy: Remedy::Removal("npm cache clean --force", Some("/root/.npm")),
        }),
        ..tool("npm", &["npm", "npx"], &[".npm/_cacache"], &[emptying(&["npm"], &["cache", "clean"], "")])
    },
    tool(
        "yarn",
        &["yarn"],
        &[".cache/yarn", "/usr/local/share/.cache/yarn", ".yarn/berry/cache"],
        &[emptying(&["yarn"], &["cache", "clean"], "")],
    ),
    tool(
        "cargo",
        &["cargo"],
        &[".cargo/registry", ".cargo/git", "/usr/local/cargo/registry", "/usr/local/cargo/git"],
        &[],
    ),
    tool(
        "go",
        &["go", "make"],
        &["go/pkg/mod", ".cache/go-build"],
        &[
            emptying(&["go"], &["clean", "-modcache"], "/pkg/mod"),
            emptying(&["go"], &["clean", "-cache"], "/go-build"),
        ],
    ),
    tool("maven", &["mvn", "./mvnw", "mvnw"], &[".m2/repository"], &[]),
    tool("gradle", &["gradle", "./gradlew", "gradlew"], &[".gradle/caches"], &[]),
    tool(
        "composer",
        &["composer", "composer.phar"],
        &[".composer/cache", ".cache/composer"],
        &[emptying(&["composer"], &["clear-cache"], "")],
    ),
    tool("ccache", CCACHE, &[".ccache", ".cache/ccache"], &[]),
    Manager {
        locked: true,
        ..tool(
            "conda",
            &["conda", "mamba"],
            &["/opt/conda/pkgs"],
            &[emptying(&["conda", "mamba"], &["clean"], "")],
        )
    },
];
