#!/bin/sh
# What limits of a RUN do: of memory, processes and time, of its log, and of the rights that programs give.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
load_busybox

# run COMMAND OPTION...: the output and status of a build with that RUN
run() {
    printf 'FROM busybox\nRUN %s\n' "$1" >Dockerfile
    shift
    image-build --no-cache "$@" - <Dockerfile >out 2>&1
}
printed() { sed -n 's/^#0 \([^[]\)/\1/p' out | grep -v '^FROM\|^exporting'; }

if run true --memory 1g; then
    run 'head -c 200m /dev/zero | tail -c 200m >/dev/null; exit 3' --memory 50m
    ok "a RUN that was killed for memory says so" grep -q 'status 3: it, or something that it started, was killed for memory; give it more by --memory' out
    run 'head -c 200m /dev/zero | tail -c 200m >/dev/null || echo less >/result' --memory 50m -t less
    is "also one that goes on all the same: it fails" $? 1
    image-build -m 500m -t more - <Dockerfile >out 2>&1
    ok "and no build gets its result from the cache" sh -c 'image-run more true && ! image-run more test -e /result'
    ok "with enough memory it is not" run 'head -c 20m /dev/zero | tail -c 20m >/dev/null' -m 500m
    run 'for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo all' --pids-limit 6
    ok "more processes than allowed are not had" no_match '^#0 all' out
    run 'cat /proc/self/cgroup | grep -c stagepipe' --cpus 0.5
    is "one limit is one cgroup" "$(printed)" 1
    is "which is gone" "$(find /sys/fs/cgroup -name 'stagepipe-*' 2>/dev/null)" ""
elif [ "$(id -u)" = 0 ]; then
    skip "memory and processes" "$(head -n 1 out)"
fi
if [ "$(id -u)" = 0 ] && have setpriv; then
    mkdir -m 777 user && chmod 755 . && cp -r busybox user/
    user() { setpriv --reuid 65534 --regid 65534 --clear-groups env STAGEPIPE_STORE="$work/user/store" TMPDIR="$work/user" "$@"; }
    user image-load --tag busybox user/busybox >/dev/null 2>&1
    user image-build --memory 1g --no-cache - <Dockerfile >out 2>&1
    is "who can't have a limit fails" $? 1
    ok "and is told" grep -q "^image-build: --memory can't be held to .*delegated" out
    is "before anything runs" "$(printed)" ""
    rm -rf user
fi
is "a limit is not in a step's key" "$(printf 'FROM busybox\nRUN echo once\n' >Dockerfile
    image-build - <Dockerfile >/dev/null 2>&1
    image-build --timeout 1h --log-max 1g - <Dockerfile 2>&1 | grep -c CACHED)" 1

run 'echo before; sleep 100; echo after' --timeout 1s
is "a RUN whose time is up fails" $? 1
ok "and says so" grep -q 'RUN was ended: it took longer than --timeout allows; give it more time' out
is "what it printed before is shown" "$(printed)" before

run 'seq 1 1000' --log-max 1k
ok "a long log is said to be cut" grep -q '^#0 2869 bytes of what RUN printed are not in its log; --log-max keeps more$' out
is "and says so itself" "$(image-build --logs=1 - <Dockerfile | tail -n 1)" "[2869 more bytes were printed]"
is "what is shown is whole" "$(printed | grep -c '^[0-9]*$')" 1000

run 'grep NoNewPrivs /proc/self/status' --no-new-privileges
is "no program gives more rights where that is asked for" "$(printed)" "NoNewPrivs: 1"
image-build - <Dockerfile >out 2>&1
is "which is in the step's key" "$(printed)" "NoNewPrivs: 0"

for wrong in --memory=much --memory=0 --memory=1k --cpus=no --cpus=0 --pids-limit=0 --timeout=1d --log-max=x --cpu-quota=1; do
    status_is "$wrong is a usage error" 2 image-build "$wrong" - <Dockerfile
done
status_is "processors are said in one way" 2 image-build --cpus 1 --cpu-quota 9000 - <Dockerfile
finish
