#!/bin/sh
# image-build: docker build's command line, what it prints, how it fails, what it leaves behind.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir context tmp 'tmp dir'
export TMPDIR="$work/tmp"
dockerfile() { cat >context/Dockerfile; }
build() { image-build "$@" context; }

dockerfile <<'END'
FROM busybox
ARG a
ARG version
RUN printf '%s\n' "a=$a version=$version" >/out
COPY . /context/
CMD cat /out; ls -A /context
END
printf 'secret\n*.tmp\n' >context/.dockerignore
touch context/kept context/secret context/x.tmp
ok "several tags, clustered short options, a label" build -qt one -t two --label "it's=a \"label\""
ok "both tags are there" sh -c 'image-list | grep one && image-list | grep two'
version=5 build --build-arg version --build-arg 'a=b c' --build-arg unset -t args >/dev/null 2>&1
is "build arguments come from the line and the environment" "$(image-run args head -n1 /out 2>&1)" "a=b c version=5"
is ".dockerignore is obeyed" "$(image-run args ls -A /context | tr '\n' ' ')" ".dockerignore Dockerfile kept "
echo kept >context/Dockerfile.dockerignore
build -t ignored >/dev/null 2>&1
is "Dockerfile.dockerignore wins" "$(image-run ignored ls -A /context | tr '\n' ' ')" ".dockerignore Dockerfile Dockerfile.dockerignore secret x.tmp "
rm context/Dockerfile.dockerignore
mv context/Dockerfile context/dockerfile
ok "dockerfile is the second choice" build
is "the Dockerfile comes from standard input" "$(printf 'FROM busybox\nCMD echo in\n' | image-build -q -t in -f - context >/dev/null && image-run in)" in
is "so does a whole context" "$(tar -cC context dockerfile kept | image-build -q -t tarred - >/dev/null && image-run tarred ls /context | tr '\n' ' ')" "dockerfile kept "
is "a Dockerfile alone is a context too" "$(printf 'FROM busybox\nCMD echo alone\n' | image-build -q -t alone - >/dev/null && image-run alone)" alone

is "-q prints the digest and nothing else" "$(build -q 2>&1 | sed 's/[0-9a-f]\{64\}/HEX/')" "sha256:HEX"
ok "--iidfile and --metadata-file are written" build --iidfile id --metadata-file meta
is "the id is a digest" "$(sed 's/[0-9a-f]\{64\}/HEX/' id)" "sha256:HEX"
ok "the metadata is JSON" jq -e '.["containerimage.digest"]' meta
digest=$(build -q)
same_digest "-n prints a script that builds the same" "$(build -q -n | sh 2>/dev/null)" "$digest"
same_digest "a tree beside a trace leaves the digest on standard output" "$(build -q --trace trace.json -o type=local,dest=tree)" "$digest"
build -q -o type=oci,dest=- -o type=tar,dest=beside.tar >archive.tar
ok "an archive that goes to standard output is whole beside a tar" sh -c 'tar -tf archive.tar index.json && tar -tf beside.tar bin/busybox'
build -q -o type=tar,dest=- -o type=local,dest=tree2 >tree.tar
ok "a tar of the tree there has no digest before it" cmp tree.tar beside.tar
ok "--keep leaves every stream" build --keep kept
is "of each kind" "$(cd kept && echo plan steps.* changes.* layers.*)" "plan steps.0 changes.0 layers.0"
status_is "but not over older ones" 2 build --keep kept

ok "one stage at a time, in a temporary directory with a space" \
    env TMPDIR="$work/tmp dir" image-build -j1 -t one-by-one "$top/tests/dockerfiles/two-stages"
is "is the same image" "$(image-run one-by-one 2>&1)" "Hello, world!"
status_is "--target of nothing" 3 build --target nope
status_is "an unknown option" 2 build --frobnicate
is "is named" "$(cat .out)" "image-build: --frobnicate: no such option; image-build --help lists those there are"
status_is "no context" 2 image-build -t x
status_is "no such context" 1 image-build nowhere
mkdir empty
status_is "no Dockerfile" 1 image-build empty

dockerfile <<'END'
FROM busybox AS slow
RUN sleep 1; echo slept; echo ran >/x
FROM busybox
COPY --from=slow /x /x
RUN --mount=from=slow,target=/m cat /m/x
END
build --no-cache -t waits >out 2>&1
is "what takes from a stage is shown when that has run" \
    "$(sed -n 's/^#slow slept/slept/p; s/.* \(COPY\|RUN --mount\).*/\1/p' out | tr '\n' ' ')" 'slept COPY RUN --mount '

dockerfile <<'END'
FROM busybox AS slow
RUN sleep 60 && touch /x
FROM busybox AS bad
RUN sleep 1; exit 9
FROM busybox
COPY --from=slow /x /x
COPY --from=bad /x /y
END
began=$(date +%s)
status_is "a failing RUN fails the build" 1 build -t failed
ok "naming place and status" grep -q 'Dockerfile:4.*9' .out
ok "and only the culprit speaks" no_match -e "end record" -e "layer-diff" -e "layer-pack" .out
ok "it ends the other stages at once" [ $(($(date +%s) - began)) -lt 20 ]
ok "no image is made" no_image failed
image-build context >/dev/null 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
is "a build that is ended says so by its status" $? 143
is "nothing is left in the temporary directory" "$(ls -A tmp)" ""
nothing_runs "and nothing runs on" "$work/store"

printf 'FROM busybox\nCMD echo shell\n' | dockerfile
status_is "--call check warns" 0 build --call check
ok "by rule and line" grep -q 'Dockerfile:2' .out
ok "--check is the same, as JSON if asked" sh -c 'image-build --call check,format=json context | jq -e ".warnings[0].ruleName"'
ok "--call targets" build --call targets
ok "--call outline" build --call outline
# A tool that ends early, or writes a part of its stream only, fails the build, whatever it says by its status.
dockerfile <<'END'
FROM busybox AS copied
ARG number
RUN echo $number >/copied
FROM busybox
COPY --from=copied /copied /copied
ARG number
RUN echo $number >/number
END
real=$(dirname "$(command -v stage-run)")
number=0
# early STAGE DESCRIPTION TOOL COMMAND: with the tool replaced by that, its arguments in "$@" and the tool in $real
early() {
    mkdir swap && printf '#!/bin/sh\nreal=%s\n%s\n' "$real/$3" "$4" >swap/"$3" && chmod +x swap/"$3"
    number=$((number + 1))
    PATH=$work/swap:$PATH timeout 20 image-build --build-arg number=$number -t early context >out 2>&1
    status=$?
    grep -v '^#[^ ]' out >words
    failed=$((status != 0 && status != 124)) # 124: it hangs
    is "$2: the build fails" $failed 1
    ok "$2: it says which stage" grep -e "stage $1[: ]" -e "layers\.$1: " -e "steps\.$1: " words
    image-list >list
    ok "$2: there is no image" sh -c '! grep early list'
    rm -rf swap
}
early 1 "layer-pack does nothing" layer-pack 'exit 0'
early 1 "layer-pack reads and writes nothing" layer-pack 'cat >/dev/null'
early 1 "layer-pack reads one line" layer-pack 'head -n1'
early 1 "layer-pack's stream is cut" layer-pack '$real "$@" | sed \$d'
early 1 "layer-pack is killed" layer-pack 'kill -KILL $$'
early 1 "layer-diff does nothing" layer-diff 'exit 0'
early 1 "layer-diff's stream is cut" layer-diff '$real "$@" | sed \$d'
early 1 "layer-diff's row of streams is cut" layer-diff '$real "$@" | head -n 4'
early 1 "layer-diff is killed" layer-diff 'kill -KILL $$'
of_stage() { echo 'case $* in "--stage '"$1"' "*) ;; *) exec $real "$@" ;; esac; '"$2"; }
early 0 "stage-run does nothing, for a stage that is copied from" stage-run "$(of_stage 0 'exit 0')"
early 1 "stage-run does nothing" stage-run "$(of_stage 1 'exit 0')"
early 0 "stage-run is killed, for a stage that is copied from" stage-run "$(of_stage 0 'kill -KILL $$')"
early 1 "stage-run is killed" stage-run "$(of_stage 1 'kill -KILL $$')"
early 1 "stage-run's stream is cut" stage-run "$(of_stage 1 '$real "$@" | sed \$d')"
# summary TEXT DESCRIPTION WORDS: a df-parse whose summary is that; its plan is the real one
summary() {
    mkdir swap
    printf '#!/bin/sh\nsaid=\nfor word; do [ "$said" != --summary ] || file=$word; said=$word; done\n%s "$@" && printf "%s" >"$file"\n' "$real/df-parse" "$1" >swap/df-parse
    chmod +x swap/df-parse
    PATH=$work/swap:$PATH timeout 20 image-build --build-arg number=$((number += 1)) -t early context >words 2>&1
    is "$2: the build fails" $? 3
    ok "$2: it says why" grep -q -e "$3" words
    rm -r swap
}
summary 'stage 0 target\nstage 1 beside\n' "a summary that calls another stage the target" 'stage [01] is .* in the summary of df-parse'
summary 'stage 0 target\n' "one that leaves the target out" 'stage 0 is beside there'
summary 'stage 0 beside\nstage 1 target\nstage 7 beside\n' "one of a stage that there is not" 'stage 7'
summary 'images\n' "one without stages" 'the plan has no target'
mkdir swap
printf '#!/bin/sh\nexit 0\n' >swap/layer-pack
printf '#!/bin/sh\n%s\n' 'cat >"$1"; cat "$1"; case $1 in *steps.*) sed -i \$d "$1" ;; esac' >swap/tee
chmod +x swap/*
cache() { PATH=$work/swap:$PATH timeout 20 image-build -o type=cacheonly --build-arg number=$((number += 1)) "$@" context; }
status_is "a layer-pack that does nothing fails a build that only fills the cache, too" 3 cache
rm swap/layer-pack
status_is "a stream that --keep leaves is whole, or the build fails" 3 cache --keep cut
rm -r swap
printf 'FROM busybox AS a\nRUN exit 9\nFROM busybox\nCOPY --from=a /x /x\n' | dockerfile
image-build -n -o type=cacheonly context >script
status_is "the script of -n fails as the build does" 1 timeout 20 sh script

# A file found in a context is a stranger's; a file that is named is the caller's.
mkdir strange strange/sub && cp "$work/context/Dockerfile" outside && echo kept >hidden
strange() { # NAME: it fails, with a line that says the name
    timeout 20 image-build strange >out 2>&1
    status=$?
    [ $status = 3 ] && grep "^image-build: strange/$1: this " out
}
warned() { # NAME: it is built, with such a warning
    timeout 20 image-build strange >out 2>&1 && grep "^image-build: warning: strange/$1: this link leads nowhere" out
}
named() { timeout 20 image-build -q -t named "$@"; }
echo FROM busybox >right
for name in Dockerfile dockerfile Dockerfile.dockerignore .dockerignore; do
    cp right strange/Dockerfile
    [ $name != dockerfile ] || rm strange/Dockerfile
    rm -f "strange/$name" && mkfifo "strange/$name"
    ok "a FIFO called $name is refused" strange $name
    for target in /dev/zero ../hidden "$work/hidden" gone; do
        ln -sf "$target" "strange/$name"
        case $target$name in
        gone*ignore) ok "to docker a link to $target is none, and here it is told" warned $name ;;
        *) ok "so is a link to $target" strange $name ;;
        esac
    done
    rm "strange/$name" && mkdir "strange/$name"
    ok "so is a directory" strange $name
    rmdir "strange/$name" && cp right strange/sub/file && ln -s sub/file "strange/$name"
    ok "a link to a file of the context is not" named strange
    rm "strange/$name"
done
cp right strange/Dockerfile && mkfifo strange/.dockerignore
echo 'COPY sub /sub' >>strange/Dockerfile
df-parse strange/Dockerfile >plan
status_is "stage-run refuses a FIFO that it finds" 3 timeout 20 stage-run --context strange <plan
rm strange/.dockerignore && ln -s ../right strange/linked && mkfifo pipe
ok "-f may name a link that leads out" named -f strange/linked strange
ok "and a FIFO" sh -c 'cat right >pipe & timeout 20 image-build -f pipe strange'
status_is "which -n refuses, because its script would read it again" 2 sh -c 'cat right >pipe & image-build -n -f pipe strange'
status_is "what never ends is refused" 3 named -f /dev/zero strange
# The tools beside the script, which are in nobody's PATH.
mkdir -p installed/bin installed/libexec alone
cp "$top/scripts/image-build" installed/bin/
ln -s "$STAGEPIPE_BIN" installed/libexec/stagepipe
printf 'FROM busybox\nRUN echo alone >/alone\n' >alone/Dockerfile
alone() { PATH=/usr/bin:/bin "$@"; }
want=$(alone installed/bin/image-build alone)
alone installed/bin/image-build -n alone >script
same_digest "the script of -n finds the tools that are beside image-build" "$(alone sh script)" "$want"
alone installed/bin/image-build --keep kept-alone alone
same_digest "and so does the one of --keep" "$(alone kept-alone/build.sh)" "$want"
finish
