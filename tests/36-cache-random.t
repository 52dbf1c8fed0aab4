#!/bin/sh
# Random builds with random edits between them, on one store: each gives the image, or the failure, that a
# build without a cache gives in a new store.
#
# STAGEPIPE_RANDOM_SECONDS (15) says how long, STAGEPIPE_RANDOM_SEED where to begin.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip_all "stores are copied here with all owners, which root alone can do"
seconds=${STAGEPIPE_RANDOM_SECONDS:-15}
seed=${STAGEPIPE_RANDOM_SEED:-$(date +%s)}
"$top/tests/busybox-layout" busybox
printf 's3cret' >secret
mkdir empty
# Its base unpacked already: what a new store is copied from.
image-load --store unpacked --tag busybox busybox >/dev/null
printf 'FROM busybox\nRUN true\n' | image-build -q --store unpacked -f - empty >/dev/null 2>&1
cp -a unpacked store
export SOURCE_DATE_EPOCH=0
builds=0 steps=0 hits=0 failed=0 predicted=0 until=$(($(date +%s) + seconds))

# What RUN writes has the clock's time, unless that is rewritten.
image() { # STORE OPTION...
    store=$1
    shift
    image-build -q --store "$store" --secret id=s,src=secret -o type=image,rewrite-timestamp=true -f Dockerfile \
        "$@" context 2>"$work/err.$store" || echo failed
}
# steps FILE...: of each step that is cached or not: which, whether, if it is not why, and its key
steps() {
    jq -r 'select(.type == "step" and .cache != "none") | "\(.stage).\(.step) \(.cache) \(.why.reason) \(.key)"' "$@" \
        2>/dev/null | sort
}
# predict OPTION...: what a dry run says of the steps
predict() {
    parse='' stage='' last=''
    for option; do
        case $last$option in
        --build-arg*) parse="$parse $option" ;;
        *) stage="$stage $option" ;;
        esac
        case $option in --*) last=$option ;; *) last='' ;; esac
    done
    # shellcheck disable=SC2086 # options are words
    df-parse --build-arg SOURCE_DATE_EPOCH=0 $parse Dockerfile 2>/dev/null |
        stage-run --store store --context context --secret id=s,src=secret --source-date-epoch 0 $stage --explain --dry-run \
            2>/dev/null >predicted.json
    steps predicted.json >predicted
}
# The rest is what random-builds.awk says.
# shellcheck disable=SC2317
begin() { chmod -R u+rwx context 2>/dev/null; rm -rf context && mkdir context; }
# shellcheck disable=SC2317
build() { # OPTION...
    find context -exec touch -h -d @1000000000 {} +
    rm -rf kept fresh
    cp -a unpacked fresh
    predict "$@"
    cached=$(image store --keep kept "$@")
    steps kept/steps.* >did
    # What follows from another step may be found after all, and what two stages have alike is found by one of
    # them; all else is as it was said.
    wrong=$(join predicted did | awk '{ keys[$4]++; text[NR] = $0; key[NR] = $4; differs[NR] = $2 != $5 && $3 != "follows" }
        END { for (n = 1; n <= NR; n++) if (differs[n] && keys[key[n]] < 2) print text[n] }')
    predicted=$((predicted + $(join predicted did | wc -l)))
    if [ "$wrong" ]; then
        echo "# build $builds of STAGEPIPE_RANDOM_SEED=$seed: $wrong; options: $*"
        sed 's/^/#   /' Dockerfile
        result 1 "a dry run says what is done"
        finish
        exit 1
    fi
    plain=$(image fresh --no-cache "$@")
    builds=$((builds + 1)) steps=$((steps + $(cat kept/steps.* | grep -c '"cache":"\(hit\|miss\)"')))
    hits=$((hits + $(cat kept/steps.* | grep -c '"cache":"hit"')))
    [ "$cached" != failed ] || failed=$((failed + 1))
    if [ "$cached" != "$plain" ]; then
        echo "# build $builds of STAGEPIPE_RANDOM_SEED=$seed, with the cache: $cached, without: $plain; options: $*"
        sed 's/^/#   /' Dockerfile
        grep -h -o '"text":"[^"]*","op":"[a-z]*","cache":"[hm][a-z]*"' kept/steps.* | sed 's/^/#   /'
        sed 's/^/#   /' "$work/err.store" "$work/err.fresh"
        [ -z "${STAGEPIPE_RANDOM_KEEP-}" ] || cp -a "$work" "$STAGEPIPE_RANDOM_KEEP"
        result 1 "random builds are the same with the cache and without"
        finish
        exit 1
    fi
    if [ "$(date +%s)" -ge "$until" ]; then
        result 0 "$builds random builds are the same with the cache and without, seed $seed"
        echo "# $steps steps, $hits of them from the cache; $failed builds failed, both ways"
        ok "the cache was used" [ "$hits" -gt 0 ]
        ok "a dry run said before what $predicted of the steps did" [ "$predicted" -gt $((steps / 2)) ]
        finish
        exit
    fi
}
awk -v seed="$seed" -v rounds=$((seconds * 20 + 20)) -f "$top/tests/random-builds.awk" >script
# shellcheck source=/dev/null
. ./script
