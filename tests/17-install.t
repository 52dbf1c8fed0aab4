#!/bin/sh
# scripts/install: what it puts below a prefix works from there with nothing else in PATH, and --uninstall leaves nothing.
# With STAGEPIPE_FRESH=1 the package of scripts/deb is installed, upgraded and removed in a Debian 12 of mmdebstrap's smallest.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir app
printf 'FROM busybox\nRUN echo installed >/said\nCMD ["cat", "/said"]\n' >app/Dockerfile
alone() { PATH=/usr/bin:/bin "$@"; } # COMMAND...: without the tools of the checkout
install() { "$top/scripts/install" "$@"; }
# tree DIR: its files, links and directories
tree() { (cd "$1" && find . | sort); }

status_is "a prefix is no relative path" 2 install --prefix here
status_is "an option that there is not is refused" 2 install --perfix /usr
status_is "what was not installed can't be removed" 1 install --uninstall --prefix "$work/nothing"
mkdir few && ln -s "$STAGEPIPE_BIN/df-parse" few/
status_is "nothing is installed of a directory that lacks tools" 1 install --bins few --prefix "$work/few/prefix"
[ ! -e few/prefix ]
result $? "not even a directory"

mkdir -p root/opt/bin root/opt/share
echo 'of someone else' >root/opt/bin/other
tree root/opt >before
export DESTDIR="$work/root"
ok "it installs below DESTDIR" install --prefix /opt
ok "and again" install --prefix /opt
unset DESTDIR
prefix=$work/root/opt
for name in $tools image-build base-debian; do
    [ -x "$prefix/bin/$name" ] || echo "bin/$name"
done >missing
for name in $helpers; do
    [ -x "$prefix/libexec/stagepipe/$name" ] && [ ! -e "$prefix/bin/$name" ] || echo "libexec/stagepipe/$name"
done >>missing
[ ! -s missing ]
result $? "tools are in bin, helpers in libexec/stagepipe" missing
equal "the manifest is all that was put there" \
    "$(sort "$prefix/share/stagepipe/manifest")" \
    "$(cd "$prefix" && find . -mindepth 1 -type d -printf '%P/\n' -o -printf '%P\n' | grep -vx -e bin/ -e share/ -e bin/other | sort)"

want=$(image-build -q app)
same_digest "image-build by its path finds the tools" "$(alone "$prefix/bin/image-build" -q app)" "$want"
same_digest "by a relative path" "$(alone root/opt/bin/image-build -q app)" "$want"
mkdir links
ln -s ../root/opt/bin/image-build links/build
same_digest "by a relative link" "$(alone links/build -q app)" "$want"
ln -s "$prefix/bin" links/bin
same_digest "in a directory that is a link" "$(alone links/bin/image-build -q app)" "$want"
same_digest "in PATH" "$(PATH=$prefix/bin:/usr/bin:/bin image-build -q app)" "$want"
alone links/bin/image-build -n app >script
same_digest "the script of -n finds them too" "$(alone sh script)" "$want"
alone "$prefix/bin/image-build" -q -t app app >.log 2>&1
is "what is built runs" "$(alone "$prefix/bin/image-run" app 2>&1)" installed

if have man; then
    for page in "$top"/man/*.[157]; do
        name=${page##*/}
        man -M "$prefix/share/man" -w "${page##*.}" "${name%.*}" >>pages 2>.log || echo "$name"
    done >missing
    [ -s pages ] && [ ! -s missing ]
    result $? "man finds each page" missing
else
    skip "man finds each page" "man is missing"
fi

# Completions, each from where its shell looks for them
if have bash; then
    # shellcheck disable=SC2016 # bash's
    printf '%s\n' '. "$1/share/bash-completion/completions/image-build"' 'complete -p image-build' \
        'COMP_WORDS=(image-build --no-cache-f) COMP_CWORD=1' \
        'function=$(complete -p image-build | sed "s/.* -F \([^ ]*\).*/\1/")' \
        '"$function" image-build --no-cache-f image-build && echo "${COMPREPLY[@]}"' >ask
    is "bash completes an option" "$(bash ask "$prefix" 2>&1 | tail -n 1)" --no-cache-filter
else
    skip "bash completes an option" "bash is missing"
fi
if have zsh; then
    # shellcheck disable=SC2016 # zsh's
    printf '%s\n' 'fpath=("$1/share/zsh/site-functions" $fpath)' 'autoload -U compinit && compinit -u -D' \
        'print -r -- "${_comps[image-build]}"' 'autoload +X _image-build && functions _image-build | grep -c no-cache-filter' >ask
    is "zsh has the options" "$(zsh -f ask "$prefix" 2>&1 | tr '\n' ' ')" '_image-build 1 '
else
    skip "zsh has the options" "zsh is missing"
fi
if have fish; then
    is "fish completes an option" "$(HOME=$work XDG_DATA_DIRS=$prefix/share \
        fish -c 'complete -C "image-build --no-cache-f"' 2>&1 | cut -f 1)" --no-cache-filter
else
    skip "fish completes an option" "fish is missing"
fi

as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$top/scripts/install" "$@"; }
if [ "$(id -u)" = 0 ] && as_user --help >/dev/null 2>&1; then
    chmod 755 "$work"
    for asked in '' --uninstall; do
        # shellcheck disable=SC2086 # none or one
        status_is "who may not write there can't install ${asked:+with $asked}" 1 as_user --prefix "$prefix" --bins "$STAGEPIPE_BIN" $asked
        is "and is told so" "$(cat .out)" "install: $prefix: it can't be written to; run this as root, or say --prefix"
    done
    [ -x "$prefix/bin/image-build" ]
    result $? "nothing was removed"
else
    skip "who may not write there can't install" "needs root, setpriv, and a checkout that others may read"
fi

# A version before this one had a page and a tool that are gone.
echo old >"$prefix/bin/image-gone"
mkdir "$prefix/share/man/man8"
echo old >"$prefix/share/man/man8/gone.8"
printf '%s\n' bin/image-gone share/man/man8/ share/man/man8/gone.8 >>"$prefix/share/stagepipe/manifest"
ok "an older version is replaced" install --prefix "$prefix"
[ ! -e "$prefix/bin/image-gone" ] && [ ! -e "$prefix/share/man/man8" ]
result $? "and what only that had is removed"

cp "$prefix/share/stagepipe/manifest" manifest
echo ../app/Dockerfile >>"$prefix/share/stagepipe/manifest"
status_is "a manifest that leads elsewhere is refused" 3 install --uninstall --prefix "$prefix"
[ -e "$prefix/bin/image-build" ] && [ -e app/Dockerfile ]
result $? "before anything is removed"
cp manifest "$prefix/share/stagepipe/manifest"
echo mine >"$prefix/libexec/mine"
ok "--uninstall" install --uninstall --prefix "$prefix"
is "leaves what is of others" "$(tree root/opt | comm -13 before -)" "$(printf '%s\n' ./libexec ./libexec/mine)"
rm -r "$prefix/libexec"
equal "and nothing else" "$(tree root/opt)" "$(cat before)"

# A checkout in which nothing is built, and a cargo that builds at once
mkdir checkout bin
(cd "$top" && tar -cf - scripts man tools/*/src/main.rs) | tar -xf - -C checkout
built=checkout/target/$(uname -m)-unknown-linux-gnu/release
printf '%s\n' '#!/bin/sh' "echo \"\$*\" >>'$work/log' && mkdir -p '$work/${built%/*}' && ln -s '$STAGEPIPE_BIN' '$work/$built'" >bin/cargo
printf '%s\n' '#!/bin/sh' "echo host: $(uname -m)-unknown-linux-gnu" >bin/rustc
chmod +x bin/*
unbuilt() { env -u STAGEPIPE_BIN HOME="$work" PATH="$1" checkout/scripts/install --prefix "$work/made"; }
if (PATH=/usr/bin:/bin && command -v cargo) >/dev/null; then
    skip "without tools and cargo it is an error" "there is a cargo in /usr/bin"
else
    status_is "without tools and cargo it is an error" 1 unbuilt /usr/bin:/bin
    ok "which says what helps" grep -q 'scripts/quickstart' .out
fi
ok "tools that are not built are built" unbuilt "$work/bin:/usr/bin:/bin"
ok "those that are built are taken" unbuilt "$work/bin:/usr/bin:/bin"
is "by cargo static, once" "$(cat log)" static
[ -x made/bin/stage-run ]
result $? "and installed"

# The package, of stand-ins that are smaller than the tools
if have dpkg-deb; then
    mkdir small one two
    for name in $tools $helpers; do
        printf '#!/bin/sh\nexec "%s/%s" "$@"\n' "$STAGEPIPE_BIN" "$name" >"small/$name" && chmod +x "small/$name"
    done
    package=$("$top/scripts/deb" --bins small --output one 2>.log)
    result $? "deb makes a package" .log
    is "whose version is the suite's" "$(dpkg-deb -f "$package" Version)" "$(image-build --version | cut -d ' ' -f 2)"
    is "it needs no other package" "$(dpkg-deb -f "$package" Depends)" ''
    dpkg-deb -c "$package" >listed
    no_match -q -e manifest -e site-functions listed
    result $? "dpkg's list is the only one" listed
    for path in bin/image-build libexec/stagepipe/build-start share/man/man7/stagepipe.7.gz share/zsh/vendor-completions/_image-build; do
        ok "it has /usr/$path, which is root's" grep -q "root/root .* \./usr/$path\$" listed
    done
    sleep 1
    (umask 077 && TZ=Asia/Tokyo "$top/scripts/deb" --bins small --output two >.log 2>&1)
    ok "the same tools give the same bytes" cmp "$package" "two/${package##*/}"
    status_is "a directory that is not there is an error" 1 "$top/scripts/deb" --bins small --output three
else
    skip "deb makes a package" "dpkg-deb is missing"
fi

# fresh COMMAND...: in the Debian 12
fresh() {
    unshare --mount --propagation private sh -eu -c '
        root=$1 && shift
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys"
        exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' - "${fresh_root:-$work/debian}" "$@" </dev/null
}
files() { (cd debian && find . -xdev \( -path ./var -o -path ./proc -o -path ./root -o -path ./tmp \) -prune -o -print | sort); }
if [ -z "${STAGEPIPE_FRESH-}" ]; then
    skip "the package on a fresh Debian 12" "takes minutes; STAGEPIPE_FRESH=1 runs it"
elif ! have mmdebstrap dpkg-deb || [ "$(id -u)" != 0 ]; then
    skip "the package on a fresh Debian 12" "needs root, mmdebstrap and dpkg-deb"
else
    ok "there is a fresh Debian 12" mmdebstrap --quiet --variant=minbase bookworm debian
    files >before
    package=$("$top/scripts/deb" 2>.log)
    result $? "deb makes a package" .log
    version=$(dpkg-deb -f "$package" Version)
    # One of a version before, with a file that is gone
    dpkg-deb -R "$package" old
    sed -i 's/^Version: .*/Version: 0.0.1/' old/DEBIAN/control
    echo old >old/usr/bin/image-gone
    dpkg-deb --root-owner-group -Znone --build old debian/root/old.deb >.log
    cp "$package" debian/root/new.deb
    ok "an old one is installed, and needs no other package" fresh dpkg -i /root/old.deb
    ok "it is upgraded" fresh dpkg -i /root/new.deb
    # shellcheck disable=SC2016 # dpkg-query's
    is "to this version" "$(fresh dpkg-query -W -f '${Version} ${Status}' stagepipe)" "$version install ok installed"
    [ ! -e debian/usr/bin/image-gone ]
    result $? "and what only the old one had is removed"
    for command in /usr/bin/image-build /bin/image-build image-build; do
        printf 'FROM scratch\nCOPY new.deb /%s\n' "$command" >debian/root/Dockerfile
        ok "$command builds" fresh "$command" -t app /root
    done
    is "and image-list lists it" "$(fresh image-list | grep -c '^app:latest')" 1
    ok "it is removed" fresh dpkg -P stagepipe
    files | diff before - >.log
    result $? "and leaves nothing" .log
fi
finish
