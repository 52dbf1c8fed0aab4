#!/bin/sh
# What image-build says about mistakes: each folder of messages/ is one, and expected is all it says, the
# progress of steps, the digest and what depends on how far other stages came aside.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir none

# said_of DIR: what is said; the store and the names of logs differ from one run to the next.
said_of() {
    context=$work/none
    [ ! -d "$1/context" ] || context=context
    set -- "$1" -f Dockerfile "$context"
    [ ! -f "$1/args" ] || set -- "$@" "$(cat "$1/args")"
    (cd "$1" && shift && exec image-build "$@") 2>&1 </dev/null |
        sed -e '/^#[^ ]* /d' -e '/^sha256:/d' -e '/ what ran beside it was stopped$/d' -e "s|$STAGEPIPE_STORE|STORE|g" -e 's|logs/[0-9a-f]*\.log|logs/ID.log|' -e "s|--failed [0-9a-f]*|--failed ID|"
}

for dir in "$top"/tests/messages/*/; do
    name=$(basename "$dir")
    said_of "$dir" >said
    if [ "${UPDATE_MESSAGES-}" ]; then cp said "$dir/expected"; fi
    ok "$name" diff -u "$dir/expected" said
done

mkdir -p sub/dir
printf 'FROM busybox\nRUNN x\n' | tee sub/dir/app.Dockerfile >sub/Dockerfile
is "the file's name is the one that was given" "$(image-build -f sub/dir/app.Dockerfile sub 2>&1 | head -n1)" \
    "image-build: sub/dir/app.Dockerfile:2: unknown instruction RUNN; did you mean RUN?"
is "without one it is the name in the context" "$(image-build sub 2>&1 | head -n1)" \
    "image-build: Dockerfile:2: unknown instruction RUNN; did you mean RUN?"
is "on standard input it is Dockerfile" "$(image-build -f - sub <sub/Dockerfile 2>&1 | head -n1)" \
    "image-build: Dockerfile:2: unknown instruction RUNN; did you mean RUN?"
is "by hand each tool speaks for itself" "$(df-parse sub/Dockerfile 2>&1 | head -n1)" \
    "df-parse: sub/Dockerfile:2: unknown instruction RUNN; did you mean RUN?"
printf 'FROM busybox\nRUN echo one; echo two >&2; exit 3\n' >sub/Dockerfile
image-build --progress quiet sub >said 2>&1
is "without progress the end of the output is below the message" "$(sed 's/[^ ]*$//' said | tail -n 3 | head -n 1; sed -n '4,5p' said)" \
    "$(printf '       \n       one\n       two')"
# A path that is longer than the system takes has a short message, whoever made it. Two halves make one.
part=$(printf '%0240d' 0) && half=$part/$part/$part/$part/$part/$part/$part/$part/$part
mkdir -p "far/$half" "near/$half" && mv near "far/$half/" && tar -cf far.tar far
for step in 'COPY far /far' 'ADD far.tar /' 'COPY --parents far /x/' "RUN mkdir -p /$half /near/$half && mv /near /$half/"; do
    printf 'FROM busybox\n%s\n' "$step" >Dockerfile
    image-build . 2>&1 | grep -v '^#' >said
    ok "a path too long of ${step%% *} is told in a short line" \
        sh -c "grep 'Dockerfile:2: .*….*4096' said && ! grep '.\{800\}' said"
done
finish
