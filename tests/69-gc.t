#!/bin/sh
# store-gc: a limit is one, what has a name or is in use stays, and whenever it runs or is killed the builds are what they are.
# STAGEPIPE_LONG=1 tries more moments.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root, to make users and their stores"
have setpriv useradd setsid || skip_all "setpriv, useradd or setsid is missing"
# shellcheck source=tests/stores/inputs
. "$top/tests/stores/inputs"
moments=12
[ -z "${STAGEPIPE_LONG-}" ] || moments=300
end() {
    userdel "$store_user" >/dev/null 2>&1
    cd / && rm -rf "$work"
}
trap end EXIT
chmod 0755 "$work"
load_busybox
mkdir context
size() { du -s -B1 "$STAGEPIPE_STORE" | cut -f1; }
random() { od -An -N2 -tu2 /dev/urandom | tr -d ' '; }
pause() { sleep "$(awk "BEGIN { print $(random) % $1 / 1000 }")"; } # MILLISECONDS: at most
export SOURCE_DATE_EPOCH=0
build() { image-build -q -o type=image,rewrite-timestamp=true "$@" context; }

# A limit.
cat >context/Dockerfile <<'END'
FROM busybox
RUN echo first >/first
COPY f /f
RUN echo second >/second
END
store-gc --set --max-size 100M >out 2>&1
most=0 round=0
while [ $((round += 1)) -le 30 ]; do
    head -c 10000000 /dev/urandom >context/f
    digest=$(build -t app 2>>out) || break
    [ "$(size)" -le "$most" ] || most=$(size)
done
is "thirty builds, each with a file that changed" $((round - 1)) 30
ok "never take more than the limit of the store, as du counts" [ "$most" -le 100000000 ]
ok "and use it" [ "$most" -gt 60000000 ]
same_digest "the last is that of a new store" "$digest" \
    "$(image-load --store other --tag busybox busybox >/dev/null && build --store other)"
rm -r other store/limits
files() { find store/blobs store/snapshots store/cache store/logs; }
files >before
store-gc -n --max-size 20M >out 2>said
is "a dry run says what would be" "$(cut -f1 out | sort -u | tr '\n' ' ')$(grep -c '^store-gc: would remove' said)" 'kept removed 1'
is "and removes nothing" "$(files | diff before -)" ""
is "each entry has a line of five columns" "$(awk -F'\t' 'NF != 5 || $5 == ""' out)" ""
is "whose bytes add up to no more than du's" "$(awk -F'\t' '{ all += $4 } END { print (all <= '"$(size)"') }' out)" 1
ok "and each file of the store is one of them" sh -c \
    'find store/blobs/sha256 store/snapshots store/cache store/logs -mindepth 1 -maxdepth 1 -printf "%f\n" |
    while read -r name; do grep -qF "$name" out || exit; done'
snapshot=$(awk -F'\t' '$2 == "snapshot" && /COPY f/ { print $3; exit }' out)
is "--why tells of one" "$(store-gc --why "$snapshot" | grep -c "COPY f /f; last used .* ago, .* to make again")" 1
status_is "and of none that there is not" 1 store-gc --why nothing
ok "a smaller limit is met" store-gc -q --max-size 15M
ok "as du counts" [ "$(size)" -le 15000000 ]
status_is "one below the images with names is not" 1 store-gc -n -q --max-size 5M
cp .out foretold
status_is "as a dry run says" 1 store-gc -q --max-size 5M
equal "with the same message" "$(cat foretold)" "$(cat .out)"
ok "and these are named" grep -q "its images with names take .*app:latest" .out
image-save -o saved.tar app && ok "which are whole" tar -tf saved.tar
same_digest "and built again as they were" "$(build -t app)" "$digest"
image-tag --delete app:latest busybox:latest
ok "without names they go" store-gc -q --max-size 500K
is "with all that they need" "$(find store/blobs store/snapshots store/cache -type f)" ""
for size in 10K:10000 10KB:10000 10KiB:10240 10:10; do
    store-gc -q --set --min-free 0 --max-size "${size%:*}" >/dev/null 2>&1
    is "${size%:*} is ${size#*:} bytes" "$(sed -n 's/^max-size //p' store/limits)" "${size#*:}"
done
rm store/limits
ok "a share of 0 that must stay free is no limit" store-gc -q --min-free 0
status_is "a limit that is none is refused" 2 store-gc --max-size big
status_is "no limit too" 2 store-gc
store-gc -q --set --max-size 100M
status_is "a dry run sets nothing, and says so" 2 store-gc -n --set --max-size 10M
status_is "--set needs a limit" 2 store-gc --set
is "and the limits are what they were" "$(cat store/limits)" "max-size 100000000"
echo 'max-size much' >store/limits
status_is "and a file that says none" 3 store-gc
ok "with its line" grep -q 'limits: line 1: ' .out
rm store/limits
touch -d '8 days ago' context/f
image-load --tag busybox busybox >/dev/null
build -t app >/dev/null
find store/snapshots -name meta.json -exec touch -d '8 days ago' {} +
store-gc --keep-for 7d >out 2>&1
is "what was not used for long goes" "$(find store/snapshots -mindepth 1)" ""
ok "and no image with a name" build -t app

# The store's own limit, when a build has ended.
head -c 10000000 /dev/urandom >context/f
store-gc --set --max-size 13M >/dev/null 2>&1
build -t app >digest 2>said
ok "an image is built in a store with a limit" image-save -o saved.tar "$(cat digest)"
ok "and the store is within it when the build ends" [ "$(size)" -le 13000000 ]
is "and -q says nothing of it" "$(cat said)" ""
head -c 10000000 /dev/urandom >context/f
image-build -t app context >out 2>said
ok "what is freed is said" grep -q '^store-gc: removed [0-9]* entries, [0-9.]* MB' said
store-gc -q --set --max-size 100M
image-build -t app context >out 2>&1
image-build -t app context >out 2>said
ok "and nothing if nothing is" no_match '^store-gc: removed' said
store-gc -q --set --max-size 13M
head -c 9000000 /dev/urandom >context/f
build >digest 2>said
ok "an image stays, even without a name" image-save -o saved.tar "$(cat digest)"
# shellcheck disable=SC2016 # that is the script
is "as in the script of -n" "$(build -n -t app | grep -c '^\[ "$_failed" != 0 \] || store-gc .*--keep-image "$(cat ')" 1
rm store/limits

# In use.
cat >context/Dockerfile <<'END'
FROM busybox AS one
RUN --mount=type=cache,target=/c echo one >/one; cat /one >>/c/kept
RUN echo two >/two
FROM busybox
COPY --from=one /one /two /
RUN echo three >/three
COPY f /f
END
head -c 300000 /dev/urandom >context/f
digest=$(build)
# gc_at MILLISECONDS [OPTION]...: all of a build is stopped within that time, everything that may go does, and it goes on
gc_at() {
    within=$1 && shift
    setsid image-build -q -o type=image,rewrite-timestamp=true "$@" context >built 2>said &
    pid=$!
    pause "$within"
    kill -STOP -- -$pid 2>/dev/null
    store-gc -q --max-size 1 >/dev/null 2>collected
    kill -CONT -- -$pid 2>/dev/null
    wait $pid
}
wrong=0 moment=0 after=0
while [ $((moment += 1)) -le $moments ]; do
    gc_at 900
    [ "$(cat built)" = "$digest" ] || { wrong=$((wrong + 1)) && cat built said collected; }
    [ ! -s built ] || after=$((after + 1))
done >out 2>&1
result $wrong "whenever everything that is not in use goes, the build gives its digest" out
equal "all of them ended" $after $moments
# And while it removes all the time.
rm -rf store && image-load --tag busybox busybox >/dev/null
touch goes-on
while [ -e goes-on ]; do store-gc -q --max-size 1 >/dev/null 2>&1; done &
loop=$!
wrong=0 moment=0
while [ $((moment += 1)) -le $((moments / 3)) ]; do
    build >one 2>said-one & one=$!
    build --no-cache -t named >two 2>said-two
    wait $one
    [ "$(cat one two)" = "$(printf '%s\n' "$digest" "$digest")" ] || { wrong=$((wrong + 1)) && cat one two said-*; }
done >out 2>&1
rm goes-on && wait $loop
result $wrong "two builds at once beside one collector after another give it too" out
ok "and the image with a name is whole" image-save -o saved.tar named

# Killed.
wrong=0 moment=0
while [ $((moment += 1)) -le $moments ]; do
    build -t app >/dev/null 2>&1
    store-gc -q --max-size 1 >/dev/null 2>&1 & pid=$!
    pause 25 && kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    image-save -o saved.tar app && image-run app cat /three && [ "$(build)" = "$digest" ] || wrong=$((wrong + 1))
done >out 2>&1
result $wrong "it may be killed at any moment: images with names are whole, and builds give their digest" out
store-gc -q --max-size 1 >/dev/null 2>&1
is "and the next one removes what the killed left" "$(ls store/tmp store/leases)" "$(printf 'store/leases:\n\nstore/tmp:')"

# Whole.
mkdir plain && touch plain/file
status_is "--all refuses a directory that is no store" 1 store-gc --all --store plain
ok "and leaves it as it is" test -e plain/file
mkdir empty
for option in --all '--max-size 5M'; do
    # shellcheck disable=SC2086 # an option, and its value
    status_is "$option refuses an empty directory" 1 store-gc $option --store empty
    ok "and says that it is one" grep -q 'empty is empty, and no store yet' .out
done
sleep 8 | image-run -i app cat &
tries=0
until [ -n "$(ls store/leases)" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
status_is "and a store that is in use" 75 store-gc --all
kill $!
wait $! 2>/dev/null
tries=0
until store-gc --all >.out 2>&1 || [ $((tries += 1)) -gt 20 ]; do sleep 0.5; done
ok "a store that nobody uses goes" test ! -e store
for isolation in subuid single; do
    owner_home=$work/home-$isolation
    if store_owner "$owner_home" >.log 2>&1; then
        cp -r busybox context "$owner_home"
        chown -R "$store_user" "$owner_home"
        (
            cd "$owner_home" || exit
            STAGEPIPE_STORE=$owner_home/store && export STAGEPIPE_STORE
            as_owner image-load --tag busybox busybox
            printf 'FROM busybox\nRUN mkdir -m 0 /closed && touch /closed/file /owned && { chown 33 /owned || true; }\n' |
                as_owner image-build --isolation $isolation -t app -f - context
            as_owner store-gc -q --max-size 5M && as_owner image-save -o saved.tar app || echo 'an image is not whole'
        ) >out 2>&1
        ok "$isolation: an ordinary user's store is made smaller" no_match 'not whole' out
        ok "$isolation: and removed, whosever its files are" as_owner store-gc --all --store "$owner_home/store"
        ok "$isolation: so that nothing is left" test ! -e "$owner_home/store"
    else
        skip "$isolation: an ordinary user's store" "its user can't be made: $(tail -n 1 .log)"
    fi
    userdel "$store_user" >/dev/null 2>&1
done
finish
