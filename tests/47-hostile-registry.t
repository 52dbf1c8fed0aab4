#!/bin/sh
# Registries that fail in every way, by image-pull: what a pull ends with, what it says, and whom it asked and showed what.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 skopeo openssl jq || skip_all "python3, skopeo, openssl or jq is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run"
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG SSL_CERT_FILE SSL_CERT_DIR CONTAINERS_REGISTRIES_CONF
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
mkdir -p home/.config/containers run/containers reg/a reg/public

"$top/tests/busybox-layout" busybox
skopeo copy -q oci:busybox oci:reg/a/b:1 && cp -r reg/a/b reg/public/b
digest=$(jq -r '.manifests[0].digest' reg/a/b/index.json)
blob() { echo "reg/a/b/blobs/sha256/${1#sha256:}"; }
layer=$(jq -r '.layers[0].digest' "$(blob "$digest")") config=$(jq -r .config.digest "$(blob "$digest")")

# An authority, the server's certificate with its key, and a client's.
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>/dev/null
certificate() { # NAME SUBJECT-ALTERNATIVE-NAME
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out csr -subj "/CN=$1" 2>/dev/null
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$2" >extensions
    openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out "$1.cert" 2>/dev/null
}
certificate server IP:127.0.0.1
certificate client email:client
# The same with a certificate whose time is over.
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
openssl req -newkey rsa:2048 -nodes -keyout expired.key -out csr -subj /CN=expired 2>/dev/null
mkdir issued && : >issued/index && echo 01 >issued/serial
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=issued/index\nserial=issued/serial\nnew_certs_dir=issued\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >ca.conf
openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in csr -startdate 20200101000000Z -enddate 20200201000000Z \
    -extfile extensions -out expired.cert -notext 2>/dev/null
cat server.cert server.key >server.pem
fake_registry reg server.pem ca.pem || skip_all "no server can be started"
auths() { printf '{"auths":{"%s":{"auth":"dTpodW50ZXIy"}}}' "$1"; } # u:hunter2
login() { auths "$fake" >run/containers/auth.json; }
logout() { rm -f run/containers/auth.json; }

# faults LINE...: what the registry does from now on
faults() { printf '%s\n' "$@" >reg.faults && : >reg.log; }
pull() { timeout 100 image-pull --no-unpack -q "$@"; }
said() { grep -Eq -- "$1" .out || ! cat .out; }
# fails DESCRIPTION STATUS PATTERN NAME [OPTION]...: a pull into an empty store ends so and says so, and leaves no name and no secret.
fails() {
    description=$1 wanted=$2 pattern=$3
    shift 3
    rm -rf store
    status_is "$description" "$wanted" pull "$@"
    ok "  is said" said "^image-pull: .*: .*($pattern)"
    ok "  and no secret, in one line" sh -c '! grep -e hunter2 -e dTpodW50ZXIy -e sig= .out && [ "$(wc -l <.out)" = 1 ]'
    ok "  and no name is in the store" sh -c '[ ! -e store/index.json ] || ! grep -q "ref.name" store/index.json'
}
# pulls DESCRIPTION NAME [OPTION]...: a pull into an empty store gives the image.
pulls() {
    description=$1
    shift
    rm -rf store
    is "$description" "$(pull "$@" 2>.errors || cat .errors)" "$digest"
}
# asked PATTERN: how many answers of the log match
asked() { grep -Ec -- "$1" reg.log; }
json() { printf '{"errors":[{"code":"%s","message":"%s"}]}' "$1" "$2"; }
wants() { echo "status=401 'header=WWW-Authenticate: $1'"; }

faults
pulls "a registry that does not fail" "$fake/a/b:1"
is "is asked whom it lets in, for the manifest and for each blob" "$(cut -d' ' -f2,3 reg.log | sort)" "$(sort <<END
GET /v2/
GET /v2/a/b/blobs/$config
GET /v2/a/b/blobs/$layer
GET /v2/a/b/manifests/1
END
)"

# A registry that says nothing is given 30 seconds, which pass while the others fail.

mkfifo .hold-quiet
mkdir quiet && cp -r reg/a quiet/a && echo 'GET /v2/a/b/manifests/1 * stall=head' >quiet.faults
python3 "$top/tests/fake-registry" quiet <.hold-quiet >.quiet 2>/dev/null &
exec 6>.hold-quiet
until [ -s .quiet ]; do sleep 0.1; done
read -r quiet _ <.quiet
(STAGEPIPE_STORE=$work/quiet-store pull "127.0.0.1:$quiet/a/b:1" && echo 0 || echo $?) >.silence 2>&1 &
silence=$!

# A helper that hangs has as long, at the same time.

mkdir hung && printf '#!/bin/sh\necho $$ >"%s/helper"\nexec sleep 300\n' "$work" >hung/docker-credential-hung && chmod +x hung/docker-credential-hung
cp -r reg/a quiet/hung && echo "GET /v2/hung/.* * status=401 header=WWW-Authenticate:Basic" >>quiet.faults
printf '{"credHelpers":{"127.0.0.1:%s":"hung"}}' "$quiet" >hung/auth.json
(env STAGEPIPE_STORE="$work/hung-store" REGISTRY_AUTH_FILE="$work/hung/auth.json" PATH="$work/hung:$PATH" \
    timeout 100 image-pull -q "127.0.0.1:$quiet/hung/b:1" && echo 0 || echo $?) >.hung 2>&1 &
hung=$!

# Who wants to be shown something.

login
faults "GET /v2/ * $(wants 'Bearer service="x"')"
fails "a challenge without a realm" 1 "names no URL to fetch one from" "$fake/a/b:1"
for realm in file:///etc/passwd 'http://u:hunter2@{other}/token' http://192.0.2.1/token; do
    faults "GET /v2/ * $(wants "Bearer realm=\"$realm\"")"
    fails "a realm that is $realm" 1 "names no URL|over http, which others" "$fake/a/b:1"
    is "  is not asked" "$(asked token)" 0
done
# On this machine another server may have the tokens, and is shown the login; where that leads to is shown nothing.
faults 'set auth=token' "http:* /v2/.* 1 $(wants 'Bearer realm="http://{other}/token",service="fake"')"
pulls "a realm on another server of this machine" "$fake/a/b:1"
is "  is shown the login, and the token is the registry's" "$(asked '^other GET /token.* 200 auth=basic') $(asked '^other .*auth=bearer')" "1 0"
faults 'set auth=token' "http:GET /v2/ * $(wants 'Bearer realm="http://{http}/token",service="fake"')" \
    'http:GET /token.* * redirect=http://{other}{path}'
fails "a realm that leads elsewhere" 1 "." "$fake/a/b:1"
is "  shows no login there" "$(asked '^other .*auth=')" 0
# A registry that is not on this machine has no tokens there, nor in a private network. The proxy is the registry then.
if [ "$tls" != 127.0.0.1:0 ]; then
    for realm in https://127.0.0.1:1/token https://10.0.0.1/token 'https://[fd00::1]/token' https://169.254.169.254/token; do
        faults 'CONNECT public.example:80 * status=200' "GET /v2/ * $(wants "Bearer realm=\"$realm\"")"
        printf '{"auths":{"public.example":{"auth":"dTpodW50ZXIy"}}}' >run/containers/auth.json
        HTTP_PROXY=http://$fake fails "a realm $realm of a registry elsewhere" 1 "private|this machine|not asked|address" public.example/a/b:1 --insecure public.example
        is "  is not asked" "$(asked '(token|CONNECT (127|10|169|.fd00))')" 0
    done
    login
fi
faults "GET /v2/ * $(wants '(=,"')"
fails "a challenge that is none" 1 "none of the kinds that are known here" "$fake/a/b:1"
faults "GET /v2/ * $(wants 'Negotiate abc')"
fails "a challenge of another kind" 1 "none of the kinds that are known here" "$fake/a/b:1"
head -c 1000000 /dev/zero | tr '\0' x >long
faults "GET /v2/ * status=401 'header=WWW-Authenticate: @$work/long'"
fails "a header of a megabyte" 1 "too many headers" "$fake/a/b:1"
faults "GET /v2/ * $(wants 'Bearer realm="http://{other}/loop"')" "other:GET /loop.* * redirect=http://{other}/loop"
fails "a realm that leads in a circle" 1 "more than 5 redirects" "$fake/a/b:1"
for answer in '' hunter2 '{}' '{"token":""}' '{"token":"hunter2\r\nX: y"}'; do
    faults 'set auth=token' "GET /token.* * 'body=$answer'"
    fails "a token that is '$answer'" 1 "the server answers with something else" "$fake/a/b:1"
done
faults 'set auth=token' "* /v2/a/b/.* * $(wants 'Bearer realm="http://{http}/token",error="insufficient_scope"') body=$(json DENIED no | sed "s/.*/'&'/")"
fails "a registry that takes no token" 1 "auth.json is not let in to a/b" "$fake/a/b:1"
is "  is asked twice" "$(asked /v2/a/b)" 2
logout
faults 'set auth=token'
fails "a private repository without a login" 1 "wants a login for a/b.*skopeo login $fake" "$fake/a/b:1"
faults 'set auth=token'
pulls "a public one" "$fake/public/b:1"
is "  is given a token, and asked once" "$(asked '/token.* 200$') $(asked '/v2/ 401')" "1 1"
login
faults 'set auth=token uses=3' "GET /v2/a/b/blobs/$layer 1 cut=300000"
pulls "tokens that end in the middle of a blob" "$fake/a/b:1"
ok "  are fetched again, and the blob is gone on with" sh -c 'grep -q "blobs/$0 206 .*range=bytes=[1-9]" reg.log || ! cat reg.log' "$layer"
faults 'set auth=token ttl=1 expires=none'
pulls "a token that does not say how short it lasts" "$fake/a/b:1"
faults 'set auth=basic'
pulls "a password" "$fake/a/b:1"

# Helpers.

helper() { printf '#!/bin/sh\n%s\n' "$1" >docker-credential-x && chmod +x docker-credential-x; }
printf '{"credHelpers":{"%s":"x"}}' "$fake" >run/containers/auth.json
PATH=$work:$PATH
for script in 'echo hunter2 >&2; exit 1' 'echo hunter2' 'head -c 2000000 /dev/zero' 'echo "{\"Secret\":\"hunter2\"" '; do
    helper "$script"
    fails "a helper that does $script" 1 "docker-credential-x: (it failed|what it prints is)" "$fake/a/b:1"
done
printf '{"credHelpers":{"%s":"../x"}}' "$fake" >run/containers/auth.json
fails "a helper that is a path" 3 "other than letters, digits" "$fake/a/b:1"
# shellcheck disable=SC2016 # for the helper
helper 'echo x >>asked; printf "{\"Username\":\"u\",\"Secret\":\"hunter2\"}"'
printf '{"credHelpers":{"%s":"x"}}' "$fake" >run/containers/auth.json
ok "a helper that has the login" pull "$fake/a/b:1" "$fake/public/b:1"
is "  is asked once for its host" "$(cat asked)" x
logout

# Redirects.

faults "http:GET /v2/a/b/blobs/.* * 'redirect=http://{other}{path}?sig=hunter2'" 'set auth=basic open=other'
login
pulls "blobs that are elsewhere" "$fake/a/b:1"
is "  are fetched there, and that server is shown nothing" "$(asked '^other GET .*200') $(asked '^other .*(auth|cookie)')" "2 0"
logout
faults 'GET /v2/a/b/blobs/.* * redirect={path}'
fails "a redirect in a circle" 1 "more than 5 redirects" "$fake/a/b:1"
faults 'GET /v2/a/b/manifests/.* * redirect=file:///etc/passwd' 'HEAD .*/manifests/.* * status=405'
fails "a redirect to a file" 1 "not an http\(s\) URL" "$fake/a/b:1"
faults 'GET /v2/a/b/manifests/.* * status=307'
fails "a redirect to nowhere" 1 "leads nowhere" "$fake/a/b:1"
# Answers that are not what they should be.

faults "GET /v2/a/b/manifests/.* * flip"
fails "a manifest that has another digest" 1 "what it gives is sha256:" "$fake/a/b@$digest"
faults "* /v2/a/b/manifests/.* * 'header=Docker-Content-Digest: sha256:$(printf %064d 0)'"
pulls "a wrong word about the digest" "$fake/a/b:1"
faults "HEAD /v2/a/b/manifests/.* * 'header=Docker-Content-Digest: sha256:$(printf %064d 0)'"
is "a tag that means another image at each question" "$(pull "$fake/a/b:1" 2>&1)" "$digest"
ok "  is what came" grep -q "^http GET /v2/a/b/manifests/1 200" reg.log
faults "GET /v2/a/b/blobs/$layer * flip"
fails "a layer that has another digest" 3 "has the digest" "$fake/a/b:1"
faults "GET /v2/a/b/blobs/$layer * zeros=2000000"
fails "a layer that is longer than the manifest says" 1 "more than|digest" "$fake/a/b:1"
faults "GET /v2/a/b/blobs/$layer * endless"
fails "a layer without an end" 1 "more than|digest" "$fake/a/b:1"
faults "GET /v2/a/b/blobs/.* * gzip"
fails "a blob in a coding that nobody asked for" 1 "encoded as \"gzip\"" "$fake/a/b:1"
faults "GET /v2/a/b/manifests/.* * 'header=Content-Type: text/html' 'body=<html>Log in to the hotel</html>'"
fails "a page for people" 1 "a page of HTML came instead" "$fake/a/b:1"
faults "GET /v2/a/b/manifests/.* * 'header=Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws' 'body={\"schemaVersion\":1,\"name\":\"a/b\",\"tag\":\"1\"}'"
fails "a manifest of schema 1" 1 "schema 1|newer" "$fake/a/b:1"
faults "GET /v2/a/b/manifests/.* * zeros=5000000"
fails "a manifest of 5 MB" 1 "more than 4 MiB" "$fake/a/b:1"

# Connections that break.

for fault in cut=300000 reset=300000 'length=2000000' 'header=Content-Length:' chunked 'cut=head' 'reset=head'; do
    faults "GET /v2/a/b/blobs/$layer 1 $fault"
    pulls "a layer with $fault" "$fake/a/b:1"
done
faults "GET /v2/a/b/blobs/$layer 1 cut=300000" "GET /v2/a/b/blobs/$layer 2 norange"
pulls "a part that is the whole" "$fake/a/b:1"
faults "GET /v2/a/b/blobs/$layer 1 cut=300000" "GET /v2/a/b/blobs/$layer * range=5"
pulls "a part that is another one, instead of which the whole is asked for" "$fake/a/b:1"
is "  and nothing beyond the end is ever asked for" "$(asked ' 416 ')" 0
faults "GET /v2/a/b/blobs/$layer * cut=1000"
fails "a layer that breaks off each time" 75 "again and again" "$fake/a/b:1"
for status in 500 502 503 504 408; do
    faults "GET /v2/a/b/manifests/.* 1-2 status=$status"
    pulls "$status twice" "$fake/a/b:1"
done
faults "GET /v2/a/b/manifests/.* * status=502"
fails "502 always" 75 "says 502" "$fake/a/b:1"
is "  is asked for four times" "$(asked manifests)" 4

# Who wants fewer requests.

for after in 1 "$(LC_ALL=C date -u -d '+2 seconds' '+%a, %d %b %Y %H:%M:%S GMT')" soon ''; do
    faults "* /v2/a/b/manifests/.* 1 status=429 'header=Retry-After: $after'"
    pulls "429 with '$after'" "$fake/a/b:1"
done
faults "* /v2/a/b/manifests/.* * status=429 'header=Retry-After: 86400'"
fails "429 for a day" 75 "try again in 86400 or more seconds, or log in" "$fake/a/b:1"
faults "* /v2/a/b/manifests/.* * status=429 'header=Retry-After: 3'"
fails "429 for longer than there is to wait" 75 "try again in 3 or more seconds" "$fake/a/b:1" --max-wait 2
faults "* /v2/a/b/manifests/.* * status=429 'header=ratelimit-limit: 100;w=21600'"
fails "429 of who counts for hours" 75 "try again some hours later" "$fake/a/b:1"
is "  is asked once" "$(asked manifests)" 1

# Who refuses.

for status in 403 404 405 410 418; do
    faults "* /v2/a/b/manifests/.* * status=$status 'body=$(json DENIED 'no\u001b[2Jway\n')'"
    fails "$status" 1 "." "$fake/a/b:1"
    ok "  with nothing that a terminal obeys" sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" .out'
done
for name in "$fake/../b:1" "$fake/a/..%2fb:1" "$fake/A/b:1" "ünï.example/a" "$fake/a//b"; do
    status_is "the name $name" 2 pull "$name"
    ok "  is none" grep -q "^image-pull: .* is not an image reference: " .out
done
is "  and is not asked for" "$(asked '')" 2

# Indexes and layers of others.

manifest() { # TAG TYPE TEXT: puts it into the repository
    printf %s "$3" >document && sum=$(sha256sum <document | cut -c1-64) && cp document "$(blob "sha256:$sum")"
    jq --arg tag "$1" --arg type "$2" --arg digest "sha256:$sum" --arg size "${#3}" '.manifests += [{mediaType: $type,
        digest: $digest, size: ($size | tonumber), annotations: {"org.opencontainers.image.ref.name": $tag}}]' \
        reg/a/b/index.json >index && cp index reg/a/b/index.json
}
image=application/vnd.oci.image.manifest.v1+json list=application/vnd.oci.image.index.v1+json
size() { wc -c <"$(blob "$1")"; }
entry() { printf '{"mediaType":"%s","digest":"%s","size":%s,"platform":{"os":"%s","architecture":"%s"}}' "$1" "$2" "$(size "$2")" "$3" "$4"; }
index_of() { printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$list" "$1"; }
arch=$(jq -r .architecture "$(blob "$config")")
manifest foreign $image "$(jq -c --arg url "http://$other/layer" '.mediaType = "'$image'" | .layers[0] |= . + {digest: "sha256:'"$(printf %064d 1)"'",
    mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", urls: [$url]}' "$(blob "$digest")")"
faults
fails "a layer that is elsewhere" 1 "foreign|nondistributable|elsewhere|does not have" "$fake/a/b:foreign"
is "  is not fetched from there" "$(asked '^other')" 0
manifest none $list "$(index_of "$(entry $image "$digest" windows amd64),$(entry $image "$digest" linux s390x)")"
fails "an index without an image for us" 3 "linux/s390x" "$fake/a/b:none"
manifest two $list "$(index_of "$(entry $image "$digest" linux "$arch"),$(entry $image "sha256:$(printf %064d 0)" linux "$arch" 2>/dev/null | sed 's/"size":,/"size":5,/')")"
pulls "the first of two that fit" "$fake/a/b:two"
nested=$sum
for _ in 1 2 3 4 5 6 7 8 9 10; do
    manifest nested $list "$(index_of "$(entry $list "sha256:$nested" linux "$arch")")"
    nested=$sum
done
fails "an index in an index in an index" 3 "index" "$fake/a/b@sha256:$nested"
manifest long $list "$(index_of "$(seq 1 10000 | sed "s|.*|$(entry $image "sha256:$(printf %064d 0)" linux s390x 2>/dev/null | sed 's/"size":,/"size":5,/')|" | paste -sd,)")"
timeout 20 image-pull -q --no-unpack "$fake/a/b:long" >.out 2>&1
is "an index of 10000 has an end" "$? $(grep -c '^image-pull: .*linux/s390x' .out)" "3 1"

# TLS.

certs=home/.config/containers/certs.d/$tls
faults
fails "an authority that nobody knows" 1 "certificate.*SSL_CERT_FILE" "$tls/a/b:1"
export SSL_CERT_FILE="$work/ca.pem"
pulls "one that is named" "$tls/a/b:1"
is "one of a directory" "$(mkdir authorities; cp ca.pem authorities; rm -rf store; SSL_CERT_FILE='' SSL_CERT_DIR=none:authorities pull "$tls/a/b:1")" "$digest"
fails "another name than the certificate's" 1 "certificate" "localhost:${tls#*:}/a/b:1" --insecure "$tls"
cat expired.cert expired.key >expired.pem
python3 "$top/tests/fake-registry" reg expired.pem <.hold-registry >.expired 2>/dev/null &
until [ -s .expired ]; do sleep 0.1; done
read -r _ _ expired <.expired
fails "a certificate whose time is over" 1 "expired" "127.0.0.1:$expired/a/b:1"
pulls "  which --insecure takes" "127.0.0.1:$expired/a/b:1" --insecure "127.0.0.1:$expired"
unset SSL_CERT_FILE
mkdir -p "$certs" && cp ca.pem "$certs/ca.crt"
pulls "one of certs.d" "$tls/a/b:1"
is "  to which no certificate is shown" "$(asked ' client')" 0
cp client.cert client.key "$certs"
faults
pulls "with a certificate to show" "$tls/a/b:1"
is "  it is shown each time" "$(asked ' client')" "$(asked ^tls)"
cp ca.key "$certs/client.key"
fails "whose key is another's" 3 "client.cert: with .*client.key it can't be shown" "$tls/a/b:1"
rm "$certs/client.key"
fails "whose key is missing" 1 "client.key: No such file" "$tls/a/b:1"
rm -r "$certs"
pulls "--insecure" "$tls/a/b:1" --insecure "$tls"
fails "which is for that port" 1 certificate "$tls/a/b:1" --insecure "${tls%:*}"
fails "and for that host" 1 certificate "$tls/a/b:1" --insecure "$fake"
faults 'tls:GET /v2/a/b/.* * redirect=http://{other}{path}'
fails "a redirect from https to http" 1 "from https to http" "$tls/a/b:1" --insecure "$tls"
is "  is not followed" "$(asked ^other)" 0
faults "tls:GET /v2/ * $(wants 'Bearer realm="http://{http}/token"')"
fails "tokens over http for who has TLS" 1 "over http, which others could read" "$tls/a/b:1" --insecure "$tls"
is "  are not fetched" "$(asked token)" 0

# Hosts.

conf() { cat >home/.config/containers/registries.conf; }
faults
conf <<END
unqualified-search-registries = ["$other"]
[[registry]]
prefix = "r.example/team"
location = "$fake/a"
[[registry]]
prefix = "blocked.example"
blocked = true
[[registry]]
prefix = "mirrored.example"
location = "$fake"
[[registry.mirror]]
location = "127.0.0.1:1/none"
[[registry.mirror]]
location = "$other/m"
[[registry]]
prefix = "digests.example"
location = "$fake"
mirror-by-digest-only = true
[[registry.mirror]]
location = "$other"
END
pulls "a name that moved" r.example/team/b:1
is "  keeps its name" "$(image-list | grep -c '^r.example/team/b:1 ')" 1
fails "a name that is blocked" 1 "blocked.example/a is blocked there" blocked.example/a
is "mirrors that do not answer, or do not have it, are passed over" \
    "$(rm -rf store; image-pull --no-unpack mirrored.example/a/b:1 2>.errors)" "$digest"
ok "  which is said of the first" grep -q "warning: mirror passed over: http://127.0.0.1:1/" .errors
is "  once" "$(grep -c warning .errors)" 1
mkdir -p reg/m && cp -r reg/a reg/m/a
faults 'set auth=basic open=other'
pulls "a mirror that has it" mirrored.example/a/b:1
is "  is all that is asked" "$(asked '^http')" 0
rm -r reg/m
faults
pulls "a mirror for digests" digests.example/a/b:1
is "  is not asked for tags" "$(asked '^other .*manifests/1 ') $(asked '^http .*manifests/1 ')" "0 1"
is "  but for what they are of" "$(asked '^other .*/blobs/.* 200') $(asked '^http .*/blobs/')" "2 0"
# A mirror that sends other bytes than it should is left out, for what is asked afterwards too.
mkdir -p reg/m && cp -r reg/a reg/m/a
deceived() { # DESCRIPTION FAULT...: an image comes all the same, and it is said of the mirror, once
    description=$1
    shift
    faults "$@"
    is "$description" "$(rm -rf store; image-pull --no-unpack mirrored.example/a/b:1 2>.errors)" "$digest"
    is "  which is said of it" "$(grep -c "warning: mirror passed over: http://$other/v2/m/a/b/blobs/sha256:.*$says" .errors)" 1
}
says='what it sends has the digest sha256:'
deceived "a layer with another digest at a mirror comes from the registry" "other:GET /v2/m/a/b/blobs/$layer * flip"
is "  which alone is asked then" "$(asked "^other .*blobs/$layer 200") $(asked "^http .*blobs/$layer 200")" "1 1"
deceived "a config, too" "other:GET /v2/m/a/b/blobs/$config * flip"
is "  and all that comes after it" "$(asked '^other .*/blobs/') $(asked '^http .*/blobs/.* 200')" "1 2"
deceived "so does one of which a part came from the mirror" "other:GET /v2/m/a/b/blobs/$layer 1 flip cut=300000" \
    "other:GET /v2/m/a/b/blobs/$layer * status=404"
is "an unpacked one" "$(faults "other:GET /v2/m/a/b/blobs/$layer * flip"; rm -rf store; image-pull -q mirrored.example/a/b:1)" "$digest"
is "  is the registry's" "$(image-run mirrored.example/a/b:1 echo runs)" runs
is "all of an index" "$(rm -rf store; image-pull -q --all-platforms mirrored.example/a/b:1)" "$digest"
says='more than the [0-9]* bytes'
deceived "a layer that is longer at a mirror" "other:GET /v2/m/a/b/blobs/$layer * zeros=2000000"
says='again and again'
deceived "a layer that a mirror breaks off each time is gone on with at the registry" "other:GET /v2/m/a/b/blobs/$layer * cut=1000"
ok "  where it broke" grep -q "^http GET .*$layer 206 range=bytes=[1-9]" reg.log
faults "GET /v2/.*/blobs/$layer * flip"
fails "a layer with another digest everywhere" 3 "has the digest" mirrored.example/a/b:1
rm -r reg/m
# A login is for the host that it is of.
faults 'set auth=basic' '* /v2/m/.* * status=401 header=WWW-Authenticate:Basic'
printf '{"auths":{"mirrored.example":{"auth":"dTpodW50ZXIy"}}}' >run/containers/auth.json
rm -rf store
status_is "a login for the name" 1 pull mirrored.example/a/b:1
is "  is no mirror's, and not of where the name moved" "$(asked auth=)" 0
logout
conf </dev/null
mkdir -p home/.config/docker reg/library && cp -r reg/a/b reg/library/b
printf '{"registry-mirrors":["http://%s"],"insecure-registries":["127.0.0.0/8"]}' "$fake" >home/.config/docker/daemon.json
faults
pulls "docker's mirror" b:1
is "  is asked as the hub would be" "$(asked '^http GET /v2/library/b/manifests/1 200')" 1
pulls "docker's insecure networks" "$tls/a/b:1"
printf 'FROM b:1\nLABEL a=b\n' >Dockerfile
faults
rm -rf store
ok "a build's base comes from there too" image-build -q .
is "  in one question for its name" "$(asked '^http GET /v2/library/b/manifests/1 200')" 1
rm home/.config/docker/daemon.json
printf '[[registry]]\nlocation = 5\n' | conf
fails "a malformed file" 3 "line 2: .*correct it" "$fake/a/b:1"
conf </dev/null
faults "GET /v2/a/b/.* * 'header=Warning: 299 - \"the end \033[2J is near\"'"
rm -rf store
is "a warning is shown once" "$(image-pull --no-unpack "$fake/a/b:1" 2>&1 >/dev/null | grep -c "warning: $fake: the end .* is near")" 1

# A proxy.

faults
printf '{"auths":{"r.example":{"auth":"dTpodW50ZXIy"}}}' >run/containers/auth.json
export HTTPS_PROXY="http://u:hunter2@$other" HTTP_PROXY="http://u:hunter2@$other"
fails "a proxy that refuses" 75 "." r.example/a
is "  is asked" "$(asked '^other CONNECT r.example:443')" 1
pulls "this machine" "$fake/a/b:1"
is "  is asked without" "$(asked '^other .*/v2/')" 0
status_is "who is excepted is asked without too" 75 env NO_PROXY=.example image-pull -q r.example/a
is "  so it is" "$(asked CONNECT)" 1
export HTTPS_PROXY=socks5://u:hunter2@127.0.0.1:1
fails "a proxy of a kind that is not known" 3 "HTTPS_PROXY: .*no http or https URL" r.example/a

export HTTPS_PROXY="http://$fake"
faults 'CONNECT r.example:443 * status=200'
fails "a server without TLS where there has to be some" 1 "does not speak TLS" r.example/a

wait "$hung"
is "a helper that hangs is given up" "$(tail -1 .hung)" 1
ok "  which is said" grep -q "^image-pull: .*docker-credential-hung: it gave no login within 30 seconds; try it alone" .hung
ok "  and it is ended" sh -c '! kill -0 "$(cat helper)"'
wait "$silence"
is "a registry that says nothing is given up, and may be tried later" "$(tail -1 .silence)" 75
ok "  which is said" grep -q "^image-pull: .*it says nothing for too long" .silence

finish
