#!/bin/sh
# Memory does not grow with a layer: a 1 GiB file goes through below 64 MiB each.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ -x /usr/bin/time ] || skip_all "GNU time is missing"
have jq || skip_all "jq is missing"
[ "$(df --output=avail -BM "$work" | tail -1 | tr -dc 0-9)" -ge 5000 ] || skip_all "less than 5 GB free"

load_busybox
mkdir context
# half of it compresses to nothing and half not at all
{ head -c 512M /dev/zero && head -c 512M /dev/urandom; } >context/big
printf 'FROM busybox\nCOPY big /big\n' >context/Dockerfile
ok "the build" image-build --compression none --keep kept context
# forget: takes the layers of the last pack away, for what comes next to have their room
forget() { find store/blobs store/tmp -size +1M -exec rm -f {} +; }
is "is of a GiB" "$(jq -r 'select(.kind == "file").size' kept/changes.0)" 1073741824

# below LIMIT-IN-KIB NAME COMMAND...
below() {
    limit=$1 && name=$2 && shift 2
    /usr/bin/time -f %M -o peak "$@" >out 2>err
    result $? "$name" err
    echo "peak: $(tail -1 peak) KiB, wanted below $limit" >detail
    [ "$(tail -1 peak)" -lt "$limit" ]
    result $? "$name stays below 64 MiB" detail
}
for compression in gzip zstd none; do
    forget
    below 65536 "layer-pack, $compression" sh -c "exec layer-pack --store '$work/store' --compression $compression <kept/changes.0"
done
below 65536 "layer-pack to a tar" sh -c 'exec layer-pack <kept/changes.0 >/dev/null'
below 65536 "layer-put" sh -c "layer-pack <kept/changes.0 | exec layer-put --store '$work/store' --changes kept/changes.0"
cat kept/steps.0 kept/layers.0 >records
below 65536 "image-assemble" sh -c "exec image-assemble --store '$work/store' -t big <records"
below 65536 "image-assemble to a docker tar" sh -c "exec image-assemble --store '$work/store' -t big --output type=docker,dest=big.tar <records"
finish
