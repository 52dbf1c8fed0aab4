#!/bin/sh
# System calls of the tools that remove and rename fail, by an error or by the tool's death: images with names stay
# whole, nothing is damaged, the tool does its work when it is run again, and the next build gives its digest. Then builds,
# store-gc and store-check all at once. STAGEPIPE_LONG=1 fails every call, and goes on for minutes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have strace || skip_all "strace is missing"
strace -o /dev/null true 2>/dev/null || skip_all "nothing can be traced here"
rounds=4
[ -z "${STAGEPIPE_LONG-}" ] || rounds=200
load_busybox
mkdir context
export SOURCE_DATE_EPOCH=0
cat >context/Dockerfile <<'END'
FROM busybox AS aside
RUN echo aside >/aside
FROM busybox
RUN echo step >/step
COPY --from=aside /aside /
END
build() { image-build -q -o type=image,rewrite-timestamp=true "$@" context; }
digest=$(build -t app)
printf 'FROM busybox\nRUN head -c 3000000 /dev/urandom >/f\n' | image-build -q -f - context >/dev/null
cp -a store whole
damage() { # a record and a snapshot that store-check will put aside
    for file in store/cache/*.json; do break; done
    chmod u+w "$file" && printf x >>"$file"
    find store/snapshots -name step -exec sh -c 'printf step! >"$1"' sh {} \;
}
# what NAME BEFORE COMMAND...: the command with each fault, on a store that BEFORE has prepared
what() {
    name=$1 before=$2 && shift 2
    rm -rf store && cp -a whole store && $before
    strace -f -o trace "$@" >/dev/null 2>&1
    "$top/tests/faults/points" trace >points
    # Any call of each name, with any fault.
    shuf points | awk '!seen[$1]++' >tried
    faults=$(shuf -e -n1 signal=KILL error=EIO error=ENOSPC)
    [ -z "${STAGEPIPE_LONG-}" ] || { faults='signal=KILL error=EIO error=ENOSPC' && cp points tried; }
    wrong=0 tries=0
    while read -r call number; do
        for fault in $faults; do
            rm -rf store && cp -a whole store && $before
            strace -f -o /dev/null -e "inject=$call:$fault:when=$number" "$@" >said 2>&1 </dev/null
            status=$?
            tries=$((tries + 1))
            if [ $status = 101 ] || ! image-save -o saved.tar app >>said 2>&1 || ! "$@" >>said 2>&1 ||
                store-check 2>&1 | grep '^damaged' >>said ||
                [ "$(build -t app 2>>said)" != "$digest" ]; then
                wrong=$((wrong + 1))
                echo "$call $number $fault, status $status:" && cat said
            fi
        done
    done <tried >wrong 2>&1
    result $wrong "$name: $tries faults, and the store is right after each" wrong
}
none() { :; }
what store-gc none store-gc -q --max-size 5M
what 'store-check --repair' damage store-check --repair
what image-tag none image-tag app other

# All at once.
rm -rf store && cp -a whole store
touch goes-on
while [ -e goes-on ]; do store-gc -q --max-size 5M; done >gc.said 2>&1 &
gc=$!
while [ -e goes-on ]; do store-check; done >check.said 2>&1 &
check=$!
wrong=0 round=0
while [ $((round += 1)) -le "$rounds" ]; do
    build -t "app:$round" >one 2>said.one & one=$!
    build --no-cache >two 2>said.two
    wait $one
    [ "$(cat one two)" = "$(printf '%s\n' "$digest" "$digest")" ] || { wrong=$((wrong + 1)) && cat one two said.*; }
done >out 2>&1
rm goes-on
wait $gc $check
result $wrong "two builds at once give their digest, beside store-gc and store-check" out
ok "which finds nothing damaged meanwhile" no_match '^damaged' check.said
ok "and neither of them fails otherwise" no_match -v -e '^stale' -e '^store-gc: removed ' -e '^store-check: [0-9]* entries are' \
    -e 'store: it takes ' check.said gc.said
ok "nor does anything afterwards" store-check
finish
