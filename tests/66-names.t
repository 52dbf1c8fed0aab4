#!/bin/sh
# Names of images: given, taken away, listed, and each way to say which image is meant.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq skopeo || skip_all "jq or skopeo is missing"

load_busybox
# made NAME TEXT: a build of an image that prints the text; writes NAME.id, NAME.printed and NAME.json
made() {
    printf 'FROM busybox\nLABEL what=%s\nRUN echo %s >/text\nCMD ["cat", "/text"]\n' "$2" "$2" |
        image-build -q -t "$1" --iidfile "$1.id" --metadata-file "$1.json" - >"$1.printed" 2>err
}
made app one
made other two
image=$(cat app.id) config=$(jq -r '.["containerimage.config.digest"]' app.json)
second=$(cat other.id)
manifest=store/blobs/sha256/${image#sha256:}
# judged NAME: the digest that skopeo has for a name of the store
judged() { skopeo inspect --format '{{.Digest}}' "oci:store:$1"; }
names() { image-list --json | jq -r '[.name // "-", .digest] | join(" ")'; }

# The digests that a build says it made.
same_digest "--iidfile has the manifest's digest, which skopeo finds under the name" "$image" "$(judged app:latest)"
is "without a newline" "$(wc -c <app.id)" 71
same_digest "-q prints the same" "$(cat app.printed)" "$image"
same_digest "as does containerimage.digest" "$(jq -r '.["containerimage.digest"]' app.json)" "$image"
is "the members of the metadata are those of the page" "$(jq -r 'keys[]' app.json)" \
    "$(sed -n '/^.It Fl -metadata-file/,/^.It Fl -compression/s/^.Cm \([a-z.]*\).*/\1/p' "$top/man/image-build.1" | sort)"
same_digest "containerimage.config.digest is that of its config" "$config" "$(jq -r .config.digest "$manifest")"

# image-tag
is "image-tag prints nothing" "$(image-tag app app:2 r.example/team/app third 2>&1)" ""
for name in app:latest app:2 r.example/team/app:latest third:latest; do
    same_digest "$name is the image" "$(judged "$name")" "$image"
done
ok "a name can be taken from another image" image-tag other third
same_digest "and then is the other" "$(judged third:latest)" "$second"
is "which keeps its own" "$(names | grep -c " $second")" 2
names >before
status_is "an image that is not there gets no name" 1 image-tag nothing fourth
status_is "nor is a digest a name" 2 image-tag app "fourth@$image"
status_is "nor a digest alone" 2 image-tag app "$image"
ok "with the reason" grep -q 'has no digest; write NAME or NAME:TAG' .out
status_is "one of two names that is not there takes neither away" 1 image-tag --delete app:2 fourth
ok "and is named" grep -q 'name fourth:latest is not in the store' .out
status_is "an image and names to take away are too much" 2 image-tag app --delete app:2
is "nothing was changed by these" "$(names)" "$(cat before)"
ok "names are taken away" image-tag --delete app:2 r.example/team/app
is "these only" "$(names)" "$(grep -v -e ^app:2 -e ^r.example before)"
ok "also the last one" image-tag --delete third other
is "the image stays" "$(names | grep "$second")" "- $second"
is "and runs" "$(image-run "$second")" two
status_is "skopeo does not find the name" 1 skopeo inspect oci:store:other:latest
ok "but everything else in the store" skopeo copy -q oci:store:app:latest dir:copied
ok "whoever has no name gets one" image-tag "$second" other
is "and is listed once" "$(names | grep -c "$second")" 1
flock store/index.lock sleep 3 &
held=$!
sleep 0.3
status_is "a locked index ends it" 75 image-tag --lock-timeout 1 app later
wait "$held"
for n in 1 2 3 4 5 6; do image-tag app "at-once:$n" & done
wait
is "names given at the same time are all there" "$(image-list -q at-once && image-list --json at-once | wc -l)" "$image
6"
image-tag --delete at-once:1 at-once:2 at-once:3 at-once:4 at-once:5 at-once:6
if have strace; then
    strace -f -y -o trace -e trace=fsync,fdatasync,rename,renameat,renameat2,flock image-tag app durable
    # The new index.json is on the disk before it has its name, and the name before the tool ends. What is held, and the
    # copy, need not be.
    is "a name is on the disk before it is said to be given" \
        "$(sed -n '/locks\/\|index\.copy\|flock.*(deleted)/d; s/^[0-9 ]*\(flock\|fsync\|fdatasync\|rename\)[a-z0-9]*(.*/\1/p' trace | sed 's/fdatasync/fsync/' | uniq | tr '\n' ' ')" \
        "flock fsync rename fsync "
    image-tag --delete durable
else
    skip "a name is on the disk before it is said to be given" "strace is missing"
fi

# Each way to say which image is meant, in every tool.
hex=${config#sha256:}
for id in app app:latest docker.io/library/app "app@$image" "$image" "${image#sha256:}" "$(expr "$image" : '\(.\{20\}\)')" \
    "$config" "$hex" "$(expr "$hex" : '\(.\{12\}\)')" "$(expr "$hex" : '\(.\{6\}\)')"; do
    is "image-run runs $id" "$(image-run "$id" 2>&1)" one
    same_digest "image-inspect knows it" "$(image-inspect "$id" | jq -r .digest)" "$image"
done
rm -rf saved
ok "image-save takes a config's digest" image-save --format layout -o saved "$config"
is "and keeps its names" "$(jq -r '.manifests[].digest' saved/index.json)" "$image"
image-tag app app:2
rm -rf saved
image-save --format layout -o saved "$image"
is "all of them" "$(jq -r '.manifests[].annotations["io.containerd.image.name"]' saved/index.json | sort | tr '\n' ' ')" \
    "docker.io/library/app:2 docker.io/library/app:latest "
image-tag --delete app:2
mkdir registry
fake_registry registry
same_digest "image-push takes it" "$(image-push -q "$config" "$fake/pushed:1")" "$image"
is "image-report takes it" "$(image-report --json "$config" | jq -r .digest)" "$image"
is "image-files takes it" "$(image-files --json "$config" | jq -rs '.[0].digest')" "$image"
is "image-list takes it" "$(image-list -q "$config")" "$image"
is "and to compare" "$(image-list --sharing --json "$config" "$second" | jq -r '.images[].digest' | tr '\n' ' ')" "$image $second "
ok "layer-diff takes it" sh -c "layer-diff --images busybox '$config' | grep -q '\"path\":\"text\"'"
ok "image-tag takes it" image-tag "$config" by-config
is "which is a name of that image" "$(image-list -q by-config)" "$image"
image-tag --delete by-config
status_is "five digits are too few" 125 image-run "$(expr "$hex" : '\(.\{5\}\)')"
# A manifest of other bytes with the same config is another image.
printf %s "$(jq -c '.annotations.note = "another"' "$manifest")" >respelt
respelt=sha256:$(sha256sum <respelt | cut -d' ' -f1)
cp respelt "store/blobs/sha256/${respelt#sha256:}"
ok "an image that is not listed gets a name by its whole digest" image-tag "$respelt" respelt
status_is "a config's digest that two images have is an error" 125 image-run "$config"
ok "that names both" grep -q "app:latest ($image) and respelt:latest ($respelt); give" .out
status_is "as is the start of it" 3 image-inspect "$(expr "$hex" : '\(.\{12\}\)')"
is "a list has both" "$(image-list --json "$hex" | jq -r .name | tr '\n' ' ')" "app:latest respelt:latest "
is "the manifest's digest is that of one" "$(image-run "$image")" one
image-tag --delete respelt

# image-inspect
image-inspect app >app.inspected
for is in '.names == ["app:latest"]' ".config_digest == \"$config\"" '.config.Labels == {what: "one"}' '.base.name == "busybox"' \
    ".base.digest == \"$(image-list -q busybox)\"" '[.history[] | select(.empty_layer | not)] | length == 2' \
    "[.layers[].digest] == $(jq -c '[.layers[].digest]' "$manifest")" \
    "[.layers[].diff_id] == $(jq -c .rootfs.diff_ids "store/blobs/sha256/$hex")" \
    ".size == $(image-list --json app | jq .size)" "([.layers[].content] | add) == $(image-list --json app | jq .content)" \
    ".created == $(jq .created "store/blobs/sha256/$hex")" ".config == $(jq -c .config "store/blobs/sha256/$hex")"; do
    ok "image-inspect: $is" jq -e "$is" app.inspected
done
is "of busybox no base is known" "$(image-inspect busybox | jq -c .base)" null
is "several are several objects" "$(image-inspect app other busybox | jq -r .names[0] | tr '\n' ' ')" "app:latest other:latest busybox:latest "
status_is "one that is not there prints none" 1 image-inspect app nothing
is "but the error" "$(grep -c . .out)" 1
# The page's example, which is of the same base: all members, and all values that are not the base's.
sed -n '/^{$/,/^}$/p' "$top/man/image-inspect.1" >page.json
printf 'FROM busybox\nENV WHO=me\n' | STAGEPIPE_STORE=$work/fresh sh -c 'image-load -t busybox busybox && image-run busybox true </dev/null &&
    image-build -q -t app - && image-inspect app >example.json' >/dev/null 2>&1
# shellcheck disable=SC2016 # jq's
known='walk(if type == "string" and test("^sha256:") then "a digest" elif type == "number" then 0 else . end)
    | .platform |= sub("/.*"; "")'
equal "the page's example is what is printed" "$(jq "$known" example.json)" "$(jq "$known" page.json)"
members() { jq -r '[paths(type != "array") | map(select(type == "string"))[]] | unique[]' page.json; }
is "each member of it is in the page's list" "$(for member in $(members | grep -v '^[A-Z]' | grep -vx -e created_by -e comment -e empty_layer -e name); do
    sed -n '/^.Ss Members/,/^.Sh EXIT/p' "$top/man/image-inspect.1" | grep -q "^\.\(It \)\?Cm .*\b$member\b" || echo "$member"
done)" ""

# An index, of which one image is not here, and one thing is no image.
type=application/vnd.oci.image
# entry DIGEST SIZE PLATFORM [MEMBERS]: a line of an index
entry() { printf '{"mediaType":"%s.manifest.v1+json","digest":"%s","size":%s,"platform":%s%s}' $type "$1" "$2" "$3" "${4-}"; }
gone=sha256:$(printf %064d 0)
host="\"os\":\"linux\",\"architecture\":\"$(dpkg --print-architecture)\""
printf '{ "schemaVersion": 2, "mediaType": "%s.index.v1+json", "manifests": [%s, %s, %s] }\n' $type \
    "$(entry "$image" "$(stat -c %s "$manifest")" "{$host}")" \
    "$(entry "$gone" 7 '{"os":"linux","architecture":"s390x"}')" \
    "$(entry "$respelt" "$(stat -c %s respelt)" '{"os":"unknown","architecture":"unknown"}' \
        ",\"annotations\":{\"vnd.docker.reference.digest\":\"$image\",\"vnd.docker.reference.type\":\"attestation-manifest\"}")" >index
index=sha256:$(sha256sum <index | cut -d' ' -f1)
cp index "store/blobs/sha256/${index#sha256:}"
jq --arg digest "$index" --arg type $type.index.v1+json --argjson size "$(stat -c %s index)" \
    '.manifests += [{mediaType: $type, digest: $digest, size: $size, annotations: {"org.opencontainers.image.ref.name": "all:1"}}]' \
    store/index.json >index.json && cp index.json store/index.json
image-inspect all:1 >all.inspected
is "an index has its own digest" "$(jq -r .digest all.inspected)" "$index"
is "and the images in it, as far as they are here" \
    "$(jq -c '.images[] | [.digest, .config_digest, .platform]' all.inspected)" \
    "[\"$image\",\"$config\",\"linux/$(dpkg --print-architecture)\"]
[\"$gone\",null,\"linux/s390x\"]
[\"$respelt\",null,\"unknown/unknown\"]"
is "what is said about others is told as such" "$(jq -r '.images[2].annotations["vnd.docker.reference.digest"]' all.inspected)" "$image"
ok "an index gets more names" image-tag all:1 all:2
is "and keeps its digest" "$(image-inspect all:2 | jq -r .digest)" "$index"
is "skopeo sees an index" "$(skopeo inspect --raw oci:store:all:2 | jq -r '.manifests | length')" 3
image-tag --delete all:1 all:2
is "an index without a name is found by the start of its digest" "$(image-inspect "$(expr "$index" : '\(.\{17\}\)')" | jq -r .digest)" "$index"
rm "store/blobs/sha256/${index#sha256:}" && jq --arg digest "$index" '.manifests |= map(select(.digest != $digest))' \
    store/index.json >index.json && cp index.json store/index.json

# A base of which only manifest and config came has no name yet: its layers are not here.
cp -R busybox registry/base
[ ! -f registry/base/index.json ] || jq -c '.manifests[0].annotations[] = "1"' busybox/index.json >registry/base/index.json
STAGEPIPE_STORE=$work/bare
bare=$(image-pull -q --config-only "$fake/base:1" 2>err)
status_is "an image without its layers gets no name" 1 image-tag "$bare" base
ok "it is said why" grep -q "is not in the store, so $bare can't have a name yet" .out
STAGEPIPE_STORE=$work/store

# image-list
image-tag --delete other
list() { image-list --json "$@" | jq -r '.name // "-"' | tr '\n' ' '; }
is "-q has each digest once" "$(image-tag app app:2 && image-list -q app)" "$image"
is "without options all are listed, those without a name last" "$(list)" "app:2 app:latest busybox:latest - - "
is "a name without its tag is any tag" "$(list app)" "app:2 app:latest "
is "with a tag it is that one" "$(list app:2)" "app:2 "
is "a pattern is one" "$(list 'b*')" "busybox:latest "
is "as --filter reference has it" "$(list --filter reference='*:2')" "app:2 "
is "images without a name are dangling" "$(image-list -q --filter dangling=true | grep -c "$second")" 1
is "and the others are not" "$(list -f dangling=false)" "app:2 app:latest busybox:latest "
is "before and since compare times" "$(list -f before=app -f dangling=false) $(list --filter since=busybox app)" "busybox:latest  app:2 app:latest "
is "labels and their values choose" "$(image-list -q -f label=what=two) $(list -f label=what=one -f dangling=false)" "$second app:2 app:latest "
is "what fits nothing lists nothing" "$(image-list -q nothing; list -f label=nothing)" ""
status_is "a filter there is not is an error" 2 image-list --filter colour=red
ok "that says which there are" grep -q 'before=IMAGE, since=IMAGE or label=KEY' .out
status_is "so is an image to compare with that is not there" 1 image-list --filter before=nothing
finish
