#!/bin/sh
# The same build gives the same digest, wherever and whenever it runs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/busybox-layout" busybox
export SOURCE_DATE_EPOCH=0
# build CONTEXT COMPRESSION, in a store of its own
build() {
    STAGEPIPE_STORE=$(mktemp -d) && export STAGEPIPE_STORE
    image-load --tag busybox busybox >/dev/null
    image-build -q --compression "$2" -o "type=image,rewrite-timestamp=$rewrite" "$1" 2>&1
    rm -rf "$STAGEPIPE_STORE"
}
for case in no-run two-stages; do
    # What RUN writes has the clock's time, unless that is rewritten.
    rewrite=false
    [ $case = no-run ] || rewrite=true
    for compression in gzip zstd none; do
        mkdir first 'second place'
        cp -r "$top/tests/dockerfiles/$case" first/context
        cp -r "$top/tests/dockerfiles/$case" 'second place/other'
        find first 'second place' -exec touch -h -d @1000000000 {} +
        chmod -R u=rwX,go=rX first 'second place'
        one=$(umask 022 && TZ=UTC build first/context $compression)
        sleep 1.1
        two=$(umask 077 && cd 'second place' && ln -s ../busybox busybox && TZ=Asia/Kathmandu LC_ALL=C.UTF-8 build other $compression)
        same_digest "$case: same digest elsewhere, $compression" "$two" "$one"
        rm -rf first 'second place'
    done
done
finish
