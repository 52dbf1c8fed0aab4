#!/bin/sh
# Logging in to registries, which docker-registry judges: with a password, and with tokens.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have docker-registry skopeo openssl perl python3 jq || skip_all "docker-registry, skopeo, openssl, perl, python3 or jq is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run"
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG SSL_CERT_FILE
mkdir home run www tmp

# pushed REPOSITORY [IMAGE]: how many layers of an image it has not
pushed() { image-push -n --json "${2-app}" "$1" 2>&1 | jq -c '.[] | [.missing, .push == .size]'; }

load_busybox
printf 'FROM busybox\nRUN echo 1 >/1\n' >Dockerfile
image-build -q -t app . >/dev/null 2>&1 || echo "# app can't be built"
image-save busybox >saved.tar
copy() { timeout 60 skopeo copy -q --preserve-digests "$@" >>copied 2>&1; }

# With a password.

perl -e 'print "u:", crypt("hunter2", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >htpasswd
registry basic <<EOT
http: {addr: "127.0.0.1:0"}
auth: {htpasswd: {realm: r, path: $work/htpasswd}}
EOT
basic=$host
status_is "who has no login is not let in" 1 image-push -n app "$basic/a/b"
ok "and told how to log in" grep -q "^image-push: $basic/a/b: http://$basic/v2/: .*skopeo login $basic or docker login $basic" .out
ok "and why, in the registry's words" grep -q "(UNAUTHORIZED: authentication required)" .out
ok "skopeo logs in" skopeo login --tls-verify=false -u u -p hunter2 "$basic"
is "by its file an empty repository is sent all" "$(pushed "$basic/a/b")" '[2,true]'
ok "skopeo pushes the base" copy --dest-tls-verify=false oci-archive:saved.tar "docker://$basic/a/b:base"
is "then the rest" "$(pushed "$basic/a/b")" '[1,false]'
is "which is nothing of the base" "$(pushed "$basic/a/b" busybox)" '[0,false]'
mv run/containers/auth.json auth.json
status_is "without the file there is no login" 1 image-push -n app "$basic/a/b"
is "another file may be named" "$(REGISTRY_AUTH_FILE=$work/auth.json pushed "$basic/a/b")" '[1,false]'
mkdir -p home/.docker home/.config/containers docker bin
cp auth.json home/.docker/config.json
is "docker's is looked into" "$(pushed "$basic/a/b")" '[1,false]'
printf '{"auths":{"http://%s/v1/":{"auth":"dTpub3Q="}}}' "$basic" >docker/config.json
export DOCKER_CONFIG="$work/docker"
status_is "a wrong password does not let in" 1 image-push -n app "$basic/a/b"
ok "which names its file" grep -q "$work/docker/config.json is not let in" .out
jq ".auths = {\"$basic/a\": .auths[]}" auth.json >home/.config/containers/auth.json
is "a login for a part of the registry comes from the file before" "$(pushed "$basic/a/b")" '[1,false]'
status_is "and is for that part" 1 image-push -n app "$basic/b"
rm home/.config/containers/auth.json
cat >bin/docker-credential-test <<'EOT'
#!/bin/sh
server=$(cat)
echo "$1 $server" >>"$work/asked"
printf '{"ServerURL":"%s","Username":"u","Secret":"hunter2"}' "$server"
EOT
chmod +x bin/docker-credential-test
export work
printf '{"credHelpers":{"%s":"test"}}' "$basic" >docker/config.json
is "a helper has the login" "$(PATH=$work/bin:$PATH pushed "$basic/a/b")" '[1,false]'
is "which is asked once" "$(cat asked)" "get $basic"
status_is "a helper that is missing is an error" 1 image-push -n app "$basic/a/b"
ok "which names it and the file" grep -q "docker/config.json: docker-credential-test: it is named there and not installed" .out
# A pull that unpacks is root of a user namespace, in which no service of the user's session knows it.
if [ "$(id -u)" = 0 ] && have setpriv; then
    chmod 755 "$work" && mkdir user && cat >bin/docker-credential-test <<'EOT'
#!/bin/sh
id -u >>"$HOME/asked"
printf '{"Username":"u","Secret":"hunter2"}'
EOT
    printf 'FROM %s\nRUN true\n' "$basic/a/b:base" >user/Dockerfile
    cp docker/config.json user && chown -R 12345:12345 user
    # as_user COMMAND...
    as_user() {
        env PATH="$work/bin:$PATH" HOME="$work/user" DOCKER_CONFIG="$work/user" XDG_RUNTIME_DIR="$work/user" \
            STAGEPIPE_STORE="$work/user/store" setpriv --reuid 12345 --regid 12345 --clear-groups "$@"
    }
    ok "an ordinary user pulls by a helper" as_user image-pull -q "$basic/a/b:base"
    is "which is run by that user" "$(cat user/asked)" 12345
    rm -rf user/store user/asked
    ok "and builds by it" as_user image-build -q --isolation single user
    is "which asks it for the config and for the layers" "$(sort -u user/asked),$(grep -c . user/asked)" 12345,2
else
    skip "a helper is run by the user" "this is not root, or setpriv is missing"
fi
printf '{"auths":{"hunter2":"hunter2"}}' >docker/config.json
status_is "a malformed file is no input" 3 image-push -n app "$basic/a/b"
ok "it is named" grep -q "^image-push: $basic/a/b: $work/docker/config.json: " .out
is "and not shown" "$(grep -c hunter2 .out)" 0
unset DOCKER_CONFIG

# With tokens, over TLS.

openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=127.0.0.1 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out only 2>/dev/null
cat only key >certificate
serve www certificate
export SSL_CERT_FILE="$work/ca.pem"
registry token <<EOT
http: {addr: "127.0.0.1:0", tls: {certificate: $work/certificate, key: $work/key}}
auth: {token: {realm: $secure/token, service: r, issuer: loopback, rootcertbundle: $work/ca.pem}}
EOT
token=https://$host
: >www.log
is "anybody gets a token for what is public" "$(pushed "$token/public/a")" '[2,true]'
is "and gets one for all that is asked" "$(cat www.log)" \
    "/token?client_id=stagepipe&service=r&scope=repository%3Apublic%2Fa%3Apull"
status_is "not for what is private" 1 image-push -n app "$token/private/a"
ok "it is said what is wanted" grep -q "it wants a login for private/a; log in with skopeo login $host" .out
ok "skopeo logs in to tokens" skopeo login -u u -p hunter2 "$host"
ok "and pushes with them" copy oci-archive:saved.tar "docker://$host/private/a:base"
is "with that login we see it too" "$(pushed "$token/private/a")" '[1,false]'
printf '{"auths":{"%s":{"auth":"dTo=","identitytoken":"identity"}}}' "$host" >run/containers/auth.json
is "an identity token is a login" "$(pushed "$token/private/a")" '[1,false]'
ok "it is exchanged" grep -qx 'POST /token' www.log
printf '{"auths":{"%s":{"identitytoken":"hunter2"}}}' "$host" >run/containers/auth.json
status_is "one that is not taken does not let in" 1 image-push -n app "$token/private/a"
is "and is not shown" "$(grep -c hunter2 .out)" 0
status_is "a registry over https has no tokens fetched over http" 1 image-push -n app "$secure/a"
ok "which is said" grep -q "^image-push: [^ ]*: $secure: it wants a token to be fetched from http://.*, over http" .out
unset SSL_CERT_FILE
status_is "an authority that nobody knows stays unknown" 1 image-push -n app "$token/public/a"
ok "and how is said" grep -q SSL_CERT_FILE .out

finish
