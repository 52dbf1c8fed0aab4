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
cut_short() { sed '$d' "$1"; }
in_file() { file=$1 && shift && "$@" <"$file"; }

for tool in $tools image-build; do
    status_is "$tool --help says how it is used" 0 "$tool" --help
    ok "$tool --help names the tool" grep -q "^Usage: $tool" "$work/.out"
    is "$tool --version is its name and a number" \
        "$("$tool" --version | sed 's/ [0-9][0-9.]*$/ N/')" "$tool N"
    status_is "$tool --no-such-option is a usage error" 2 "$tool" --no-such-option
done

load_busybox
mkdir kept context
printf 'FROM busybox\nRUN echo hello >/hello\n' >context/Dockerfile
ok "a build leaves its streams for the tests below" image-build --keep "$work/kept" context

status_is "df-parse fails when its output is full" 1 full df-parse context/Dockerfile
status_is "stage-run fails when its output is full" 1 in_file kept/plan full stage-run --context context
status_is "layer-diff fails when its output is full" 1 full layer-diff kept context
status_is "layer-pack fails when its output is full" 1 in_file kept/changes.0 full layer-pack
status_is "image-list fails when its output is full" 1 full image-list
status_is "build-trace fails when its output is full" 1 full build-trace kept
status_is "image-save fails when its output is full" 1 full image-save busybox -o -

status_is "df-parse ends quietly when nobody reads" 141 into_closed_pipe df-parse context/Dockerfile
is "and says nothing" "$(cat "$work/.out")" ""
status_is "layer-diff ends quietly when nobody reads" 141 into_closed_pipe layer-diff kept context
is "and says nothing" "$(cat "$work/.out")" ""
status_is "layer-pack ends quietly when nobody reads" 141 in_file kept/changes.0 into_closed_pipe layer-pack
is "and says nothing" "$(cat "$work/.out")" ""
status_is "image-list ends quietly when nobody reads" 141 into_closed_pipe image-list
status_is "build-trace ends quietly when nobody reads" 141 into_closed_pipe build-trace kept
status_is "image-save ends quietly when nobody reads" 141 into_closed_pipe image-save busybox -o -

for tool in df-parse 'stage-run --context context' 'layer-diff --store store' layer-pack \
    'image-assemble --store store' 'image-load -' build-trace; do
    # shellcheck disable=SC2086 # words
    status_is "$tool refuses an empty input" 3 in_file /dev/null $tool
done
status_is "but a stage without layers is nothing to layer-pack --store" 0 in_file /dev/null layer-pack --store store
is "which says so" "$(cat .out)" '{"type":"header","format":"build-record","version":1}
{"type":"end","records":0}'
cut_short kept/plan >plan
cut_short kept/steps.0 >steps
cut_short kept/changes.0 >changes
cat kept/steps.0 kept/layers.0 | sed '$d' >records
status_is "stage-run refuses a plan without its end" 3 in_file plan stage-run --context context
status_is "layer-diff refuses records without their end" 3 in_file steps layer-diff --store store
status_is "layer-pack refuses changes without their end" 3 in_file changes layer-pack
status_is "layer-pack --store refuses changes without their end" 3 in_file changes layer-pack --store store
status_is "image-assemble refuses records without their end" 3 in_file records image-assemble --store store --tag cut
image-list >list
ok "and makes no image of them" sh -c '! grep cut list'
finish
