#!/bin/sh
# shellcheck disable=SC2030,SC2031 # PATH is meant to change in subshells only
# Any tool can be replaced by one that reads and writes the same streams: those in swap/ are sh, jq and GNU tar.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "the stand-ins read overlayfs whiteouts, which needs root"
have jq || skip_all "jq is missing"

load_busybox
export SOURCE_DATE_EPOCH=0
for case in two-stages whiteouts no-run; do
    build() { image-build -q -o type=image,compression=uncompressed,rewrite-timestamp=true -t swapped "$top/tests/dockerfiles/$case"; }
    ours=$(build 2>&1) # a build that fails says why, and that is no digest
    # Layers already packed would leave nothing to do: these builds start from an empty store.
    for tool in layer-diff layer-pack image-assemble 'layer-diff layer-pack image-assemble'; do
        mkdir swap
        for name in $tool; do ln -s "$top/tests/swap/$name" swap/; done
        theirs=$(
            STAGEPIPE_STORE=$work/other
            image-load --tag busybox busybox >/dev/null
            PATH=$work/swap:$PATH
            build 2>&1
        )
        same_digest "$case: the same digest with $tool in sh" "$theirs" "$ours"
        rm -rf swap other
    done
done

# A COPY that is deferred has no tree: the stand-ins read the files where they are, as layer-pack does.
mkdir plain plain/sub
printf 'a\n' >plain/sub/a && ln plain/sub/a plain/b && ln -s sub/a plain/c && chmod 0700 plain/sub
printf '%s\n' 'FROM busybox' 'COPY --chown=3:4 . /new/' >plain.Dockerfile
copied() { image-build -q -o type=image,compression=uncompressed -t copied -f plain.Dockerfile plain 2>&1; }
ours=$(copied)
for tool in layer-diff layer-pack; do
    mkdir swap && ln -s "$top/tests/swap/$tool" swap/
    theirs=$(STAGEPIPE_STORE=$work/other && image-load --tag busybox busybox >/dev/null && PATH=$work/swap:$PATH && copied)
    same_digest "a deferred COPY: the same digest with $tool in sh" "$theirs" "$ours"
    rm -rf swap other
done

REAL=$(dirname "$(command -v layer-pack)") && export REAL
mkdir context
printf '%s\n' 'FROM busybox' 'RUN mkdir -p /usr/share/doc/x && echo text >/usr/share/doc/x/readme && echo kept >/usr/share/kept' >context/Dockerfile
env PATH="$top/tests/swap/no-docs:$PATH" image-build -o type=tar,dest=tree.tar context >/dev/null 2>&1
is "the README's swap leaves out what it says" "$(tar -tf tree.tar usr/share | tr '\n' ' ')" "usr/share/ usr/share/doc/ usr/share/doc/x/ usr/share/kept "
is "the README shows it as it is" "$(sed -n 's/^    //; /layer-pack, but/,/REAL.layer-pack/p' "$top/README.md")" \
    "$(tail -n +2 "$top/tests/swap/no-docs/layer-pack")"
finish
