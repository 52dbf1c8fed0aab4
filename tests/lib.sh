# shellcheck shell=sh
# lib.sh: TAP from sh. A test sources it, calls ok, is, status_is or like, and ends with finish.
# Each file has its own empty directory, $work, which is also where it starts.

set -u
umask 022
unset CDPATH SOURCE_DATE_EPOCH BUILDKIT_PROGRESS
top=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${STAGEPIPE_BIN-}" ]; then
    STAGEPIPE_BIN=$top/target/debug
    [ ! -x "$top/target/release/image-assemble" ] || STAGEPIPE_BIN=$top/target/release
fi
PATH=$top/scripts:$STAGEPIPE_BIN:$PATH
work=$(mktemp -d)
# An ordinary user's files may be owned by others of its ids, but tests remove those themselves.
registries=
trap 'kill $registries 2>/dev/null; cd / && rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work" || exit 1
STAGEPIPE_STORE=$work/store
export PATH STAGEPIPE_BIN STAGEPIPE_STORE
export tools='df-parse stage-run layer-diff layer-pack layer-put image-assemble image-load image-pull image-push image-save image-list image-inspect image-tag image-run image-report image-files context-fetch build-trace store-check store-gc'
export helpers='build-start build-sources build-view run-together' # of image-build
count=0 failures=0

result() { # STATUS DESCRIPTION [FILE-WITH-DETAILS]
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
        [ -z "${3-}" ] || sed 's/^/#   /' "$3"
    fi
}
ok() { # DESCRIPTION COMMAND...: it succeeds
    description=$1
    shift
    "$@" >"$work/.log" 2>&1 </dev/null
    result $? "$description" "$work/.log"
}
is() { # DESCRIPTION GOT WANTED
    printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$work/.log"
    [ "$2" = "$3" ]
    result $? "$1" "$work/.log"
}
status_is() { # DESCRIPTION STATUS COMMAND...: it ends with the status; its output is in $work/.out
    description=$1 wanted=$2
    shift 2
    "$@" >"$work/.out" 2>&1
    got=$?
    echo "status $got, wanted $wanted" | cat - "$work/.out" >"$work/.log"
    [ "$got" = "$wanted" ]
    result $? "$description" "$work/.log"
}
# same_digest DESCRIPTION GOT WANTED: both are a digest, and the same: two failures are not.
same_digest() {
    if expr "x$3" : 'xsha256:[0-9a-f]\{64\}$' >/dev/null; then is "$@"; else is "$1" "$2" "a digest, not $3"; fi
}
# equal DESCRIPTION GOT WANTED: the same text, and some: what two programs say, of which both may fail.
equal() { is "$1" "${2:-nothing}" "${3:-something}"; }
# no_match [GREP-OPTION]... PATTERN FILE...: grep finds nothing; when it can't look, that is a failure.
no_match() {
    grep "$@"
    [ $? = 1 ]
}
# no_image NAME: the store can be listed, and no image of it is called so.
no_image() { image-list >"$work/.images" && grep -q '^NAME ' "$work/.images" && no_match "^$1:" "$work/.images"; }
# nothing_runs DESCRIPTION TEXT: no process has the text in its command line, or in its mounts, as what a step runs has.
nothing_runs() {
    have pgrep || { skip "$1" "pgrep is missing" && return; }
    pgrep -af -- "$2" >"$work/.log"
    found=$?
    grep -lF -- "$2" /proc/[0-9]*/mountinfo >>"$work/.log" 2>/dev/null
    [ "$found" = 1 ] && [ ! -s "$work/.log" ]
    result $? "$1" "$work/.log"
}
skip() { count=$((count + 1)) && echo "ok $count - $1 # SKIP $2"; }
skip_all() { echo "1..0 # SKIP $1" && exit 0; }
have() { for tool; do command -v "$tool" >/dev/null || return 1; done; }
# load_busybox: the image busybox in the store, which most tests build on, from a layout in ./busybox.
load_busybox() { "$top/tests/busybox-layout" busybox && image-load --tag busybox busybox >/dev/null; }
# numbers_and_sums DIR: two files of a megabyte, of which the first compresses well and the second does not.
numbers_and_sums() {
    seq 1 200000 >"$1/numbers"
    awk 'BEGIN { srand(1); for (i = 0; i < 60000; i++) printf "%d %d\n", rand() * 1e9, rand() * 1e6 }' >"$1/sums"
}
# serve DIR [CERTIFICATE]: serves a directory until the test ends; sets $web, $secure and $repos, the start of
# URLs, and $silent, where nobody answers.
# shellcheck disable=SC2034 # those are for the tests
serve() {
    mkfifo "$work/.hold"
    # It holds no stream of the test's but the one whose end ends it.
    python3 "$top/tests/loopback" "$@" <"$work/.hold" >"$work/.ports" 2>/dev/null &
    exec 8>"$work/.hold"
    tries=0
    until [ -s "$work/.ports" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
    read -r port secure git silent <"$work/.ports" || return
    web=http://127.0.0.1:$port secure=https://127.0.0.1:$secure repos=git://127.0.0.1:$git silent=127.0.0.1:$silent
}
# fake_registry DIR [CERTIFICATE]: a registry of the layouts below DIR, which fails as DIR.faults says, and logs to DIR.log; see its head.
# Sets $fake, $other and $tls, its hosts with ports.
# shellcheck disable=SC2034 # those are for the tests
fake_registry() {
    mkfifo "$work/.hold-registry"
    python3 "$top/tests/fake-registry" "$@" <"$work/.hold-registry" >"$work/.registry" 2>"$work/.registry-errors" &
    exec 7>"$work/.hold-registry"
    tries=0
    until [ -s "$work/.registry" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
    read -r fake other tls <"$work/.registry" || return
    fake=127.0.0.1:$fake other=127.0.0.1:$other tls=127.0.0.1:$tls
}
# registry NAME: starts docker-registry with a configuration of standard input besides where it is; sets $host
registry() {
    { printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\n' "$work/$1.d" && cat; } >"$1.yml"
    docker-registry serve "$1.yml" >"$1.log" 2>&1 &
    registries="$registries $!" host='' tries=0
    while [ -z "$host" ] && [ $((tries += 1)) -le 100 ]; do
        sleep 0.1
        host=$(sed -n 's/.*listening on \(127\.[0-9.]*:[0-9]*\|\[::1\]:[0-9]*\).*/\1/p' "$1.log")
    done
}
finish() { echo "1..$count" && [ "$failures" = 0 ]; }
