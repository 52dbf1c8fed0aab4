#!/bin/sh
# A stream that is cut, wherever and between whichever tools, ends without "end" all the way down: every tool after the
# cut says so and exits with 3, and nothing is named.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir context
echo text >context/file
cat >context/Dockerfile <<'END'
FROM busybox AS base
COPY file /deep/er/file
RUN echo one >/one
FROM base
WORKDIR /made
ENV A=b
COPY file /copied
END
df-parse <context/Dockerfile >plan
stage-run --context context --defer-copies <plan >steps 2>/dev/null
layer-diff --store store --all <steps >changes
layer-pack --store store <changes >layers
cat steps layers >records
ok "whole, the records make an image" sh -c 'image-assemble --store store --tag whole <records'

after() {
    case $1 in
    plan) echo 'stage-run layer-diff layer-pack image-assemble' ;;
    steps) echo 'layer-diff layer-pack image-assemble' ;;
    changes) echo 'layer-pack image-assemble' ;;
    records) echo image-assemble ;;
    esac
}
run() { # TOOL: as in a build; its status and words are kept
    case $1 in
    stage-run) set -- stage-run --context context --progress quiet ;;
    layer-diff) set -- layer-diff --store store --all ;;
    layer-pack) set -- layer-pack --store store --no-sync ;;
    image-assemble) set -- image-assemble --store store --tag cut ;;
    esac
    "$@" 2>"said.$1"
    echo "$1 $?" >>statuses
}
pipeline() { # FILTER TOOL...: each tool's output through the filter
    filter=$1 tool=$2
    shift 2
    if [ $# = 0 ]; then run "$tool" >last; else run "$tool" | tee "out.$tool" | $filter | pipeline "$filter" "$@"; fi
}
# cut_at STREAM HOW FILTER: each tool after the stream refuses it, and writes no end
cut_at() {
    : >statuses
    rm -f out.* said.*
    # shellcheck disable=SC2046 # words
    $2 "$1" | $3 | pipeline "$3" $(after "$1")
    for tool in $(after "$1"); do
        grep -qx "$tool 3" statuses || { echo "$1, $2, $3: not status 3 of $tool:" && cat statuses && return 1; }
        [ "$(grep -c . "said.$tool")" = 1 ] || { echo "$1, $2, $3: $tool says:" && cat "said.$tool" && return 1; }
        grep -q "^$tool: " "said.$tool" || { echo "$1, $2, $3: $tool says:" && cat "said.$tool" && return 1; }
    done
    # Of a row of changes each is whole in itself, but the row is not closed by the one without a root.
    for out in out.stage-run out.layer-pack last; do
        [ ! -e "$out" ] || no_match '"type":"end"' "$out" || { echo "$1, $2, $3: $out has an end" && return 1; }
    done
    [ ! -s last ] || { echo "$1, $2, $3: something is made" && return 1; }
    [ ! -e out.layer-diff ] || no_match '^{"type":"header".*"version":2}$' out.layer-diff || return
}
everywhere() { # STREAM FILTER
    lines=$(wc -l <"$1") at=-1
    while [ $((at += 1)) -lt "$lines" ]; do
        cut_at "$1" "head -n $at" "$2" || return
    done
    # In a line: its first byte, its middle and all but its end.
    size=$(wc -c <"$1")
    for byte in 1 $((size / 3)) $((size / 2)) $((size - 3)) $((size - 1)); do
        cut_at "$1" "head -c $byte" "$2" || return
    done
}
for stream in plan steps changes records; do
    ok "$stream, cut after each line and in some" everywhere "$stream" cat
done
if have jq; then
    # jq ends with 0 where its input ends between two lines, and passes on what came.
    lines() {
        at=-1
        while [ $((at += 1)) -lt "$(wc -l <"$1")" ]; do cut_at "$1" "head -n $at" 'jq -c .' || return; done
    }
    for stream in plan steps changes records; do
        ok "$stream, cut after each line, with a filter between all tools" lines "$stream"
    done
fi
ok "no image is made of any" no_image cut

# A tar has no end record, but an end marker: two blocks of zeros.
stage-run --context context <plan 2>/dev/null | sed '/"step":2/,$d' >cut.steps
layer-diff --store store --all <cut.steps 2>/dev/null | layer-pack >tar 2>/dev/null
is "layer-pack fails where a row is cut after its only stream" $? 3
ok "and its tar has the file, but no end marker" sh -c 'grep -q text tar && tail -c 512 tar | grep -q text'
layer-diff --store store --all <steps 2>/dev/null | layer-pack >tar 2>/dev/null
is "it fails where there are several" $? 3
ok "and that tar has no end marker, either" sh -c 'tail -c 512 tar | grep -q text'

# A tool that is killed cuts its stream, too. What is before it meets a closed pipe.
printf '%s\n' 'FROM busybox' 'COPY file /a' 'RUN echo begun && sleep 20.75' >context/slow
df-parse <context/slow >plan
killed() { # TOOL: it is killed while the RUN runs
    : >statuses
    rm -f out.* said.*
    die=$1
    {
        stage-run --context context <plan 2>said.stage-run &
        echo $! >pid.stage-run
        wait $! 2>/dev/null
        echo "stage-run $?" >>statuses
    } | {
        layer-diff --store store --all <&3 2>said.layer-diff &
        echo $! >pid.layer-diff
        wait $! 2>/dev/null
        echo "layer-diff $?" >>statuses
    } 3<&0 | {
        layer-pack --store store <&3 2>said.layer-pack &
        echo $! >pid.layer-pack
        wait $! 2>/dev/null
        echo "layer-pack $?" >>statuses
    } 3<&0 | run image-assemble >last &
    tries=0
    until grep -q '^#0 begun' said.stage-run 2>/dev/null || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
    kill -9 "$(cat "pid.$die")"
    # A tool before it that still runs is the driver's to end.
    [ "$die" = stage-run ] || kill -TERM "$(cat pid.stage-run)"
    wait
    sort statuses | tr '\n' ' '
}
is "stage-run is killed" "$(killed stage-run)" "image-assemble 3 layer-diff 3 layer-pack 3 stage-run 137 "
is "layer-diff is killed" "$(killed layer-diff)" "image-assemble 3 layer-diff 137 layer-pack 3 stage-run 143 "
is "layer-pack is killed" "$(killed layer-pack)" "image-assemble 3 layer-diff 3 layer-pack 137 stage-run 143 "
ok "no image is made of any" no_image cut
nothing_runs "nothing runs on" 'sleep 20.75'
finish
