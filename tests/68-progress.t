#!/bin/sh
# How a build is shown: build-view on terminals of several sizes, by a model of a screen; plain lines; records.
# shellcheck source=tests/lib.sh disable=SC2016 # $ is RUN's
. "$(dirname "$0")/lib.sh"
have python3 || skip_all "python3 is missing"
have jq || skip_all "jq is missing"

load_busybox
mkdir context broken tmp
export TMPDIR="$work/tmp" TERM=xterm
unset NO_COLOR BUILDKIT_PROGRESS
cat >context/Dockerfile <<'END'
FROM busybox AS build
ENV A=b
COPY script /
RUN --mount=type=cache,id=go,target=/c sh script
FROM busybox
COPY --from=build /script /
END
cat >context/script <<'END'
echo compiling
until [ -e /c/go ]; do sleep 0.05; done
dd if=/dev/zero of=/big bs=1000000 count=3 2>/dev/null
END
printf 'FROM busybox AS build\nRUN true\nRUN seq 60; echo oops >&2; exit 3\n' >broken/Dockerfile
# The step ends when its cache has a file.
printf 'FROM busybox\nRUN --mount=type=cache,id=go,target=/c touch /c/go\n' | image-build -q - >/dev/null
go=$(find "$STAGEPIPE_STORE" -name go) && rm "$go"
# screen SIZE [TEXT ACTION]... -- [OPTION]...: builds on a screen of its own; times are T.
screen() { "$top/tests/on-screen" "$@" >screen 2>&1; status=$? && untimed <screen >shown && return $status; }
untimed() { sed -E 's/([0-9]+[hm] )?[0-9]+(\.[0-9])?[smh]($| )/T\3/; s/sha256:[0-9a-f]*/DIGEST/'; }
final() { sed '/^====$/,/^====$/d' shown | sed '$d'; } # the end, without the line of the cursor
live() { sed -n '/^====$/,/^====$/{/^====$/d;p;}' shown | sed '$d'; }
wanted='✓ build 2/3 COPY script /  T  110 B
✓ build 3/3 RUN --mount=type=cache,id=go,target=/c sh script  T  3.0 MB
✓ #1 1/1 COPY --from=build /script /  T  110 B
✓ built in T  0 cached, 3 run  a pull is SIZE
DIGEST'
sized() { final | sed 's/a pull is .*/a pull is SIZE/'; }

echo "# a build, and what it shows meanwhile"
screen 80x24 waits show waits "touch $go" -- image-build --no-cache context
is "it ends well" $? 0
is "what goes on is the step, its last line and who waits" "$(live | tail -n 3)" \
    '▸ build 3/3 RUN --mount=type=cache,id=go,target=/c sh script  T
  compiling
▸ #1 waits for build  T'
is "steps that are done stay, a total and the digest follow, and nothing else is left" "$(sized)" "$wanted"
screen 80x24 -- image-build context
is "cached steps are one line a stage" "$(sized | sort)" "$(printf '%s\n' '· build 2–3/3 cached' '· #1 1/1 cached' \
    '✓ built in T  3 cached, 0 run  a pull is SIZE' DIGEST | sort)"
image-build context >digest 2>plain
is "the digest is the one of a build without a terminal" "$(tail -n 2 screen | head -n 1)" "$(cat digest)"

echo "# sizes"
rm "$go"
screen 200x60 waits "touch $go" -- image-build --no-cache context
is "a large terminal has the same lines" "$(sized)" "$wanted"
for size in 40x12 20x10 20x3 3x2; do
    rm "$go"
    screen $size '▸' show '▸' "touch $go" -- image-build --no-cache context
    is "$size: it ends well" $? 0
    is "$size: no line reaches the last column but the digest, which is whole" \
        "$(grep -v -e '^sha256' -e '^====' screen | awk -v most=$((${size%x*} - 1)) '{ gsub(/[^\001-\177]+/, "."); if (length($0) > most) n++ } END { print n + 0 }')" 0
    is "$size: four lines and the digest are left" "$(final | wc -l)" 5
done
rm "$go"
screen 80x24 waits "size 30x12" '▸' "size 100x40" '▸' "size 25x12" '▸' "touch $go" -- image-build --no-cache context
is "nothing is left of rows that a narrower terminal broke" "$(final | grep -c -e '▸' -e '^  ')" 0
is "and each step is there once" "$(final | cut -c 1-3 | LC_ALL=C sort | uniq -c | awk '{ print $1, $2 }')" "1 DIG
4 ✓"

echo "# pulls"
mkdir fake pulls && cp -R busybox fake/base
jq '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "1"' busybox/index.json >fake/base/index.json
echo 'GET /v2/base/blobs/.* * slow=500000' >fake.faults
fake_registry fake
printf 'FROM %s/base:1\nRUN true\n' "$fake" >pulls/Dockerfile
screen 90x24 ' MB' show -- image-build --store "$work/pulled" pulls
is "it ends well" $? 0
ok "a pull has a bar" grep -q "^▸ pull $fake/base:1  █[█░]*  [0-9.]* [kM]*B* *of [0-9.]* MB$" shown
ok "and stays as a line" sh -c "sed '/^====/,/^====/d' screen | grep '^image-pull: $fake/base:1: .* MB in '"
is "with nothing live" "$(final | grep -c '▸')" 0

echo "# colours"
rm "$go"
RAW=$work/raw screen 80x24 waits "touch $go" -- image-build --no-cache context
ok "there are some" grep -q "$(printf '\033\\[32m✓')" raw
RAW=$work/raw NO_COLOR=1 screen 80x24 -- image-build context
ok "with NO_COLOR there are none" no_match "$(printf '\033\\[[0-9]*m')" raw
RAW=$work/raw TERM=dumb screen 80x24 -- image-build context
ok "a dumb terminal gets lines alone" sh -c 'grep -q "^#build CACHED" screen && ! grep -q "$(printf "\033")" raw'

echo "# failures"
screen 80x24 -- image-build broken
is "the status is the step's" $? 1
is "the step, its last 40 lines and the message" "$(final | sed -n '/^✗/,/^image-build/{s/^image-build.*/message/;p;}')" \
    "$(echo '✗ build 2/2 RUN seq 60; echo oops >&2; exit 3  T' && seq 22 60 && echo oops && echo message)"
image-build broken 2>plain
unnamed() { sed -e 's/[0-9a-f]\{12,\}/ID/g'; }
is "the message is that of lines" "$(sed -n '/^image-build/,$p' screen | sed '$d' | unnamed)" "$(grep -v '^#' plain | unnamed)"
screen 80x50 '/ #' 'type exit 7\r' -- image-build --shell-on-fail broken
is "a shell in what the step left gets the terminal after the step's lines, and is not drawn over" \
    "$(final | grep -n -e '^✗' -e '^oops' -e 'a shell in' -e '^/ # exit 7' -e '^image-build: Dockerfile' | sed 's/^[0-9]*:\(.\{1,8\}\).*/\1/' | tr '\n' ',')" \
    '✗ build ,oops,  build:,/ # exit,image-bu,'
screen 80x24 -- image-build nowhere
is "what is wrong before anything runs is said as ever" "$(final)" "$(image-build nowhere 2>&1)"

echo "# ends"
rm "$go"
screen 80x24 waits 'kill build-view' waits "touch $go" -- image-build --no-cache --iidfile killed context
is "a view that is killed fails no build" $? 0
is "and the image is there" "$(image-run "$(cat killed)" head -n 1 script 2>&1)" 'echo compiling'
is "the digest is printed all the same" "$(tail -n 2 screen | head -n 1)" "$(cat killed)"
rm "$go"
screen 80x24 waits 'type \x03' -- image-build --no-cache context
is "Ctrl-C ends it" $? 130
is "and nothing live is left" "$(final | grep -c '▸')" 0
screen 80x24 waits kill -- image-build --no-cache context
is "so does the death of the driver" $? 137
is "after which the view has ended, too, with nothing live left" "$(final | grep -c '▸')" 0
nothing_runs "no view runs on" "$work/tmp/image-build"

echo "# modes"
touch "$go"
for mode in tty loud; do
    status_is "--progress=$mode without a terminal is a usage error" 2 image-build --progress=$mode context
    BUILDKIT_PROGRESS=$mode status_is "so is BUILDKIT_PROGRESS=$mode" 2 image-build context
done
ok "which names what there is" grep -q 'BUILDKIT_PROGRESS: .*rawjson' .out
status_is "what is quiet has no records" 2 image-build -q --progress=rawjson context
BUILDKIT_PROGRESS=rawjson image-build --no-cache context >digest 2>records
is "records are all that is written" "$(jq -r .type records | sort -u | tr '\n' ' ')" 'base done end image log stage step '
is "the last one is the end" "$(tail -n 1 records)" '{"type":"end","status":0}'
is "one has the digest" "$(jq -r 'select(.type == "image").digest' records)" "$(cat digest)"
is "each step has its records in order" "$(jq -r 'select(.stage == 0) | .type' records | tr '\n' ' ')" \
    'stage base step done step done step log done '
BUILDKIT_PROGRESS=rawjson image-build --progress=plain context 2>plain >&2
ok "the option wins" grep -q '^#build CACHED' plain
image-build --progress=rawjson broken 2>records
is "messages are records, with the text of lines" "$(jq -j 'select(.type == "message").text' records | unnamed)" \
    "$(image-build broken 2>&1 | grep -v '^#' | unnamed)"
is "and so is the failed step" "$(jq -r 'select(.type == "failed") | "\(.stage) \(.step)"' records)" "0 2"
image-build --progress=rawjson broken 2>&1 | head -c 1 >/dev/null
image-build --progress=rawjson context 2>/dev/full >whole
is "a reader that goes, or takes nothing, changes nothing" "$(cat whole)" "$(cat digest)"
finish
