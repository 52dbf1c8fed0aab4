#!/bin/sh
# stagepipe-options(7), row by row: what it says of an option, an attribute, a build argument or a variable of docker's or
# podman's is what image-build does with it. That it has them all is what docker, podman and buildah say themselves.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
unset DOCKER_CONFIG DOCKER_DEFAULT_PLATFORM
export HOME="$work"

mkdir context source
printf '%s\n' 'FROM scratch AS one' 'COPY Dockerfile /a' 'FROM scratch' 'COPY --from=one /a /b' >context/Dockerfile
cp context/Dockerfile other

# Its rows: the section, what is written, the verdict and what is said, with | between them.
sed -n '/^\.Sh OPTIONS/,/^\.Sh FILES/p' "$top/man/stagepipe-options.7" | sed 's/\\-/-/g; s/\\(aq/'"'"'/g; s/\\&//g' | awk '
    /^\.Sh / { section = $2 == "BUILD" ? "ARGUMENTS" : $2 }
    /^\.It / { written = $3; if ($2 == "Fl") written = "-" written }
    /^(Works|Nothing|Warning|Refused)[:.]/ {
        verdict = $1; sub(/[:.]$/, "", verdict)
        said = $0; sub(/^[^ ]* ?/, "", said); sub(/\.$/, "", said)
        print section "|" written "|" verdict "|" said
    }' >rows
ok "the page has rows of each kind" [ "$(cut -d '|' -f 1,3 rows | sort -u | wc -l)" -ge 11 ]

# listed ENGINE COMMAND...: every option of its help is a row.
listed() {
    engine=$1 && shift
    have "$engine" || { skip "each option of $* is in the table" "$engine is missing" && return; }
    "$@" --help 2>/dev/null | grep -o '^ *\(-[a-zA-Z], *\)\{0,1\}--[a-z][a-z-]*' | grep -o -- '--.*' | grep -vx -e --help | sort -u >theirs
    grep -qx -e --iidfile theirs || { skip "each option of $* is in the table" "it has no such command" && return; }
    cut -d '|' -f 2 rows | sed -n 's/^\(--[a-z-]*\).*/\1/p' | sort -u | comm -23 theirs - >missing
    [ ! -s missing ]
    result $? "each option of $* is in the table" missing
}
listed docker docker build
listed docker docker buildx build
listed podman podman build
listed buildah buildah build

# An output of a directory has one.
placed() { case $1 in *local*dest=*) echo "$1" ;; *local*) echo "$1,dest=tree" ;; *) echo "$1" ;; esac; }
# The words of a row, for image-build.
given() { # SECTION WRITTEN COMMAND...
    section=$1 written=$2 && shift 2
    case $section in
    OPTIONS) "$@" "$written" context ;;
    OUTPUTS) "$@" -o "$(placed "$written")" context ;;
    ARGUMENTS) "$@" --build-arg "$written" context ;;
    ENVIRONMENT) env "$written" "$@" context ;;
    esac
}
# named SECTION WRITTEN: how a message calls it
named() {
    case $1 in
    OPTIONS) echo "${2%%=*}" ;;
    OUTPUTS) echo "--output: ${2#*,}" ;;
    ARGUMENTS) echo "--build-arg ${2%%=*}" ;;
    ENVIRONMENT) echo "${2%%=*}" ;;
    esac
}
digest=$(image-build -q context)
while IFS='|' read -r section written verdict said; do
    rm -rf id tree out.tar layout
    case $verdict in
    Nothing)
        given "$section" "$written" image-build -q --iidfile id >out 2>messages
        same_digest "$written changes nothing" "$(cat id)" "$digest"
        is "$written: and nothing is said" "$(cat messages)" "" ;;
    Warning)
        given "$section" "$written" image-build --iidfile id >out 2>messages
        same_digest "$written is no failure" "$(cat id)" "$digest"
        is "$written: but a line says what it lacks" "$(grep warning messages)" \
            "image-build: warning: $(named "$section" "$written"): $said"
        is "$written: not with -q" "$(given "$section" "$written" image-build -q 2>&1 >out)" "" ;;
    Refused)
        status_is "$written is refused" 2 given "$section" "$written" image-build
        is "$written: in a line that says what to do" "$(cat .out)" "image-build: $(named "$section" "$written"): $said" ;;
    esac
done <rows
ok "nothing was made for what is refused" [ ! -e tree ]

echo "# what works, with values that mean something"
printf 'FROM scratch\nCOPY other /\n' >source/Dockerfile && cp other source
mkdir fake
fake_registry fake
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("agent")'
mkdir engine && printf '#!/bin/sh\ncat >/dev/null\n' >engine/docker && chmod +x engine/docker
PATH=$work/engine:$PATH
cat >words <<END
--add-host=h:1.2.3.4
--allow=network.host
--build-arg=A=b
--build-context=n=source
--call=check
--check
--cpu-period=100000
--cpu-quota=50000
--file=other
--iidfile=id
--isolation=$(if [ "$(id -u)" = 0 ]; then echo root; else echo single; fi)
--jobs=1
--label=a=b
--load
--memory=1g
--metadata-file=meta
--network=none
--no-cache
--no-cache-filter=one
--output=type=cacheonly
--platform=linux/$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac)
--progress=plain
--pull
--push --tag=$fake/pushed
--quiet
--secret=id=s,src=other
--shm-size=1m
--ssh=agent=agent
--tag=name
--target=one
--ulimit=nofile=9
END
sed 's/[= ].*//' words | sort >tried
ok "each option that works is tried" test "$(sed -n 's/^OPTIONS|\(.*\)|Works|.*/\1/p' rows)" = "$(cat tried)"
while read -r each; do
    # shellcheck disable=SC2086 # words
    ok "$each works" image-build $each context
done <words
while IFS='|' read -r section written verdict said; do
    [ "$section,$verdict" = OUTPUTS,Works ] || continue
    rm -rf tree out.tar layout
    case $written in *push=true) written="$written,name=$fake/again" ;; *name=*) written=type=image,name=again ;; esac
    ok "-o $written works" image-build -o "$(placed "$written")" context
done <rows
digest=$(image-build -q context)
for flag in --load --push --pull --check --no-cache --quiet; do
    same_digest "$flag=false is as if it were not there" "$(image-build "$flag=false" context 2>/dev/null)" "$digest"
done
for letter in '-c 2' -D '-v /a:/b'; do
    # shellcheck disable=SC2086 # words
    status_is "$letter is refused" 2 image-build $letter context
    ok "$letter: by its name" grep -q '^image-build: --[a-z-]*: .*; ' .out
done
status_is "several platforms are refused, also one by one" 2 image-build --platform linux/amd64 --platform linux/arm64 context
ok "and why" grep -q '^image-build: --platform: linux/amd64 and linux/arm64: several platforms' .out
finish
