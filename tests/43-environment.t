#!/bin/sh
# Docker's variables, build arguments and files that are obeyed, and options that would do nothing, which is told.
# stagepipe-options(7) lists all; 43-foreign-options.t tries those that are refused or change nothing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset DOCKER_CONFIG DOCKER_DEFAULT_PLATFORM DOCKER_HOST
export HOME="$work/home"
mkdir -p home/.docker context there
load_busybox
# dockerfile LINE...
dockerfile() { printf '%s\n' "$@" >context/Dockerfile; }
# shown [OPTION]...: what a RUN's echo printed
shown() { image-build --no-cache "$@" context 2>&1 | sed -n 's/^#[0-9]* [0-9.]* *\(shown .*\)/\1/p'; }

dockerfile 'FROM scratch' 'ARG TARGETARCH' 'COPY Dockerfile /$TARGETARCH'
architecture() { image-build -q -t arch "$@" context >/dev/null && image-inspect arch | sed -n 's,.*"linux/\([a-z0-9]*\)".*,\1,p'; }
is "DOCKER_DEFAULT_PLATFORM is the platform" "$(DOCKER_DEFAULT_PLATFORM=linux/riscv64 architecture)" riscv64
is "--platform wins" "$(DOCKER_DEFAULT_PLATFORM=linux/riscv64 architecture --platform linux/s390x)" s390x
status_is "a wrong one is a usage error" 2 env DOCKER_DEFAULT_PLATFORM=linux/amd64,linux/arm64 image-build context
ok "in its name" grep -q '^image-build: DOCKER_DEFAULT_PLATFORM: .*several platforms' .out

dockerfile 'FROM busybox' 'RUN echo "shown $HTTP_PROXY,$no_proxy"'
is "no proxy is handed on by itself" "$(HTTP_PROXY=http://here:1 shown)" "shown ,"
echo '{"auths": {}, "proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "a,b"}}}' >home/.docker/config.json
is "those of docker's config.json are" "$(shown)" "shown http://p:1,a,b"
is "a build argument wins" "$(shown --build-arg HTTP_PROXY=http://q:2)" "shown http://q:2,a,b"
mkdir conf && echo '{"proxies": {"default": {"httpProxy": "http://r:3"}}}' >conf/config.json
is "DOCKER_CONFIG says which" "$(DOCKER_CONFIG=$work/conf shown)" "shown http://r:3,"
echo '{' >conf/config.json
status_is "one that is no JSON is no failure" 0 env "DOCKER_CONFIG=$work/conf" image-build context
ok "but is told" grep -q '^image-build: warning: .*conf/config.json: .*; no proxies of it are used$' .out
rm home/.docker/config.json

dockerfile 'FROM busybox' 'RUN --mount=type=cache,id=c,target=/c echo "shown $(cat /c/word 2>&1)"; echo one >/c/word'
is "a cache is empty at first" "$(shown | cut -c 1-9)" "shown cat"
is "then it is not" "$(shown)" "shown one"
is "BUILDKIT_CACHE_MOUNT_NS has caches of its own" "$(shown --build-arg BUILDKIT_CACHE_MOUNT_NS=other | cut -c 1-9)" "shown cat"
is "which are kept" "$(shown --build-arg BUILDKIT_CACHE_MOUNT_NS=other)" "shown one"

# warned TEXT [OPTION]...: of what image-build warns
warned() { image-build "$@" context 2>&1 | sed -n 's/^image-build: warning: //p'; }
front='this front end is not run; the file is read as docker/dockerfile reads it'
for own in docker/dockerfile:1 docker.io/docker/dockerfile:1.7-labs 'mirror.example/docker/dockerfile:1 words'; do
    dockerfile "# syntax=$own" 'FROM scratch' 'COPY Dockerfile /'
    is "nothing is said of # syntax=$own" "$(warned)" ""
done
dockerfile '# escape=`' '# syntax=x.example/front-end:1' 'FROM scratch' 'COPY Dockerfile /'
is "of another front end it is" "$(warned)" "Dockerfile:2: # syntax=x.example/front-end:1: $front"
is "BUILDKIT_SYNTAX takes its place" "$(warned --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1)" ""
is "and is warned of likewise" "$(warned --build-arg BUILDKIT_SYNTAX=a/b)" "--build-arg BUILDKIT_SYNTAX=a/b: $front"
is "-q says nothing" "$(image-build -q context 2>&1 | grep -c warning)" 0
dockerfile '# syntax=x.example/plus' 'FROM scratch' 'INCLUDE other'
status_is "a file in another language is refused" 3 image-build context
is "after the warning that may be the reason" "$(sed -n 1p .out)" "image-build: warning: Dockerfile:1: # syntax=x.example/plus: $front"

echo "# what would do nothing is told"
dockerfile 'FROM scratch' 'COPY Dockerfile /'
is "no image is made to name" "$(warned -o type=cacheonly -t name)" \
    "--tag: --output type=cacheonly makes no image, so there is none to name"
is "with a time to come" "$(warned -o type=image,rewrite-timestamp=true)" \
    "--output rewrite-timestamp: no SOURCE_DATE_EPOCH is set; times stay as they are"
is "none is missed where there is one" "$(SOURCE_DATE_EPOCH=1 warned -o type=image,rewrite-timestamp=true)" ""
touch there/file
rm -rf store
while IFS='|' read -r words text; do
    # shellcheck disable=SC2086 # words
    status_is "$words is refused" 2 image-build $words context
    is "with the reason" "$(cat .out)" "image-build: $text"
done <<'END'
-o type=oci,tar=false,dest=there|--output: there: the directory is not empty; name a new one
-o type=cacheonly --iidfile id|--iidfile: --output type=cacheonly makes no image; leave one of them out
--build-context n=gone|--build-context: n: there is no gone; name a directory or a tar
--build-context n=oci-layout://gone:1|--build-context: n: there is no oci-layout://gone:1; name a directory or a tar
--secret id=s,src=gone|--secret: secret s: there is no file gone; write src=FILE or env=VARIABLE
--secret id=s,env=GONE|--secret: $GONE is not set
--secret src=there/file|--secret: it has no id=
END
status_is "an ssh key is no agent" 2 image-build --ssh default=there/file context
is "and what to do is said" "$(cat .out)" "image-build: --ssh: 'default=there/file': there/file is no socket; give a key to an agent by ssh-add"
ok "before a store is made" [ ! -e store/stagepipe-store ]
ok "an OCI layout that is there may have a tag" image-build -n --build-context n=oci-layout://there:1 context
ok "what is elsewhere is not asked for" image-build --build-context n=https://x.invalid/a.tar --build-context m=docker-image://none context
finish
