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

# Options that docker's users type.
is "-i, -t, --rm and --name change nothing" "$(echo in | image-run -i --rm --name x busybox cat 2>&1)" in
is "-it at a terminal is a terminal" "$("$top/tests/on-terminal" '' image-run -it busybox tty 2>&1)" /dev/pts/0
is "-t without one is told" "$(image-run -t busybox tty 2>&1 </dev/null)" \
    "image-run: warning: -t: input and output are not both a terminal, so the command has none
not a tty"
is "of -p it is said what becomes of it" "$(image-run -p 127.0.0.1:8080:80 -p 90 busybox echo ran 2>&1)" \
    "image-run: warning: -p publishes nothing: the command has this machine's network, and is reached at the port and address that it listens on itself (it was to be 80, 90)
ran"
is "and without a network too" "$(image-run -p 80 --network none busybox echo ran 2>&1)" \
    "image-run: warning: -p publishes nothing: with --network none nobody reaches port 80
ran"
status_is "a port that is none is a usage error" 2 image-run -p http busybox true

for flag in --rm=true --rm=false -i=false --tty=false --net=none; do
    is "docker's $flag is taken" "$(image-run "$flag" busybox echo taken 2>&1)" taken
done
is "--read-only=false is none" "$(image-run --read-only=false busybox sh -c ': >/x && echo written' 2>&1)" written

printf '# comment\n\n A=file\nB=two words \nC="quoted"\nHERE\nGONE\nD=file\r\n' >variables
is "--env-file sets variables as docker does, and -e wins" \
    "$(HERE=there image-run --env-file variables -e A=line busybox env 2>&1 | grep '^[ABCD]=\|^HERE\|^GONE' | sed 's/$/|/')" \
    "A=line|
B=two words |
C=\"quoted\"|
HERE=there|
D=file|"
printf 'A=1\nexport B=2\n' >variables
status_is "a line that is no variable is an error" 125 image-run --env-file variables busybox true
ok "which names it" grep -q '^image-run: variables:2: "export B" has a blank in it' .out

mkdir -p data/below
echo from-host >data/file
is "-v shows a directory of the host, and takes what is written" \
    "$(image-run -v "$work/data:/in/data" busybox sh -c 'cat /in/data/file; echo made >/in/data/made' 2>&1; cat data/made)" \
    "from-host
made"
is "a path may be relative, and a file" "$(image-run -v ./data/file:/etc/motd busybox cat /etc/motd 2>&1)" from-host
mkdir changed && cp data/file changed/
is ":ro can't be written" "$(image-run -v ./changed:/c:ro busybox sh -c 'echo x >/c/file; cat /c/file' 2>&1)" \
    "sh: can't create /c/file: Read-only file system
from-host"
is "nor by --mount with readonly, whatever the order" \
    "$(image-run --mount type=bind,target=/c/below,source=./data/below -v ./data:/c:ro busybox sh -c '>/c/below/x && >/c/x' 2>&1; ls data/below)" \
    "sh: can't create /c/x: Read-only file system
x"
is "the host's file keeps its link to itself" "$(cat changed/file)" from-host
ln -s data link
is "a link of the caller's leads where it leads" "$(image-run -v ./link:/c busybox cat /c/file 2>&1)" from-host
mkdir outside
printf 'FROM busybox\nRUN ln -s %s /out\n' "$work/outside" | image-build -q -t escape - >/dev/null
is "one of the image's does not lead out of it" \
    "$(image-run -v ./data:/out/data escape sh -c 'cat /out/data/file; ls -d "$(readlink /out)/data/file"' 2>&1; ls outside)" \
    "from-host
$work/outside/data/file"
ln -s /proc data/proc
status_is "what is mounted is not gone through by another mount's target" 125 \
    image-run -v ./data:/c -v ./changed:/c/proc/x busybox true
for mount in './data:/proc' './data:/proc/sys' './data:/dev'; do
    status_is "nothing is mounted on what masks: $mount" 125 image-run -v "$mount" busybox true
done
printf '#include <stdio.h>\n#include <unistd.h>\nint main(void) { return printf("%%d\\n", (int)geteuid()) < 0; }\n' |
    cc -static -x c -o data/euid - && chmod 4755 data/euid
is "no setuid program of the host has its owner's rights" \
    "$(image-run -u 1234 -v ./data:/c busybox /c/euid 2>&1)" 1234
if [ "$(id -u)" = 0 ]; then
    mknod -m 666 data/zero c 1 5
    is "no device of the host opens" "$(image-run -v ./data:/c busybox sh -c ': </c/zero' 2>&1)" \
        "sh: can't open /c/zero: Permission denied"
    mkdir data/deep && mount -t tmpfs none data/deep && echo deep >data/deep/file
    is "what is mounted below comes along, and is read-only with it" \
        "$(image-run -v ./data:/c:ro busybox sh -c 'cat /c/deep/file; >/c/deep/x' 2>&1)" \
        "deep
sh: can't create /c/deep/x: Read-only file system"
    umount data/deep
fi
status_is "a device as a source is refused" 125 image-run -v /dev/null:/c busybox true
ok "in words" grep -q '^image-run: /dev/null: is a device' .out
status_is "a source that is absent is not made" 125 image-run -v ./absent:/c busybox true
ok "but what to do is said" grep -q '^image-run: ./absent: is not there to be mounted; make it before: mkdir -p ./absent$' .out
ok "and there is none" [ ! -e absent ]
# refused TEXT OPTION...: a usage error that says why
refused() {
    text=$1 && shift
    status_is "$* is refused" 2 image-run "$@" busybox true
    ok "$*: and why" grep -q "^image-run: .*$text" .out
}
refused 'name of a volume' -v data:/c
refused 'not kept' -v /c
refused 'absolute path' -v ./data:c
refused 'use type=bind' --mount source=./data,target=/c
refused 'no key of a mount' --mount type=bind,source=./data,target=/c,size=1
refused 'what is mounted later' --mount type=bind,source=./data,target=/c,bind-propagation=rshared
refused 'two mounts on /c' -v ./data:/c --tmpfs /c

is "--tmpfs is memory of a size, in which nothing is executed" \
    "$(image-run --tmpfs /t:size=64k busybox sh -c 'stat -c %a /t; >/t/c; chmod 755 /t/c; /t/c; head -c 100000 /dev/zero >/t/x 2>/dev/null; stat -c %s /t/x' 2>&1)" \
    "1777
sh: /t/c: Permission denied
65536"
is "unless it is asked for" "$(image-run --tmpfs /t:exec busybox sh -c 'cp /bin/busybox /t/echo && /t/echo ran' 2>&1)" ran
is "by --mount it has a size and a mode" \
    "$(image-run --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0700 busybox sh -c 'stat -c %a /t; df -k /t | tail -n 1 | tr -s " " | cut -d " " -f 2' 2>&1 | tr '\n' ' ')" \
    "700 1024 "
is "--read-only leaves what is mounted to be written" \
    "$(image-run --read-only --tmpfs /t -w /new busybox sh -c 'pwd; for at in /x /etc/hosts /t/x /dev/shm/x; do (: >>$at) 2>/dev/null && echo $at; done' 2>&1)" \
    "/new
/t/x
/dev/shm/x"

if [ "$(id -u)" = 0 ] && have unshare; then
    # readonly_store COMMAND...: in which the store is on a read-only file system
    readonly_store() { unshare -m sh -c 'mount --bind store store && mount -o remount,ro,bind store store && "$@"' sh "$@"; }
    find store | sort >before
    is "a store that can't be written is run from, and what is changed is in memory" \
        "$(readonly_store image-run busybox sh -c 'echo kept >/x && cat /x' 2>&1)" kept
    is "and is as it was" "$(find store | sort | comm -3 before -)" ""
    image-run busybox true
    printf 'FROM busybox\nRUN echo packed >/packed\n' | image-build -q -t packed - >/dev/null
    image-save packed -o packed.tar >/dev/null
    image-load --store fresh packed.tar >/dev/null
    mkdir -p other && mv store other/store && mv fresh store
    status_is "an image that is not unpacked there can't be" 125 readonly_store image-run packed true
    ok "and what to do is said" grep -q "^image-run: store: .*/store can't be written, and layers of sha256:.* are not unpacked in it; run the image once" .out
    rm -rf store && mv other/store store
else
    skip "a store that can't be written" "needs root and unshare"
fi

finish
