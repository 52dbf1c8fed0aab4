#!/bin/sh
# What compresses well is no attack: files of zeros, and with holes, are built, and read by every tool. What is
# too much is refused by the tool that writes it, in words that say how to allow it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"
load_busybox
mkdir context
truncate -s 150M context/lastlog || skip_all "no sparse files here"
printf x | dd of=context/lastlog bs=1 seek=100000000 conv=notrunc status=none
[ "$(du -k context/lastlog | cut -f1)" -lt 1000 ] || skip_all "no sparse files here"
head -c 70M /dev/zero >context/zeros
printf 'FROM busybox\nCOPY zeros /\nRUN truncate -s 50M /swap\nCOPY lastlog /var/log/\n' >context/Dockerfile

kib() { du -sk "$1" | cut -f1; }
ok "zeros and holes are built" image-build -t zeros context
is "and take no room in the store" "$(($(kib store) < 100000))" 1
ok "image-report reads them" image-report zeros
ok "image-save writes them" image-save -o zeros.tar zeros
ok "image-load loads them elsewhere" image-load --store other zeros.tar
ok "image-run unpacks them there" sh -c '[ "$(image-run --store other zeros wc -c /var/log/lastlog | cut -d" " -f1)" = 157286400 ]'
is "with holes as holes" "$(($(kib other) < 100000))" 1
ok "image-save writes them as a tree" image-save --store other --format dir -o tree zeros
ok "with the same bytes" cmp context/lastlog tree/var/log/lastlog
is "and the same holes" "$(($(kib tree) < 100000))" 1
for compression in zstd none; do
    ok "$compression: zeros and holes are built" image-build -t "$compression" --compression "$compression" context
    ok "$compression: and read" image-report "$compression"
    is "$compression: and take no room" "$(($(kib store) < 200000))" 1
done

# a layer of a file with holes is the layer of a file that has their zeros
mkdir old new && truncate -s 20M new/part && printf y | dd of=new/part bs=1 seek=9999999 conv=notrunc status=none
touch -d @0 new new/part
packed() { # [COMPRESSION]: the tar, or the descriptor and diff ID of the blob
    case ${1-} in
    '') layer-diff old new | layer-pack ;;
    *) layer-diff old new | layer-pack --store packed --compression "$1" | jq -c 'select(.type == "layer") | .descriptor, .diff_id' ;;
    esac
}
for compression in '' gzip zstd none; do
    packed $compression >sparse
    cp --sparse=never new/part dense && touch -d @0 dense && mv dense new/part && touch -d @0 new
    packed $compression >dense
    ok "${compression:-tar}: a hole and the zeros it stands for are the same bytes" cmp sparse dense
    cp --sparse=always new/part dense && touch -d @0 dense && mv dense new/part && touch -d @0 new
done
printf 'FROM scratch\nCOPY part /\n' >context/Dockerfile && mv new/part context

# too much, at each door
too_much() { # WHAT COMMAND...
    what=$1 && shift
    "$@" >.out 2>&1
    is "$what refuses what is too much" "$?" "$refusal"
    ok "$what: and says what allows it" grep -q -- '--max-unpacked' .out
}
refusal=1
too_much image-build image-build --no-cache --max-unpacked 10m context
ok "and which file it is" grep -q 'part, of 20971520 bytes' .out
ok "with more it builds" image-build --max-unpacked 1g -t part context
image-save -o part.tar part
refusal=3
too_much image-report image-report --max-unpacked 10m part
image-load --store third part.tar >/dev/null
too_much image-save image-save --store third --max-unpacked 10m --format tar -o x.tar part
gzip -c part.tar >part.tar.gz
ok "a loaded archive is as large as it is" image-load --store fourth --max-unpacked 1m part.tar
head -c 20M /dev/zero >context/big && tar -C context -czf context/big.tar.gz big
printf 'FROM scratch\nADD big.tar.gz /\n' >context/Dockerfile
too_much ADD image-build --max-unpacked 10m context
too_much context-fetch sh -c 'context-fetch --max-unpacked 10m - fetched <context/big.tar.gz'
status_is "entries are limited too" 3 image-build --max-entries 0 -t none context
ok "and it is said" grep -q -- '--max-entries' .out
finish
