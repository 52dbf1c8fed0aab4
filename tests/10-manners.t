#!/bin/sh
# What every tool does alike: help, version, exit status, checked output, streams that must be complete.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

full() { "$@" >/dev/full; }
# into_closed_pipe COMMAND...: its status when nobody reads its output.
into_closed_pipe() {
    { sleep 0.1 && "$@" && status=0 || status=$?; echo "${status-}" >"$work/status"; } | :
    return "$(cat "$work/status")"
}
in_file() { file=$1 && shift && "$@" <"$file"; }

for tool in $tools image-build; do
    status_is "$tool --help says how it is used" 0 "$tool" --help
    ok "$tool --help names the tool" grep -q "^Usage: $tool" "$work/.out"
    is "$tool --version is its name and a number" \
        "$("$tool" --version | sed 's/ [0-9][0-9.]*$/ N/')" "$tool N"
    status_is "$tool --no-such-option is a usage error" 2 "$tool" --no-such-option
    is "in a line of $tool's" "$(head -n 1 .out | grep -c "^$tool: .*--no-such-option.*; $tool --help lists")" 1
done

load_busybox
mkdir kept context
printf 'FROM busybox\nRUN echo hello >/hello\n' >context/Dockerfile
ok "a build leaves its streams for the tests below" image-build --keep "$work/kept" context

status_is "df-parse fails when its output is full" 1 full df-parse context/Dockerfile
status_is "stage-run fails when its output is full" 1 in_file kept/plan full stage-run --context context
status_is "layer-diff fails when its output is full" 1 full layer-diff kept context
status_is "layer-pack fails when its output is full" 1 in_file kept/changes.0 full layer-pack
layer-pack <kept/changes.0 >layer.tar
status_is "layer-put fails when its output is full" 1 in_file layer.tar full layer-put --snapshot x
status_is "image-list fails when its output is full" 1 full image-list
status_is "store-gc fails when its output is full" 1 full store-gc -n --max-size 1G
status_is "image-inspect fails when its output is full" 1 full image-inspect busybox
status_is "image-files fails when its output is full" 1 full image-files busybox
status_is "build-trace fails when its output is full" 1 full build-trace kept
mkdir registry
fake_registry registry
status_is "image-push fails when its output is full" 1 full image-push -q busybox "$fake/a"
status_is "image-save fails when its output is full" 1 full image-save busybox -o -

status_is "df-parse ends quietly when nobody reads" 141 into_closed_pipe df-parse context/Dockerfile
is "and says nothing" "$(cat "$work/.out")" ""
status_is "layer-diff ends quietly when nobody reads" 141 into_closed_pipe layer-diff kept context
is "and says nothing" "$(cat "$work/.out")" ""
status_is "layer-pack ends quietly when nobody reads" 141 in_file kept/changes.0 into_closed_pipe layer-pack
is "and says nothing" "$(cat "$work/.out")" ""
status_is "layer-put ends quietly when nobody reads" 141 in_file layer.tar into_closed_pipe layer-put --snapshot x
status_is "image-list ends quietly when nobody reads" 141 into_closed_pipe image-list
status_is "store-gc ends quietly when nobody reads" 141 into_closed_pipe store-gc -n --max-size 1G
status_is "image-inspect ends quietly when nobody reads" 141 into_closed_pipe image-inspect busybox
status_is "image-files ends quietly when nobody reads" 141 into_closed_pipe image-files busybox
status_is "image-push ends quietly when nobody reads" 141 into_closed_pipe image-push -n busybox "$fake/a"
status_is "build-trace ends quietly when nobody reads" 141 into_closed_pipe build-trace kept
status_is "image-save ends quietly when nobody reads" 141 into_closed_pipe image-save busybox -o -

for tool in df-parse 'stage-run --context context' 'layer-diff --store store' layer-pack \
    'layer-pack --store store' 'layer-put --store store --snapshot x' 'image-assemble --store store' 'image-load -' build-trace; do
    # shellcheck disable=SC2086 # words
    status_is "$tool refuses an empty input" 3 in_file /dev/null $tool
done
# Whatever line a stream stops after, and whatever follows it, nobody takes it.
damaged() { # FILE COMMAND...: 0 if the command refuses all of FILE's damaged copies with status 3
    whole=$1 lines=$(wc -l <"$1") && shift
    at=0
    while [ $((at += 1)) -lt "$lines" ]; do refused 3 "after line $at" "head -n$at" "$@" || return; done
    refused 3 "in its last line" "head -c -2" "$@" &&
        refused 3 "with a wrong count" 'sed s/"records":[0-9]*/"records":99/' "$@" &&
        refused 3 "with something at its end" "sed \$arubbish" "$@" &&
        refused 3 "with the head of another at its end" "sed \$a$(head -n1 "$whole")" "$@"
}
refused() { # STATUS DAMAGE FILTER COMMAND...
    wanted=$1 damage=$2 filter=$3 && shift 3
    # shellcheck disable=SC2086 # words
    $filter "$whole" >damaged.in
    "$@" <damaged.in >damaged.out 2>damaged.err
    got=$?
    [ "$got" = "$wanted" ] && ! grep -q '"type":"end"' damaged.out && return
    echo "status $got, wanted $wanted, for the input $damage:"
    cat damaged.in damaged.out damaged.err
    return 1
}
cat kept/steps.0 kept/layers.0 >records
ok "stage-run refuses a damaged plan" damaged kept/plan stage-run --context context
ok "stage-run --bases refuses a damaged plan" damaged kept/plan stage-run --bases
diff_and_pack() { # the status of the first, if the second refuses what it wrote
    layer-diff --store store >changes.in
    status=$?
    layer-pack --store store <changes.in
    [ $? = 3 ] && return "$status"
}
ok "layer-diff refuses damaged records, and layer-pack what it wrote by then" damaged kept/steps.0 diff_and_pack
push_and_assemble() { # likewise
    image-push --follow "$fake/a" >pushed.in
    status=$?
    cat kept/steps.0 pushed.in | image-assemble --store store --tag cut
    [ $? = 3 ] && return "$status"
}
ok "image-push --follow refuses damaged records, and image-assemble what it wrote by then" damaged kept/layers.0 push_and_assemble
ok "layer-pack refuses damaged changes" damaged kept/changes.0 layer-pack
ok "layer-pack --store refuses damaged changes" damaged kept/changes.0 layer-pack --store store
ok "image-assemble refuses damaged records" damaged records image-assemble --store store --tag cut
stage-run --bases <kept/plan >bases
with_bases() { cat >bases.in && df-parse --bases bases.in context/Dockerfile; }
ok "df-parse refuses damaged records of bases" damaged bases with_bases
ok "and makes no image of them" no_image cut
finish
