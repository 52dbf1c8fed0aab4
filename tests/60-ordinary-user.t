#!/bin/sh
# The same builds without root: with a range of subordinate ids, and with the one id every user has.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root, to become several users"
have setpriv newuidmap || skip_all "setpriv or newuidmap is missing"

chmod 0755 "$work"
mkdir "$work/bin"
cp "$top/scripts/image-build" "$top/tests/on-terminal" "$work/bin/"
for tool in $tools $helpers; do cp "$(command -v "$tool")" "$work/bin/"; done
cp -r "$top/tests/dockerfiles" "$work/dockerfiles"
chmod -R a+rX "$work/bin" "$work/dockerfiles"
"$top/tests/busybox-layout" "$work/busybox"
chmod -R a+rX "$work/busybox"
mkdir -p www/app context
echo file >www/file
sum=sha256:$(sha256sum <www/file | cut -d' ' -f1)
printf 'FROM busybox\nCOPY --chown=12:34 version /\nCMD stat -c %%u:%%g /version\n' >www/app/Dockerfile
echo one >www/app/version
tar -czf www/app.tar.gz --owner=4000000 --group=4000000 -C www/app .
programs=/usr/bin served=''
if have git python3; then
    programs=$(dirname "$(command -v git)")
    git init -q -b main www/app && git -C www/app add . && git -C www/app -c user.name=n -c user.email=e commit -qm 1
    [ ! -x "$(git --exec-path)/git-daemon" ] || ! serve www || served=1
fi

# as USER COMMAND...: with a home, a store and temporary files of its own
as() {
    user=$1 && shift
    id=$(id -u "$user")
    setpriv --reuid "$id" --regid "$(id -g "$user")" --clear-groups env -i HOME="$work/$user" USER="$user" \
        TMPDIR="$work/$user" STAGEPIPE_STORE="$work/$user/store" PATH="$work/bin:$programs:/usr/bin:/bin:/usr/sbin:/sbin" "$@"
}
# Of this run: others may be at it too.
range=stagepipe-$$-range single=stagepipe-$$-single few=stagepipe-$$-few
end() {
    for user in $range $single $few; do userdel "$user" >/dev/null 2>&1; done
    cd / && rm -rf "$work"
}
trap end EXIT
for user in $range $single $few; do
    useradd -M -d "$work/$user" "$user" || skip_all "no users can be made here"
done
grep -q "^$range:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 $range
sed -i "/^$single:/d; s/^\($few:[0-9]*\):.*/\1:1000/" /etc/subuid /etc/subgid

mkdir "$work/device" && echo a >"$work/device/a"
mknod "$work/device/null" c 1 3 || skip_all "no device node can be made"
(cd "$work/device" && tar --owner=:0 --group=:0 -cf devices.tar a null && rm null)
printf 'FROM busybox\nRUN mknod /one c 1 3; mknod /two c 1 5\nRUN mknod /three c 1 7\n' >"$work/device/Dockerfile"
image-load --tag busybox "$work/busybox" >/dev/null
image-build -q -o type=oci,dest="$work/device/nodes.tar" "$work/device" >/dev/null 2>&1
printf 'FROM scratch\nADD devices.tar /\n' >"$work/device/Dockerfile"
chmod -R a+rX "$work/device"

# What can't have an attribute with its owner: links and FIFOs, of archives, of copies, and as a RUN leaves them.
mkdir "$work/owners" "$work/owners/d" "$work/t"
ln -s f "$work/owners/d/link" && ln -s x "$work/t/one" && ln -s y "$work/t/two" && mkfifo "$work/t/pipe"
chown -h 5:6 "$work"/t/* && tar --numeric-owner -cf "$work/owners/t.tar" -C "$work/t" .
cat >"$work/owners/Dockerfile" <<'END'
FROM scratch AS other
ADD t.tar /t/
COPY --chown=12:34 d /d/
FROM busybox
COPY --from=other / /o/
COPY --chown=7:8 d /mine/
RUN mv /o/t/one /o/t/new && ln /o/t/new /o/t/third && ln -sf new /mine/link && ln -s made /o/made && touch /o/t/pipe
RUN rm /o/t/two && ln -s y /o/t/two && touch -h -d @5 /o/d/link
END
chmod -R a+rX "$work/owners"
owners() { tar --numeric-owner -tv | awk '/ (o|mine)\// { print $1, $2, $6 }'; }
image-build -q -t owners "$work/owners" >/dev/null 2>&1
image-save --format tar owners | owners >owners.root

for user in $range $single; do
    who=${user##*-}
    mkdir "$work/$user" && chown "$user" "$work/$user"
    as "$user" image-load --tag busybox "$work/busybox" >/dev/null
    for case in two-stages no-run whiteouts; do
        if [ "$case$user" = "whiteouts$single" ]; then
            sed -i 's/ && chown [^&]*$//' "$work/dockerfiles/whiteouts/Dockerfile" # only its own id exists
        fi
        status_is "$who: $case builds" 0 as "$user" image-build -t $case "$work/dockerfiles/$case"
    done
    is "$who: the image runs" "$(as "$user" image-run two-stages 2>&1)" "Hello, world!"
    is "$who: files are root's there" "$(as "$user" image-run two-stages stat -c %u:%g /etc/greeting 2>&1)" 0:0
    as "$user" image-save no-run --format tar -o "$work/$user/tree.tar"
    is "$who: and the owner COPY gave is in the image" \
        "$(tar --numeric-owner -tvf "$work/$user/tree.tar" tree/b.txt | tr -s ' ' | cut -d' ' -f2)" 12/34
    as "$user" sh -c 'image-save no-run --format oci -o "$HOME/oci.tar"'
    ok "$who: root reads what it saved" image-load --tag "from-$user" "$work/$user/oci.tar"
    as "$user" image-build -q --keep "$work/$user/kept" "$work/dockerfiles/two-stages" >/dev/null
    # shellcheck disable=SC2016 # it is evaluated inside
    ok "$who: a layer of its own packer is put and remembered" as "$user" sh -c 'cd && sed "/\"end\"/q" kept/changes.* >one &&
        { cat one && tail -n 2 kept/changes.*; } | layer-pack | layer-put --changes one --remember mine >put &&
        find store/snapshots -name layer-mine.json | grep -q .'
    as "$user" image-build -q -t owners "$work/owners" >/dev/null 2>&1
    as "$user" image-save --format tar owners | owners >owners.user
    ok "$who: links and FIFOs have the owners that they have for root" sh -c 'grep "^l.* 5/6 o/t/new" owners.root && diff owners.root owners.user'
    status_is "$who: an archive with a device node is unpacked" 0 as "$user" image-build -t devices "$work/device"
    ok "$who: without the node, and that is said with the line" grep -q 'warning: Dockerfile:2: .*device' "$work/.out"
    as "$user" image-load --tag nodes "$work/device/nodes.tar" >/dev/null
    printf 'FROM nodes\nRUN ls /one\n' >"$work/device/on-nodes"
    for _ in first second; do
        as "$user" image-build -f "$work/device/on-nodes" "$work/device" 2>&1 | grep -c 'device nodes of its layers, 3, are left out'
    done >told
    is "$who: those of a base's layers are told when it is unpacked, all at once" "$(tr '\n' ' ' <told)" "1 0 "
    name=user
    [ "$user" = "$range" ] || name=root # the only one there
    mkdir -p "$work/failing" && chmod a+rX "$work/failing" && echo bound >"$work/failing/bound"
    cat >"$work/failing/Dockerfile" <<END
FROM busybox
USER $name
RUN --mount=type=bind,source=bound,target=/m echo left >/tmp/left; echo said; exit 7
END
    status_is "$who: a failing step" 1 as "$user" image-build "$work/failing"
    is "$who: can be entered" \
        "$(as "$user" sh -c "$(sed -n 's/^ *enter what it left: //p' "$work/.out") cat /tmp/left /m" 2>&1)" "left
bound"
    is "$who: and has its log" "$(as "$user" image-build --logs=2 "$work/failing" 2>&1)" "said"
    if have python3; then
        # shellcheck disable=SC2016 # it is evaluated inside
        as "$user" TERM=vt100 on-terminal 'echo "$(id -un) $(cat /m)"; exit' \
            image-build --shell=2 "$work/failing" >"$work/.shown" 2>&1
        ok "$who: a shell is there before it" grep -q "^$name bound" "$work/.shown"
    else
        skip "$who: a shell is there before it" "python3 is missing"
    fi
    if [ "$served" ]; then
        cat >context/Dockerfile <<END
FROM busybox
ADD $web/file /url/
ADD --chown=12:34 --checksum=$sum $web/file /sum/
ADD $repos/app /git/
ADD --keep-git-dir $repos/app /kept/
COPY --from=tar version /
CMD stat -c '%u:%g %a' /url/file /sum/file /git/version /kept/.git/HEAD /version
END
        chmod -R a+rX context
        other=12:34
        [ "$user" = "$range" ] || other=0:0 # in its namespace there is no other id; the image has it all the same
        status_is "$who: ADD of URLs and repositories" 0 as "$user" image-build -t added context --build-context "tar=$web/app.tar.gz"
        is "$who: gives root's files, or those --chown says" "$(as "$user" image-run added 2>&1)" "0:0 600
$other 600
0:0 644
0:0 644
0:0 644"
        mv www/file www/away
        sed -i "/url/d; s/CMD.*/CMD cat sum file/" context/Dockerfile
        status_is "$who: and with a checksum once" 0 as "$user" image-build context --build-context "tar=$web/app.tar.gz"
        mv www/away www/file
        for source in "$repos/app" "$web/app.tar.gz"; do
            status_is "$who: a context from ${source%%:*}" 0 as "$user" image-build -t fetched "$source"
            is "$who: is built as any other" "$(as "$user" image-run fetched 2>&1)" $other
        done
        is "$who: and nothing of it is left" "$(as "$user" sh -c 'cd "$TMPDIR" && echo image-build.*')" 'image-build.*'
    else
        skip "$who: what is fetched" "git, python3 or git-daemon is missing"
    fi
    # its store has files of other ids: only it can remove them
    as "$user" sh -c 'rm -rf "$STAGEPIPE_STORE"' 2>/dev/null
done

# With a range all of root's builds come out the same; those that need more say so themselves.
mkdir "$work/scripts" "$work/cases" && cp "$top/scripts/image-build" "$work/scripts/"
cp -r "$top/tests" "$work/tests" && chmod -R a+rX "$work/scripts" "$work/tests" && chown $range "$work/cases"
for group in run copy add; do
    as $range env TMPDIR="$work/cases" STAGEPIPE_BIN="$work/bin" \
        sh "$work/tests/33-cases.t" "$work/tests/cases/$group"/*/ >out 2>&1
    grep '^not ok\|^#' out >bad
    ok "range: the cases of $group give what they give root" sh -c 'cat bad; ! [ -s bad ] && grep -q "^1\.\.[1-9]" out'
done
for isolation in subuid single; do
    as $range env TMPDIR="$work/cases" STAGEPIPE_BIN="$work/bin" STAGEPIPE_CASE_OPTIONS="--isolation $isolation" \
        sh "$work/tests/35-cache.t" >out 2>&1
    grep '^not ok\|^#  ' out >bad
    ok "range: the rules of cache keys hold with --isolation $isolation" sh -c 'cat bad; ! [ -s bad ] && grep -q "^1\.\.[1-9]" out'
done
printf 'FROM busybox\nCOPY a /a\nRUN true\n' >"$work/device/Dockerfile"
both() { as $range env STAGEPIPE_STORE="$work/cases/both" "$@"; }
both image-load --tag busybox "$work/busybox" >/dev/null
cached=''
for isolation in subuid single subuid single; do
    both image-build --isolation $isolation -t isolated "$work/device" >out 2>&1
    cached="$cached $(grep -c ' CACHED$' out)"
done
is "range: no isolation takes another's step from the cache" "$cached" " 0 0 2 2"

# A range that does not do is named, with what to do: where it is found, and where more ids were needed.
mkdir "$work/$few" && chown $few "$work/$few"
printf 'FROM busybox AS other\nRUN true\nFROM busybox\nCOPY --from=other /bin/true /\nUSER 5\nRUN true\n' >"$work/device/Dockerfile"
as $few image-load --tag busybox "$work/busybox" >/dev/null
as $few image-build "$work/device" >out 2>&1
is "few: a range that is too small is told once, and how to get more" "$(grep -c "warning: the range $few:[0-9]*:1000 in /etc/subuid .*usermod" out)" 1
is "few: and again where it ends a step" "$(grep -c "Dockerfile:6: .* only one id is mapped here; the range $few:[0-9]*:1000 in" out)" 1
status_is "few: it is what --isolation subuid fails for" 1 as $few image-build --isolation subuid "$work/device"
ok "few: and says" grep -q "(subuid: the range $few:[0-9]*:1000 in" "$work/.out"
is "few: image-run tells it too" "$(as $few image-run busybox true 2>&1 | grep -c "warning: the range $few:")" 1

# An id that the range does not reach is named, with the line to change.
(cd "$work/device" && tar --owner=:70001 --group=:0 -cf far.tar a)
far() { as $range env STAGEPIPE_STORE="$work/cases/far" "$@"; }
far image-load --tag busybox "$work/busybox" >/dev/null
while IFS= read -r lines; do
    printf 'FROM busybox\n%s\n' "$lines" | tr ';' '\n' >"$work/device/Dockerfile"
    far image-build "$work/device" >out 2>&1
    ok "range: of $lines the id and the line for it are named" \
        grep -q 'Dockerfile:[23]: .*uid 70001 .*/etc/subuid, change .*:70001 or more' out
done <<'END'
ADD far.tar /
COPY --chown=70001 a /a;RUN true
USER 70001;RUN true
USER 70001;WORKDIR /new
RUN --mount=type=cache,target=/c,uid=70001 true
END

# A store that its user deletes: what belongs to subordinate ids stays.
printf 'FROM busybox\nRUN mkdir /d && touch /d/f && chown -R 5:5 /d\n' >"$work/device/Dockerfile"
as $range image-build -q -t owned "$work/device" >/dev/null 2>&1
as $range rm -rf "$work/$range/store" 2>/dev/null
ok "a user can't delete all of a store by rm" [ -d "$work/$range/store/snapshots" ]
status_is "what is left is no store" 1 as $range image-load --tag busybox "$work/busybox"
sed -n 's/.*delete it with: //p' .out >how
ok "the message has the command that deletes it" as $range sh -eu how
ok "which does" [ ! -e "$work/$range/store" ]
ok "and a new one can be made" as $range image-load --tag busybox "$work/busybox"
finish
