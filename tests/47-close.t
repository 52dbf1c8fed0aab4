#!/bin/sh
# A close(2) that fails: an error where something may be lost, nothing where nothing can be, and never a panic.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

have strace timeout || skip_all "there is no strace or no timeout"
strace -f -o trace -e inject=close:error=EIO:when=9999 true 2>/dev/null || skip_all "strace can't inject errors here"
load_busybox
mkdir context && echo a >context/a
cat >context/Dockerfile <<'END'
FROM busybox AS first
RUN mkdir /d && echo b >/d/b
FROM busybox
COPY a /a
COPY --from=first /d /d
WORKDIR /w
END
image-build -q --keep kept -t app context >/dev/null
image-save --format layout -o layout app
tar -C context -cf context.tar .
# directories: which of a process's closes, by number, are of a directory
directories() {
    awk -F '[<>]' '{ pid = $1; sub(/ .*/, "", pid); n[pid]++ } $2 ~ /^\// { print n[pid], $2 }' trace |
        while read -r n path; do if [ -d "$path" ] || [ "$path" != "${path%(deleted)}" ]; then echo "$n"; fi; done |
        sort -nu | head -n 20
}
# fails_gently NAME COMMAND...: each close of a directory fails once. $out is a path of the run's own.
fails_gently() {
    name=$1
    shift
    rm -rf copy out.* && cp -a store copy
    export STAGEPIPE_STORE="$PWD/copy" out="$PWD/out.0"
    strace -f -qq -y -o trace -e trace=close "$@" >said 2>&1
    panics=0 tries=0
    for n in $(directories); do
        tries=$((tries + 1))
        out=$PWD/out.$n
        timeout 20 strace -f -qq -o /dev/null -e trace=close -e "inject=close:error=EIO:when=$n" "$@" >said 2>&1
        if [ $? = 101 ] || grep -q 'panicked' said; then panics=$((panics + 1)); fi
    done
    is "$name" "$panics panics, $([ $tries -gt 0 ] && echo tried)" "0 panics, tried"
}
fails_gently image-load image-load --tag other busybox
# shellcheck disable=SC2016 # $out is the inner shell's
fails_gently image-save-layout sh -c 'exec image-save --format layout -o "$out" app'
# shellcheck disable=SC2016
fails_gently image-save-directory sh -c 'exec image-save --format dir -o "$out" app'
fails_gently image-report image-report --no-advice layout
fails_gently image-assemble sh -c 'cat kept/steps.* kept/layers.* | exec image-assemble --tag x'
fails_gently layer-diff sh -c 'exec layer-diff --all <kept/steps.1'
fails_gently layer-pack sh -c 'layer-diff --all <kept/steps.1 2>/dev/null | exec layer-pack'
fails_gently layer-put sh -c 'layer-pack <kept/changes.1 | exec layer-put --changes kept/changes.1 --remember x'
fails_gently stage-run sh -c 'df-parse <context/Dockerfile | exec stage-run --no-cache --context context'
fails_gently stage-run-dry sh -c 'df-parse <context/Dockerfile | exec stage-run --dry-run --context context'
fails_gently build-trace build-trace kept
# shellcheck disable=SC2016
fails_gently context-fetch sh -c 'exec context-fetch - "$out" <context.tar'
finish
