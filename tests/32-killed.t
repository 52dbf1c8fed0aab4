#!/bin/sh
# A driver that is killed, by the signal that it can't answer: what it started ends with it, and the next build removes
# what it left.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have pgrep || skip_all "pgrep is missing"

load_busybox
mkdir context tmp
export TMPDIR="$work/tmp"
seconds=9$$ # nobody else sleeps as long
dockerfile() { cat >context/Dockerfile; }
# running: what runs for a build here names the store, its directory, or the seconds.
running() { pgrep -af "sleep $seconds|$work" || true; }
nothing_runs() { [ -z "$(running)" ]; }
within() { # SECONDS COMMAND...: it succeeds before that
    tries=$(($1 * 20)) && shift
    until "$@" 2>/dev/null; do [ $((tries -= 1)) -gt 0 ] && sleep 0.05 || return; done
}
# Standard input and output of the builds: nothing comes from it, and it takes no more than a pipe holds.
mkfifo endless
exec 7<>endless
# killed WHEN READY [OPTION]...: kills the driver of a build as soon as the command READY succeeds.
killed() {
    when=$1 ready=$2
    shift 2
    image-build --store "$STAGEPIPE_STORE" "$@" <&7 >&7 2>out 7>&- &
    pid=$!
    within 10 "$ready"
    result $? "$when" out
    kill -KILL $pid
    wait $pid 2>/dev/null
    within 1 nothing_runs || running >>out
    ok "all that it started ends within a second" nothing_runs
    ok "its directory is left" [ "$(ls tmp)" ]
    image-build --call targets context >out 2>&1
    is "and removed by the next build" "$(ls tmp)" ""
}
prints() { grep -q 'ready$' out; }

dockerfile <<END
FROM busybox
RUN echo ready; sleep $seconds
END
killed "while RUN sleeps" prints context
dockerfile <<END
FROM busybox
RUN trap '' HUP INT TERM; echo ready; (sleep $seconds; sleep $seconds) & sleep $seconds; sleep $seconds
END
killed "while RUN ignores signals" prints context
dockerfile <<END
FROM busybox AS needed
RUN echo ready; sleep $seconds
FROM busybox
COPY --from=needed /x /x
END
killed "while a stage waits for another" prints context
killed "while one stage is built at a time" prints -j1 context
dockerfile <<END
FROM busybox
RUN dd if=/dev/zero of=/large bs=1M count=1500
END
packs() { grep -q '"type":"end"' tmp/*/steps.0; }
killed "while a layer is packed" packs context
saves() { pgrep -f "^image-save .*$work" >/dev/null; }
assembles() { pgrep -f "^image-assemble .*$work" >/dev/null; }
fetches() { pgrep -f "^context-fetch .*$work" >/dev/null; }
echo FROM busybox >context/Dockerfile
killed "while image-save writes" saves -o - context
killed "while image-assemble writes" assembles -o type=oci context
killed "while context-fetch reads" fetches -
if have python3 && mkdir www && serve www; then
    printf 'FROM busybox\nADD http://%s/x /\n' "$silent" | dockerfile
    asks() { pgrep -f "context-fetch --request=$work" >/dev/null; }
    killed "while stage-run waits for context-fetch" asks context
    echo FROM busybox | dockerfile
else
    skip "while stage-run waits for context-fetch" "python3 is missing"
fi

# Only what nobody builds in is removed.
sleep 0 &
dead=$!
wait $dead
for name in $$.starting $dead.starting $dead.finished; do mkdir "tmp/image-build.$name" && mkfifo "tmp/image-build.$name/alive"; done
mkdir elsewhere && touch "tmp/image-build.$dead.finished/begun" elsewhere/begun
ln -s ../elsewhere "tmp/image-build.$dead.a-link-x"
mkdir "tmp/image-build.$dead.runs-now" && mkfifo "tmp/image-build.$dead.runs-now/alive"
touch "tmp/image-build.$dead.runs-now/begun"
exec 8<>"tmp/image-build.$dead.runs-now/alive"
image-build --call targets context >out 2>&1 8>&-
is "a directory of a build that runs or starts stays, and so does what only has the name" "$(ls tmp)" \
    "$(printf 'image-build.%s\n' $$.starting $dead.a-link-x $dead.runs-now | sort)"
exec 8>&-
image-build --call targets context >out 2>&1
is "one that has ended goes" "$(ls tmp)" "$(printf 'image-build.%s\n' $$.starting $dead.a-link-x | sort)"
ok "no link is followed" test -e elsewhere/begun
finish
