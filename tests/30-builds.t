#!/bin/sh
# Whole builds, judged by programs that are not ours.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
cases=$top/tests/dockerfiles
ok "two stages build" image-build -t greeting "$cases/two-stages"
is "the image says its greeting" "$(image-run greeting 2>&1)" "Hello, world!"
ok "a build argument reaches RUN" image-build -t greeting:moon --build-arg WHO=moon "$cases/two-stages"
is "and its image says so" "$(image-run greeting:moon 2>&1)" "Hello, moon!"
image-run greeting sh -c 'exit 7'
is "image-run passes the status on" $? 7
is "image-run passes standard input on" "$(echo in | image-run greeting cat)" in
printf 'FROM busybox\nENV A=b\nCMD echo $A\n' >Dockerfile
mkdir none
ok "an image that only changes the config builds" image-build -t config -f Dockerfile none
is "and its variable is set" "$(image-run config 2>&1)" b
same_digest "a second build gives the same image" "$(image-build -q "$cases/two-stages" 2>&1)" \
    "$(image-build -q --keep again "$cases/two-stages" 2>&1)"
cat again/steps.* >again.steps
is "all of it from the cache" "$(sed -n 's/.*"cache":"\(hit\|miss\)".*/\1/p' again.steps | sort -u)" hit
ok "an image without RUN builds" image-build -t tree "$cases/no-run"
is "its entry point and command are used" "$(image-run tree 2>&1)" a
ok "deletions build" image-build -t whiteouts "$cases/whiteouts"
image-run whiteouts sh -c 'ls /d /d/sub; cat /d/uno; ls -ld /bin/awk' >out 2>/dev/null
is "what was deleted is gone" "$(tr '\n' ' ' <out)" "/d: pipe sub uno work  /d/sub: one more "

if have skopeo jq; then
    ok "skopeo reads the store" skopeo inspect "oci:$STAGEPIPE_STORE:greeting:latest"
    ok "skopeo copies the image, checking every digest" \
        skopeo copy -q "oci:$STAGEPIPE_STORE:greeting:latest" "oci:$work/copy:greeting"
    image-build -o type=oci,dest=oci.tar "$cases/two-stages" >/dev/null 2>&1
    ok "skopeo reads the OCI tar" skopeo inspect oci-archive:oci.tar
    image-build -t greeting -o type=docker,dest=docker.tar "$cases/two-stages" >/dev/null 2>&1
    ok "skopeo reads the docker tar" skopeo inspect docker-archive:docker.tar
    ok "image-load reads the OCI tar" image-load --tag again oci.tar
    is "and it runs" "$(image-run again 2>&1)" "Hello, world!"
    ok "image-load reads the docker tar" image-load --tag again2 docker.tar
    is "and it runs" "$(image-run again2 2>&1)" "Hello, world!"
else
    skip "skopeo reads what is written" "skopeo or jq is missing"
fi
if have umoci && [ "$(id -u)" = 0 ]; then
    ok "umoci unpacks the store's image" \
        umoci unpack --image "$STAGEPIPE_STORE:whiteouts:latest" "$work/bundle"
    is "it finds the same files" "$(ls bundle/rootfs/d && cat bundle/rootfs/d/uno)" "$(printf '%s\n' pipe sub uno work one more)"
    is "and the same owners" "$(stat -c %u:%g bundle/rootfs/d/sub)" 7:8
    umoci unpack --image "$STAGEPIPE_STORE:greeting:latest" "$work/hello" >/dev/null 2>&1
    is "the unpacked image runs under chroot" "$(chroot hello/rootfs /bin/cat /etc/hello)" "Hello, world!"
    if have runc; then
        jq '.process.terminal = false' hello/config.json >config && mv config hello/config.json
        if runc run -b hello "stagepipe-$$" >out 2>err </dev/null; then
            is "runc runs it" "$(cat out)" "Hello, world!"
        else
            skip "runc runs it" "runc does not work on this machine: $(head -1 err)"
        fi
    fi
else
    skip "umoci unpacks the store's image" "umoci is missing, or this is not root"
fi
if have podman && podman --root "$work/pr" --runroot "$work/prr" --storage-driver vfs info >/dev/null 2>&1; then
    ok "podman loads the docker tar" podman --root "$work/pr" --runroot "$work/prr" --storage-driver vfs load -i docker.tar
    ok "under the tag it was given" sh -c 'podman --root "$0/pr" --runroot "$0/prr" --storage-driver vfs images | grep -q library/greeting' "$work"
    podman --root "$work/pr" --runroot "$work/prr" --storage-driver vfs system reset -f >/dev/null 2>&1
else
    skip "podman loads the docker tar" "podman is missing or does not work here"
fi

image-build -o type=local,dest=local "$cases/two-stages" >/dev/null 2>&1
is "-o type=local leaves the tree" "$(cat local/etc/hello)" "Hello, world!"
image-build -o - "$cases/two-stages" 2>/dev/null | tar -xf - -O etc/greeting >out
is "-o - is a tar of the tree" "$(cat out)" "Hello, world!"
finish
