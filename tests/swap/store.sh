# shellcheck shell=sh
# What the stand-ins do alike in the store, as stagepipe-store(5) says.
fail() { echo "${0##*/}: $1" >&2 && exit "${2-1}"; }
# work_in STORE: sets $store, and $work, a locked directory below its tmp/. One that is removed before it is locked is made again.
work_in() {
    store=$(realpath "$1")
    until work=$(mktemp -d "$store/tmp/XXXXXXXX") && command exec 9<"$work" && flock -n 9 && [ -d "$work" ]; do :; done 2>/dev/null
    trap 'rm -rf "$work"' EXIT
}
# put FILE: makes it a blob, whole and on the disk before it has its name; prints its digest and its size.
put() {
    put=$(sha256sum <"$1") && chmod 0444 "$1" && sync "$1"
    printf '"digest":"sha256:%s","size":%s' "${put%% *}" "$(stat -c %s "$1")"
    mv -f "$1" "$store/blobs/sha256/${put%% *}"
}
# trees: of the state on standard input, the trees of its snapshots as overlayfs takes them, the topmost first.
trees() { jq -r --arg store "$store" '[.layers[].snapshot | "\($store)/snapshots/\(.)/fs"] | reverse | join(":")'; }
begin() { # a snapshot on those of ./state, whose tree is then at ./m, a directory
    mkdir new new/fs upper && chmod 0755 new/fs && lower=$(trees <state)
    [ -z "$lower" ] || for how in chown chmod touch; do $how --reference="${lower%%:*}" new/fs; done
    mount -t overlay -o "lowerdir=${lower:-none},upperdir=new/fs,workdir=upper,index=off,metacopy=off,redirect_dir=nofollow" overlay m
}
# publish [ID]: what was begun becomes the snapshot $id.
publish() {
    umount m && rm -rf upper && id=${1:-$(tr -d - </proc/sys/kernel/random/uuid)}
    jq -c '{parents: [.layers[].snapshot]}' state >new/meta.json
    printf %s "$(cat /proc/sys/kernel/random/boot_id)" >new/unsettled
    mv -T new "$store/snapshots/$id" 2>/dev/null || { [ -e "$store/snapshots/$id/meta.json" ] && rm -r new; } # somebody was first
}
# image REFERENCE: ./state begins with that image, of one layer, which is unpacked if it was not yet.
image() {
    manifest=$store/blobs/sha256/$(jq -er --arg name "$1" 'last(.manifests[] | select(.annotations["io.containerd.image.name"] == $name)).digest[7:]' "$store/index.json")
    config=$store/blobs/sha256/$(jq -r '.config.digest[7:]' "$manifest")
    jq -c --slurpfile config "$config" '.digest = $config[0].rootfs.diff_ids[0] | {image: .config.digest, config: $config[0],
        layers: (if .layers | length == 1 then [{snapshot: .digest[7:], layer: {descriptor: .layers[0], diff_id: .digest}}] else error("not one layer") end)}' "$manifest" >base
    echo '{"layers":[]}' >state
    snapshot=$(jq -r '.layers[0].snapshot' base) && layer=$(jq -r '.layers[0].layer.descriptor.digest[7:]' base)
    if [ ! -d "$store/snapshots/$snapshot" ]; then begin && gzip -cdf "$store/blobs/sha256/$layer" | tar -xp --numeric-owner -C m && publish "$snapshot"; fi
    mv base state
}
