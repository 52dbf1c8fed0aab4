#!/bin/sh
# shellcheck disable=SC2030,SC2031,SC2086 # PATH is meant to change in subshells only; words
# Each of the five tools, and all of them at once, as swap/ has them in sh, jq and GNU tar: written by the pages, they
# give the digest of the suite's own. What the records say is what they make, and cut input is refused by each.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "the stand-ins mount overlays and read their whiteouts, which needs root"
have jq || skip_all "jq is missing"

load_busybox
export SOURCE_DATE_EPOCH=0
mkdir -p context
echo 'hello, @' >context/greeting.txt && chmod 0640 context/greeting.txt
printf '%s\n' 'FROM busybox AS Maker' 'WORKDIR /src' 'COPY greeting.txt ./' 'ENV WHO=world NOTE="a b"' \
    'RUN sed "s/@/$WHO/" greeting.txt >/greeting' '' 'FROM busybox AS unused' 'RUN echo never' 'FROM busybox' 'ENV WHAT=greeting PATH=/bin' \
    'COPY --from=maker /greeting /etc/greeting' 'RUN rm /bin/awk && ln -s greeting /etc/hello && chmod 4750 /etc/greeting' \
    'CMD ["cat", "/etc/hello"]' >context/two-stages
printf '%s\n' 'FROM busybox AS base' 'RUN mkdir -p /d/sub && echo one >/d/one && ln /d/one /d/two && chown 7:8 /d/sub && mkfifo /d/pipe' \
    'FROM base' 'WORKDIR d' 'RUN pwd >where && rm one && env | grep -c HOME >home' 'WORKDIR new/er' 'CMD cat /d/where' >context/stage-on-stage
printf '%s\n' 'FROM scratch' 'COPY greeting.txt /a' 'WORKDIR /' 'COPY greeting.txt two-stages /many/' 'ENV A=b' >context/scratch
build() { image-build -q -o type=image,compression=uncompressed,rewrite-timestamp=true -t swapped -f "context/$case" context; }
all='df-parse stage-run layer-diff layer-pack image-assemble'
for case in two-stages stage-on-stage scratch; do
    ours=$(build 2>&1)
    for tools in $all "$all"; do
        mkdir swap
        for tool in $tools; do ln -s "$top/tests/swap/$tool" swap/; done
        theirs=$(
            STAGEPIPE_STORE=$work/other
            image-load --tag busybox busybox >/dev/null
            PATH=$work/swap:$PATH
            build 2>&1 | tail -n 1
        )
        same_digest "$case: the same digest with $tools in sh" "$theirs" "$ours"
        is "and nothing is left in the store's tmp" "$(ls -A other/tmp)" ""
        rm -rf swap other
    done
done

echo "# in one store with the suite's own"
case=two-stages
alone() { (PATH=$top/tests/swap:$PATH && build 2>&1 | tail -n 1); }
rm -rf store && load_busybox
same_digest "after a build of theirs the suite's own gives the same" "$(alone)" "$(build 2>/dev/null)"
same_digest "and theirs again" "$(alone)" "$(build 2>/dev/null)"
is "the image runs" "$(image-run swapped cat /etc/hello)" "hello, world"
is "one name means one image" "$(image-list | grep -c '^swapped')" 1
mkdir dir && df-parse <context/two-stages >plan
"$top/tests/swap/stage-run" --stage 0 --store store --build-dir dir --context context <plan >/dev/null 2>&1
stage-run --stage 2 --build-dir dir --context context <plan >steps 2>/dev/null
is "a stage of theirs is taken by one of the suite's own" $? 0
stage-run --stage 0 --build-dir dir --context context <plan >steps 2>/dev/null
"$top/tests/swap/stage-run" --stage 2 --store store --build-dir dir --context context <plan >steps 2>/dev/null
is "and the other way round" $? 0
cp context/two-stages failing && printf 'RUN exit 7\n' >>failing
(PATH=$top/tests/swap:$PATH && image-build -f failing context) >said 2>&1
is "a RUN that fails is a build that fails" $? 1
ok "and nothing is mounted then" no_match -q "$work" /proc/mounts

echo "# with the README's filter in front"
printf '%s\n' 'FROM busybox' 'RUN mkdir -p /usr/share/doc/x && echo text >/usr/share/doc/x/readme && echo kept >/usr/share/kept' >context/documented
case=documented
filtered() { # DIR: with the layer-pack there
    rm -rf other && (
        export REAL="$1" STAGEPIPE_STORE="$work/other"
        image-load --tag busybox busybox >/dev/null
        PATH=$top/tests/swap/no-docs:$PATH && build 2>&1 | tail -n 1
    )
}
same_digest "a filter does the same before both packers" "$(filtered "$top/tests/swap")" "$(filtered "$(dirname "$(command -v layer-pack)")")"
(STAGEPIPE_STORE=$work/other && image-save --format tar swapped) | tar -tf - >listed
ok "which is to leave out documentation" sh -c 'grep -q ^usr/share/kept listed && ! grep -q readme listed'

echo "# what records say"
mkdir -p tree/d
printf hello >tree/d/f && printf x >"tree/$(printf 'new\nline\377')"
state=$(stat -c %Hd:%Ld/%i/%s/%.9Y/%.9Z tree/d/f)
cat >changes <<END
{"type":"header","format":"layer-changes","version":2,"root":"$work/tree"}
{"type":"put","path":".","mode":"0711","uid":0,"gid":0,"mtime":77,"kind":"dir"}
{"type":"put","path":"a","mode":"4750","uid":3,"gid":4,"mtime":1700000001,"kind":"file","size":5,"source":{"path":"d/f","state":"$state"}}
{"type":"put","path":"b","mode":"4750","uid":3,"gid":4,"mtime":1700000001,"kind":"hardlink","target":"a"}
{"type":"put","path":"d","mode":"1777","uid":0,"gid":9,"mtime":5,"kind":"dir","opaque":true}
{"type":"put","path":"d/f","mode":"0600","uid":70000,"gid":0,"mtime":1600000000,"kind":"file","size":5}
{"type":"delete","path":"gone"}
{"type":"put","path":"l","mode":"0777","uid":1,"gid":1,"mtime":8,"kind":"symlink","target":"./-x"}
{"type":"put","path":"m","mode":"0777","uid":1,"gid":1,"mtime":8,"kind":"symlink","target_b64":"/wo="}
{"type":"put","path_b64":"bmV3CmxpbmX/","mode":"0644","uid":0,"gid":0,"mtime":1,"kind":"file","size":1}
{"type":"put","path":"p","mode":"0644","uid":0,"gid":0,"mtime":1,"kind":"fifo"}
{"type":"put","path":"q","mode":"0640","uid":0,"gid":6,"mtime":1,"kind":"char","major":1,"minor":3}
{"type":"put","path":"r","mode":"0640","uid":0,"gid":6,"mtime":1,"kind":"block","major":7,"minor":300}
{"type":"end","records":12}
{"type":"header","format":"layer-changes","version":2}
{"type":"end","records":0}
END
theirs() { tool=$1 && shift && "$top/tests/swap/$tool" "$@"; }
packed() { "$@" --store store --compression none <changes | jq -r 'select(.type == "layer").diff_id'; }
same_digest "layer-pack: modes, owners, times, names and links are the record's" "$(packed theirs layer-pack)" "$(packed layer-pack --no-sync)"
sed 's/"mode":"0600"/"mode":"0606"/; s/"mtime":8,/"mtime":9,/' changes >changed && mv changed changes
same_digest "also those that a filter made" "$(packed theirs layer-pack)" "$(packed layer-pack --no-sync)"
if have setfattr; then
    sed -i 's/"mtime":1600000000,/&"xattrs":{"security.capability":"AQAAAgAEAAAAAAAAAAAAAAAAAAA="},/' changes
    digest=$(packed theirs layer-pack)
    ok "its attributes are there, too" sh -c "tar --xattrs --xattrs-include=* -tvvf store/blobs/sha256/${digest#*:} | grep -q 'x: *20 security.capability'"
else
    skip "its attributes are there, too" "setfattr is missing"
fi
echo touched >>tree/d/f
status_is "a file that is another by now is refused" 3 sh -c "'$top/tests/swap/layer-pack' --store store --compression none <changes"

echo "# input that is cut, or lacks a record"
refuses() { # TOOL FILE: every copy of the file that lacks a line in the middle, or its last
    at=1 lines=$(wc -l <"$2")
    while [ $((at += 1)) -le "$lines" ]; do
        sed "${at}d" "$2" >lacking
        theirs "$1" --store store <lacking >lacking.out 2>&1 && cat lacking.out && return 1
    done
    no_match '"type":"end"' lacking.out
}
layer-diff --all <steps >changes 2>/dev/null && layer-pack --store store <changes >layers && cat steps layers >records
printf '{"type":"header","format":"layer-changes","version":2,"root":"/","snapshot":"x"}\n{"type":"delete","path":"a"}\n{"type":"end","records":1}\n' >one-change
cat one-change - >rows <<'END'
{"type":"header","format":"layer-changes","version":2}
{"type":"end","records":0}
END
ok "layer-diff refuses it" refuses layer-diff steps
ok "layer-pack refuses it" refuses layer-pack rows
ok "image-assemble refuses it" refuses image-assemble records
echo "# the page"
{
    cd context && : >ignored
    set -- --target=maker --until=1 --platform=linux/amd64 --build-arg=A=b --build-context=n=. --label=a=b --iidfile=i --metadata-file=m \
        --compression=zstd --secret=id=s,src=two-stages --ssh=a=/s --network=none --add-host=h:1.2.3.4 --shm-size=1m --ulimit=nofile=9 \
        --memory=1g --cpus=1 --pids-limit=9 --timeout=9 --log-max=9m --no-new-privileges \
        --allow=network.host --isolation=root --no-cache-filter=a --max-unpacked=5g --max-entries=9 --no-cache --shell-on-fail -f two-stages
    image-build -n --explain -t x -o type=oci,dest=x,rewrite-timestamp=true,compression-level=1 "$@" .
    image-build -n --explain -f two-stages .
    for mode in --shell --check --call=targets --call=outline --call=check,format=json --logs; do image-build -n $mode -f two-stages .; done
    cd ..
} 2>/dev/null | tr '|&' '\n' >given
section() { sed -n "/^.Ss $1/,/^.Ss/p" "$top/man/stagepipe-writing.7" | grep -o -e '-[a-z][a-z-]*' | sort -u; }
names_all() { # TOOL SECTION: the section names each option that the driver gives the tool
    section "$2" >named
    sed -n "s/^\([a-z]* *[0-9]*:\)* *$1 //p" given | grep -o -e '--[a-z][a-z-]*' | sed 's/^-//' | sort -u >options
    [ "$(wc -l <options)" -gt 3 ] && ! grep -vxFf named options
}
ok "stagepipe-writing(7) names a front end's options" names_all df-parse 'A front end'
ok "a runner's" names_all stage-run 'A runner'
ok "a packer's" names_all layer-pack 'A packer'
ok "an assembler's" names_all image-assemble 'An assembler'
for file in df-parse stage-run layer-diff layer-pack image-assemble store.sh build-dir.sh steps.jq; do
    [ "$(wc -l <"$top/tests/swap/$file")" -le 40 ] || echo "$file"
done >long
is "none of them is longer than 40 lines" "$(cat long)" ""
finish
