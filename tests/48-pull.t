#!/bin/sh
# image-pull: what comes from registries, real ones and hostile ones, is in the store whole or not at all.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have docker-registry skopeo umoci openssl perl python3 jq ||
    skip_all "docker-registry, skopeo, umoci, openssl, perl, python3 or jq is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run"
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG SSL_CERT_FILE
mkdir home run fake empty

copy() { timeout 60 skopeo copy -q --preserve-digests "$@" >>copied 2>&1; }
# asked NAME: how often a registry was asked for something else than whom it lets in
asked() { grep '"stagepipe"$' "$1.log" | grep -vc '"GET /v2/ '; }
# whole: each image that the store names can be read from it by skopeo, as a layout
whole() {
    jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$STAGEPIPE_STORE/index.json" >names
    while read -r name; do rm -rf whole.d && copy "oci:$STAGEPIPE_STORE:$name" dir:whole.d || return; done <names
}

# A base of three layers, of which one deletes a file of the first, and two are a megabyte.
load_busybox
numbers_and_sums empty
printf 'FROM busybox\nCOPY numbers /\nCOPY sums /\nRUN rm /numbers && echo 1 >/1\n' >Dockerfile
ok "there is an image to push" image-build -q -t app -o type=oci,dest=app.tar -f Dockerfile empty
STAGEPIPE_STORE=$work/pulled

# docker-registry.

registry plain <<'EOT'
http: {addr: "127.0.0.1:0"}
EOT
plain=$host
ok "skopeo pushes it" copy --dest-tls-verify=false oci-archive:app.tar "docker://$plain/a/app:1"
image=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$plain/a/app:1")
same_digest "an image is pulled, and its digest is printed" "$(image-pull "$plain/a/app:1" 2>pulling)" "$image"
ok "with how many bytes came, and how fast" grep -qE "^image-pull: $plain/a/app:1: [0-9.]+ MB in [0-9.]+ s, [0-9.]+ .B/s\$" pulling
is "in one question for the name, two for documents and four for layers" "$(asked plain)" 6
is "skopeo reads it" "$(skopeo inspect --format '{{.Digest}}' "oci:$STAGEPIPE_STORE:$plain/a/app:1")" "$image"
ok "umoci unpacks it" umoci unpack --rootless --image "$STAGEPIPE_STORE:$plain/a/app:1" bundle
is "it is unpacked already" "$(find "$STAGEPIPE_STORE/snapshots" -name fs | wc -l)" 4
is "it runs" "$(image-run "$plain/a/app:1" sh -c 'cat /1; ls /numbers /sums 2>/dev/null')" '1
/sums'
for mark in "$STAGEPIPE_STORE"/snapshots/*/unsettled; do echo 'another boot' >"$mark"; done
is "it runs after a power cut, by its blobs" "$(image-run "$plain/a/app:1" cat /1)" 1
before=$(asked plain)
same_digest "pulled again it is what it was" "$(image-pull "$plain/a/app:1" 2>pulling)" "$image"
is "after one question" "$(($(asked plain) - before))" 1
is "and nothing is said" "$(cat pulling)" ''
before=$(grep -c '"stagepipe"$' plain.log)
same_digest "where it is only to be there, it is" "$(image-pull --policy missing "$plain/a/app:1")" "$image"
same_digest "a digest needs no question either" "$(image-pull "$plain/a/app:other@$image" 2>&1)" "$image"
is "and nobody is asked" "$(($(grep -c '"stagepipe"$' plain.log) - before))" 0
status_is "what is not there and not to be pulled is an error" 1 image-pull --policy never "$plain/a/other"
status_is "so is what the registry does not have" 1 image-pull "$plain/a/other:2"
ok "which is said with the full name" grep -q "^image-pull: $plain/a/other:2: the registry $plain has no such image" .out
status_is "a bad name is refused before" 2 image-pull "$plain/../x"
status_is "and a digest without a name" 2 image-pull "$image"

# Configs first.

STAGEPIPE_STORE=$work/lazy
same_digest "a config alone is pulled" "$(image-pull --config-only "$plain/a/app:1")" "$image"
is "no image is named" "$(jq -c .manifests "$STAGEPIPE_STORE/index.json")" '[]'
is "and no layer is there" "$(find "$STAGEPIPE_STORE/blobs" -type f | wc -l)" 2
ok "the layers are pulled by the digest" image-pull --no-unpack --layers "$image"
ok "then it has its name" skopeo inspect "oci:$STAGEPIPE_STORE:$plain/a/app:1"
is "and is not unpacked" "$(find "$STAGEPIPE_STORE/snapshots" -name fs | wc -l)" 0
status_is "an image that nobody pulled is not known" 1 image-pull --layers "sha256:$(printf %064d 1)"

# Passwords, and TLS with an authority of one's own.

perl -e 'print "u:", crypt("hunter2", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >htpasswd
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=127.0.0.1 2>/dev/null
# A name of this machine that is not localhost, which is asked over http.
for name in "$(hostname)" ip6-localhost; do
    address=$(getent hosts "$name" | awk '$1 ~ /^127[.]/ { print $1; exit } $1 == "::1" { print "[::1]"; exit }')
    [ -z "$address" ] || break
done
printf 'subjectAltName=DNS:%s\nbasicConstraints=CA:FALSE\n' "$name" >extensions
openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out certificate 2>/dev/null
registry basic <<EOT
http: {addr: "127.0.0.1:0"}
auth: {htpasswd: {realm: r, path: $work/htpasswd}}
EOT
basic=$host
STAGEPIPE_STORE=$work/basic
status_is "who has no login is not let in" 1 image-pull "$basic/a/app:1"
ok "and is told how to log in" grep -q "skopeo login $basic or docker login $basic" .out
skopeo login --tls-verify=false -u u -p hunter2 "$basic" >/dev/null
copy --dest-tls-verify=false oci-archive:app.tar "docker://$basic/a/app:1"
same_digest "skopeo's login lets in" "$(image-pull "$basic/a/app:1" 2>pulling)" "$image"
is "no password is shown" "$(cat pulling .out | grep -c hunter2)" 0

STAGEPIPE_STORE=$work/tls
if [ "$address" ]; then
    registry tls <<EOT
http: {addr: "$address:0", tls: {certificate: $work/certificate, key: $work/key}}
EOT
    mkdir certificates && cp ca.pem certificates/ca.crt
    tls_host=$name:${host##*:}
    copy --dest-cert-dir certificates oci-archive:app.tar "docker://$tls_host/a/app:1"
    status_is "an authority that nobody knows is not trusted" 1 image-pull "$tls_host/a/app:1"
    same_digest "one that is named is" "$(SSL_CERT_FILE=$work/ca.pem image-pull -q "$tls_host/a/app:1")" "$image"
    rm -rf "$STAGEPIPE_STORE"
    mkdir -p "home/.config/containers/certs.d/$tls_host" && cp ca.pem "home/.config/containers/certs.d/$tls_host/ca.crt"
    same_digest "also the one that podman's files have for it" "$(image-pull -q "$tls_host/a/app:1")" "$image"
else
    skip "an authority of one's own is trusted" "this machine has no name but localhost"
fi

# A mirror.

registry proxy <<EOT
http: {addr: "127.0.0.1:0"}
proxy: {remoteurl: "http://$plain"}
EOT
mkdir -p home/.config/containers
printf '[[registry]]\nlocation = "registry.invalid"\n[[registry.mirror]]\nlocation = "%s"\n' "$host" >home/.config/containers/registries.conf
STAGEPIPE_STORE=$work/mirrored
same_digest "a mirror has what the registry has" "$(image-pull -q registry.invalid/a/app:1)" "$image"
is "by the registry's name" "$(image-list | grep -c '^registry.invalid/a/app:1 ')" 1
rm home/.config/containers/registries.conf

# Indexes.

STAGEPIPE_STORE=$work/indexes
# document LAYOUT TYPE: standard input is a blob of it; prints its descriptor.
document() {
    cat >new && hex=$(sha256sum new | cut -d' ' -f1) && size=$(wc -c <new) && mv new "$1/blobs/sha256/$hex"
    jq -cn --arg t "$2" --arg d "sha256:$hex" --argjson s "$size" '{mediaType: $t, digest: $d, size: $s}'
}
# called LAYOUT TAG DESCRIPTOR: gives it a tag.
called() {
    jq -c --arg tag "$2" --argjson one "$3" '.manifests += [$one + {annotations: {"org.opencontainers.image.ref.name": $tag}}]' \
        "$1/index.json" >new && mv new "$1/index.json"
}
oci=application/vnd.oci.image
mkdir fake/app && tar -xf app.tar -C fake/app
manifest=$(jq -c '.manifests[0] | {mediaType, digest, size}' fake/app/index.json)
called fake/app 1 "$manifest"
old=fake/app/blobs/sha256/$(printf %s "$manifest" | jq -r '.digest[7:]')
config=fake/app/blobs/sha256/$(jq -r '.config.digest[7:]' "$old")
second=$(jq -c '.architecture = "s390x"' "$config" | document fake/app $oci.config.v1+json)
second=$(jq -c --argjson config "$second" '.config = $config' "$old" | document fake/app $oci.manifest.v1+json)
said=$(echo '{}' | document fake/app application/vnd.in-toto+json)
nothing=$(printf '{}' | document fake/app application/vnd.oci.empty.v1+json)
said=$(jq -cn --argjson c "$nothing" --argjson l "$said" '{schemaVersion: 2, config: $c, layers: [$l]}' | document fake/app $oci.manifest.v1+json)
host_arch=$(dpkg --print-architecture)
entries=$(jq -cn --argjson own "$manifest" --argjson other "$second" --argjson said "$said" --arg arch "$host_arch" '[
    $said + {platform: {os: "unknown", architecture: "unknown"}, annotations: {"vnd.docker.reference.type": "attestation-manifest"}},
    $other + {platform: {os: "linux", architecture: "s390x"}},
    $own + {platform: {os: "linux", architecture: $arch}}]')
index=$(jq -cn --argjson all "$entries" --arg t $oci.index.v1+json '{schemaVersion: 2, mediaType: $t, manifests: $all}' | document fake/app $oci.index.v1+json)
called fake/app index "$index"
called fake/app nested "$(jq -cn --argjson one "$index" '{schemaVersion: 2, manifests: [$one]}' | document fake/app $oci.index.v1+json)"
fake_registry fake
faults() { if [ $# = 0 ]; then cat; else printf '%s\n' "$@"; fi >fake.faults; : >fake.log; }
faults ''
same_digest "of an index this machine's image is taken" "$(image-pull -q "$fake/app:index")" "$image"
is "what is said about images is not asked for" "$(grep -c "$(printf %s "$said" | jq -r .digest)" fake.log)" 0
same_digest "or the one that is asked for" "$(image-pull -q --no-unpack --platform linux/s390x "$fake/app:index")" "$(printf %s "$second" | jq -r .digest)"
same_digest "also through an index in an index" "$(image-pull -q --config-only "$fake/app:nested")" "$image"
status_is "where there is none for the platform" 3 image-pull --platform linux/riscv64 "$fake/app:index"
ok "it is said what there is" grep -q "has no image for linux/riscv64; there is linux/$host_arch, linux/s390x, which --platform chooses" .out
STAGEPIPE_STORE=$work/all
same_digest "all of an index is pulled" "$(image-pull -q --all-platforms "$fake/app:index")" "$(printf %s "$index" | jq -r .digest)"
ok "skopeo copies all of it" copy --all "oci:$STAGEPIPE_STORE:$fake/app:index" dir:all.d
is "its name is this machine's image" "$(image-run "$fake/app:index" cat /1)" 1
is "which is listed" "$(image-list | grep -c "^$fake/app:index ")" 1
status_is "and built on" 0 sh -c "printf 'FROM $fake/app:index\nRUN echo 2 >/2\n' | image-build -q -"

# Servers that fail. A pull that succeeds has the digest all the same.

pulls() { STAGEPIPE_STORE=$work/one && rm -rf one && image-pull "$@"; }
# shellcheck disable=SC2317 # called by comes
right() { pulls -q "$fake/app:1" >got && [ "$(cat got)" = "$image" ] && whole; }
# comes DESCRIPTION FAULT...
comes() { what=$1 && shift && faults "$@" && ok "$what" right; }
# refused STATUS TEXT DESCRIPTION FAULT...: and the message has the text
refused() {
    status=$1 text=$2 what=$3 && shift 3 && faults "$@"
    status_is "$what" "$status" pulls "$fake/app:1"
    ok "it is said: $text" grep -q -e "^image-pull: .*$text" .out
    is "and nothing is named" "$(jq -c .manifests one/index.json)" '[]'
}
layers='/v2/app/blobs/.*'
layer=sha256:$(jq -r '.layers | max_by(.size).digest[7:]' "$old")
size=$(jq -r '.layers | max_by(.size).size' "$old")
at=/v2/app/blobs/$layer
comes "connections that are cut are taken up" "GET $at 1-3 cut=1000"
is "where they were cut" "$(grep -o 'range=.*' fake.log)" 'range=bytes=1000-
range=bytes=2000-
range=bytes=3000-'
comes "connections that break, too" "GET $at 1-4 reset=70000"
comes "also where the registry gives no parts" "GET $at 1 cut=1000" "GET $at * norange"
comes "or others than were asked for" "GET $at 1 cut=1000" "GET $at * range=7"
comes "and where it breaks before the answer" "GET $layers 1-3 reset=head"
comes "a length that is not said does no harm" "GET $layers * chunked"
comes "nor one that is too short" "GET $at 1 length=500 cut=500"
comes "what a redirect leads to is taken up at the registry" "http:GET $at * redirect=http://{other}$at" "other:GET $at 1 cut=5"
is "each time" "$(grep -c "^http GET $at 307" fake.log)" 2
refused 75 'breaks off\|ends after' "one that never brings it on ends" "GET $at * cut=0"
refused 3 'has the digest' "so are other bytes" "GET $at * flip"
refused 1 "more than the $size bytes" "so are more of them" "GET $at * zeros=9999999"
refused 1 'more than the' "so is a body without an end" "GET $at * endless"
refused 1 'encoded as' "so is another coding" "GET $at * gzip"
refused 1 'does not have this blob' "a layer that the registry lost is named" "GET $at * status=404"
refused 1 'HTML' "a page is no image" 'GET /v2/app/manifests/1 * header=Content-Type:text/html body=hello'
refused 1 'schema 1' "nor is what docker wrote long ago" 'GET /v2/app/manifests/1 * header=Content-Type:application/vnd.docker.distribution.manifest.v1+prettyjws body={}'
refused 3 'is not 2\|missing field\|JSON\|expected' "nor is anything else" "GET /v2/app/manifests/1 * header=Content-Type:$oci.manifest.v1+json body={}"
refused 1 'more than 4 MiB' "nor what is larger than manifests are" "GET /v2/app/manifests/1 * header=Content-Type:$oci.manifest.v1+json zeros=5000000"
faults ''
pulls -q "$fake/app:1" >/dev/null
STAGEPIPE_STORE=$work/one
faults 'GET /v2/app/manifests/1 * status=429' 'HEAD /v2/app/manifests/1 * status=429 header=Retry-After:600'
status_is "a registry that wants to be left alone may be asked later" 75 image-pull "$fake/app:1"
same_digest "or the store's image will do" "$(image-pull --policy newer "$fake/app:1" 2>pulling)" "$image"
ok "with a warning" grep -q "^image-pull: warning: $fake/app:1: .*the one in the store is taken" pulling

# Tokens whose time is over, and servers that fall silent.

printf '{"auths":{"%s":{"auth":"dTpodW50ZXIy"}}}' "$fake" >run/auth.json
export REGISTRY_AUTH_FILE="$work/run/auth.json"
comes "a token that is over is fetched anew" 'set auth=token uses=6' "GET $at 1-3 cut=1000"
unset REGISTRY_AUTH_FILE
faults "http:GET $at 1 stall=1000" "other:GET $at 1 slow=900"
(STAGEPIPE_STORE=$work/trickle && image-pull -q "$other/app:1" >trickle.out 2>&1) &
same_digest "a server that falls silent is asked again" "$(pulls -q "$fake/app:1" 2>&1)" "$image"
wait $!
same_digest "and one that hardly sends anything" "$(cat trickle.out)" "$image"

# An ordinary user.

if [ "$(id -u)" = 0 ] && have setpriv; then
    chmod 755 "$work" && mkdir nobody && chown 65534:65534 nobody
    cat >as-nobody <<'EOT'
export HOME="$1" STAGEPIPE_STORE="$1/store"
image-pull -q "$2" && image-run "$2" cat /1 && cd "$1" && printf 'FROM %s\nRUN cat /1 >/2\n' "$2" | image-build -q -t own - && image-run own cat /2
EOT
    faults ''
    equal "an ordinary user pulls, runs and builds" "$(setpriv --reuid 65534 --regid 65534 --clear-groups sh as-nobody "$work/nobody" "$fake/app:1" 2>&1 | grep -v sha256:)" '1
1'
fi

# A layer that is kept elsewhere.

away=$(printf none | sha256sum | cut -d' ' -f1)
foreign=$(jq -c --arg url "http://$other/away" --arg d "sha256:$away" --arg t $oci.layer.nondistributable.v1.tar+gzip \
    '.layers[0] += {mediaType: $t, urls: [$url]} | if $d == "" then . else . end' "$old" | document fake/app $oci.manifest.v1+json)
called fake/app foreign "$foreign"
called fake/app away "$(jq -c --arg url "http://$other/away" --arg d "sha256:$away" --arg t $oci.layer.nondistributable.v1.tar+gzip \
    '.layers[0] += {mediaType: $t, urls: [$url], digest: $d, size: 4}' "$old" | document fake/app $oci.manifest.v1+json)"
faults ''
same_digest "a foreign layer that the registry has is taken" "$(pulls -q "$fake/app:foreign")" "$(printf %s "$foreign" | jq -r .digest)"
status_is "one that it has not is named" 1 pulls "$fake/app:away"
ok "with the reason" grep -q "layer sha256:$away: the registry does not have it, and nothing is fetched from the URLs" .out
is "and its URL is not asked" "$(grep -c ^other fake.log)" 0

# Killed, and at the same time.

STAGEPIPE_STORE=$work/killed
faults 'set rate=2000000'
for moment in 0.05 0.1 0.2 0.3 0.4 0.6 0.8 1; do
    timeout -s KILL $moment image-pull -q "$fake/app:1" >/dev/null 2>&1
    [ -e killed/index.json ] && { whole || echo "killed after $moment s, it names what is not there"; }
done >odd
is "killed at any moment, it names no image that is not whole" "$(cat odd)" ''
faults ''
before=$(find killed/blobs -type f -size +2k | wc -l)
same_digest "the next pull ends it" "$(image-pull -q "$fake/app:1")" "$image"
is "by what was missing" "$(($(grep -c "GET $layers" fake.log) <= 6 - before))" 1
is "and nothing is left of the others" "$(find killed/tmp killed/quarantine -mindepth 1 | wc -l)" 0
STAGEPIPE_STORE=$work/both
faults 'set rate=700000'
image-pull "$fake/app:1" >first 2>said.first &
image-pull "$fake/app:1" >second 2>said.second
wait $!
is "two at once both have it" "$(cat first second | sort -u)" "$image"
is "who waits for the other says so, once" "$(grep -hc "^image-pull: waits for process [0-9]* (image-pull), which brings the same layers\$" said.first said.second |
    sort -n | tail -n 1)" 1
is "each blob came once" "$(grep -o "GET /v2/app/blobs/[^ ]*" fake.log | sort | uniq -d | grep -vc "$(jq -r .config.digest "$old")")" 0

finish
