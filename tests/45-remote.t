#!/bin/sh
# What comes from elsewhere: contexts, named contexts and ADD, from servers on the loopback interface.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 git || skip_all "python3 or git is missing"
[ -x "$(git --exec-path)/git-daemon" ] || skip_all "git-daemon is missing"

load_busybox
mkdir www context tmp
export TMPDIR="$work/tmp"
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
export GIT_COMMITTER_DATE='1000000000 +0000'

# two repositories: app, with a branch, a tag, a subdirectory and a submodule; and lib, which that is
repository() { git init -q -b main "$1" && git -C "$1" add . && git -C "$1" commit -qm 1; }
mkdir -p www/app/sub www/lib
echo library >www/lib/code
repository www/lib
echo v1 >www/app/version
printf 'FROM busybox\nCOPY . /src/\nCMD cat /src/version\n' >www/app/Dockerfile
printf 'FROM busybox\nCOPY . /src/\nCMD cat /src/where\n' >www/app/sub/Dockerfile
printf 'FROM busybox\nCMD echo other\n' >www/app/sub/other
echo sub >www/app/sub/where
echo where >www/app/sub/.dockerignore
ln -s /etc/passwd www/app/sub/passwd
repository www/app
git -C www/app tag v1
git -C www/app branch old
first=$(git -C www/app rev-parse HEAD)
echo v2 >www/app/version
printf '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n' >www/app/.gitmodules
git -C www/app add .
git -C www/app update-index --add --cacheinfo "160000,$(git -C www/lib rev-parse HEAD),lib"
git -C www/app commit -qm 2
git -C www/app tag -a v1.9.0 -m 1.9.0
git clone -q --bare www/app www/plain.git && git -C www/plain.git update-server-info
mkdir tree && printf 'FROM busybox\nCOPY . /\nCMD cat /f\n' >tree/Dockerfile && echo tar >tree/f
printf 'FROM busybox\nCMD echo alone\n' >www/alone
tar -czf www/tree.tar.gz -C tree .
echo file >www/file && touch -d @1234567890 www/file
sum=sha256:$(sha256sum <www/file | cut -d' ' -f1)
head -c 100 /dev/zero >www/zeros
echo token >token

if have openssl; then # an authority and the server's certificate, whose key is with it
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=127.0.0.1 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
    openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out certificate 2>/dev/null
    cat key >>certificate
    serve www certificate
else
    serve www
fi || skip_all "no server can be started"

# runs CONTEXT OPTION...: what the image made of CONTEXT prints
runs() { if image-build -q -t made "$@" >.log 2>&1; then image-run made 2>&1; else cat .log; fi; }
# inside: what a path of the last image has
inside() { image-run made "$@" 2>&1; }

is "a repository is a context, at its HEAD" "$(runs "$repos/app")" v2
is "with its submodules" "$(inside cat /src/lib/code)" library
is "and nothing of git's" "$(inside find /src -name .git)" ""
is "with the commit's times" "$(inside stat -c %Y /src/version)" 1000000000
is "a branch" "$(runs "$repos/app#old")" v1
is "a tag" "$(runs "$repos/app#v1")" v1
is "a commit, as a query" "$(runs "$repos/app?commit=$first&ref=old")" v1
status_is "a commit that is not the one" 3 image-build "$repos/app?commit=$first"
is "a subdirectory" "$(runs "$repos/app#main:sub")" sub
is "whose ignore file is not obeyed, as in BuildKit" "$(inside ls /src)" "Dockerfile
other
passwd
where"
is "-f is a path in the context" "$(runs -f other "$repos/app#:sub")" other
status_is "of which no link leads out" 3 image-build -f passwd "$repos/app#:sub"
is "-f - is standard input" "$(printf 'FROM busybox\nCOPY where /\nCMD cat /where\n' | runs -f - "$repos/app#:sub")" sub
is "and -f a file of here, by its absolute path" "$(runs -f "$work/www/alone" "$repos/app")" alone
is "-f is a URL" "$(runs -f "$web/alone" "$repos/app")" alone
is "plain files of a web server are a repository too" "$(runs "$web/plain.git#v1")" v1
# unpacked ARGUMENT...: the image's tree, in which git itself is the judge
unpacked() { rm -rf out && image-build -q -o out "$@" >.log 2>&1; }
# judged DIR: what git says of a kept repository there
judged() {
    git -C "out/$1" fsck --strict >/dev/null 2>&1 && git -C "out/$1" status --porcelain &&
        git -C "out/$1" for-each-ref --format='%(refname)' && git -C "out/$1" rev-parse HEAD
}
keep=BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 main=$(git -C www/app rev-parse main)
ok "keeping .git is asked for as in docker" unpacked --build-arg $keep "$repos/app"
is "it has the default branch" "$(judged src)" "refs/heads/main
$main"
is "and the servers, for itself and its submodules" "$(git -C out/src remote get-url origin && git -C out/src/lib remote get-url origin)" "$repos/app
$repos/lib"
ok "fetched again it is found in the cache" sh -c 'image-build --build-arg "$1" "$2" 2>&1 | grep CACHED' - $keep "$repos/app"
ok "a tag" unpacked --build-arg $keep "$repos/app#v1.9.0"
is "is there, and no other" "$(judged src)" "refs/tags/v1.9.0
$main"
is "so that versions are right" "$(git -C out/src describe --tags --dirty)" v1.9.0
ok "a branch" unpacked --build-arg $keep "$repos/app#old"
is "is there" "$(judged src)" "refs/heads/old
$first"
ok "the rest can be fetched" git -C out/src fetch -q --unshallow --tags
is "and is there" "$(git -C out/src describe --tags origin/main)" v1.9.0
hidden=$(echo "$web" | sed 's|//|//user:hidden@|')
ok "a password in the URL" unpacked --build-arg $keep "$hidden/plain.git?tag=v1.9.0&submodules=0"
is "brings the same" "$(judged src)" "refs/tags/v1.9.0
$main"
is "and is left nowhere" "$(grep -rl user:hidden out store)" ""
ok "a token" unpacked --build-arg $keep --secret id=GIT_AUTH_TOKEN,src=token "$web/private/plain.git?tag=v1.9.0&submodules=0"
is "neither" "$(git -C out/src describe --tags; grep -rl -e eC1hY2Nlc3MtdG9rZW46dG9rZW4= -e Authorization out/src)" v1.9.0
# objects: the objects and references that are kept
objects() { unpacked --build-arg $keep "$1" && (cd out/src/.git && find . -type f ! -name config -exec sha256sum {} + | sort); }
is "a server of plain files, which gives too much, brings the same bytes" \
    "$(objects "$web/plain.git?ref=$first&submodules=0")" "$(objects "$repos/app?ref=$first&submodules=0")"
ok "which are some" [ -s out/src/.git/shallow ]
is "a tar at a URL is a context" "$(runs "$web/redirect/2/tree.tar.gz")" tar
is "of the caller's files" "$(inside stat -c %u:%g /f)" 0:0
is "and a Dockerfile" "$(runs "$web/alone")" alone
status_is "with which there is no -f" 2 image-build -f alone "$web/alone"
status_is "what is neither" 3 image-build "$web/zeros"
ok "is said" grep -q 'neither a tar nor a Dockerfile' .out
status_is "a URL that is not there" 1 image-build "http://user:secret@${web#http://}/nope?token=secret"
ok "is said with the server's word and without secrets" sh -c 'grep -q 404 .out && ! grep -q secret .out'
status_is "a repository that is not there" 1 image-build "$repos/nope"
status_is "a branch that is not there" 1 image-build "$repos/app#nope"
status_is "a subdirectory that is not there" 3 image-build "$repos/app#:nope"
status_is "a reference that would be an option" 3 image-build "$repos/app#--upload-pack=touch"
status_is "a scheme that is none" 3 image-build ftp://127.0.0.1/x
same_digest "-n prints a script that fetches, and builds the same" \
    "$(image-build -q -n "$repos/app" | sh 2>/dev/null)" "$(image-build -q "$repos/app")"
image-build -q -n --keep fetched-again "$repos/app" >script
same_digest "which fetches anew each time it is run in the directory of --keep" "$(sh script >/dev/null 2>&1 && sh script 2>/dev/null)" \
    "$(image-build -q "$repos/app")"
ok "checks are made of what is fetched" sh -c 'image-build --check "$1" | grep JSONArgs' - "$repos/app"
mkdir below && (cd below && tar -cPf ../www/up.tar ../token ../tree/f)
is "no name in a tar leads out" "$(cd below && context-fetch "$web/up.tar" new && find . -type f | sort)" "new/tree
./new/tree/token
./new/tree/tree/f"
is "a directory that can't be written goes away with the build" "$(mkdir shut && cp www/alone shut/Dockerfile && chmod 0555 shut &&
    tar -cf - -C shut . | runs -)" alone
ok "context-fetch says where the context is" [ "$(context-fetch "$repos/app#:sub" new)" = new/tree/sub ]
status_is "and wants a directory of its own" 1 context-fetch "$repos/app" new
is "a directory is its own context, whatever it is called" \
    "$(mkdir 'a@b:c' && context-fetch context other && context-fetch 'a@b:c' other && context-fetch --time 'a@b:c' other && ls -d other 2>/dev/null)" "context
a@b:c"
status_is "what is not there is no context" 1 image-build nowhere
is "and said to be none of those that there are" "$(cat .out)" \
    "image-build: nowhere: no such file or directory; name a directory, a tar or a URL of http, https, git or ssh"
status_is "nor is a tar without a URL, as in docker" 1 image-build www/tree.tar.gz

dockerfile() { cat >context/Dockerfile; }
dockerfile <<'END'
FROM busybox AS one
COPY --from=repo version /version
FROM busybox
COPY --from=one /version /
COPY --from=tar f /
COPY --from=file context /file
COPY --from=local f /local
RUN --mount=from=tar,target=/m cat /m/f >/mounted
CMD cat /version /f /file /local /mounted
END
tar -cf local.tar -C tree .
: >www.log
is "named contexts are repositories, URLs and tars" \
    "$(runs context --build-context repo="$repos/app#old" --build-context tar="$web/tree.tar.gz" \
        --build-context file="$web/file" --build-context local=local.tar | tr '\n' ' ')" "v1 tar file tar tar "
is "each fetched once a build" "$(sort www.log)" "/file
/tree.tar.gz"
printf 'FROM tree\nCOPY --from=repo version /v\n' | dockerfile
is "a stage can stand on one" "$(image-build -q context -o - --build-context tree="$web/tree.tar.gz" \
    --build-context repo="$repos/app" | tar -xO f v | tr '\n' ' ')" "tar v2 "
printf 'FROM busybox\n' | dockerfile
: >www.log
ok "one that nobody uses" image-build context --build-context unused="$web/tree.tar.gz"
is "is not fetched" "$(cat www.log)" ""
for bad in ftp://x/y target:other file:///etc; do
    status_is "a context that is $bad" 2 image-build context --build-context "x=$bad"
    ok "is no kind of context" grep -q "$bad: " .out
done

# adds WORDS...: builds an ADD on busybox
adds() { printf 'FROM busybox\nADD %s\n' "$*" | dockerfile && image-build -q -t made context >.added 2>&1; }
ok "ADD of a URL" adds "$web/file /a/"
is "has mode 0600, root and the server's time" "$(inside stat -c '%a %u:%g %Y' /a/file)" "600 0:0 1234567890"
ok "or 1970" adds "$web/undated/file /a"
is "without a directory, the name of the destination" "$(inside stat -c '%Y %F' /a)" "0 regular file"
ok "after redirects it is called as it was asked for" adds "$web/redirect/5/file?x=/y /a/"
is "without the query" "$(inside ls /a)" file
status_is "too many redirects" 1 adds "$web/redirect/6/file /a/"
ok "in an existing directory" adds --chmod=u=rw,go=r --chown=7:8 "$web/file /etc"
is "with --chmod and --chown" "$(inside stat -c '%a %u:%g' /etc/file)" "644 7:8"
ok "a tar stays one" adds "$web/tree.tar.gz /a/"
is "with --unpack it does not" "$(adds --unpack "$web/tree.tar.gz /a/" && inside cat /a/f)" tar
ok "variables are expanded in the URL" sh -c 'printf "FROM busybox\nARG W\nARG S\nADD --checksum=\$S \$W/file /a/\n" >context/Dockerfile &&
    image-build --build-arg W="$1" --build-arg S="$2" context' - "$web" "$sum"
status_is "COPY of a URL" 3 sh -c 'printf "FROM busybox\nCOPY %s/file /\n" "$1" >context/Dockerfile && image-build context' - "$web"
ok "is told to be ADD's" grep -q 'Dockerfile:2: .*ADD' .out

mv www/file www/away
: >www.log
ok "what was fetched with a checksum needs no server" adds "--checksum=$sum" "$web/file /b/"
ok "nor in another step" adds "--checksum=$sum" --chown=1 "$web/file /c/"
is "which is not asked" "$(cat www.log)" ""
is "nor is the time lost" "$(inside stat -c '%u %Y' /c/file)" "1 1234567890"
status_is "another URL with that checksum is fetched, and is not there" 1 adds "--checksum=$sum" "$web/other/file /b/"
mv www/away www/file
: >www.log
ok "a query that changed is another URL" adds "--checksum=$sum" "$web/file?signature=2 /b/"
is "which is fetched" "$(cat www.log)" "/file?signature=2"
mkdir www/new && echo newer >www/new/file
status_is "a new URL with the old checksum" 3 adds "--checksum=$sum" "$web/new/file /b/"
ok "is an error that says both" grep -q "$(sha256sum <www/new/file | cut -c1-64).*$sum" "$work/.added"
echo changed >www/changed
status_is "another content" 3 adds "--checksum=$sum" "$web/changed /b/x"
ok "has another checksum, and both are said" grep -q "$(sha256sum <www/changed | cut -c1-64).*$sum" "$work/.added"
status_is "a checksum that can't be one" 3 adds --checksum=md5:ab "$web/file /b/"
status_is "a checksum of a path" 3 adds "--checksum=$sum" "Dockerfile /b/"
status_is "a checksum of two" 3 adds "--checksum=$sum" "$web/file $web/alone /b/"

ok "ADD of a repository" adds "$repos/app#old /b"
is "is its tree" "$(inside cat /b/version)" v1
ok "of a subdirectory" adds --keep-git-dir "$repos/app#main:sub /b"
is "has no .git" "$(inside ls -A /b | tr '\n' ' ')" ".dockerignore Dockerfile other passwd where "
ok "--keep-git-dir" adds --keep-git-dir "$repos/app /b"
equal "keeps it" "$(inside cat /b/.git/HEAD)" "$(git -C www/app rev-parse HEAD)"
printf 'FROM scratch\nADD --keep-git-dir %s /b\n' "$repos/app#v1.9.0" | dockerfile
ok "of a tag" unpacked context
is "keeps the tag too" "$(judged b) $(git -C out/b describe --tags)" "refs/tags/v1.9.0
$main v1.9.0"
same_digest "and is the same image in every store" "$(SOURCE_DATE_EPOCH=0 STAGEPIPE_STORE=$work/second image-build -q context)" \
    "$(SOURCE_DATE_EPOCH=0 image-build -q context | grep '^sha256:')"
printf 'FROM scratch\nADD --keep-git-dir %s /b\n' "$repos/app#$main" | dockerfile
ok "of the tag's commit, which is another step" unpacked context
is "has no tag" "$(judged b)" "$main"
ok "--checksum is the commit" adds "--checksum=$first" "$repos/app#old /b"
status_is "or an error" 3 adds "--checksum=$first" "$repos/app#main /b"
ok "a commit" adds "$repos/app#$first /b"
mv www/app www/away
ok "needs no server a second time" adds --chown=1 "$repos/app#$first /b"
is "nor another directory of its own" "$(inside stat -c '%u %Y' /b/version)" "1 1000000000"
status_is "as a branch does" 1 adds "$repos/app#old /b"
mv www/away www/app
status_is "a commit that only another repository gave" 1 adds "--checksum=$first" "$repos/lib#$first /b"
status_is "nor is it there for who trusts the checksum" 1 adds "$repos/lib?fetch-by-commit&checksum=$first /b"
ok "submodules=false" adds "$repos/app?submodules=false /b"
is "leaves them out" "$(inside ls /b/lib)" ""

if [ "$secure" = https://127.0.0.1:0 ]; then
    skip "https" "openssl is missing"
else
    export SSL_CERT_FILE="$work/ca.pem"
    ok "https, with the authority of SSL_CERT_FILE" adds "$secure/file /b/"
    is "is a context too, and a repository" "$(runs "$secure/tree.tar.gz")
$(runs "$secure/plain.git#v1")" "tar
v1"
    status_is "https does not lead to http" 1 adds "$secure/to/$web/file /b/"
    status_is "nor does a repository" 1 adds "$secure/to/$web/plain.git#v1 /b/"
    ok "though it may lead elsewhere" adds "$web/to/$secure/plain.git#v1 /b/"
    git clone -q --bare www/lib www/lib.git && git -C www/lib.git update-server-info
    git clone -q www/app super && git -C super config -f .gitmodules submodule.lib.url "$web/lib.git" && git -C super commit -qam 3
    git clone -q --bare super www/super.git && git -C www/super.git update-server-info
    is "and a submodule may be elsewhere" "$(runs "$secure/super.git" >/dev/null && inside cat /src/lib/code)" library
    unset SSL_CERT_FILE
    status_is "an authority that nobody knows" 1 adds "$secure/file /b/"
    ok "is named as the reason" grep -q 'certificate.*SSL_CERT_FILE' .added
fi
is "a secret opens a file" "$(runs --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src=token "$web/private/alone")" alone
is "and a repository" "$(TOKEN=token runs --secret id=GIT_AUTH_TOKEN,env=TOKEN "$web/private/plain.git#v1")" v1
printf 'FROM busybox\nADD %s %s /b/\nCMD cat /b/alone /b/version\n' "$web/private/alone" "$web/private/plain.git#v1" | dockerfile
is "in ADD too" "$(runs --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src=token --secret id=GIT_AUTH_TOKEN,src=token context | tail -n1)" v1
status_is "which others are not let in to" 1 image-build "$web/private/other"
ok "and is nowhere in the store" no_match -rqw -e "Bearer token" -e eC1hY2Nlc3MtdG9rZW46dG9rZW4= store

for source in "git://$silent/x" "http://$silent/x"; do
    image-build "$source" >/dev/null 2>&1 &
    pid=$!
    sleep 1
    kill -TERM $pid
    wait $pid
    is "a build that waits for ${source%%:*} can be ended" $? 143
    sleep 0.2
    nothing_runs "and nothing waits on" "$silent"
done
is "nothing is left in the temporary directory" "$(ls -A tmp)" ""
is "nor in the store's" "$(ls -A store/tmp)" ""
# SOURCE_DATE_EPOCH asks for the time of something
created() { # ASKED CONTEXT OPTION...
    asked=$1 && shift
    if image-build -q -t dated --build-arg "SOURCE_DATE_EPOCH=$asked" "$@" >.log 2>&1; then
        image-save --format oci -o dated.tar dated >/dev/null && rm -rf dated && mkdir dated && tar -xf dated.tar -C dated
        config=$(jq -r .manifests[0].digest dated/index.json) && config=$(jq -r .config.digest "dated/blobs/sha256/${config#*:}")
        jq -r .created "dated/blobs/sha256/${config#*:}" | cut -c1-19
    else
        cat .log
    fi
}
mkdir dates
cat >dates/Dockerfile <<END
FROM scratch AS page
ARG NAME=file
ADD $web/\$NAME /
FROM scratch AS tar
ADD $web/tree.tar.gz /
FROM scratch AS two
ADD $web/file $web/alone /
FROM busybox
COPY Dockerfile /
END
is "that of the context, a commit's" "$(created context "$repos/app")" 2001-09-09T01:46:40
is "that of a named context" "$(created Other dates --build-context "other=$repos/app#v1")" 2001-09-09T01:46:40
is "that of what a stage adds, as the server says" "$(created Page dates)" 2009-02-13T23:31:30
is "with the stage's arguments" "$(created page dates --build-arg NAME=nope | grep -c 404)" 1
is "a directory has none" "$(created context dates | cut -c1-4)" "$(date -u +%Y)"
is "which is as good as none at all" "$(created '' dates | cut -c1-4)" "$(date -u +%Y)"
is "a stage that adds more is refused with its line" "$(created two dates | head -n 1)" \
    "image-build: Dockerfile:7: SOURCE_DATE_EPOCH stage must contain exactly one remote ADD source"
is "a number is itself" "$(created 3 dates)" 1970-01-01T00:00:03
is "what nothing is called is refused" "$(created nope dates | head -n 1)" \
    "image-build: Dockerfile: invalid SOURCE_DATE_EPOCH: \"nope\" is not a number of seconds since 1970, a context or a stage"
finish
