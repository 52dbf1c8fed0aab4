#!/bin/sh
# A fresh machine: quickstart and test say first, in a line, what is missing, or install it; a plain chroot is named.
# With STAGEPIPE_FRESH=1 quickstart is run in a Debian 12 of mmdebstrap's smallest, with this machine's Rust.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

# A checkout's scripts, with little more in PATH than a shell needs.
mkdir -p checkout/scripts bin user root
cp "$top/scripts/quickstart" "$top/scripts/test" "$top/scripts/requirements" checkout/scripts/
cp "$top/rust-toolchain.toml" checkout/
for tool in sh awk cat cut dirname fold grep head ldd ln mkdir sed sort tr; do ln -s "$(command -v $tool)" bin/; done
# stand_in DIR/PROGRAM TEXT: a program of that text, also where a link to one is
stand_in() { rm -f "$1" && printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1"; }
stand_in user/id 'echo 1000'
stand_in root/id 'echo 0'
# apt-get installs what quickstart needs, all but one package
# shellcheck disable=SC2016 # the stand-in's
stand_in root/apt-get 'echo "$*" >>"$LOG"
for package; do
    case $package in "$LACKS" | -* | install | update) continue ;; gcc) package=cc ;; uidmap) package=newuidmap ;; esac
    ln -sf /bin/true "$BIN/$package"
done'
as() { # user|root SCRIPT [ARGUMENT]...: on the fresh machine; what is said goes to ./said
    who=$1 script=$2
    shift 2
    env -i HOME="$work/home" PATH="$work/$who:$work/bin" LOG="$work/log" BIN="$work/bin" LACKS="${lacks-}" \
        "$work/checkout/scripts/$script" "$@" >said 2>&1 </dev/null
}
contains() { grep -qF -e "$1" said; }

as user requirements build
is "what is missing is an error" $? 1
is "and one line" "$(wc -l <said)" 1
ok "that names it, and what installs it" grep -q 'missing: .*jq, make.*; as root: apt-get install.* jq make' said
no_match -q skopeo said
result $? "and nothing that only tests need" said

lacks=jq
as root requirements build
is "what apt-get does not bring is an error too" $? 1
ok "that names it alone" grep -qx 'requirements: missing: jq; as root: apt-get install jq' said
lacks=
ok "what it brings is enough" as root requirements build
: >log
ok "and is not installed again" as root requirements build
[ ! -s log ]
result $? "nor asked for" log

as user test
is "test without cargo is an error" $? 1
ok "which says what installs it" contains 'scripts/quickstart'
: >log
stand_in bin/cargo 'echo "$*" >>"$LOG"; case $1 in --version) echo "cargo 1.95.0 (x)" ;; esac'
as user test
is "test is an error where a judge is missing" $? 1
is "it is one line" "$(wc -l <said)" 1
ok "which names it" contains skopeo
[ ! -s log ]
result $? "nothing has run before" log
as user test --without shellcheck,busybox
is "busybox can't be done without" "$? $(cat said)" \
    "2 requirements: --without: nothing can be done without busybox, or nobody needs it; see --help"

# quickstart
: >log
rm bin/cargo
stand_in bin/curl 'while [ "$1" != -o ]; do shift; done; echo "echo \"\$@\" >>\"\$LOG\"" >"$2"'
as user quickstart
ok "quickstart without cargo says so" grep -qx 'cargo is missing' said
ok "and has rustup's installer bring the one of rust-toolchain.toml" grep -q -e "--default-toolchain $(sed -n 's/^channel = "\(.*\)"/\1/p' "$top/rust-toolchain.toml")\$" log
stand_in bin/cargo 'echo cargo 1.63.0'
as user quickstart
ok "nor is Debian's old one enough" contains 'cargo 1.63.0 is older than'

# quickstart's base, with stand-ins for what compiles and for base-debian, and a small example
if have python3 jq make newuidmap mmdebstrap busybox && "$top/tests/busybox-layout" busybox; then
    mkdir -p quick/bin quick/tests/dockerfiles/hello-multistage quick/home/.config/containers hub/library/debian
    cp -R "$top/scripts" quick/ && cp "$top/rust-toolchain.toml" quick/
    stand_in quick/bin/cargo "case \$1 in --version) echo cargo $(sed -n 's/^channel = "\(.*\)"/\1/p' "$top/rust-toolchain.toml") ;; esac"
    stand_in quick/bin/rustc 'echo host: none'
    stand_in quick/bin/base-debian 'echo made >>"$HOME/made" && image-load --tag made "$HOME/busybox" >/dev/null && echo made'
    printf 'ARG BASE\nFROM $BASE\nCMD ["/bin/echo", "it runs"]\n' |
        tee quick/tests/dockerfiles/hello-multistage/Dockerfile >quick/tests/dockerfiles/hello-multistage/Dockerfile.single
    cp -R busybox quick/home && cp -R busybox/. hub/library/debian
    jq '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "12"' busybox/index.json >hub/library/debian/index.json
    fake_registry hub
    # quick LOCATION: quickstart, with docker.io at LOCATION
    quick() {
        printf '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "%s"\n' "$1" >quick/home/.config/containers/registries.conf
        : >hub.log && env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME -u DOCKER_CONFIG -u REGISTRY_AUTH_FILE HOME="$work/quick/home" \
            STAGEPIPE_STORE="$work/quick/store" HTTPS_PROXY=http://127.0.0.1:1 PATH="$work/quick/bin:$PATH" quick/scripts/quickstart >said 2>&1 </dev/null
    }
    ok "where docker.io can be asked, quickstart builds" quick "$fake"
    ok "on the base that it pulls" contains 'docker.io/library/debian:12'
    ok "whose layers came from there" grep -q '^http GET /v2/library/debian/blobs/' hub.log
    ok "the image runs" contains 'it runs'
    ok "and a base was not made" [ ! -e quick/home/made ]
    ok "it builds again" quick 127.0.0.1:1
    ok "on what is there" contains 'docker.io/library/debian:12'
    rm -rf quick/store
    ok "where it can't be asked, it builds" quick 127.0.0.1:1
    ok "on a base that it makes" grep -qx made quick/home/made
    ok "as it says" contains "docker.io can't be asked; making one of Debian packages"
else
    skip "quickstart pulls its base or makes it" "python3, jq, make, newuidmap, mmdebstrap or busybox is missing"
fi

# A chroot of a plain directory
if [ "$(id -u)" = 0 ]; then
    mkdir -p plain/proc
    program=$(command -v image-run)
    cp "$program" plain/
    for file in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do mkdir -p "plain${file%/*}" && cp "$file" "plain$file"; done
    unshare --mount sh -c 'mount -t proc proc plain/proc && chroot plain /image-run x' >said 2>&1 </dev/null
    ok "in a chroot of a plain directory the root is said to be no mount point" contains 'the root directory is not a mount point'
    ok "with the command that makes it one" contains 'mount --bind DIR DIR'
else
    skip "a chroot of a plain directory" "needs root"
fi

# base-debian, with a stand-in for mmdebstrap
mkdir tree
# shellcheck disable=SC2016 # the stand-in's
stand_in bin/mmdebstrap 'for file; do case $file in *.tar) tar -cf "$file" -C "$TREE" .;; esac; done'
echo 'here' >tree/file
ok "base-debian makes a base" env TREE="$work/tree" PATH="$work/bin:$PATH" base-debian --mirror http://localhost/
image-save --format tar localhost/debian-bookworm-minbase | tar -xf - -C tree
is "of one layer" "$(image-report --json localhost/debian-bookworm-minbase | jq '.layers | length')" 1
is "in which apt is set as in docker's images" "$(cd tree/etc && ls -d -- apt/apt.conf.d/* dpkg/dpkg.cfg.d/*)" \
    "$(printf '%s\n' apt/apt.conf.d/docker-autoremove-suggests apt/apt.conf.d/docker-clean apt/apt.conf.d/docker-gzip-indexes \
        apt/apt.conf.d/docker-no-languages dpkg/dpkg.cfg.d/docker-apt-speedup)"
status_is "and no service is started" 101 tree/usr/sbin/policy-rc.d
if have apt-config; then
    echo 'Dir::Etc::parts "/nonexistent"; Dir::Etc::main "/nonexistent";' | cat - tree/etc/apt/apt.conf.d/docker-* >conf # not this machine's
    APT_CONFIG=conf apt-config dump >said 2>/dev/null
    for setting in 'Dir::Cache::pkgcache "";' 'Acquire::GzipIndexes "true";' 'Acquire::Languages:: "none";' 'APT::AutoRemove::SuggestsImportant "false";'; do
        ok "apt takes $setting" grep -qix "$setting" said
    done
else
    skip "apt takes the settings" "apt-config is missing"
fi

# fresh COMMAND...: in the checkout, on a fresh Debian 12 with this machine's Rust
fresh() {
    unshare --mount --propagation private sh -eu -c '
        root=$1 && shift
        mount --bind "$root" "$root"
        for home in .cargo .rustup; do
            mkdir -p "$root/root/$home" "$root/over/$home/up" "$root/over/$home/work"
            mount -t overlay overlay -o "lowerdir=$HOME/$home,upperdir=$root/over/$home/up,workdir=$root/over/$home/work" \
                "$root/root/$home"
        done
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys"
        cp /etc/resolv.conf "$root/etc/"
        exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            RUSTUP_AUTO_INSTALL="${RUSTUP_AUTO_INSTALL-1}" sh -c "cd /root/stagepipe && $1"' - "$work/debian" "$1" </dev/null
}
if [ -z "${STAGEPIPE_FRESH-}" ]; then
    skip "quickstart and test on a fresh Debian 12" "takes half an hour; STAGEPIPE_FRESH=1 runs it"
else
    ok "there is a fresh Debian 12" mmdebstrap --quiet --variant=minbase bookworm debian
    ok "with a clone" git clone -q "$top" debian/root/stagepipe
    ok "quickstart is all it needs" fresh 'scripts/quickstart >quickstart.log 2>&1 || { tail -n 30 quickstart.log; exit 1; }'
    ok "the line that it ends with puts the tools into PATH" fresh 'eval "$(tail -n 1 quickstart.log)" && image-run hello:multi'
    ok "and test finds or installs the rest" fresh 'scripts/requirements test && scripts/requirements test'
fi
finish
