#!/bin/sh
# Why a step is not in the cache: stage-run's --explain and --dry-run, and image-build's --explain.
# shellcheck source=tests/lib.sh disable=SC2016 # the edits are evaluated later
. "$(dirname "$0")/lib.sh"

load_busybox
options='' n=0

context() {
    rm -rf context
    mkdir -p context/src/sub
    echo a >context/src/a.c && echo b >context/src/b.c && echo c >context/src/sub/c.c
    echo 1 >context/1.txt && echo docs >context/README
}
# dockerfile INSTRUCTIONS: on a directory that only this case has, so that no other case's steps fit
dockerfile() { printf 'FROM busybox\nWORKDIR /case@\n%s\n' "$1" | sed "s/@/$n/" >context/Dockerfile; }
other() { dockerfile "$1"; }
# stage OPTION...: what stage-run says of the last step that was not cached
stage() {
    # shellcheck disable=SC2086 # options are words
    df-parse $options <context/Dockerfile 2>out | stage-run --context context --explain "$@" 2>out >records
    sed -n 's/^#[0-9]* \(not cached\|would run\): //p' out | tail -n 1
}
# why DESCRIPTION WANTED INSTRUCTIONS EDIT: what is said of the last step after the edit; a dry run, which
# writes nothing to the store, says the same before it
why() {
    n=$((n + 1))
    context
    dockerfile "$3"
    stage >/dev/null
    eval "$4"
    find store -printf '%p %T@ %s\n' | sort >before
    dry=$(stage --dry-run)
    find store -printf '%p %T@ %s\n' | sort >after
    cmp before after >&2 || dry="$dry, and wrote to the store"
    is "$1" "$dry / $(stage)" "$2 / $2"
    options=''
}

echo "# what changed"
why "a copied file's content" "file src/b.c of the context changed" 'COPY src /s' 'echo new >context/src/b.c'
why "several files: the first by name, and how many more" "file src/a.c of the context changed (and 2 more)" 'COPY . /s' \
    'for f in sub/c.c b.c a.c; do echo new >context/src/$f; done'
why "a file's mode" "mode of src/a.c of the context: 0644 → 0755" 'COPY src /s' 'chmod 755 context/src/a.c'
why "a new file" "src/0 of the context is new" 'COPY src /s' 'touch context/src/0'
why "a file that is gone" "src/sub/c.c of the context is gone" 'COPY src /s' 'rm context/src/sub/c.c'
why "a link instead of a file" "src/a.c of the context is of another kind" 'COPY src /s' 'ln -sf b.c context/src/a.c'
why "a file alone" "file README of the context changed" 'COPY README /s/' 'echo new >context/README'
why "a file that a pattern finds" "2.txt of the context is new" 'COPY *.txt /s/' 'touch context/2.txt'
why "a here-document's text" "here-document F changed" 'COPY <<F /s
one
F' 'other "COPY <<F /s
two
F"'
why "a file of a bind mount" "file src/sub/c.c of the context changed" 'RUN --mount=type=bind,source=src,target=/m true' \
    'echo new >context/src/sub/c.c'
why "the command" 'command: "true 1" → "true 2"' 'RUN true 1' 'other "RUN true 2"'
options='--platform linux/amd64'
why "the platform" '--platform: "linux/amd64" → "linux/386"' 'RUN true' 'options="--platform linux/386"'
options='--platform linux/amd64'
why "the command, and not the platform that was built for meanwhile" 'command: "true 1" → "true 2"' 'RUN true 1' \
    'options="--platform linux/386" && stage >/dev/null && options="--platform linux/amd64" && other "RUN true 2"'
why "a build argument" 'build argument V: "1" → "2"' 'ARG V=1
RUN true' 'options="--build-arg V=2"'
why "a variable" 'variable X: "1" → "2"' 'ENV X=1
RUN true' 'other "ENV X=2
RUN true"'
why "a variable more" 'variable Y is new: "2"' 'ENV X=1
RUN true' 'other "ENV X=1 Y=2
RUN true"'
why "a variable less" 'variable X is gone; it was "1"' 'ENV X=1 Z=3
RUN true' 'other "ENV Z=3
RUN true"'
why "never a secret's value" "variable API_TOKEN changed" 'ENV API_TOKEN=1
RUN true' 'other "ENV API_TOKEN=2
RUN true"'
why "a mount" '--mount of type tmpfs at /m is new' 'RUN true' 'other "RUN --mount=type=tmpfs,target=/m true"'
why "the user" 'user: "" → "root"' 'RUN true' 'other "USER root
RUN true"'
why "a flag" '--chown is new: "1:2"' 'COPY src /s' 'other "COPY --chown=1:2 src /s"'
why "the destination" 'destination: "/s" → "/t"' 'COPY src /s' 'other "COPY src /t"'
why "an instruction that is new" "it was not built before" 'RUN true' 'other "RUN true
COPY src /only-here"'
why "a step in between that is gone" "the steps before it changed" 'RUN true
COPY README /
RUN false || true' 'other "RUN true
RUN false || true"'
why "a parent that ran again" "follows from step 2" 'COPY src /s
RUN true 1
RUN true 2' 'echo new >context/src/a.c'
why "nothing: the snapshot is gone" "its result is no longer in the store" 'RUN true' \
    'rm -rf "store/snapshots/$(sed -n "s/.*\"snapshot\":\"\([0-9a-f]*\)\",\"ships.*/\1/p" records | tail -n 1)"'

n=$((n + 1)) && context && dockerfile 'RUN true' && stage >/dev/null
is "--no-cache" "$(stage --no-cache)" "--no-cache"
printf 'FROM busybox\nRUN cat /etc/passwd >/p\n' >context/Dockerfile && stage >/dev/null
printf 'FROM busybox\nRUN echo other >>/etc/passwd\n' >base && image-build -q -t busybox -f base context >/dev/null 2>&1
is "another image of the base's name" "$(stage)" "its base, image busybox, changed"

echo "# between stages"
cat >context/Dockerfile <<'END'
FROM busybox AS one
COPY src /s
RUN cat /s/* /s/*/* >/out 2>/dev/null || true
FROM busybox
COPY --from=one /out /out
END
stage >/dev/null
echo other >context/src/a.c
is "a dry run knows that a stage would be another one" "$(stage --dry-run)" "follows from stage one"
is "the build knows what it copies from it" "$(stage)" "file /out of stage one changed"
ok "a dry run's records are no image" sh -c '! df-parse <context/Dockerfile | stage-run --context context --dry-run 2>/dev/null | image-assemble 2>message && grep dry_run message'
is "no name of an ingredient comes twice in a record" \
    "$(jq -c 'select(.type == "step") | [(.ingredients // [])[].name] | select(length != (unique | length))' records)" ""
ok "where one has several values" grep -q '"command 3"' records
is "in the records" "$(jq -r 'select(.type == "step" and .cache == "miss") | .why | "\(.reason) \(.ingredient) \(.path) \(.step)"' records)" \
    "changed content src/a.c null
follows parent null 1
changed content out null"

echo "# image-build"
context && n=$((n + 1)) && dockerfile 'COPY src /s'
image-build -q context >/dev/null 2>&1
echo other >context/src/b.c
image-build --explain context >/dev/null 2>out
is "a whole build" "$(grep 'not cached' out)" "#0 not cached: file src/b.c of the context changed"
image-build context >/dev/null 2>out
ok "cached, nothing is explained" no_match "not cached" out
echo third >context/src/b.c
image-build context >/dev/null 2>out
ok "without --explain neither" no_match "not cached" out
chmod -R 700 store
rm -rf store/latest store/listings
echo fourth >context/src/b.c
image-build --explain context >/dev/null 2>out
is "what explains may be lost" "$(grep 'not cached' out)" "#0 not cached: it was not built before"
finish
