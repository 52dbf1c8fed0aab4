#!/bin/sh
# store-check: a changed byte in each kind of file is found and its images are named; what is put aside is made again; an
# index that was lost is rebuilt. STAGEPIPE_LONG=1 changes a byte of every file.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 || skip_all "python3 is missing"
load_busybox
mkdir context
export SOURCE_DATE_EPOCH=0
cat >context/Dockerfile <<'END'
FROM busybox AS aside
RUN echo aside >/aside
FROM busybox
RUN echo step >/step && ln -s /step /link
COPY --from=aside /aside /
COPY f /f
END
head -c 100000 /dev/urandom >context/f
build() { image-build -q -o type=image,rewrite-timestamp=true -t app context; }
digest=$(build)
printf 'FROM busybox\nRUN exit 3\n' | image-build -f - context >/dev/null 2>&1
status_is "a store of builds is as it was written" 0 store-check
is "and nothing is told of it" "$(grep -vc '^store-check: ' .out)" 0
mkdir empty
status_is "an empty directory is not called damaged" 2 store-check --store empty
status_is "nor is one that there is not" 2 store-check --store nowhere
cp -a store whole
# flip FILE: changes a bit of the byte in its middle, and keeps its length
flip() {
    chmod u+w "$1"
    python3 -c 'import sys
with open(sys.argv[1], "r+b") as file:
    bytes = bytearray(file.read())
    bytes[len(bytes) // 2] ^= 1
    file.seek(0)
    file.write(bytes)' "$1"
}
# kinds: a file of each, and with STAGEPIPE_LONG all
kinds() {
    cd whole || exit
    for dir in blobs/sha256 verified cache latest listings builds; do
        find "$dir" -type f -size +0 | sort | if [ -n "${STAGEPIPE_LONG-}" ]; then cat; else sed -n '1p;$p'; fi
    done
    find snapshots -name 'layer-*' | head -n 1
    find snapshots -name meta.json | head -n 1
    find snapshots -name busybox -type f
    find snapshots -name aside snapshots -o -name step -type f
    find failed -name step.json
    echo index.json
    echo oci-layout
}
kinds 2>/dev/null | sort -u >files
while read -r file; do
    rm -rf store && cp -a whole store
    flip "store/$file"
    store-check >said 2>&1
    status=$?
    name=$(echo "$file" | sed 's,^snapshots/\([^/]*\)/.*,\1,; s,^failed/\([^/]*\)/.*,\1,; s,.*/,,')
    case $file in
    # These only say where to look, and what they say is looked at: they do no harm.
    verified/* | latest/* | index.json) [ -s said ] && grep -q "$name" said ;;
    *) [ $status = 1 ] && grep -q "^damaged.$(printf '\t')*.*$name" said ;;
    esac
    result $? "a changed bit is found: $(echo "$file" | sed 's/[0-9a-f]\{32,\}/…/g')" said
done <files

# What it touches, and how it heals.
rm -rf store && cp -a whole store
base=$(image-inspect busybox --format '{{json .}}' 2>/dev/null | grep -o '"Layers":\["sha256:[0-9a-f]*' | grep -o '[0-9a-f]\{64\}')
[ -n "$base" ] || base=$(basename "$(find store/blobs/sha256 -size +500k | head -n 1)")
flip "store/blobs/sha256/$base"
store-check >said 2>&1
ok "the images are named, and how the base comes back" grep -q "app:latest,busybox:latest.*load or pull app:latest and busybox:latest again" said
ok "nothing is moved" test -e "store/blobs/sha256/$base"
store-check --repair >said 2>&1
is "it is put aside" "$?.$(cut -f1 said | head -n 1)" 0.repaired
ok "out of its name" test ! -e "store/blobs/sha256/$base"
image-load --tag busybox busybox >/dev/null
status_is "and loaded again" 0 store-check

rm -rf store && cp -a whole store
for file in $(find store/snapshots -name step -o -name busybox -type f) $(find store/snapshots -name meta.json | tail -n 1); do flip "$file"; done
touch context/other
store-check --repair >said 2>&1
ok "trees whose bytes have changed are put aside" grep -q '^repaired.snapshot' said
same_digest "and made again by the next build, to the same image" "$(build)" "$digest"
status_is "in a store that is whole" 0 store-check

# The page's example.
if have mandoc; then
    rm -rf store && cp -a whole store
    flip "store/blobs/sha256/$base"
    mandoc -T utf8 -O width=200 "$top/man/store-check.1" | sed 's/.\x08//g' | grep '^ *store-check | cut' >example
    is "the page's example can be pasted" "$(sh ./example | grep -xF -e app:latest -e busybox:latest | tr '\n' ' ')" "app:latest busybox:latest "
else
    skip "the page's example can be pasted" "mandoc is missing"
fi

# The index.
for damage in 'truncate -s 100 store/index.json' 'truncate -s 0 store/index.json' 'rm store/index.json'; do
    rm -rf store && cp -a whole store
    $damage
    image-list >said 2>&1
    is "$damage: nothing is made of it" $? 1
    status_is "$damage: it is found" 1 store-check
    status_is "$damage: and repaired" 0 store-check --repair
    ok "$damage: with no advice to repair it" no_match -e '--repair' .out
    is "$damage: with all names" "$(image-list --json | grep -o '"name":"[^"]*"' | sort -u | tr '\n' ' ')" \
        '"name":"app:latest" "name":"busybox:latest" '
done
rm store/index.json store/index.copy
store-check --repair >/dev/null 2>&1
ok "without names the images are there all the same" image-save -o saved.tar "$digest"
is "and are listed" "$(image-list --json | grep -c "$digest")" 1
cat >"$STAGEPIPE_STORE/index.json" <<END
END
build >said 2>&1
ok "a build says who repairs it" grep -q 'index.json.*store-check --repair' said
finish
