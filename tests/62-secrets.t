#!/bin/sh
# A secret that RUN uses is in nothing that a build leaves: neither plain nor in hex or base64, also if the build fails or
# is killed. The search finds one that a command writes down.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 || skip_all "python3 is missing"
load_busybox

mkdir context out tmp
TMPDIR=$work/tmp TOKEN=9e4ff1-token-of-the-environment
export TMPDIR TOKEN
printf 'b61d07-secret-of-a-file' >secret
# The forms of each: plain, hex, and base64 at each of the three offsets, without the characters that neighbours change.
python3 - "$TOKEN" "$(cat secret)" >forms <<'END'
import base64, sys
for secret in (word.encode() for word in sys.argv[1:]):
    print(secret.decode())
    print(secret.hex())
    print(secret.hex().upper())
    for offset in range(3):
        whole = (len(secret) + offset) // 3 * 3 - offset
        print(base64.b64encode(bytes(offset) + secret[:whole]).decode()[(offset + 2) // 3 * 4:])
END
is "each secret has six forms" "$(grep -c . forms)" 12

# found: the files below the directories that have a form of a secret, also in what is compressed
found() {
    grep -rlaF -f forms "$@"
    find "$@" -type f -size +0 | while read -r file; do
        if gzip -dc "$file" 2>/dev/null | grep -qaF -f forms; then echo "$file"; fi
    done
}
build() { image-build --secret id=file,src=secret --secret id=var,env=TOKEN --keep out --trace trace --progress rawjson "$@" >said 2>&1; }
used='RUN --mount=type=secret,id=file --mount=type=secret,id=var,env=TOKEN'

printf '%s\n' 'FROM busybox' "$used"' sha256sum /run/secrets/file >/sum; echo "$TOKEN" | sha256sum >>/sum; cat /sum' >context/Dockerfile
ok "a RUN uses a file and a variable" build -t used context
is "and got both" "$(image-run used cat /sum)" "$(sha256sum <secret | sed 's/-/\/run\/secrets\/file/'
    echo "$TOKEN" | sha256sum)"
is "neither is in the store, a stream, the trace or what is printed" "$(found store out trace said tmp)" ""

printf '%s\n' 'FROM busybox' "$used"' sha256sum /run/secrets/file >/sum; exit 3' >context/Dockerfile
rm -rf out
status_is "a RUN that uses them fails" 1 build context
is "neither is in what it leaves" "$(found store trace said tmp)" ""

printf '%s\n' 'FROM busybox' "$used"' sha256sum /run/secrets/file >/sum; touch /begun; sleep 100' >context/Dockerfile
rm -rf out
setsid sh -c 'image-build --secret id=file,src=secret --secret id=var,env=TOKEN --progress plain context >said 2>&1' &
for _ in $(seq 300); do
    [ -z "$(find store/snapshots -name begun)" ] || break
    sleep 0.1
done
kill -KILL -- -$! 2>/dev/null
wait $! 2>/dev/null
ok "a build that is killed had begun" test -n "$(find store/snapshots -name begun)"
is "neither is in what it leaves" "$(found store said tmp)" ""

printf '%s\n' 'FROM busybox' "$used"' base64 /run/secrets/file >/written' >context/Dockerfile
ok "a RUN writes one down" build -t written context
ok "it is found in the layer, as in any image" test -n "$(found store/blobs)"
finish
