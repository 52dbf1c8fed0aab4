#!/bin/sh
# A store that was damaged: a build never names an image that can't be read. What it can make again it makes
# again; of the rest it says what to do.
# shellcheck source=tests/lib.sh disable=SC2034 # some variables are named by others
. "$(dirname "$0")/lib.sh"

have python3 jq || skip_all "there is no python3 or no jq"
load_busybox
mkdir context && seq 1 2000 >context/numbers
cat >context/Dockerfile <<'END'
FROM busybox
RUN seq 1 3000 >/made && mkdir /dir && echo a >/dir/a && echo b >/dir/b
COPY numbers /numbers
END
build() { image-build -q -t app "$@" context >out 2>err; }
digest_of() { jq -r --arg name "docker.io/library/$1:latest" '.manifests[] | select(.annotations["io.containerd.image.name"] == $name).digest' store/index.json; }
blob() { printf '%s\n' "store/blobs/sha256/${1#sha256:}"; }
# damage HOW FILE: the file keeps its name
damage() {
    case $1 in
    flip) python3 -c 'import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(30)
    byte = file.read(1)[0]
    file.seek(30)
    file.write(bytes([byte ^ 1]))' "$2" ;;
    short) truncate -s -1 "$2" ;;
    long) echo >>"$2" ;;
    empty) truncate -s 0 "$2" ;;
    gone) rm "$2" ;;
    link) mv "$2" elsewhere && ln -s "$PWD/elsewhere" "$2" ;;
    directory) rm "$2" && mkdir "$2" ;;
    esac
}
saved() { image-save -o saved.tar app 2>>err; }
build --no-defer || sed 's/^/# /' err
manifest=$(blob "$(digest_of app)")
config=$(blob "$(jq -r .config.digest "$manifest")")
run_layer=$(blob "$(jq -r '.layers[1].digest' "$manifest")")
copy_layer=$(blob "$(jq -r '.layers[2].digest' "$manifest")")
base_manifest=$(blob "$(digest_of busybox)")
base_config=$(blob "$(jq -r .config.digest "$base_manifest")")
base_layer=$(blob "$(jq -r '.layers[0].digest' "$base_manifest")")
cp -a store whole
restore() { rm -rf store && cp -a whole store; }

echo "# blobs of an image's own: the next build makes them again"
for how in flip short long empty gone link directory; do
    for what in manifest config run_layer copy_layer; do
        restore
        eval "file=\$$what"
        damage $how "$file"
        build --no-defer && saved
        is "$what, $how: the next build heals it" "$? $(cat out)" "0 $(digest_of app)"
    done
done
restore
damage flip "$run_layer"
build --no-defer
ok "what was damaged is put aside" ls store/quarantine/"${run_layer##*/}".*
is "the file that comes in its place is right" "$(sha256sum <"$run_layer")" "${run_layer##*/}  -"
restore
build
rm -rf store/snapshots/*/changes && for file in "$copy_layer" "$run_layer"; do damage flip "$file"; done
build && saved
is "a layer that nobody has a tree of is made again with its step" "$?" 0

echo "# a base's blobs: the build ends before it runs anything, and says what heals"
for how in flip short empty gone; do
    for what in base_manifest base_config base_layer; do
        restore
        eval "file=\$$what"
        damage $how "$file"
        build --no-cache
        status=$?
        is "$what, $how: an error" "$status $(cat out)" "1 "
        ok "$what, $how: that names the image and says what to do" grep -q 'image busybox.*; load or build that image again, then this one' err
        image-load --tag busybox busybox >/dev/null && build --no-defer && saved
        is "$what, $how: doing so heals" $? 0
    done
done
restore
damage flip "$base_layer"
printf 'FROM scratch\nCOPY --from=busybox /bin/busybox /\n' >from.d
ok "a base that is only copied from needs no blob of a layer" image-build -q -f from.d context

echo "# trees that have lost something: what is made of them is not made, and the next try heals"
restore
base_tree=$(jq -r '.rootfs.diff_ids[0]' "$base_config") && base_tree=store/snapshots/${base_tree#sha256:}/fs
run_tree=$(dirname "$(find store/snapshots -name made)")
cat >reads.d <<'END'
FROM busybox AS first
RUN seq 1 3000 >/made && mkdir /dir && echo a >/dir/a && echo b >/dir/b
FROM scratch
COPY --from=first /dir /bin /etc /made /
END
printf 'FROM busybox\nRUN --mount=from=busybox,source=/etc,target=/m cp -r /m /copied\n' >mounts.d
printf 'FROM busybox\nRUN ls -l /etc /bin >/listing\n' >runs.d
# heals WANTED DESCRIPTION COMMAND...: it fails and says so, or it does not, and the second time it works
heals() {
    wanted=$1 what=$2
    shift 2
    "$@" >out 2>err
    status=$?
    [ "$status" = 0 ] || status=fails
    grep -q 'snapshot .* is damaged: .*; it was put aside, so run this again' err && status="$status and says so"
    is "$what" "$status" "$wanted"
    [ "$status" = 0 ] || ok "$what: again" "$@"
}
error='fails and says so'
build_of() { image-build -q -t other "$@" context; }
for how in empty gone; do
    restore
    damage $how "$base_tree/etc/passwd"
    heals "$error" "a base's file, $how: COPY --from" build_of -f reads.d
    restore
    damage $how "$base_tree/etc/passwd"
    heals "$error" "a base's file, $how: a mount of it" build_of -f mounts.d
    restore
    damage $how "$base_tree/etc/passwd"
    heals "$error" "a base's file, $how: image-save of its tree" image-save --format tar -o saved.tar busybox
    restore
    damage $how "$run_tree/dir/a"
    heals "$error" "a RUN's file, $how: COPY --from" build_of -f reads.d
    restore
    damage $how "$run_tree/dir/a"
    heals "$error" "a RUN's file, $how: packing it anew" build_of --compression none
    restore
    damage $how "$run_tree/dir/a"
    build_of >out
    is "a RUN's file, $how: an image of which nothing is made anew has all its layers" "$(cat out)" "$(digest_of app)"
done
restore
damage gone "$base_tree/etc/passwd"
heals "$error" "a base's file, gone: a RUN" build_of -f runs.d
restore
rm -rf "${base_tree:?}/etc"
heals "$error" "a base's directory, gone: a RUN" build_of -f runs.d
restore
mkdir large && (cd large && seq 1 2100 | xargs touch) && echo one >large/1
printf 'FROM busybox\nCOPY . /many\n' >large/Dockerfile
image-build -q -t large --no-defer large >out
printf 'FROM large\nRUN cat /many/1 >/copied\n' >large.d
build_of -f large.d >out
find store/snapshots -path '*/fs/many/1' | while read -r file; do damage gone "$file"; done
heals "$error" "a file of a base of more names than are counted before each step, gone: a RUN that fails" build_of --no-cache -f large.d
restore
damage empty "${base_tree%/fs}/meta.json"
heals "$error" "what is known of a base's tree" build_of -f runs.d
restore
reads() { build_of --build-arg SOURCE_DATE_EPOCH=5 -f reads.d 2>err; }
reads=$(reads)
restore
damage gone "$base_tree/bin/ls"
reads >out
is "what is read of a damaged tree is not remembered" "$(reads)" "$reads"

echo "# files that are not what they were, and right"
restore
touch -d '1 hour ago' "$run_layer" "$manifest"
ln "$config" linked
build --no-defer && saved
is "times and links: the image is the same" "$? $(cat out)" "0 $(digest_of app)"
ok "and nothing is put aside" rmdir store/quarantine
ok "a store without notes is as good as one with" sh -c 'rm -rf store/verified && image-build -q --no-defer -t app context && image-save -o saved.tar app'

echo "# what was noted spares the reading"
# opened: how often the next build opens the RUN's layer
opened() { strace -f -qq -e trace=openat,open -o trace image-build -q --no-defer context >/dev/null 2>&1; grep -c "blobs/sha256/${run_layer##*/}" trace; }
if strace -o trace true 2>/dev/null; then
    restore
    build --no-defer && sleep 0.02
    build --no-defer
    is "a blob that is as it was is not read" "$(opened)" 0
    touch "$run_layer" && sleep 0.02
    is "one that is not is read again, by the first that uses it" "$(opened)" 1
    is "and then no more" "$(opened)" 0
    echo x >"store/verified/${run_layer##*/}" && sleep 0.02
    is "a damaged note is as good as none" "$(opened)" 1
else
    skip "what is read again" "strace can't trace here"
fi
finish
