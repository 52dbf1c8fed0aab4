//! Package managers and build tools: as which programs they are run, what they keep for their next run, and how that is
//! avoided or removed.

/// A package manager, or a tool that keeps what it fetches or makes.
#[derive(Debug, PartialEq)]
pub struct Manager {
    /// Its name in messages.
    pub name: &'static str,
    /// The commands that fill or read its caches.
    pub commands: &'static [&'static str],
    /// Directories of what can be fetched again: from the root when it begins with a slash, else anywhere, mostly in a home.
    pub caches: &'static [&'static str],
    /// The directories of package lists.
    pub lists: &'static [&'static str],
    /// Whether two builds must not use the directories at once.
    pub locked: bool,
    /// How it empties a directory of its own.
    pub emptying: &'static [Emptying],
    /// Its installing in a RUN, if that is known.
    pub installing: Option<Installing>,
}

/// How a tool empties its caches.
#[derive(Debug, PartialEq)]
pub struct Emptying {
    /// The programs that can.
    pub programs: &'static [&'static str],
    /// The command, and words that must follow it.
    pub words: &'static [&'static str],
    /// How the directory ends that is emptied; all of the tool's if this is empty.
    pub dir: &'static str,
}

/// How packages are installed, and what that leaves in a layer.
#[derive(Debug, PartialEq)]
pub struct Installing {
    /// The programs that install.
    pub programs: &'static [&'static str],
    /// The words that install.
    pub install: &'static [&'static str],
    /// The words that replace packages which are there.
    pub replace: &'static [&'static str],
    /// The words that remove packages; none for a manager of one language's libraries.
    pub remove: &'static [&'static str],
    /// The words that leave something.
    pub leave: &'static [&'static str],
    /// The words for the files that are left.
    pub left: &'static str,
    /// The option with which no files are left.
    pub option: &'static str,
    /// The variable that does as the option does.
    pub variable: Option<&'static str>,
    /// Texts of a RUN that show that it cares for what is left.
    pub cares: &'static [&'static str],
    /// Below this path, it does so too.
    pub below: Option<&'static str>,
    /// How nothing is left.
    pub remedy: Remedy,
}

/// How an installation leaves nothing.
#[derive(Debug, PartialEq)]
pub enum Remedy {
    /// By its option.
    Option,
    /// By a command at the end of the RUN, or, if there is such a directory, by a cache mount.
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

/// All that are known.
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
