#!/bin/sh
# Stores that the tools of old commits made are read, and built upon, by today's.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root, to unpack stores with their owners"
have setpriv useradd jq git python3 xz || skip_all "setpriv, useradd, jq, git, python3 or xz is missing"
# shellcheck source=tests/stores/inputs
. "$top/tests/stores/inputs"
server='' machine=$(uname -m)
end() {
    [ -z "$server" ] || kill "$server"
    userdel "$store_user" >/dev/null 2>&1
    cd / && rm -rf "$work"
}
trap end EXIT
chmod 0755 "$work"
mkdir bin && cp "$top/scripts/image-build" bin/
for tool in $tools $helpers; do cp "$(command -v "$tool")" bin/; done
PATH=$work/bin:$PATH
make_inputs "$work/inputs"
serve_inputs "$work/inputs" || skip_all "port $store_port is taken"

unpack() { # ARCHIVE: to $owner_home/store, which is the store from here on
    mkdir -p "$owner_home" && tar -C "$owner_home" --xattrs --xattrs-include='*' --numeric-owner -xJf "$1" &&
        export STAGEPIPE_STORE="$owner_home/store"
}
names() { as_owner image-list --json | jq -r '"\(.name) \(.digest)"' | grep -v -e ^child: -e ^added:; }
# builds NAME IMAGE: today's build of it gives the digest that is recorded
builds() {
    digest=$(build_as "$1" "$work/inputs" --explain 2>said) || cat said
    same_digest "$isolation: $1 is built again, to the same digest" "$digest" "$(sed -n "s/^$1:latest \([^ ]*\).*/\1/p" "$facts")"
    is "$isolation: $1: and no word about the store" "$(grep -e 'warning: .*store' -e quarantine -e damaged said)" ""
}
read_store() {
    names >found
    grep '^[a-z]*:latest sha256:' "$facts" | grep -v ^child: | cut -d' ' -f1-2 |
        sed 's/^stages:latest \(.*\)/&\nstages:second \1/' | sort >wanted
    is "$isolation: the names are there, with their digests" "$(cat found)" "$(cat wanted)"
    for image in base stages deferred zstd plain onbuild fetched; do
        image=$image:latest
        is "$isolation: $image has the tree it had" "$(facts "$image")" "$(grep "^$image " "$facts")"
        as_owner image-save --format oci -o "$owner_home/oci.tar" "$image"
        is "$isolation: $image is saved as what it is" \
            "$(image-load --store "$work/copies" "$owner_home/oci.tar" 2>&1 | cut -d' ' -f1)" "$(sed -n "s/^$image \(sha256:[^ ]*\) .*/\1/p" "$facts")"
    done
    is "$isolation: image-report has its lines from the record of the build" \
        "$(as_owner image-report --json stages | jq -r '.instructions[-1] | "\(.dockerfile | sub(".*/"; "")):\(.line)"')" stages.Dockerfile:11
}
run_store() {
    if [ "$machine" != x86_64 ]; then
        skip "$isolation: images run" "they are for x86-64"
        return
    fi
    is "$isolation: an image runs" "$(as_owner image-run --isolation "$isolation" stages 2>&1)" world
    failed=$(sed -n 's/^failed //p' "$facts")
    is "$isolation: the failed step can be entered, with its mounts" \
        "$(as_owner image-run --failed "$failed" /bin/sh -c 'show /left show /m show /cache/kept' 2>&1)" "$(printf '%s\n' before 'Hello!' once)"
}
continue_store() {
    for name in deferred zstd plain onbuild fetched; do builds $name; done
    if [ "$machine" = x86_64 ]; then
        # Their layers are not there yet, so the snapshots are read, with their whiteouts.
        build_as stages "$work/inputs" -q --compression zstd >said 2>&1
        is "$isolation: steps are packed in another way, to the same tree" \
            "$(facts stages:latest | cut -d' ' -f3)" "$(sed -n 's/^stages:latest [^ ]* //p' "$facts")"
        builds stages
        builds child
    fi
    for name in unpacked unsettled; do
        same_digest "$isolation: a build that was cut short is completed: $name" "$(build_as $name "$work/inputs" -q 2>&1)" \
            "$(build_as $name "$work/inputs" -q --no-cache --no-defer 2>&1)"
        is "$isolation: $name has its file" "$(as_owner image-save --isolation "$isolation" --format tar $name | tar -xOf - $name)" 'Hello!'
    done
    ok "$isolation: an image is loaded into it" as_owner image-load --tag added "$owner_home/oci.tar"
    names | grep -v -e ^unpacked: -e ^unsettled: >after
    is "$isolation: the old names are what they were" "$(cat after)" "$(cat wanted)"
    is "$isolation: nothing was found damaged" "$(ls -A "$STAGEPIPE_STORE/quarantine")" ""
}
for commit in "$top"/tests/stores/*/; do
    echo "# stores of $(basename "$commit")"
    for isolation in root subuid single; do
        owner_home=$work/$(basename "$commit").$isolation facts=$commit$isolation.facts
        if store_owner "$owner_home" >.log 2>&1 && unpack "$commit$isolation.tar.xz"; then
            read_store
            run_store
            continue_store
        else
            skip "$isolation: an old store" "its user can't be made: $(tail -n 1 .log)"
        fi
        userdel "$store_user" >/dev/null 2>&1
    done
done

# A store of a later version may hold what these tools would take for something else.
isolation=root owner_home=$work/later
image-save --store "$work/copies" -o oci.tar "$(sed -n 's/^base:latest \([^ ]*\).*/\1/p' "$facts")"
unpack "$commit/root.tar.xz" && echo 2 >"$STAGEPIPE_STORE/stagepipe-store"
listing() { find "$STAGEPIPE_STORE" -printf '%p %s %T@\n' | sort; }
listing >before
for command in image-list 'image-run stages' 'image-save -o saved stages' 'image-report stages' "image-load oci.tar" \
    'image-build inputs/context -f inputs/zstd.Dockerfile' 'layer-diff --images base stages'; do
    # shellcheck disable=SC2086 # words
    if $command >said 2>&1; then echo 'it did not fail' >said; fi
    ok "${command%% *} refuses a store of a version it does not know" grep 'version "2"' said
done
listing >after
ok "and leaves it as it is" cmp before after
finish
