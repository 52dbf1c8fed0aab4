#!/bin/sh
# image-run: what a command finds, what signals do to it, and why one that can't be run can't be.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have busybox cc || skip_all "busybox or a C compiler is missing"
load_busybox

is "/etc/hosts and /etc/resolv.conf can be written" \
    "$(image-run busybox sh -c 'echo 10.1.2.3 db >>/etc/hosts && echo search x >>/etc/resolv.conf && tail -qn1 /etc/hosts /etc/resolv.conf' 2>&1)" \
    "10.1.2.3 db
search x"
is "and have nothing of it the next time" "$(image-run busybox grep -c db /etc/hosts 2>&1)" 0
status_is "in RUN they can't, for no layer would have it" 1 \
    sh -c 'printf "FROM busybox\nRUN echo 10.1.2.3 db >>/etc/hosts\n" | image-build -q -'
is "the host's name is a variable" "$(image-run --hostname box busybox sh -c 'echo $HOSTNAME' 2>&1)" box
printf 'FROM busybox\nENV HOSTNAME=own\n' | image-build -q -t own - >/dev/null
is "unless the image has one" "$(image-run own sh -c 'echo $HOSTNAME' 2>&1)" own

# ended_by SIGNAL SCRIPT: the status of a script, which says when it is ready, after the signal to image-run
ended_by() {
    rm -f ready && mkfifo ready
    image-run --grace 1 busybox sh -c "$2" >ready 2>err &
    pid=$!
    read -r line <ready
    kill -s "$1" "$pid"
    wait "$pid"
    echo "$line $?"
}
is "a TERM that is trapped and ends with 0 is 0" "$(ended_by TERM 'trap "exit 0" TERM; echo ready; sleep 30 & wait')" "ready 0"
is "USR1 reaches the program" "$(ended_by USR1 'trap "exit 9" USR1; echo ready; sleep 30 & wait')" "ready 9"
is "an INT is an INT" "$(ended_by INT 'trap "exit 8" INT; trap "exit 7" TERM; echo ready; sleep 30 & wait')" "ready 8"
is "what traps nothing is ended by it" "$(ended_by TERM 'echo ready; exec sleep 30')" "ready 143"
is "what ignores it is killed after the grace" "$(ended_by TERM 'trap "" TERM; echo ready; sleep 30; sleep 30')" "ready 143"
finish
