#!/bin/sh
# RUN and image-run don't reach the host's devices, keys and packets, nor what the caller has open, and are answered
# each system call as docker would: as root, and as users with and without subordinate ids.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root, to become several users"
have setpriv newuidmap || skip_all "setpriv or newuidmap is missing"

chmod 0755 "$work"
mkdir "$work/bin" "$work/app"
cp "$top/scripts/image-build" "$work/bin/"
for tool in $tools $helpers; do cp "$(command -v "$tool")" "$work/bin/"; done
"$top/tests/busybox-layout" "$work/busybox"
cc -static -pthread -O1 -o app/probe "$top/tests/probe.c" 2>/dev/null || rm -f app/probe
cp "$top/tests/docker-calls" app/
chmod -R a+rX bin busybox app

range=stagepipe-s-range single=stagepipe-s-single
end() {
    for user in $range $single; do userdel "$user" >/dev/null 2>&1; done
    cd / && rm -rf "$work"
}
trap end EXIT
for user in $range $single; do
    useradd -M -d "$work/$user" "$user" || skip_all "no users can be made here"
done
grep -q "^$range:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 $range
sed -i "/^$single:/d" /etc/subuid /etc/subgid

# printed FILE: what the RUNs of a build printed
printed() { sed -n 's/^#0 \([^[]\)/\1/p' "$1" | grep -v '^FROM\|^CACHED\|^DONE\|^exporting'; }
# as USER COMMAND...: with a store and temporary files of its own
as() {
    user=$1 && shift
    id=$(id -u "$user")
    setpriv --reuid "$id" --regid "$(id -g "$user")" --clear-groups env -i HOME="$work/$user" USER="$user" \
        TMPDIR="$work/$user" STAGEPIPE_STORE="$work/$user/store" PATH="$work/bin:/usr/bin:/bin:/usr/sbin:/sbin" "$@"
}

# In each place a node of each kind is made and opened; mounts refuse devices with "Permission denied".
cat >app/devices <<'END'
tried=0
for dir in / /dev /dev/shm /dev/mqueue /cache /tmpfs /bound /host; do
    mknod -m 666 "$dir/char" c 1 5 2>/dev/null
    mknod -m 666 "$dir/block" b 7 0 2>/dev/null
    for node in "$dir/char" "$dir/block"; do
        [ -e "$node" ] || continue
        tried=$((tried + 1))
        why=$( (: <"$node") 2>&1) && echo "$node opens"
        case $why in *"Permission denied") ;; *) echo "$node: $why" ;; esac
    done
done
: >/dev/null && : </dev/zero && : </dev/urandom && echo "$tried nodes do not open, ours do"
END
cat >app/Dockerfile <<'END'
FROM busybox
COPY probe* devices docker-calls /bin/
RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/tmpfs --mount=target=/bound,rw sh /bin/devices
RUN --mount=type=secret,id=hidden tr -d '\0' </proc/1/cmdline; echo; cat /proc/1/comm
END
cp app/Dockerfile app/insecure && sed -i 's/^RUN/RUN --security=insecure/' app/insecure
echo hush >hidden && chmod a+r hidden
key=''
if have keyctl cc && key=$(keyctl add user stagepipe-host value @u 2>/dev/null); then
    keyctl timeout "$key" 600
    # An earlier run that failed may have left it.
    if left=$(keyctl search @u user stagepipe-left 2>/dev/null); then keyctl unlink "$left" @u; fi
fi

# A server of the host, in no directory. Landlock keeps commands from it since Linux 6.12.
abstract=''
if [ -x app/probe ] && python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 6)'; then
    mkfifo hold opened
    python3 -c 'import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind("\0stagepipe-abstract-" + sys.argv[1])
server.listen()
open("opened", "w").close()
sys.stdin.read()' $$ <hold &
    exec 9>hold
    read -r _ <opened
    abstract=stagepipe-abstract-$$
fi

for user in root $range $single; do
    mkdir -p "$work/$user" && chown "$user" "$work/$user"
    as "$user" image-load --tag busybox "$work/busybox" >/dev/null
    as "$user" image-build -t app --secret "id=hidden,src=$work/hidden" --build-context x=https://u:password@x app >out 2>&1
    # A user namespace makes none at all.
    in_run=0 in_image=0
    [ "$user" != root ] || in_run=12 in_image=8
    is "$user: no device opens in RUN but ours" "$(printed out | grep -v init)" "$in_run nodes do not open, ours do"
    is "$user: pid 1 shows nothing of a build's command line" "$(printed out | grep init)" "init
init"
    as "$user" image-build --allow security.insecure --secret "id=hidden,src=$work/hidden" -f app/insecure app >out 2>&1
    is "$user: nor with all capabilities, unless it changes a mount" "$(printed out | grep -v init)" \
        "$in_run nodes do not open, ours do"
    mkdir -p "$work/$user/host" && chown "$user" "$work/$user/host"
    is "$user: nor in image-run, with a directory of the host" \
        "$(as "$user" image-run -v "$work/$user/host:/host" app sh /bin/devices 2>&1)" "$in_image nodes do not open, ours do"
    as "$user" image-run -v "$work/$user/host:/host" app sh -c 'echo mine >/host/made' >out 2>&1
    is "$user: what is written there is the caller's" "$(stat -c %U "$work/$user/host/made")" "$user"
    echo kept >"$work/log"
    as "$user" image-run app sh -c ': >/proc/self/fd/1; : >/proc/self/fd/2' >>"$work/log" 2>&1
    is "$user: image-run's command can't truncate the caller's output" "$(cat "$work/log")" kept
    if [ -x app/probe ]; then
        as "$user" image-run app probe keys >out 2>&1
        is "$user: no call that reaches keys is done" "$(grep -v 'refused$' out)" ""
        ok "$user: in any form" grep -q '^keyctl search refused$' out
        printf 'FROM app\nRUN probe keys && probe packets\n' >app/in-run
        as "$user" image-build -f app/in-run app >out 2>&1
        is "$user: nor in RUN, and no raw socket is had" "$(printed out | grep -v '^a call\|^keyctl of')" \
            "add_key refused
request_key refused
keyctl link refused
keyctl search refused
packet socket refused
raw socket refused"
        # Each answer that is not docker's has a line; then each form has one, with the number of its calls.
        as "$user" image-run app probe calls /bin/docker-calls >out 2>&1
        is "$user: image-run's command has docker's answer to each system call" "$(grep -v '^[1-9][0-9]* calls of ' out)" ""
        ok "$user: of which there are some hundreds" grep -q '^[3-9][0-9][0-9] calls of ' out
        printf 'FROM app\nRUN probe calls /bin/docker-calls\n' >app/in-run
        as "$user" image-build -f app/in-run app >out 2>&1
        is "$user: and so has RUN" "$(printed out | grep -v '^[1-9][0-9]* calls of ')" ""
        ok "$user: to as many" grep -q '^#0 [3-9][0-9][0-9] calls of ' out
        if [ "$abstract" ]; then
            as "$user" image-run app sh -c "probe abstract $abstract; probe abstract own" >out 2>&1
            is "$user: no abstract socket of the host is reached, only the command's own" "$(cat out)" "$abstract refused
own done"
            as "$user" image-run --network none app probe abstract own >out 2>&1
            is "$user: which it is without a network, too" "$(cat out)" "own done"
        else
            skip "$user: no abstract socket of the host is reached" "this kernel's Landlock is too old"
        fi
    else
        skip "$user: keys, raw sockets and other system calls" "cc makes no static program"
    fi
    as "$user" sh -c 'rm -rf "$STAGEPIPE_STORE"' 2>/dev/null
done

if [ "$key" ]; then
    is "no key is left on the host" "$(keyctl search @u user stagepipe-left 2>/dev/null)" ""
    ok "where one was to be found" keyctl search @u user stagepipe-host
    keyctl unlink "$key" @u
else
    skip "no key is left on the host" "keyctl or cc is missing"
fi

load_busybox
printf 'FROM busybox\nRUN ping -c 1 127.0.0.1\n' >app/Dockerfile
image-build app >out 2>&1
if [ "$(cat /proc/sys/net/ipv4/ping_group_range)" = "1	0" ]; then
    ok "a RUN that fails for want of raw sockets is told so" grep -q 'CAP_NET_RAW is needed; use RUN --security=insecure' out
else
    skip "a RUN that fails for want of raw sockets is told so" "everybody may ping here"
fi
printf 'FROM busybox\nCOPY probe /bin/\nRUN --security=insecure probe packets\n' >app/Dockerfile
if [ -x app/probe ]; then
    image-build --allow security.insecure app >out 2>&1
    is "with --security=insecure root has them" "$(grep -c '^#0 .* socket done' out)" 2
else
    skip "with --security=insecure root has them" "cc makes no static program"
fi
finish
