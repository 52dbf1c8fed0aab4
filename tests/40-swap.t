#!/bin/sh
# Any tool can be replaced by one that reads and writes the same streams: those in swap/ are sh, jq and GNU tar.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "the stand-ins read overlayfs whiteouts, which needs root"
have jq || skip_all "jq is missing"

"$top/tests/busybox-layout" busybox
image-load --tag busybox busybox >/dev/null
export SOURCE_DATE_EPOCH=0
for case in two-stages whiteouts no-run; do
    build() { image-build -q --compression none -t swapped "$top/tests/dockerfiles/$case"; }
    ours=$(build 2>&1)
    # Layers already packed would leave nothing to do: these builds start from an empty store.
    for tool in layer-diff layer-pack image-assemble 'layer-diff layer-pack image-assemble'; do
        mkdir swap
        for name in $tool; do ln -s "$top/tests/swap/$name" swap/; done
        theirs=$(
            export STAGEPIPE_STORE="$work/other" PATH="$work/swap:$PATH"
            image-load --tag busybox busybox >/dev/null
            build 2>&1
        )
        is "$case: the same digest with $tool in sh" "$theirs" "$ours"
        rm -rf swap other
    done
done
finish
