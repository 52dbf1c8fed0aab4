#!/bin/sh
# What a RUN reaches of the caller's ssh agent: its keys are listed and sign, and nothing else is done with it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have ssh-agent ssh-add ssh-keygen cc || skip_all "ssh-agent, ssh-add, ssh-keygen or a C compiler is missing"
load_busybox
mkdir app
cc -static -pthread -O1 -o app/probe "$top/tests/probe.c" 2>/dev/null || skip_all "cc makes no static program"

eval "$(ssh-agent -s -a "$work/socket")" >/dev/null
registries=$SSH_AGENT_PID # lib.sh ends it
ssh-keygen -q -t ed25519 -N '' -f key
ssh-add -q key
before=$(ssh-add -L)

run() { # RUN-WORDS OPTION...: a build with that RUN; its output is in out
    printf 'FROM busybox\nCOPY probe /bin/\n%s\n' "$1" >app/Dockerfile
    shift
    image-build --no-cache "$@" app >out 2>&1
}
printed() { sed -n 's/^#0 \([^[]\)/\1/p' out | grep -v '^FROM\|^exporting'; }

ok "a RUN has an agent" run 'RUN --mount=type=ssh probe agent' --ssh default
is "which lists and signs, and refuses to add, remove or lock keys, extensions and long messages" "$(printed)" "11: 12
13: 5
17: 5
18: 5
19: 5
22: 5
23: 5
25: 5
27: 5
long: no answer
fewer than a hundred of 1000 connections at once"
is "whose keys are still there" "$(ssh-add -L)" "$before"
if have python3; then
    # An agent that tells what it was asked.
    python3 -c 'import socket, sys, threading
def answer(connection):
    while len(head := connection.recv(4)) == 4:
        message = connection.recv(int.from_bytes(head, "big"))
        print(message[0], file=sys.stderr, flush=True)
        connection.sendall(bytes([0, 0, 0, 1, message[0] + 1]))
server = socket.socket(socket.AF_UNIX)
server.bind("told")
server.listen()
while True:
    threading.Thread(target=answer, args=server.accept()[:1], daemon=True).start()' 2>asked &
    registries="$registries $!"
    until [ -S told ]; do sleep 0.1; done
    run 'RUN --mount=type=ssh,id=x probe agent' --ssh "x=$work/told"
    ok "it answers what it is asked" grep -q '^#0 13: 14$' out
    is "and nothing else comes to it" "$(sort -u asked)" "11
13"
fi
ok "the socket is its owner's" run 'RUN --mount=type=ssh,mode=640,uid=7,gid=8 stat -c "%a %u:%g" "$SSH_AUTH_SOCK"' --ssh default
[ "$(id -u)" != 0 ] || is "as the mount says" "$(printed)" 640\ 7:8
ok "and is not in the image" run 'RUN --mount=type=ssh,target=/s test -S /s
RUN test ! -S /s' --ssh default
mkdir long && long=long/$(printf '%0200d' 0)
mkdir "$long" && ln "$work/socket" "$long/agent"
ok "its path may be long" run 'RUN --mount=type=ssh probe agent' --ssh "default=$work/$long/agent"
kill "$SSH_AGENT_PID"
touch app/file
while [ -S socket ] && ssh-add -l >/dev/null 2>&1; do sleep 0.1; done
if python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("dead")'; then
    run 'RUN --mount=type=ssh true' --ssh "default=$work/dead"
    is "an agent that does not answer is an error" $? 1
    ok "which names its socket" grep -q "^image-build: .*/dead: no ssh agent answers there: .*; start one" out
fi
run 'RUN --mount=type=ssh true' --ssh "default=$work/app/file"
ok "and so is a file" grep -q 'app/file is no socket; give a key to an agent' out
finish
