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
done

echo "# what a wrong command line is told"
# A row has the words, and what is said of them after the tool's name: @use and @list are where --help comes in.
cat >wrong <<'END'
df-parse|--frobnicate|--frobnicate: no such option@list
df-parse|--traget x|--traget: no such option; did you mean --target?@list
df-parse|--target|--target: the value is missing@use
df-parse|a b|'b': there is one argument too many@use
df-parse|--format xml|--format: 'xml' is none of text, json
df-parse|--check --targets|--check: it can't stand beside --targets; leave one of them out
stage-run|--frobnicate|--frobnicate: no such option@list
stage-run|--stor x|--stor: no such option; did you mean --store?@list
stage-run|--stage|--stage: the value is missing@use
stage-run|a|'a': there is one argument too many@use
stage-run|--wait x|--wait: 'x' is not a number; write digits
layer-diff|--frobnicate|--frobnicate: no such option@list
layer-diff|--stor|--stor: no such option; did you mean --store?@list
layer-diff|--store|--store: the value is missing@use
layer-diff|a|NEW: it is missing@use
layer-diff|a b c|'c': there is one argument too many@use
layer-diff|--max-entries x|--max-entries: 'x' is not a number; write digits
layer-pack|--frobnicate|--frobnicate: no such option@list
layer-pack|--progres x|--progres: no such option; did you mean --progress?@list
layer-pack|--level|--level: the value is missing@use
layer-pack|a|'a': there is one argument too many@use
layer-pack|--level x|--level: 'x' is not a number; write digits
layer-put|--frobnicate|--frobnicate: no such option@list
layer-put|--snapshto x|--snapshto: no such option; did you mean --snapshot?@list
layer-put|--store|--store: the value is missing@use
layer-put||--snapshot: it is missing@use
layer-put|a|'a': there is one argument too many@use
layer-put|--max-entries x|--max-entries: 'x' is not a number; write digits
image-assemble|--frobnicate|--frobnicate: no such option@list
image-assemble|--tga x|--tga: no such option; did you mean --tag?@list
image-assemble|--tag|--tag: the value is missing@use
image-assemble|--source-date-epoch x|--source-date-epoch: 'x' is not a number; write digits
image-load|--frobnicate|--frobnicate: no such option@list
image-load|--tga x|--tga: no such option; did you mean --tag?@list
image-load|--tag|--tag: the value is missing@use
image-load||SOURCE: it is missing@use
image-load|a b|'b': there is one argument too many@use
image-load|--lock-timeout x a|--lock-timeout: 'x' is not a number; write digits
image-pull|--frobnicate|--frobnicate: no such option@list
image-pull|--polic x|--polic: no such option; did you mean --policy?@list
image-pull|--policy|--policy: the value is missing@use
image-pull||NAME: it is missing@use
image-pull|--max-wait x a|--max-wait: 'x' is not a number; write digits
image-push|--frobnicate|--frobnicate: no such option@list
image-push|--folow x|--folow: no such option; did you mean --follow?@list
image-push|--store|--store: the value is missing@use
image-push||IMAGE: it is missing@use
image-push|--max-wait x a|--max-wait: 'x' is not a number; write digits
image-save|--frobnicate|--frobnicate: no such option@list
image-save|--outptu x|--outptu: no such option; did you mean --output?@list
image-save|--output|--output: the value is missing@use
image-save||IMAGE: it is missing@use
image-save|a b|'b': there is one argument too many@use
image-save|--max-entries x a|--max-entries: 'x' is not a number; write digits
image-save|--format x a|--format: 'x' is none of oci, docker, layout, tar, dir
image-list|--frobnicate|--frobnicate: no such option@list
image-list|--filtre x|--filtre: no such option; did you mean --filter?@list
image-list|--filter|--filter: the value is missing@use
image-inspect|--frobnicate|--frobnicate: no such option@list
image-inspect|--sotre x|--sotre: no such option; did you mean --store?@list
image-inspect|--store|--store: the value is missing@use
image-inspect||IMAGE: it is missing@use
image-tag|--frobnicate|--frobnicate: no such option@list
image-tag|--delte x|--delte: no such option; did you mean --delete?@list
image-tag|--delete|--delete: the value is missing@use
image-tag||IMAGE: it is missing@use
image-tag|a|NAME: it is missing@use
image-tag|--lock-timeout x a b|--lock-timeout: 'x' is not a number; write digits
image-run|--frobnicate|--frobnicate: no such option@list
image-run|--entrypont x a|--entrypont: no such option; did you mean --entrypoint?@list
image-run|--entrypoint|--entrypoint: the value is missing@use
image-run||IMAGE: it is missing@use
image-run|--grace x a|--grace: 'x' is not a number; write digits
image-run|--add-host x a|--add-host: 'x': not NAME:ADDRESS
image-report|--frobnicate|--frobnicate: no such option@list
image-report|--whatif x|--whatif: no such option; did you mean --what-if?@list
image-report|--store|--store: the value is missing@use
image-report||IMAGE: it is missing@use
image-report|--max-entries x a|--max-entries: 'x' is not a number; write digits
image-files|--frobnicate|--frobnicate: no such option@list
image-files|--dept 1 a|--dept: no such option; did you mean --depth?@list
image-files|--depth|--depth: the value is missing@use
image-files||IMAGE: it is missing@use
image-files|--depth x a|--depth: 'x' is not a number; write digits
context-fetch|--frobnicate|--frobnicate: no such option@list
context-fetch|--secrt x|--secrt: no such option; did you mean --secret?@list
context-fetch|--secret|--secret: the value is missing@use
context-fetch||SOURCE: it is missing@use
context-fetch|a b c|'c': there is one argument too many@use
context-fetch|--max-entries x a b|--max-entries: 'x' is not a number; write digits
build-trace|--frobnicate|--frobnicate: no such option@list
build-trace|--fromat svg|--fromat: no such option; did you mean --format?@list
build-trace|--format|--format: the value is missing@use
build-sources|--frobnicate|--frobnicate: no such option@list
build-sources|--quite a b c|--quite: no such option; did you mean --quiet?@list
build-sources||DIR: it is missing@use
build-sources|a b c d|'d': there is one argument too many@use
run-together|--frobnicate|--frobnicate: no such option@list
run-together|--jbos 1|--jbos: no such option; did you mean --jobs?@list
run-together|--jobs|--jobs: the value is missing@use
run-together||DIRECTORY: it is missing@use
run-together|a b|'b': there is one argument too many@use
run-together|--jobs x a|--jobs: 'x' is not a number; write digits
store-gc|--frobnicate|--frobnicate: no such option@list
store-gc|--dyr-run|--dyr-run: no such option; did you mean --dry-run?@list
store-gc|--max-size|--max-size: the value is missing@use
store-gc|a|'a': there is one argument too many@use
store-gc|--keep-for x|--keep-for: "x" is no time; write it as 7d, 12h, 30m or 90s
store-check|--frobnicate|--frobnicate: no such option@list
store-check|--repiar|--repiar: no such option; did you mean --repair?@list
store-check|--store|--store: the value is missing@use
store-check|a|'a': there is one argument too many@use
build-view|--frobnicate|--frobnicate: no such option@list
build-view|a|'a': there is one argument too many@use
run-together|--hold x a|--hold: 'x': it is not VARIABLE=DIR
image-build|--frobnicate|--frobnicate: no such option@list
image-build|--traget x .|--traget: no such option; did you mean --target?@list
image-build|--target|--target: the value is missing@use
image-build||the context is missing; write . for this directory
image-build|a b|one context, please; both 'a' and 'b' are given
image-build|--max-entries x .|--max-entries: 'x' is not a number
END
while IFS='|' read -r tool words said; do
    # shellcheck disable=SC2086 # words
    status_is "$tool $words: a usage error" 2 in_file /dev/null $tool $words
    is "in $tool's name, with what to do" "$(cat .out)" \
        "$tool: $(echo "$said" | sed "s/@use/; $tool --help says how it is used/; s/@list/; $tool --help lists those there are/")"
done <wrong
status_is "build-start without a number: a usage error" 2 build-start
is "in its name" "$(cat .out)" "image-build: build-start: the number of a shell is missing; image-build starts this"
for tool in $tools $helpers image-build; do
    [ "$tool" = build-start ] || ok "$tool is in the table" grep -q "^$tool|--frobnicate|" wrong
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
