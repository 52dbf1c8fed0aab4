#!/bin/sh
# Builds pull what the store lacks, and ask registries no more than they are told to.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 skopeo jq || skip_all "python3, skopeo or jq is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run"
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG SSL_CERT_FILE
mkdir home run fake empty
copy() { timeout 60 skopeo copy -q --preserve-digests "$@" >>copied 2>&1; }
# asked [PATTERN]: what was asked of the registry since the last change of its faults, beside whom it lets in
asked() { grep -v ' /v2/ ' fake.log | grep -c -e "${1-.}"; }
faults() { printf '%s\n' "$@" >fake.faults; : >fake.log; }
# dockerfile LINE...
dockerfile() { printf '%s\n' "$@" >Dockerfile; }
build() { timeout 60 image-build "$@" -f Dockerfile empty; }

load_busybox
image=$(jq -r '.manifests[0].digest' busybox/index.json)
for name in base other tool; do
    mkdir -p "fake/$name" && cp -R busybox/. "fake/$name"
    jq '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "1"' busybox/index.json >"fake/$name/index.json"
done
fake_registry fake
STAGEPIPE_STORE=$work/pulled

faults ''
dockerfile "FROM $fake/base:1" 'RUN echo built >/x'
ok "a build pulls its base" build -t app
is "its image runs" "$(image-run app cat /x)" built
ok "the base has its name" skopeo inspect "oci:$STAGEPIPE_STORE:$fake/base:1"
is "it took two documents and a layer" "$(asked)" 3
faults ''
ok "the next build finds all in the cache" build
is "and asks nobody" "$(grep -c . fake.log)" 0
ok "nor does one that runs all again" build --no-cache
is "as it is said" "$(grep -c . fake.log)" 0
ok "--pull asks what the name means" build --pull
is "in one request" "$(asked)" 1
ok "as does --pull=newer" build --pull=newer
is "in one more" "$(asked)" 2
for never in --pull=never --offline; do
    faults ''
    ok "$never builds on what is there" build $never
    dockerfile "FROM $fake/other:1" 'RUN true'
    status_is "and not on what is not" 1 build $never
    ok "which is said" grep -q "^image-build: Dockerfile:1: image $fake/other:1 is not in the store $STAGEPIPE_STORE" .out
    is "nobody is asked" "$(grep -c . fake.log)" 0
    dockerfile "FROM $fake/base:1" 'RUN echo built >/x'
done
faults ''
ok "--pull=false pulls what is missing, as without it" build --pull=false
status_is "--pull takes no other words" 2 build --pull=often
status_is "--offline fetches no context" 2 image-build --offline http://127.0.0.1:1/x.git

# age DAYS: the store's images were pulled so many days ago, as their records say, which begin with their digest
age() {
    for record in "$STAGEPIPE_STORE"/remote/*; do
        tail -n 1 "$record" | jq -cj --arg days "$1" '.fetched = (now | floor) - ($days | tonumber) * 86400' >aged
        printf 'sha256:%s\n%s\n' "$(sha256sum <aged | cut -d' ' -f1)" "$(cat aged)" >"$record"
    done
}
old='was pulled 4[0-9] days ago; --pull=newer asks what it is now'
age 41
ok "a build on an old image" build
status_is "goes on" 0 build
is "and says how old it is, once" "$(grep -c "^image-build: $fake/base:1 $old" .out)" 1
status_is "--offline" 0 build --offline
is "says nothing of that" "$(grep -c "$old" .out)" 0
status_is "--pull=newer asks" 0 build --pull=newer
status_is "and then" 0 build
is "it is new" "$(grep -c "$old" .out)" 0

# A tag that moves.

printf 'FROM busybox\nRUN echo moved >/moved\n' >moved
STAGEPIPE_STORE=$work/store image-build -q -t moved -o type=oci,dest=moved.tar -f moved empty >/dev/null 2>&1
mkdir new && tar -xf moved.tar -C new && cp -R new/blobs fake/base
jq '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "1"' new/index.json >fake/base/index.json
dockerfile "FROM $fake/base:1" 'RUN cat /moved >/y 2>/dev/null || echo not >/y'
ok "a tag that moved is built on as it was" build -t app
is "as long as nobody asks" "$(image-run app cat /y)" not
faults 'HEAD .* * status=429' 'GET .* * status=429'
status_is "a registry that has had enough ends --pull" 75 build --pull
ok "with what to do" grep -q "^image-build: $fake/base:1: .*takes no more requests for now; try again in" .out
status_is "and --pull=newer goes on" 0 build --pull=newer
ok "with a warning" grep -q "^image-pull: warning: $fake/base:1: .*the one in the store is taken" .out
faults ''
ok "--pull takes what it means now" build --pull -t app
is "that is built on" "$(image-run app cat /y)" moved
is "only the new layer came" "$(asked 'GET /v2/base/blobs')" 2
digest=$(image-list | awk -v name="$fake/base:1" '$1 == name { print $2 }')
ok "and the name is its now" grep -q "\"sha256:$digest" new/index.json

# Other sources.

STAGEPIPE_STORE=$work/sources
faults ''
dockerfile 'FROM scratch' "COPY --from=$fake/base:1 /moved /a" "COPY --from=$fake/tool:1 /etc/passwd /b"
ok "COPY --from pulls" build -o out
is "what it copies" "$(cat out/a)" moved
dockerfile "FROM $fake/base:1" "RUN --mount=from=$fake/other:1,target=/o cat /o/etc/group >/g"
ok "a mount pulls" build
dockerfile 'FROM scratch' "COPY --from=$fake/base:1 /moved /a"
faults ''
ok "--pull asks for these too" build --pull
is "once" "$(asked)" 1
rm -rf "$STAGEPIPE_STORE"
faults 'GET /v2/.*/manifests/.* * wait=1'
dockerfile "FROM $fake/base:1 AS a" "FROM $fake/other:1 AS b" "FROM $fake/tool:1" 'COPY --from=a /moved /' 'COPY --from=b /etc/group /'
begun=$(date +%s)
ok "several are asked for" build
[ $(($(date +%s) - begun)) -lt 5 ]
result $? "at once"
STAGEPIPE_STORE=$work/pinned
faults ''
dockerfile "FROM $fake/other:none@$image" 'RUN true'
ok "a digest is pulled, whatever tag stands before it" build
dockerfile "FROM sha256:$(printf %064d 7)" 'RUN true'
faults ''
status_is "a digest alone is not" 1 build
is "nobody is asked" "$(grep -c . fake.log)" 0

# Images that are not pulled.

STAGEPIPE_STORE=$work/store
dockerfile 'FROM busybox AS build' 'RUN true' 'FROM busybox' 'COPY --from=biuld /etc/passwd /x'
status_is "a stage's name misspelt is no image" 1 timeout 5 image-build -f Dockerfile empty
ok "it is asked what was meant" grep -q 'did you mean the stage build? An image of that name is docker.io/library/biuld$' .out
dockerfile 'FROM busybox' 'RUN ! env | grep -i -e proxy -e hunter2'
ok "a proxy's password is not RUN's" env HTTP_PROXY=http://u:hunter2@127.0.0.1:1 HTTPS_PROXY=http://u:hunter2@127.0.0.1:1 \
    image-build -q --no-cache -f Dockerfile empty
STAGEPIPE_STORE=$work/checked
dockerfile "FROM $fake/base:1" 'COPY nothing /'
faults ''
build --check >said 2>&1
is "checks need no layer" "$(asked /blobs/)" 1
ok "but the config" test -d "$STAGEPIPE_STORE/remote"
dockerfile "FROM $fake/base:1" 'ENV A=1'
STAGEPIPE_STORE=$work/dry
faults ''
build -n >script 2>said
is "-n pulls nothing" "$(grep -c . fake.log) $(ls "$STAGEPIPE_STORE" 2>/dev/null)" '0 '
is "and says what would be" "$(cat said)" "image-build: $fake/base:1 would be pulled"
ok "its script does it" sh script
ok "and makes an image" test "$(image-list | wc -l)" -gt 1

# By hand.

STAGEPIPE_STORE=$work/hand
dockerfile "FROM $fake/base:1" 'RUN true'
df-parse Dockerfile >plan
ok "stage-run pulls by itself" sh -c 'stage-run --context empty <plan >steps'
ok "after that it need not" sh -c 'stage-run --offline --context empty <plan >steps'
dockerfile "FROM $fake/nosuch:1" 'RUN true'
faults ''
status_is "what no registry has ends the build" 1 build
ok "at its instruction, with the name in full" grep -q "^image-build: Dockerfile:1: image $fake/nosuch:1 is not in the store $STAGEPIPE_STORE, and can't be pulled: the registry $fake has no such image" .out
is "after one question" "$(asked)" 1
dockerfile 'FROM scratch' "COPY --from=$fake/nosuch:1 /a /" "COPY --from=$fake/base:1 /b /"
faults ''
status_is "also at a COPY" 1 build
ok "that names it" grep -q "^image-build: Dockerfile:2: image $fake/nosuch:1 is not in the store" .out
is "which is one question more" "$(asked nosuch)" 1
ok "a check goes on without it" build --check
dockerfile "FROM 127.0.0.1:1/x" 'RUN true'
status_is "a registry that is not there may be there later" 75 build

# A registry with a certificate that nobody vouches for.

if have openssl; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out only -days 2 -subj /CN=x 2>/dev/null
    cat only key >certificate
    mkdir tls && cp -R fake/base tls/base
    python3 "$top/tests/fake-registry" tls certificate <.hold-registry >.tls 2>/dev/null &
    tries=0
    until [ -s .tls ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
    read -r _ _ tls <.tls
    tls=127.0.0.1:$tls
    dockerfile "FROM $tls/base:1" 'RUN echo insecure >/i'
    STAGEPIPE_STORE=$work/insecure
    status_is "such a registry is not pulled from" 1 build
    ok "for its certificate" grep -q certificate .out
    status_is "nor with another host in --insecure" 1 build --insecure "$fake"
    digest=$(build --insecure "$tls" --push -t "$tls/pushed:1" -q)
    same_digest "with --insecure it is, and pushed to" "$(image-pull --insecure "$tls" -q "$tls/pushed:1")" "$digest"
    status_is "a host that is none is refused" 2 build --insecure 'no host'
else
    skip "an insecure registry is pulled from and pushed to" "openssl is missing"
fi

finish
