#!/bin/sh
# Where a store can't be, or has no room: the message names the cause and what to do, and what RUN printed is not lost.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root, to mount file systems"
"$top/tests/busybox-layout" busybox
mkdir lower upper work merged small context
end() {
    umount merged small 2>/dev/null
    fusermount3 -u fused 2>/dev/null
    cd / && rm -rf "$work"
}
trap end EXIT
# build STORE [ARGUMENT]...: of a Dockerfile on standard input
build() {
    STAGEPIPE_STORE=$1 && shift
    image-build --build-context busybox=oci-layout://busybox -t made "$@" -f - context
}

if mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged 2>/dev/null; then
    cause='the store is on overlayfs, as in a container, .*--store or STAGEPIPE_STORE'
    printf 'FROM busybox\nRUN true\n' | build merged/store >out 2>&1
    is "on overlayfs a RUN fails" $? 1
    ok "which is told when the store is made" grep -q 'the new store .* is on overlayfs, .*so no RUN can be run' out
    ok "and the cause is told" grep -q "$cause" out
    printf 'FROM busybox\n' | build merged/store >out 2>&1
    is "an image that runs nothing is built there" $? 0
    STAGEPIPE_STORE=merged/store image-run made true >out 2>&1
    is "but not run" $? 125
    ok "for the same cause" grep -q "$cause" out
else
    skip "a store on overlayfs" "there is no overlayfs here"
fi

mkdir upper-2 work-2 fused
if have fuse-overlayfs fusermount3 && fuse-overlayfs -o lowerdir=lower,upperdir=upper-2,workdir=work-2 fused 2>/dev/null; then
    printf 'FROM busybox\n' | build fused/store >out 2>&1
    is "on FUSE no store is made" $? 1
    ok "the cause is told, and what to do" grep -q 'is on FUSE, where locks .*--store or STAGEPIPE_STORE' out
    is "before anything is written" "$(ls -A fused)" ""
    fusermount3 -u fused
else
    skip "a store on FUSE" "there is no fuse-overlayfs here"
fi

if mount -t tmpfs -o size=10m tmpfs small 2>/dev/null; then
    printf 'FROM busybox\nRUN echo before; dd if=/dev/zero of=/big bs=1M count=20; echo after; exit 3\n' | build small/store -q >out 2>&1
    is "a RUN that fills the disk fails as it says" "$(grep -c 'Dockerfile:2: RUN ended with status 3' out)" 1
    is "and what it printed is shown" "$(grep -c '^ *\(before\|after\)$' out)" 2
    printf 'FROM busybox\nRUN seq 1 3000000; echo after\n' | build small/store >out 2>&1
    is "a log that the disk has no room for fails the build" $? 1
    is "but loses no line of what is shown" "$(tail -n4 out | head -n1)" "#0 after"
    ok "and the log is named" grep -q "cannot write what it printed to .*small/store/logs/.*: No space left" out
    head -c 20000000 /dev/urandom >context/f
    rm -rf small/store
    printf 'FROM scratch\nCOPY f /\n' | build small/store >out 2>&1
    ok "a layer that there is no room for is told with the store" grep -q "the file system of the store $work/small/store is full; free some" out
    rm context/f
else
    skip "a full disk" "no tmpfs can be mounted"
fi

head -c 5000000 /dev/urandom >context/f
printf 'FROM scratch\nCOPY f /\n' >Dockerfile
(ulimit -f 2000 && build store <Dockerfile >out 2>&1)
is "a limit on files fails the build" $? 1
ok "and is named" grep -q "would be larger than the limit on files (ulimit -f)" out
printf 'FROM busybox\nRUN trap; dd if=/dev/zero of=/big bs=1M count=5\n' >Dockerfile
(ulimit -f 8000 && build store <Dockerfile >out 2>&1)
ok "a RUN gets the signal of the limit" grep -q "status 153" out
finish
