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
is "the host's name is a variable" "$(image-run --hostname box busybox env 2>&1 | grep ^HOSTNAME)" HOSTNAME=box
printf 'FROM busybox\nENV HOSTNAME=own\n' | image-build -q -t own - >/dev/null
is "unless the image has one" "$(image-run own env 2>&1 | grep ^HOSTNAME)" HOSTNAME=own

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

# What a RUN that fails so says too, whether image-run's output is a file, two files or a pipe.
mkdir context
printf '#!/bin/sh\r\necho hi\r\n' >context/crlf
printf '#!/bin/bash\n' >context/bash
printf '\177ELF\002\002\001\000\000\000\000\000\000\000\000\000\000\002\000\026\000\000\000\001' >context/s390x
printf 'int main(void) { return 0; }\n' | cc -x c -o context/dynamic -
printf 'echo hi\n' >context/plain
chmod 755 context/*
printf 'plain\n' >context/data
printf 'FROM busybox\nCOPY . /\nCMD crlf\n' >context/Dockerfile
image-build -q -t broken context >/dev/null
# explained DESCRIPTION STATUS TEXT COMMAND...: image-run of it ends so, and says so in its last line
explained() {
    description=$1 wanted=$2 text=$3
    shift 3
    image-run broken "$@" >out 2>err
    is "$description: its status" $? "$wanted"
    ok "$description: is said" sh -c 'tail -n1 err | grep "^image-run: broken: .*$1"' sh "$text"
}
explained "a script with the line ends of Windows" 127 'is there, but has the line ends of Windows' /crlf
ok "and its name is not said to be absent" no_match 'not found' err
explained "the same that a shell tells" 127 'is there, but has the line ends of Windows' sh -c /crlf
explained "a script whose interpreter is missing" 127 'is there, but its first line asks for /bin/bash' /bash
explained "a program whose loader is missing" 127 'is there, but not what loads it' /dynamic
explained "a program for another machine" 126 'is a program for s390x, and this machine is' /s390x
explained "a file without a first line" 126 'does not say what runs it' /plain
explained "a file that may not be executed" 126 'RUN chmod +x /data' /data
explained "a program that is absent" 127 'gcc is not in the image' gcc
explained "a command in one word" 127 'is taken for one word' 'ls /'
explained "a raw socket" 1 'CAP_NET_RAW is needed; image-run gives it to no command' sh -c 'echo "ping: permission denied (are you root?)" >&2; exit 1'
image-run broken /crlf 2>&1 >/dev/null | cat >piped
image-run broken /crlf >both 2>&1
ok "wherever it goes" sh -c 'for file in piped both; do grep -q "Windows" $file || exit 1; done'
image-run broken sh -c 'echo no >&2; exit 127' 2>err
is "a program that ends with 127 itself is not explained" "$(cat err)" no

finish
