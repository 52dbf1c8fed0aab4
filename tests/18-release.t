#!/bin/sh
# scripts/release and scripts/archive: what they change, what they refuse, and that nothing is changed when something fails.
# The tools are this test's, by a stand-in for cargo static. With STAGEPIPE_FRESH=1 the archives of both processors are built.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have git cargo rustc dpkg-deb || skip_all "git, cargo, rustc or dpkg-deb is missing"

export GIT_CONFIG_GLOBAL="$work/gitconfig" GIT_CONFIG_NOSYSTEM=1
git config --global user.name u && git config --global user.email u@example.com
git config --global init.defaultBranch main && git config --global safe.directory '*'
unset CARGO_TARGET_DIR
mkdir checkout bin out small
(cd "$top" && tar -cf - --exclude=./target --exclude=./.git .) | tar -xf - -C checkout
cd checkout && git init -q && git add . && git commit -qm first && cd ..
first=$(git -C checkout rev-parse HEAD)

version=$(image-build --version | cut -d ' ' -f 2)
host=$(rustc -vV | sed -n 's/^host: //p')
for name in $tools $helpers; do
    printf '#!/bin/sh\nexec "%s/%s" "$@"\n' "$STAGEPIPE_BIN" "$name" >"small/$name" && chmod +x "small/$name"
done
cat >bin/cargo <<SH
#!/bin/sh
[ "\$1" = static ] || exec "$(command -v cargo)" "\$@"
mkdir -p "\${CARGO_TARGET_DIR:-target}/$host" && ln -sfn "$work/small" "\${CARGO_TARGET_DIR:-target}/$host/release"
SH
cat >bin/rustc <<SH
#!/bin/sh
[ "\$1" = --print ] || exec "$(command -v rustc)" "\$@"
case \$4 in "$host") echo "$work" ;; none) exit 1 ;; *) echo "$work/none" ;; esac
SH
chmod +x bin/*
release() { PATH=$work/bin:$PATH checkout/scripts/release --target "$host" --output out "$@"; }
archive() { PATH=$work/bin:$PATH checkout/scripts/archive --output out "$@"; }
# unchanged DESCRIPTION: nothing was released
unchanged() {
    {
        [ "$(git -C checkout rev-parse HEAD)" = "$first" ] || echo "the branch has moved"
        git -C checkout tag
        git -C checkout worktree list | sed 1d
        git -C checkout status --porcelain
        ls out
    } >.log
    [ ! -s .log ]
    result $? "$1" .log
}

for wrong in '' 1.0 v1.0.0 1.0.0-rc1 01.0.0; do
    status_is "'$wrong' is no version" 2 release $wrong
done
status_is "an older version is refused" 1 release 0.0.1
status_is "a target that rustc does not know is refused" 2 archive --target none
status_is "what is missing for a target is an error" 1 archive
is "of one line, which says what to do" "$(sed 's/; as root: .*//' .out)" \
    "archive: x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu: not all of them can be built here; rustup target add $(
        [ "$host" = aarch64-unknown-linux-gnu ] && echo x86_64-unknown-linux-gnu || echo aarch64-unknown-linux-gnu)"
unchanged "nothing is changed by that"

status_is "a dry run" 0 release --dry-run 9.8.7
for line in '+version = "9.8.7"' "+## 9.8.7, $(date -u +%F)"; do ok "says $line" grep -qxF -e "$line" .out; done
is "the lock has the version of each crate" "$(grep -c '^+version = "9.8.7"' .out)" \
    "$((1 + $(grep -c "^version = \"$version\"" checkout/Cargo.lock)))"
unchanged "and changes nothing"

status_is "tools of another version are not released" 1 release 9.8.7
ok "which is said" grep -q 'these tools are not of version 9.8.7' .out
unchanged "and then nothing is changed"

echo x >>checkout/README.md
status_is "files that are not committed are refused" 1 release "$version"
git -C checkout checkout -q README.md
sed '/^- /d' checkout/CHANGELOG.md >changelog && cp changelog checkout/CHANGELOG.md
git -C checkout commit -qam 'nothing new'
status_is "a release without news is refused" 1 release "$version"
git -C checkout reset -q --hard "$first"
unchanged "and nothing was changed"

status_is "a release" 0 release "$version"
name=stagepipe-$version-${host%%-*}
is "makes these files" "$(cd out && printf '%s ' *)" "SHA256SUMS $name.tar.gz stagepipe_${version}_$(dpkg --print-architecture).deb "
ok "whose sums are right" sh -c 'cd out && sha256sum -c SHA256SUMS'
is "the tag is the branch's" "$(git -C checkout rev-parse "v$version^{commit}")" "$(git -C checkout rev-parse HEAD)"
is "which is one commit further" "$(git -C checkout log --format=%s "$first..")" "release $version"
is "and what is there is what is committed" "$(git -C checkout status --porcelain)" ''
git -C checkout tag -l --format='%(contents)' "v$version" | sed 1,2d | sed '/^$/d' >message
awk -v title="## $version, " '/^## / { inside = index($0, title) == 1; next } inside && NF' checkout/CHANGELOG.md >section
equal "the tag has the changelog's section" "$(cat message)" "$(cat section)"
is "and nothing is unreleased" "$(awk '/^## / { inside = /Unreleased/; next } inside && NF' checkout/CHANGELOG.md)" ''
is "its work tree is removed" "$(git -C checkout worktree list | wc -l)" 1
status_is "the version cannot be released again" 1 release "$version"

tar -tvzf "out/$name.tar.gz" >listed
no_match -qv " 0/0 .* $name/" listed
result $? "the archive is one directory, and root's" listed
no_match -q manifest listed
result $? "without the list of another prefix"
for path in bin/image-build libexec/stagepipe/build-start share/man/man7/stagepipe.7 share/doc/stagepipe/LICENSE; do
    ok "it has $path" grep -q " $name/$path\$" listed
done
tar -xzf "out/$name.tar.gz"
printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
same_digest "what is unpacked builds, wherever it is" "$(PATH=/usr/bin:/bin "$name/bin/image-build" -q . 2>.log)" "$(image-build -q . 2>>.log)"
cp "out/$name.tar.gz" before
sleep 1
(umask 077 && TZ=Asia/Tokyo && export TZ && archive --target "$host") >.log 2>&1
ok "the same tools give the same bytes" cmp before "out/$name.tar.gz"

if [ -z "${STAGEPIPE_FRESH-}" ]; then
    skip "the archives of both processors" "takes some 10 CPU minutes; STAGEPIPE_FRESH=1 builds them"
else
    git -C checkout reset -q --hard "$first" && git -C checkout tag -d "v$version" >.log && rm -r out checkout/target && mkdir out
    ok "archives of both processors are built, and agree" checkout/scripts/release --output out "$version"
    for processor in x86_64 aarch64; do [ -s "out/stagepipe-$version-$processor.tar.gz" ] || echo $processor; done >missing
    [ ! -s missing ]
    result $? "and are there" missing
fi
finish
