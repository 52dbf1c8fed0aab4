#!/bin/sh
# Images as other builders write them are loaded, built on, run and reported.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"

"$top/tests/busybox-layout" busybox && mkdir empty-context
# put LAYOUT: standard input becomes a blob of it; prints the digest's hex.
put() {
    cat >"$1/new" && hex=$(sha256sum "$1/new" | cut -d' ' -f1) && mv "$1/new" "$1/blobs/sha256/$hex" && echo "$hex"
}
# edited LAYOUT CONFIG-FILTER [MANIFEST-FILTER]: busybox with its config and manifest changed by jq.
edited() {
    cp -R busybox "$1" && blobs=$1/blobs/sha256
    old=$(jq -r '.manifests[0].digest[7:]' "$1/index.json")
    config=$(jq -c "$2" "$blobs/$(jq -r '.config.digest[7:]' "$blobs/$old")" | put "$1")
    new=$(jq -c --arg digest "sha256:$config" --argjson size "$(wc -c <"$blobs/$config")" \
        ".config += {\$digest, \$size} | ${3-.}" "$blobs/$old" | put "$1")
    jq -c --arg digest "sha256:$new" --argjson size "$(wc -c <"$blobs/$new")" \
        '.manifests[0] += {$digest, $size}' "$1/index.json" >index && mv index "$1/index.json"
}

# history NAME: which entries of an image's history have a layer.
history() {
    image-save --format oci -o saved.tar "$1" && rm -rf saved && mkdir saved && tar -xf saved.tar -C saved || return
    manifest=saved/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' saved/index.json)
    jq -c '[.history[] | .empty_layer != true]' "saved/blobs/sha256/$(jq -r '.config.digest[7:]' "$manifest")"
}
entry='{"created_by":"x"}'
for case in 'none del(.history) [true,true,false]' 'null .history=null [true,true,false]' \
    "fewer .history=[$entry+{\"empty_layer\":true}] [false,true,true,false]" \
    "more .history=[$entry,$entry] [true,false,true,false]"; do
    name=${case%% *} filter=${case#* } wanted=${case##* }
    edited "$name" "${filter% *}"
    ok "a base is loaded whose history is $name" image-load --tag "$name" "$name"
    printf 'FROM %s\nRUN echo built >/x\nENV A=1\n' "$name" >Dockerfile
    ok "it is built on" image-build -q -t "on-$name" -f Dockerfile empty-context
    is "the image of it runs" "$(image-run "on-$name" cat /x)" built
    is "its history accounts for each layer" "$(history "on-$name")" "$wanted"
    ok "it is reported" image-report --json "on-$name"
done

# A layer is what its bytes are, whatever its media type says.
for kind in '' +zstd; do
    edited "typed$kind" . ".layers[0].mediaType |= sub(\"[+]gzip\"; \"$kind\")"
    ok "a gzip layer of the type tar$kind is loaded" image-load --tag typed "typed$kind"
    is "and run" "$(image-run typed echo ran)" ran
    printf 'FROM typed\nRUN echo built >/x\n' >Dockerfile
    ok "and built on" image-build -q -t on-typed -o type=oci,dest=typed.tar -f Dockerfile empty-context
    rm -rf saved && mkdir saved && tar -xf typed.tar -C saved
    is "the image of it says what the layer is" "$(jq -r '.layers[0].mediaType' \
        "saved/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' saved/index.json)")" application/vnd.oci.image.layer.v1.tar+gzip
done

# Hard links as AUFS wrote them for docker 1: into a directory that is no part of the tree.
mkdir -p aufs-tree/.wh..wh.plnk && seq 9000 >aufs-tree/.wh..wh.plnk/1.2
for name in one two; do ln aufs-tree/.wh..wh.plnk/1.2 aufs-tree/$name; done
tar -cf aufs.tar -C aufs-tree .wh..wh.plnk one two
layer=sha256:$(put busybox <aufs.tar)
edited aufs ".rootfs.diff_ids += [\"$layer\"] | del(.history)" \
    ".layers += [.layers[0] + {digest: \"$layer\", size: $(wc -c <aufs.tar)}]"
ok "an image with hard links of AUFS is loaded" image-load --tag aufs aufs
is "its names are one file" "$(image-run aufs sh -c 'stat -c %h /one; tail -n 1 /two' 2>&1 | tr '\n' ' ')" "2 9000 "
is "which image-report counts once" "$(image-files --json --depth 1 aufs | jq -c '[.files[] | select(.path == "one" or .path == "two").bytes]')" "[43893,0]"
ok "and packs anew" image-report --what-if squash aufs

# An image for another platform, and names that none can have here.
other=s390x
edited other ".architecture=\"$other\""
ok "an image for another platform is reported" image-report --json "$work/other"
status_is "and loaded" 0 image-load --tag other other
is "with a warning" "$(grep -c "warning: .* is for linux/$other, and this is linux/" .out)" 1
status_is "but not where a platform is asked for" 3 image-load --platform linux/arm64 other
status_is "not by another spelling of it either" 3 image-load --platform arm64 other
ok "and names one platform" grep -q "linux/arm64" .out
for name in latest ME/App:1; do
    rm -rf called && cp -R busybox called
    jq -c --arg name "$name" '.manifests[0].annotations[] = $name' busybox/index.json >called/index.json
    image-load called >out 2>err
    is "an image called $name is loaded by its digest" "$(sed 's/^sha256:[0-9a-f]*$/digest/' out)" digest
    is "and a warning says how to name it" "$(grep -c "warning: .*\"$name\".* --tag" err)" 1
    ok "it can be chosen by that" image-load --select "$name" --tag named called
done

# An image without a name is used by its digest.
image-load busybox >/dev/null 2>&1
printf 'FROM %s\nRUN echo nameless >/x\n' "$(image-list --json | jq -r .digest | head -1)" >Dockerfile
ok "FROM takes a digest" image-build -q --iidfile iid -f Dockerfile empty-context
digest=$(cat iid)
for use in "FROM $digest" "FROM scratch\nCOPY --from=$digest /x /x\nCOPY --from=$digest /bin /bin" \
    "FROM named" "FROM $digest\nRUN --mount=from=$digest,target=/m cp /m/x /y"; do
    printf '%b\n' "$use" >Dockerfile
    ok "a build takes what --iidfile wrote, in $(head -c 11 Dockerfile)" \
        image-build -q -t by-digest --build-context "named=docker-image://$digest" -f Dockerfile empty-context
    is "and it is that image" "$(image-run by-digest cat /x)" nameless
done
printf 'FROM sha256:%064d\n' 0 >Dockerfile
status_is "a digest that is not there fails" 1 image-build -f Dockerfile empty-context
is "without a name that nobody gave it" "$(grep -c library .out)" 0

finish
