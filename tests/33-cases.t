#!/bin/sh
# Each folder of tests/cases is a build whose name is an assertion. `expected` is a transcript: `$ command` and what it
# prints. Its comment says which rule it pins down and why.
# usage: 33-cases.t [FOLDER]...; STAGEPIPE_CASE_OPTIONS are more options for each build
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"

load_busybox
mkdir layers

# The words of a transcript. They look at the image that the case's Dockerfile makes.
blob() { cat "$STAGEPIPE_STORE/blobs/sha256/${1#sha256:}"; }
image() { jq -r "$1" config; }           # FILTER: of the image's config, strings without quotes
config() { jq -c ".config$1" config; }   # FILTER: of the part that containers get
history() {                              # every instruction's entry; "-" has no layer
    jq -r --argjson base "$base" '.history[$base:][] |
        (if .empty_layer then "- " else "  " end) + (.created_by | sub(" # buildkit$"; ""))' config
}
# unpacked N: the tar of the Nth layer above the base; 0 is the last one
unpacked() {
    n=$(($(jq '.layers | length' manifest) - 1))
    [ "$1" = 0 ] || n=$(($1 - 1 + base))
    digest=$(jq -r ".layers[$n].digest" manifest)
    blob "$digest" | gzip -dc
}
listed() { tar --numeric-owner --quoting-style=escape -tvf - -- "$@" | sed 's/  */ /g; s/ [0-9-]* [0-9:]* / /'; }
layer() { unpacked "${1:-0}" | listed; }                # [N]: mode, owner, size and name of each entry
dates() { unpacked "${1:-0}" | TZ=UTC tar --full-time --numeric-owner -tv | sed 's/^.* \([0-9-]* [0-9:]*\) /\1 /'; }
pax() { # [N]
    unpacked "${1:-0}" >layer.tar && [ -s layer.tar ] || return
    grep -a -o '[0-9]* \(SCHILY\|LIBARCHIVE\|GNU\)[^=]*=.*' layer.tar || echo none
}
layers() { echo $(($(jq '.layers | length' manifest) - base)); }
tree() { image-save --format tar "$tag" | listed "$@"; } # [PATH]...: the same of the merged image
show() { image-save --format tar "$tag" | tar -xO -- "$1"; } # PATH: what is in the file
missing() { # PATH...
    image-save --format tar -o tree.tar "$tag" && tar -tf tree.tar >names && [ -s names ] || return
    if tar -tf tree.tar -- "$@" >/dev/null 2>&1; then echo "it is there"; else echo missing; fi
}
printed() { grep -- "$1" said | sed 's/^#[^ ]* [0-9. ]*//'; } # TEXT: what the build said with it
warned() { # TEXT: says yes when a warning has it
    if grep -q "warning.*$1" said; then echo yes; else cat said; fi
}
# refused TEXT: prints the line that the message names, if there is one and it was refused with such a message
refused() {
    if [ "$status" = 0 ]; then
        echo "it was built"
    elif grep -qi -- "$1" said; then
        sed -n 's/^[^:]*: Dockerfile:\([0-9]*\): .*/line \1/p' said | head -n 1 | grep . || echo "no line"
    else
        echo "refused, but not with '$1':" && cat said
    fi
}

# run_case FOLDER: builds it and replays its transcript into $work/case/got
run_case() {
    rm -rf case && cp -R "$1" case && cd case || return 1
    tag=case-$(echo "${1#"$top/tests/cases/"}" | tr / -)
    [ -d context ] || mkdir context
    find context -exec touch -h -d @1000000000 {} +
    [ ! -f setup ] || sh -eu setup || return 1
    args='' && [ ! -f args ] || args=$(cat args)
    eval "image-build ${STAGEPIPE_CASE_OPTIONS-} -t $tag -f Dockerfile $args context" >digest 2>said
    status=$? base=1
    if [ "$status" = 0 ]; then
        blob "$(cat digest)" >manifest && blob "$(jq -r .config.digest manifest)" >config
        ! jq -e '.history[0].created_by != "busybox-static"' config >/dev/null || base=0
    fi
    while IFS= read -r line; do
        case $line in
        '#'*) printf '%s\n' "$line" ;;
        '$ '*) printf '%s\n' "$line" && eval "${line#??}" 2>&1 </dev/null ;;
        esac
    done <expected >got
}

[ $# -gt 0 ] || set -- "$top"/tests/cases/*/*/
for case; do
    case=${case%/}
    name="$(basename "$(dirname "$case")"): $(basename "$case" | tr - ' ')"
    if [ -f "$case/needs" ] && [ "$(id -u)" != 0 ]; then
        skip "$name" "it needs $(cat "$case/needs")"
        continue
    fi
    run_case "$case"
    cd "$work" && diff -u case/expected case/got >case/diff
    failed=$?
    [ "$failed" = 0 ] || cat case/said >>case/diff
    result "$failed" "$name" case/diff
done
finish
