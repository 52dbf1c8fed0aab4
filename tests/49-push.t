#!/bin/sh
# Pushing: what is asked and sent, judged by a registry's log and its files; a registry that fails; real ones, and other
# tools that read what we push.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 jq || skip_all "python3 or jq is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run"
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG SSL_CERT_FILE
mkdir -p home run/containers registry
fake_registry registry
log=registry.log silent_host=127.0.0.1:1

load_busybox
# build NAME TEXT: an image of three layers, of which the last has the text
build() {
    printf 'FROM busybox\nRUN head -c 3000000 /dev/urandom >/1\nRUN echo %s >/2\n' "$2" >Dockerfile
    image-build -q -t "$1" . >digest 2>&1
    image=$(cat digest) manifest=store/blobs/sha256/${image#sha256:}
}
build app one
# forget: empties the log, into which an answer is written after it was given
forget() { sleep 0.1 && : >$log; }
# push DEST...: where the app is pushed to; what is said is in said
push() { forget && image-push app "$@" >out 2>said; }
# faults LINE...: what goes wrong from now on
faults() { printf '%s\n' "$@" >registry.faults; }
# done_as METHOD PATTERN: how many requests with such a path were answered well
done_as() { grep -c -E "^[a-z]+ $1 [^ ]*$2[^ ]* 20" $log; }
asked() { wc -l <$log; }
fails() { # DESCRIPTION STATUS TEXT DEST...: the push ends so, and says so
    description=$1 wanted=$2 text=$3 && shift 3
    push "$@"
    got=$?
    { [ "$got" = "$wanted" ] && grep -q -E -- "$text" said; }
    result $? "$description" said
    is "$description: no secret is said" "$(grep -c hunter2 said)" 0
}

# Requests, and the bytes that are sent.

ok "an image is pushed" push "$fake/a/b:1"
same_digest "its digest is printed" "$(cat out)" "$image"
ok "its manifest is there byte by byte" cmp "$manifest" "registry/a/b/blobs/sha256/${image#sha256:}"
is "each blob is sent once" "$(done_as PUT /uploads/)" 4
is "the tag comes last" "$(grep ' PUT ' $log | tail -n 1)" "$(grep ' PUT /v2/a/b/manifests/1 201' $log)"
ok "and is looked at" grep -q 'HEAD /v2/a/b/manifests/1 200' $log
is "long bodies are announced" "$(grep -c ' PUT .* expect got=[0-9]\{5,\}' $log)" "$(grep -c ' PUT .* got=[0-9]\{6,\}' $log)"
ok "it is said what was sent" grep -q "^image-push: $fake/a/b:1: 4 blobs sent" said
push "$fake/a/b:1"
is "an unchanged image costs two requests" "$(asked)" 2
ok "which is said" grep -q "^image-push: $fake/a/b:1: unchanged" said
push "$fake/a/b:1" "$fake/a/b:2" "$fake/a/b"
is "another tag is written and no blob asked for" "$(grep -c /blobs/ $log),$(done_as PUT /manifests/)" 0,2
image-build -q -t "$fake/a/b:1" . >/dev/null
push "$fake/c:1"
is "what the store knows another repository for is mounted" "$(done_as PUT /uploads/),$(done_as POST mount=)" 0,4
push "$fake/d:1" "$fake/e:1"
is "a second repository takes from the first" "$(done_as POST 'mount=[^ ]*from=d')" 4
forget
image-push --mount-from "$fake/c" busybox "$fake/f" >/dev/null 2>&1
is "or from one that is named" "$(done_as POST 'mount=[^ ]*from=c')" 2
faults 'set mount=403'
push "$fake/g:1"
is "a registry that mounts nothing is sent all" "$(cat out),$(done_as PUT /uploads/)" "$image,4"
faults 'set mount=202'
push "$fake/g2:1"
is "as is one that begins an upload instead" "$(cat out),$(done_as PUT /uploads/)" "$image,4"
faults ''
build app two
push "$fake/a/b:1"
is "of a changed image only what changed is asked for and sent" "$(done_as PUT /uploads/),$(grep -c 'HEAD .*/blobs/' $log)" 2,2
rm "registry/a/b/blobs/sha256/$(jq -r '.layers[1].digest' "$manifest" | cut -d: -f2)"
build app three
push "$fake/a/b:1"
is "but all where the registry has lost something" "$(cat out),$(done_as PUT /uploads/)" "$image,3"
image-push app "$fake/h@$image" >out 2>said
is "by a digest it gets no tag" "$(cat out),$(jq -c '[.manifests[].annotations]' registry/h/index.json)" "$image,[null]"
image-build -q -t "$fake/by-digest:1" . >/dev/null
same_digest "a name with a digest is the image and its place" "$(image-push -q "$fake/by-digest@$image")" "$image"
is "again without a tag" "$(jq -c '[.manifests[].annotations]' registry/by-digest/index.json)" '[null]'
same_digest "with a tag before the digest it gets that" "$(image-push -q app "$fake/by-digest:2@$image")" "$image"
is "and no other" "$(jq -c '[.manifests[].annotations[]?]' registry/by-digest/index.json)" '["2"]'
status_is "another digest than the image has is refused" 2 image-push app "$fake/h@sha256:$(printf %064d 0)"
status_is "a digest alone says no place" 2 image-push "$image"
ok "which is said" grep -q 'add HOST/NAME' .out
image-build -q -t "$fake/named:1" . >/dev/null
is "a name says one" "$(image-push -q "$fake/named:1")" "$image"
status_is "an image that is not there can't be pushed" 1 image-push nothing "$fake/a"
for name in 127.0.0.1:5000/../../x 'reg/..%2f..' 'ünicode/x' 'ftp://h/x'; do
    status_is "$name is no place" 2 image-push app "$name"
done

# The forecast of -n.

forget
image-push -n --json app "$fake/i:1" "$fake/a/b:1" "$fake/a/b:2" >forecast
is "a dry run says what would be sent" "$(jq -c '.[] | [.repository, .tags, .missing, .layers, .push < 1000, .push == 0]' forecast | sort)" \
    "[\"$fake/a/b\",{\"1\":\"unchanged\",\"2\":\"moved\"},0,3,true,true]
[\"$fake/i\",{\"1\":\"new\"},3,3,true,false]"
is "what could be mounted" "$(jq -c '[.[] | .blobs[] | select(.state == "mounted") | .kind] | sort' forecast)" '["config","layer","layer","layer"]'
is "and changes nothing" "$(grep -c -E ' (POST|PUT|PATCH) ' $log)" 0
ok "in words too" sh -c "image-push -n app '$fake/i:1' | grep -q 'layer .* mounted from '"

# image-build --push.

printf 'FROM busybox\nRUN echo pushed >/1\n' >Dockerfile
# tagged REPOSITORY TAG: what the registry has under it
tagged() { jq -r --arg t "$2" '.manifests[] | select(.annotations[] == $t).digest' "registry/$1/index.json"; }
while read -r repository tag options; do
    # shellcheck disable=SC2086 # words
    image=$(image-build $options . 2>said)
    same_digest "image-build $(echo "$options" | sed "s,$fake,HOST,g") pushes" "$(tagged "$repository" "$tag")" "$image"
done <<END
s 2 --push -t $fake/s:1 -t $fake/s:2
t latest -o type=registry,name=$fake/t
u latest -o type=image,push=true -t $fake/u
v latest --push -o type=image,name=$fake/v -t other
END
is "names of an output are those that are pushed" "$(sed -n 's/^image-push: \([^ ]*:[^ ]*\): .*/\1/p' said)" "$fake/v:latest"
forget
# Early push: what is seen of it are the records with the times of uploads.
printf 'FROM busybox\nRUN sleep 0.5; echo 1 >/1\nRUN sleep 2; echo 2 >/2\n' >early
early() {
    name=$1 && shift
    image-build --no-cache --keep "$name" --push -t "$fake/early:$name" --trace "$name.svg" "$@" -f early . >out 2>said
}
uploads() { jq -s -c 'map(select(.type == "layer").pushed != null)' "$1/layers.0"; }
ok "an image is built and pushed" early first
is "layers are pushed while the build goes on" "$(uploads first)" '[true,true]'
is "the first one before the last step is done" "$(jq -s '(map(select(.type == "layer")) | first.pushed.started_ms) <
    (map(select(.type == "step")) | last | .started_ms + .duration_ms)' first/steps.0 first/layers.0)" true
same_digest "and the tag is the image's" "$(tagged early first)" "$(cat out)"
ok "the trace shows the uploads" grep -q '<title>pushing, ' first.svg
early secret --secret id=s,src=Dockerfile
is "with a secret they wait for the image" "$(uploads secret),$(tagged early secret)" "[false,false],$(cat out)"
faults 'http:POST .* 1- status=403'
early refused
is "a registry that refuses layers does not end the build" "$?,$(uploads refused),$(grep -c 'image-push: warning: .* tried again after' said)" \
    '1,[false,false],1'
ok "but the push after it fails" grep -q "^image-push: $fake/early: .*wants a login" said
faults ''
layers() { jq -c 'select(.type == "layer") | del(.pushed)' "$@"; }
image-push --follow "$fake/early2" <refused/layers.0 >followed
equal "records pass as they are, but for the time" "$(layers followed)" "$(layers refused/layers.0)"
is "whose layers are there then" "$(jq -r .descriptor.digest followed | while read -r digest; do
    [ "$digest" = null ] || cmp "store/blobs/sha256/${digest#*:}" "registry/early2/blobs/sha256/${digest#*:}" && echo there
done | sort -u),$(ls registry/early2)" there,blobs
status_is "a build that fails pushes nothing" 1 sh -c "echo 'RUN false' | cat Dockerfile - | image-build --push -t '$fake/w' -"
ok "under no name" [ ! -e registry/w/index.json ]
faults 'http:PUT .*/manifests/.* * status=403'
status_is "an image that can't be pushed is an error" 1 image-build --push -t "$fake/x:1" .
ok "and in the store all the same" sh -c "image-list | grep -q '^$fake/x:1 '"
faults ''

# Indexes.

printf 'FROM busybox\nRUN echo arm >/arm\n' | image-build -q -t arm - >/dev/null
size() { stat -L -c %s "store/blobs/sha256/${1#sha256:}"; }
type=application/vnd.oci.image
arm=$(image-build -q - <<END
FROM busybox
RUN echo arm >/arm
END
)
# entry DIGEST PLATFORM: a line of an index
entry() { printf '{"mediaType":"%s.manifest.v1+json","digest":"%s","size":%s,"platform":%s}' $type "$1" "$(size "$1")" "$2"; }
printf '{ "schemaVersion": 2, "mediaType": "%s.index.v1+json", "manifests": [%s, %s] }\n' $type \
    "$(entry "$image" '{"os":"linux","architecture":"amd64"}')" "$(entry "$arm" '{"os":"linux","architecture":"arm64"}')" >index
index=$(sha256sum index | cut -d' ' -f1)
cp index "store/blobs/sha256/$index"
jq --arg d "sha256:$index" --arg t $type.index.v1+json --argjson s "$(stat -c %s index)" \
    '.manifests += [{mediaType: $t, digest: $d, size: $s, annotations: {"org.opencontainers.image.ref.name": "both:1"}}]' \
    store/index.json >index.json && cp index.json store/index.json
forget
is "an index is pushed with all its images" "$(image-push both:1 "$fake/both:1" 2>/dev/null)" "sha256:$index"
ok "as it is" cmp index "registry/both/blobs/sha256/$index"
is "images before it" "$(grep ' PUT .*manifests' $log | sed 's,.*/manifests/,,; s/ .*//')" "$image
$arm
1"
forget
image-push both:1 "$fake/both:2" >/dev/null 2>&1
is "images that are there are not asked for in parts" "$(grep -c /blobs/ $log)" 0
rm "store/blobs/sha256/${arm#sha256:}"
status_is "an index of which an image is missing is not pushed" 1 image-push both:1 "$fake/both:3"
ok "what to do is said" grep -q 'for linux/arm64: .*image-pull --all-platforms' .out

# A registry that fails (G18, G19).

for location in absolute other relative; do
    faults "set location=$location"
    build app "$location"
    ok "a place that is $location is sent to" push "$fake/j:1"
done
faults 'set auth=basic location=other'
printf '{"auths":{"%s":{"auth":"dTpodW50ZXIy"}}}' "$fake" >run/containers/auth.json
build app login
fails "another server is not let in by our login" 1 401 "$fake/j:2"
is "for it is shown none" "$(grep -c '^other .*auth=' $log),$(grep -c '^http PUT .*auth=' $log)" 0,0
faults 'set auth=basic'
ok "a password lets in" push "$fake/j:3"
push "$fake/j:3"
is "and an unchanged image costs two requests" "$(asked)" 2
rm run/containers/auth.json
fails "without one it is said how to log in" 1 'skopeo login' "$fake/j:4"
faults 'http:PUT .*/uploads/.* 1 status=409' 'http:PUT .*/uploads/.* 2 status=404'
build app lost
ok "an upload that is lost begins anew" push "$fake/j:5"
faults "http:PUT .*/uploads/.* 1 header=Docker-Content-Digest:sha256:$(printf %064d 0)"
build app another
fails "a registry that stored another blob is not believed" 1 'says that it stored sha256:000' "$fake/j:6"
faults 'http:PUT .*/uploads/.* 1 status=413' 'http:PUT .*/uploads/.* 3 status=413'
build app chunks
ok "what is too large is sent in chunks" push "$fake/j:7"
ok "of which each says where it belongs" grep -q 'PATCH .* 202 .*content-range=0-' $log
faults 'http:POST .* * cut=head'
fails "a registry that says nothing may later" 75 'is the server up' "$fake/k:1"
faults 'http:POST .* * status=429 header=Retry-After:3600'
fails "as may one that wants to be left alone" 75 '3600' "$fake/k:1"
faults 'http:PUT .*/manifests/.* * status=400 body='"'{\"errors\":[{\"code\":\"TAG_INVALID\",\"message\":\"no\"}]}'"
fails "a manifest that is refused is an error" 1 'TAG_INVALID: no' "$fake/k:1"
ok "and no tag" [ ! -e registry/k/index.json ]
faults ''
push "$fake/k:1"
is "the next push sends no blob twice" "$(cat out),$(done_as PUT /uploads/)" "$image,0"
faults 'http:PUT .*/manifests/.* 1 cut=0'
ok "an answer that got lost is looked for" push "$fake/k:2"
is "before anything is written again" "$(done_as PUT /manifests/2)" 1
faults "http:HEAD .*/manifests/3 2- status=200 header=Docker-Content-Digest:sha256:$(printf %064d 0)"
fails "a tag that somebody else moved is an error" 1 'does somebody else push it' "$fake/k:3"
faults 'http:HEAD .* * status=403'
ok "a registry where nobody may ask is sent to" push "$fake/l:1"
faults 'set auth=token uses=3'
printf '{"auths":{"%s":{"auth":"dTpodW50ZXIy"}}}' "$fake" >run/containers/auth.json
build app tokens
ok "tokens that end are renewed" push --jobs 1 "$fake/m:1"
push "$fake/m:1"
is "with one an unchanged image costs three requests" "$(asked)" 3
faults 'set auth=token scopes=last'
image-build -q -t "$fake/m:1" . >/dev/null
ok "a token for the last repository alone is given up" push "$fake/n:1"
rm run/containers/auth.json
fails "who may not push is told" 1 'wants a login for n' "$fake/n:2"
faults ''
build app damaged
layer=store/blobs/sha256/$(jq -r '.layers[2].digest' "$manifest" | cut -d: -f2)
mv "$layer" layer && sed '1s/^./x/' layer >"$layer"
fails "a layer that is damaged here is named" 1 "cannot read what is to be sent: blob sha256:" "$fake/o:1"
rm -f "$layer"
fails "as is one that is missing" 1 "blob sha256:.* is not in the store" "$fake/o:1"
cp layer "$layer"
fails "one registry that fails" 75 "^image-push: $silent_host/p" "$silent_host/p:1" "$fake/p:1"
ok "keeps no other from the image" grep -q "^image-push: $fake/p:1: .* sent" said

# Killed at any moment, and repeated.

printf 'FROM busybox\nRUN head -c 12000000 /dev/urandom >/1\nRUN head -c 3000000 /dev/urandom >/2\n' >Dockerfile
image=$(image-build -q -t app .) manifest=store/blobs/sha256/${image#sha256:}
faults 'set rate=8000000'
forget
for after in 0.3 0.8 1.3; do
    image-push app "$other/q:$after" >/dev/null 2>&1 &
    sleep "$after"
    kill -9 $! && wait $!
    sleep 1 # the registry has still to read what is on its way
done 2>/dev/null
ok "uploads were cut" grep -q ' PUT .* 000' $log
same_digest "what was killed is pushed by the next" "$(image-push -q app "$other/q:1")" "$image"
is "and no blob twice" "$(grep ' PUT .*digest=.* 201' $log | sed 's/.*digest=//; s/ .*//' | sort | uniq -d)" ""
faults ''

# Real registries, and other tools.

have docker-registry skopeo openssl perl || {
    skip "docker-registry takes it" "docker-registry, skopeo, openssl or perl is missing"
    finish
    exit
}
copy() { timeout 60 skopeo copy -q --preserve-digests "$@" >>copied 2>&1; }

registry plain <<EOT
http: {addr: "127.0.0.1:0"}
EOT
plain=$host
same_digest "docker-registry takes an image" "$(image-push -q app "$plain/a/b:1" "$plain/a/b")" "$image"
same_digest "by its digest too" "$(image-push -q app "$plain/by-digest@$image")" "$image"
equal "under which skopeo finds it" "$(skopeo inspect --tls-verify=false --raw "docker://$plain/by-digest@$image")" "$(cat "$manifest")"
same_digest "skopeo sees it" "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$plain/a/b")" "$image"
ok "and copies it" copy --src-tls-verify=false "docker://$plain/a/b:1" dir:copied.dir
ok "its manifest is ours" cmp "$manifest" copied.dir/manifest.json
is "docker-registry mounts" "$(image-push app "$plain/c" 2>&1 >/dev/null | grep -c 'nothing sent')" 0
image-build -q -t "$plain/a/b:1" . >/dev/null
ok "where the store knows from where" sh -c "image-push app '$plain/d' 2>&1 | grep -q 'nothing sent, 4 mounted'"
image-save --format oci -o saved.tar busybox
ok "skopeo pushes" copy --dest-tls-verify=false oci-archive:saved.tar "docker://$plain/skopeo:1"
ok "and to us it is unchanged" sh -c "image-push busybox '$plain/skopeo:1' 2>&1 | grep -q ': unchanged'"
tree() { image-save --format tar "$1" | sha256sum; }
for tool in podman buildah; do
    have $tool || { skip "$tool pulls it" "$tool is missing" && continue; }
    store="--root $work/$tool.root --runroot $work/$tool.run --storage-driver vfs"
    # shellcheck disable=SC2086 # words
    $tool $store pull -q --tls-verify=false "$plain/a/b:1" >pulled 2>&1
    # shellcheck disable=SC2086 # words
    is "$tool pulls it" "$($tool $store images --format '{{.Digest}}' 2>/dev/null | head -n 1)" "$image"
    # shellcheck disable=SC2086 # words
    ok "$tool pushes it" $tool $store push -q --tls-verify=false "$plain/a/b:1" "docker://$plain/$tool:1"
    ok "we pull that" image-pull -q "$plain/$tool:1"
    equal "and have the same tree" "$(tree "$plain/$tool:1")" "$(tree app)"
done

# dockerd, with directories of its own and nothing of the machine's network.
docker() { command docker --host "unix://$work/docker.sock" "$@"; }
# start_docker: starts it; $why is why it can't be
start_docker() {
    why='dockerd or docker is missing, or this is not root'
    have dockerd docker && [ "$(id -u)" = 0 ] || return
    dockerd --host "unix://$work/docker.sock" --data-root "$work/docker" --exec-root "$work/docker-run" \
        --pidfile "$work/docker.pid" --storage-driver vfs --bridge none --iptables=false --ip6tables=false >docker.log 2>&1 &
    registries="$registries $!" tries=0
    until docker info >/dev/null 2>&1; do
        sleep 0.2
        if ! kill -0 $! 2>/dev/null || [ $((tries += 1)) -gt 100 ]; then
            why="dockerd does not start: $(tail -n 1 docker.log)" && return 1
        fi
    done
}
if start_docker; then
    ok "dockerd pulls it" docker pull -q "$plain/a/b:1"
    is "as what it is" "$(docker image inspect --format '{{index .RepoDigests 0}}' "$plain/a/b:1")" "$plain/a/b@$image"
    is "and runs it" "$(docker run --rm --network none "$plain/a/b:1" sh -c 'cat /1 /2 | wc -c')" 15000000
    docker tag "$plain/a/b:1" "$plain/docker:1"
    ok "it pushes it" docker push -q "$plain/docker:1"
    ok "we pull that, too" image-pull -q "$plain/docker:1"
    equal "and have the same tree again" "$(tree "$plain/docker:1")" "$(tree app)"
    kill "$(cat docker.pid)" && wait $!
else
    skip "dockerd pulls and runs it" "$why"
fi

perl -e 'print "u:", crypt("hunter2", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >htpasswd
registry basic <<EOT
http: {addr: "127.0.0.1:0"}
auth: {htpasswd: {realm: r, path: $work/htpasswd}}
EOT
status_is "a registry that wants a password is not pushed to without" 1 image-push app "$host/a:1"
skopeo login --tls-verify=false -u u -p hunter2 "$host" >/dev/null 2>&1
same_digest "with that of skopeo login it is" "$(image-push -q app "$host/a:1")" "$image"

openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=127.0.0.1 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out only 2>/dev/null
cat only key >certificate
mkdir www
serve www certificate
registry token <<EOT
http: {addr: "127.0.0.1:0", tls: {certificate: $work/certificate, key: $work/key}}
auth: {token: {realm: $secure/token, service: r, issuer: loopback, rootcertbundle: $work/ca.pem}}
EOT
export SSL_CERT_FILE="$work/ca.pem"
status_is "a registry with tokens lets nobody push" 1 image-push app "https://$host/private/a:1"
skopeo login --cert-dir "$work" -u u -p hunter2 "$host" >/dev/null 2>&1 || skopeo login -u u -p hunter2 "$host" >/dev/null 2>&1
same_digest "but who has a login, over TLS with an authority of one's own" "$(image-push -q app "https://$host/private/a:1")" "$image"
ok "and mounts by a token for both" sh -c "image-push --mount-from 'https://$host/private/a' app 'https://$host/private/b' 2>&1 | grep -q 'nothing sent, 4 mounted'"
unset SSL_CERT_FILE
status_is "an authority that nobody knows is refused, and later too" 1 image-push app "https://$host/private/a:1"

finish
