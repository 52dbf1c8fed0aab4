#!/bin/sh
# Archives that other tars wrote, and archives that are none, through every door that takes one.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq gzip xz || skip_all "jq, gzip or xz is missing"

mkdir files context
{ truncate -s 3M files/tool && printf end >>files/tool && echo text >files/text; } || skip_all "no sparse files here"
cmp_files() { cmp "$1/tool" files/tool && cmp "$1/text" files/text && [ "$(find "$1" -type f | wc -l)" = 2 ]; }

# archive FORMAT: a tar of both files on standard output, the first of them sparse
archive() {
    case $1 in
    bsdtar) bsdtar -C files --format=pax --read-sparse -cf - tool text ;;
    gnu) tar -C files --sparse --format=gnu -cf - tool text ;;
    *) tar -C files --sparse --format=posix --sparse-version="$1" -cf - tool text ;;
    esac
}
formats='gnu 0.0 0.1 1.0'
! have bsdtar || formats="$formats bsdtar"

# add ARCHIVE: what an ADD of it puts into out
add() {
    cp "$1" context/archive && printf 'FROM scratch\nADD archive /d/\n' >context/Dockerfile
    rm -rf out && image-build -q -o out context >.added 2>&1
}
# layered ARCHIVE: a docker archive of an image whose only layer it is
layered() {
    rm -rf image && mkdir image && cp "$1" image/layer.tar
    jq -nc --arg id "sha256:$(sha256sum <"$1" | cut -c-64)" \
        '{architecture: "amd64", os: "linux", config: {}, rootfs: {type: "layers", diff_ids: [$id]}}' >image/config.json
    echo '[{"Config":"config.json","RepoTags":["made:up"],"Layers":["layer.tar"]}]' >image/manifest.json
    tar -C image -cf image.tar manifest.json config.json layer.tar
}
for format in $formats; do
    archive "$format" >sparse.tar
    is "$format: the archive has holes" "$(($(wc -c <sparse.tar) < 100000))" 1
    ok "$format: ADD" add sparse.tar
    ok "$format: has the files' bytes, and no others" cmp_files out/d
    is "$format: the holes are holes" "$(($(du -k out/d/tool | cut -f1) < 1000))" 1
    for compress in gzip xz; do
        $compress -c sparse.tar >sparse.tar.z
        ok "$format: ADD of it in $compress" add sparse.tar.z
        ok "$format: has the same files" cmp_files out/d
    done
    rm -rf fetched out
    ok "$format: context-fetch" sh -c 'context-fetch - fetched <sparse.tar'
    ok "$format: unpacks the same files" cmp_files fetched/tree
    printf 'FROM scratch\nCOPY --from=named / /\n' >context/Dockerfile
    ok "$format: a named context" image-build -q -o out --build-context named=sparse.tar context
    ok "$format: is the same files" cmp_files out
    layered sparse.tar
    rm -rf saved
    ok "$format: a layer is loaded" image-load image.tar
    ok "$format: and reported" image-report made:up
    ok "$format: and unpacked" image-save --format dir -o saved made:up
    ok "$format: to the same files" cmp_files saved
done

# an archive of an image may have been made with --sparse, too
head -c 2M /dev/zero >image/layer.tar
jq -c --arg id "sha256:$(sha256sum <image/layer.tar | cut -c-64)" '.rootfs.diff_ids = [$id]' image/config.json >new.json
cp new.json image/config.json && cp --sparse=always image/layer.tar image/holes && mv image/holes image/layer.tar
tar -C image --sparse --format=posix -cf image.tar manifest.json config.json layer.tar
ok "an image's archive with holes is loaded" image-load --tag holes image.tar
ok "and its empty layer reported" image-report holes

# global headers, as Python writes them and reads them back
if have python3; then
    python3 - <<'END'
import io, tarfile
with tarfile.open("global.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"mtime": "1000", "comment": "c"}) as tar:
    tar.addfile(tarfile.TarInfo("f"), io.BytesIO())
with tarfile.open("path.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"path": "evil"}) as tar:
    tar.addfile(tarfile.TarInfo("f"), io.BytesIO())
END
    ok "ADD with a global header" add global.tar
    is "which sets times" "$(stat -c %Y out/d/f)" 1000
    status_is "a global header that renames is refused" 3 add path.tar
    ok "by its name" grep -q 'global pax header that sets "path"' .added
else
    skip "global headers" "python3 is missing"
fi

# Once the first header says that it is a tar, what is wrong with it is an error: never is it copied as a file.
tar -C files --format=ustar -cf good.tar text tool
refused() { # WHAT MESSAGE
    status_is "$1 is refused" 3 add bad
    ok "as what it is" grep -q "Dockerfile:2: .*/archive.*$2" .added
    ok "and nothing is made" [ ! -e out ]
}
cp good.tar bad && printf x | dd of=bad bs=1 conv=notrunc status=none && refused "a wrong checksum" "checksum is wrong"
head -c 700 good.tar >bad && refused "an archive cut in a body" "cut off"
head -c 300 good.tar >bad && refused "an archive cut in its first header" "cut off"
head -c 100k /dev/urandom >noise && tar -czf noise.tar noise && head -c 50k noise.tar >bad
refused "a gzip file that is cut" "noise"
gzip -c good.tar >bad && printf '\0\0\0\0' | dd of=bad bs=1 seek=$(($(wc -c <bad) - 8)) conv=notrunc status=none
refused "a gzip file with a wrong sum" "archive"
xz -c good.tar | head -c -20 >bad && refused "an xz file that is cut" "archive"

# A file that is not a tar is copied, whatever its name.
copied() { # WHAT
    ok "$1 is added" add plain
    ok "as it is" cmp plain out/d/archive
}
echo text >plain && copied "a text"
gzip -c files/text >plain && copied "a gzip file of a text"
gzip -c files/text | head -c 20 >plain && copied "a gzip file of a text that is cut"
head -c 4096 /dev/zero >plain && copied "a file of zeros"
: >plain && copied "an empty file"
finish
