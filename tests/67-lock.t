#!/bin/sh
# The lock of a Dockerfile: who writes it and when, that what it says is what is built from, and what is asked of registries and
# servers with it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 git jq || skip_all "python3, git or jq is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run" GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG SSL_CERT_FILE
mkdir home run fake www context
load_busybox
# image NAME TEXT: the repository NAME of the registry has an index, tagged 1, of an image whose /text says TEXT
image() {
    printf 'FROM busybox\nRUN echo %s >/text\nENV FILE=file\n' "$2" >of
    image-build -q -t made -o type=oci,dest=made.tar -f of context >/dev/null 2>&1
    mkdir -p "fake/$1" && tar -xf made.tar -C "fake/$1"
    jq -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [.manifests[0]
        | del(.annotations) | .platform = {os: "linux", architecture: $arch}]}' \
        --arg arch "$(image-run made uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" "fake/$1/index.json" >index
    index=$(sha256sum <index | cut -d' ' -f1)
    cp index "fake/$1/blobs/sha256/$index"
    jq -n --arg digest "sha256:$index" --argjson size "$(wc -c <index)" '{schemaVersion: 2, manifests: [{mediaType:
        "application/vnd.oci.image.index.v1+json", digest: $digest, size: $size,
        annotations: {"org.opencontainers.image.ref.name": "1"}}]}' >"fake/$1/index.json"
}
image base one && base=$index
image tool one && tool=$index
fake_registry fake
# asked: how many requests the registry and the server had since quiet, but for those by which a registry is greeted
asked() { cat fake.log www.log | grep -vc ' /v2/ '; }
quiet() { : >fake.log && : >www.log; }

git init -q -b main www/app && echo one >www/app/code && git -C www/app add . && git -C www/app commit -qm 1
first=$(git -C www/app rev-parse HEAD)
git clone -q --bare www/app www/plain.git && git -C www/plain.git update-server-info
echo one >www/file
serve www || skip_all "no server can be started"
file() { sha256sum <www/file | cut -d' ' -f1; }

cat >context/Dockerfile <<END
FROM $fake/base:1
ARG WHICH=file
ADD $web/\$FILE /added
ADD $web/plain.git#main /code
COPY --from=$fake/tool:1 /text /tool
RUN --mount=from=$fake/tool:1,target=/mnt cat /mnt/text >/mounted
END
echo '*.lock' >context/.dockerignore
build() { timeout 60 image-build -t app "$@" context; }
has() { image-run app sh -c 'cat /text /added /code/code /tool' | tr '\n' ' '; }
lock=context/Dockerfile.lock
STAGEPIPE_STORE=$work/one

# Writing.

ok "a build without a lock writes none" build
ok "in the directory" test ! -e $lock
quiet
status_is "--lock writes it and builds" 0 build --lock
ok "asking both images, the file and the repository" [ "$(asked)" -ge 4 ]
ok "and says what it found" grep -q "^image-build: $fake/base:1 is sha256:$base" .out
printf '%s\n' '# stagepipe lock 1: written by image-build --lock; commit it' \
    "git    $web/plain.git#main  sha1:$first" "http   $web/file  sha256:$(file)" \
    "image  $fake/base:1  sha256:$base" "image  $fake/tool:1  sha256:$tool" >wanted
is "it has a line a source, in order" "$(cat $lock)" "$(cat wanted)"
is "anybody may read it" "$(stat -c %a $lock)" 644
cp $lock first
rm -f $lock
STAGEPIPE_STORE=$work/two
ok "somebody else writes it too" build --lock
ok "byte by byte the same" cmp $lock first
is "nothing else is left there" "$(ls -A context)" "$(printf '%s\n' .dockerignore Dockerfile Dockerfile.lock)"

# Using.

STAGEPIPE_STORE=$work/one
quiet
status_is "a build uses it" 0 build
ok "and says so, with its age" grep -q "^image-build: $lock, [0-9]* [a-z]* old, says what is built from" .out
is "it asks nobody" "$(asked)" 0
ok "not even to build all again" build --no-cache
is "as it is said" "$(asked)" 0
ok "nor with --pull" build --pull
is "which asks what is not locked" "$(asked)" 0
ok "nor with --locked" build --locked
is "which looks at all of it" "$(asked)" 0
ok "it is enough offline" build --offline --locked --no-cache
status_is "-q is quiet" 0 build -q
is "but for the digest" "$(grep -vc '^sha256:' .out)" 0
before=$(has)
is "it has what there was" "$before" "one one one one "
ok "the script of -n has it" sh -c 'image-build -n --iidfile id context >script && grep -q -e "--lock context/Dockerfile.lock" script && sh script'
same_digest "and makes the same image" "$(cat id)" "$(build -q | tail -1)"

# Sources that change meanwhile.

STAGEPIPE_STORE=$work/store
image base two && base2=$index
image tool two
echo two >www/app/code && git -C www/app commit -qam 2 && git -C www/app push -q ../plain.git main && git -C www/plain.git update-server-info
second=$(git -C www/app rev-parse HEAD)
STAGEPIPE_STORE=$work/three
ok "somebody new builds with it" build
is "what was locked: a tag that moved is what it was, and a branch" "$(has)" "$before"
quiet
ok "and again" build --no-cache --pull
is "asking nobody" "$(asked)" 0
STAGEPIPE_STORE=$work/one
rm $lock
ok "without it, --pull" build --pull
is "has what is new" "$(has)" "two one two two "
cp first $lock
quiet
ok "with it again, a store in which the names are others'" build
is "has what was locked" "$(has)" "$before"
echo two >www/file
ok "a file that is kept is not fetched" build --no-cache
is "whatever there is now" "$(has)" "$before"
STAGEPIPE_STORE=$work/four
status_is "a file that is another now is refused" 3 build
ok "with the line of the lock" grep -q "^image-build: Dockerfile:3: $web/file: the content has the digest sha256:$(file), and $lock:3 has sha256:" .out
ok "and what to do" grep -q "image-build --lock=$web/file renews the line" .out

# Renewing.

status_is "one line is renewed" 0 build "--lock=$web/file"
sed "s,^http .*,http   $web/file  sha256:$(file)," first >wanted
is "and no other" "$(cat $lock)" "$(cat wanted)"
ok "which is said" grep -q "^image-build: $web/file is sha256:$(file) now, and was sha256:" .out
is "it is built with that" "$(has)" "one two one one "
ok "an image is named as in FROM" build "--lock=$fake/base:1"
is "and renewed" "$(grep "base:1" $lock)" "image  $fake/base:1  sha256:$base2"
ok "a branch" build "--lock=$web/plain.git#main"
is "as well" "$(grep "^git" $lock)" "git    $web/plain.git#main  sha1:$second"
status_is "what the Dockerfile does not have is not" 2 build "--lock=$fake/tool:2"
ok "as is said" grep -q "^image-build: --lock: $fake/tool:2 is no source of the Dockerfile; did you mean $fake/tool:1?" .out
status_is "nor what is none" 2 build --lock=A:B
echo "http   $web/old  sha256:$(file)" >>$lock
ok "a line that nothing uses" build "--lock=$fake/base:1"
is "is kept then" "$(grep -c /old $lock)" 1
printf 'FROM scratch AS other\nADD %s /\n' "$web/file" >context/two
cat context/Dockerfile >>context/two && mv context/two context/Dockerfile
ok "and with --target" build --lock --target=other
is "too" "$(grep -c /old $lock)" 1
status_is "and dropped by --lock" 0 build --lock
is "as nobody knows what it is for" "$(grep -c /old $lock)" 0
ok "which is said as well" grep -q "^image-build: $web/old is removed: nothing uses it" .out
is "all is new" "$(has)" "two two two two "

# Strictly.

grep -v "$web/file" $lock >less && cp less $lock
quiet
status_is "--locked refuses what is not in it" 1 build --locked
ok "at its instruction" grep -q "^image-build: Dockerfile:5: $web/file is not in $lock, and --locked takes nothing else; image-build --lock=$web/file adds it" .out
is "before anybody is asked" "$(asked)" 0
status_is "else it is warned of" 0 build
ok "with what to do" grep -q "^image-build: warning: $web/file is not in $lock, so it may change; image-build --lock=$web/file adds it" .out
cp first $lock && sed -i "/tool:1/d" $lock
status_is "as an image that is not in it" 1 build --locked
ok "is at its instruction" grep -q "^image-build: Dockerfile:7: $fake/tool:1 is not in $lock" .out
rm $lock
status_is "without a lock" 1 build --locked
ok "all is refused" grep -q "^image-build: --locked: there is no $lock; image-build --lock writes it" .out
status_is "so it is for a Dockerfile from elsewhere" 1 sh -c "image-build --locked -f - context <context/Dockerfile"
status_is "a lock is written beside files only" 2 sh -c "image-build --lock -f - context <context/Dockerfile"
ok "which is said" grep -q "^image-build: --lock: the Dockerfile is no file here" .out
status_is "and not of a context from elsewhere" 2 image-build --lock "$web/plain.git"
status_is "--offline and --lock are not for each other" 2 build --lock --offline
printf 'FROM busybox\n' >context/own
STAGEPIPE_STORE=$work/store
status_is "an image of the store that came from no registry is not locked" 0 build --lock -f context/own
ok "as is said" grep -q "^image-build: warning: busybox is not locked: the store's image of that name came from no registry" .out
is "its lock is empty" "$(wc -l <context/own.lock)" 1
status_is "and refused by --locked" 1 build --locked -f context/own
printf 'FROM %s@sha256:%s\nADD --checksum=sha256:%s %s/file /\nADD %s/plain.git#%s /c\n' "$fake/base" "$base2" "$(file)" "$web" "$web" "$second" >context/own
status_is "what says itself what it is needs no line" 0 build --lock -f context/own
is "and has none" "$(wc -l <context/own.lock)" 1
ok "also for --locked" build --locked -f context/own

# Secrets.

mkdir www/private && echo secret >www/private/file
printf 'FROM scratch\nARG T\nADD %s /f\nADD %s?token=$T /g\nADD %s?v=1 /h\n' "http://me:hunter2@${web#http://}/file" "$web/file" "$web/file" >context/secret
ok "a URL with a password" build --lock --build-arg T=hunter3 -f context/secret
ok "is written without it" no_match -e hunter -e me: context/secret.lock
is "a query is written as it is in the Dockerfile" "$(grep -c "$web/file?v=1  " context/secret.lock)" 1
quiet
ok "they are found again" build --locked --build-arg T=hunter3 -f context/secret
is "asking nobody" "$(asked)" 0
status_is "another value is another name" 1 build --locked --build-arg T=hunter4 -f context/secret

# The commit of a .git that is kept.

printf 'FROM scratch\nADD --keep-git-dir %s/plain.git#main /code\n' "$web" >context/kept
ok "a repository whose .git is kept" build --lock -f context/kept
is "is locked to its commit" "$(grep '^git' context/kept.lock)" "git    $web/plain.git#main  sha1:$second"
echo three >www/app/code && git -C www/app commit -qam 3 && git -C www/app push -q ../plain.git main && git -C www/plain.git update-server-info
STAGEPIPE_STORE=$work/five
ok "and built from that by somebody new, though the branch has moved" build --locked -f context/kept -o kept.d
is "with its .git" "$(git -c safe.directory='*' -C kept.d/code log --format=%H -n 1)" "$second"
is "and its files" "$(cat kept.d/code/code)" two

# The lock in a context that is fetched.

git init -q -b main www/locked && printf 'FROM %s/base:1\nRUN cat /text >/x\n' "$fake" >www/locked/Dockerfile
printf '# stagepipe lock 1: written by image-build --lock; commit it\nimage  %s/base:1  sha256:%s\n' "$fake" "$base" >www/locked/Dockerfile.lock
git -C www/locked add . && git -C www/locked commit -qm 1
git clone -q --bare www/locked www/locked.git && git -C www/locked.git update-server-info
away() { timeout 60 image-build -t away "$@" "$web/locked.git#main"; }
status_is "a context that is fetched is built with its lock" 0 away --locked
is "on what that says, though the name means another image now" "$(image-run away cat /x)" one
git -C www/locked rm -q Dockerfile.lock && git -C www/locked commit -qm 2 && git -C www/locked push -q ../locked.git main && git -C www/locked.git update-server-info
status_is "one without a lock is refused by --locked" 1 away --locked
ok "without it, it is built" away
is "on what the name means" "$(image-run away cat /x)" two

# Files that are no lock.

damaged() { # LINE-OF-THE-LOCK WHAT: status 3, and the message has the line and the text
    status_is "a lock with $3 is refused" 3 build
    ok "with its line" grep -q "^image-build: $lock:$1: .*$2" .out
}
cp first $lock && echo '<<<<<<< HEAD' >>$lock && damaged 6 'is not KIND NAME DIGEST; correct it, or let image-build --lock write all of it anew' "a merge's marks"
status_is "and one line of it is not renewed" 3 build "--lock=$fake/base:1"
ok "but all of it" build --lock
(cat first && sed -n 3p first) >$lock && damaged 6 "$web/file is in line 3 already" "a name twice"
sed 's/sha256:/sha512:/' first >$lock && damaged 3 'is not sha256: and 64 digits' "another digest"
sed 's/lock 1/lock 2/' first >$lock && damaged 1 'version 2' "a later version"
echo '{}' >$lock && damaged 1 'move the file away' "something else in it"
status_is "it is not overwritten either" 3 build --lock
is "not a byte" "$(cat $lock)" '{}'
head -c 5000000 /dev/zero >$lock
status_is "a large one is not read" 3 build
rm $lock && mkfifo $lock
status_is "nor a FIFO" 3 timeout 5 image-build context
rm $lock && ln -s /etc/passwd $lock
status_is "nor what is elsewhere" 3 build
rm $lock
if [ "$(id -u)" = 0 ]; then
    skip "a directory that takes no file is refused" "root may write everywhere"
else
    chmod a-w context
    status_is "a directory that takes no file is refused" 1 build --lock
    chmod u+w context
fi

# By hand.

cp first $lock
df-parse context/Dockerfile >plan
STAGEPIPE_STORE=$work/three
ok "stage-run takes a lock" sh -c "stage-run --lock $lock --locked --context context <plan >steps"
status_is "it looks sources up alone" 1 sh -c "stage-run --sources --locked <plan"
ok "and without a lock there is none" grep -q "is not in a lock" .out

finish
