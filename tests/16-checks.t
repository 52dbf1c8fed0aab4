#!/bin/sh
# The build checks through image-build: what images set is known to them, in a build and in --call=check.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir context
build() { image-build "$@" -f Dockerfile context; }
warnings() { # [OPTION...]: of a build, the Dockerfile on standard input
    cat >Dockerfile
    build "$@" 2>&1 | grep -e warning -e 'image-build: Dockerfile' | sed 's/^image-build: //'
}

printf 'FROM scratch\nENV JAVA_HOME=/jdk\nSHELL ["/bin/ash", "-c"]\n' >Dockerfile
ok "an image with a variable and a shell" build -t jdk
printf 'FROM scratch\n' >Dockerfile
ok "an image for another machine" build --platform linux/s390x -t foreign

is "a variable of the image is no unknown one, nor its shell" "$(warnings <<'END_OF_FILE'
FROM jdk
ENV PATH=$JAVA_HOME/bin:$PATH
CMD run
END_OF_FILE
)" ""
is "in a check neither" "$(build --call=check)" "Check complete, no warnings found."
printf '# check=error=true\n' | cat - Dockerfile >strict && mv strict Dockerfile
ok "and a strict file builds" build
is "of an image that is not there nothing is known" \
    "$(sed 's/jdk/nosuch/' Dockerfile | image-build --call=check - 2>&1 | grep -c WARNING)" 2

is "an image for another machine is warned about" "$(printf 'FROM foreign\n' | warnings --platform linux/amd64)" \
    'warning: Dockerfile:1: InvalidBaseImagePlatform: Base image foreign was pulled with platform "linux/s390x", expected "linux/amd64" for current build'
is "in a check too, as JSON" "$(build --platform linux/amd64 --call=check,format=json | jq -r '.warnings[].ruleName')" \
    InvalidBaseImagePlatform
is "not when it is what was asked for" "$(printf 'FROM foreign\n' | warnings --platform linux/s390x)" ""
is "nor when a named context stands in for the image" \
    "$(printf 'FROM base\n' | warnings --platform linux/amd64 --build-context base=docker-image://foreign)" ""

image-save --format layout -o jdk jdk
is "a variable of a layout is known" \
    "$(printf 'FROM base\nLABEL home=$JAVA_HOME $X=1\n' | warnings --build-context base=oci-layout://jdk)" \
    'warning: Dockerfile:2: UndefinedVar: Usage of undefined variable '\''$X'\''; declare it with ARG X'
is "it is so without a store" \
    "$(build --store fresh --call=check --build-context base=oci-layout://jdk | grep -c WARNING)" 1
ok "and makes none" [ ! -e fresh ]

printf 'FROM busybox\nWORKDIR relative\n' >Dockerfile
is "a quiet build keeps warnings to itself" "$(build -q 2>&1 | sed 's/[0-9a-f]\{64\}/HEX/')" sha256:HEX
printf '# check=error=true\nFROM busybox\nWORKDIR relative\n' >Dockerfile
status_is "a strict file that breaks a rule is not built" 1 build -t strict
ok "the rule and its line are said" grep -q 'warning: Dockerfile:3: WorkdirRelativePath' .out
ok "and the end of it" grep -q '^image-build: Dockerfile: lint violation found for rules: WorkdirRelativePath; ' .out
ok "no image is made" no_image strict
is "a build argument that nothing takes" "$(printf 'FROM busybox\nARG VERSION\n' | warnings --build-arg VERSOIN=1 --build-arg HTTP_PROXY= --build-arg TARGETARCH=x)" \
    "warning: Dockerfile: --build-arg VERSOIN: the Dockerfile has no ARG of this name; did you mean VERSION?"
mkfifo pipe
cat Dockerfile >pipe &
ok "a Dockerfile from a pipe is read once" image-build -f pipe context

printf 'FROM busybox AS Base\nENV A=$A\nCOPY --chmod=64a a /\nRUN true\n' >Dockerfile
status_is "a file that can't be built is refused by a check" 3 build --call=check,format=json
build --call=check,format=json >found 2>said
is "what is found is printed all the same, and why it is refused in buildError" \
    "$(jq -c '[.warnings[].ruleName], .buildError.message, .buildError.location.ranges[0].start.line' found)" \
    "$(printf '%s\n' '["StageNameCasing","UndefinedVar"]' "\"invalid chmod parameter: '64a'. it should be octal string and between 0 and 07777\"" 3)"
is "the message says it too, once" "$(grep -c '^image-build: Dockerfile:3: invalid chmod' said)" 1
is "so does the text form, which counts nothing then" "$(build --call=check 2>/dev/null | grep -e WARNING -e complete)" \
    "$(printf '%s\n' 'WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/' \
    'WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/')"
is "below what can't be read nothing is found" "$(printf 'FROM busybox\nRUNN x\nMAINTAINER me\n' |
    image-build --call=check,format=json - 2>/dev/null | jq -c '.warnings, .buildError.location.ranges[0].end.line')" \
    "$(printf '%s\n' '[]' 2)"

printf 'FROM busybox\nRUN echo ran >&2\nWORKDIR /w\nRUN --mount=type=tmpfs,target=/t,size=much true\n' >Dockerfile
build --progress plain >said 2>&1
ok "what words alone forbid is told before anything runs" sh -c '! grep -w ran said && grep Dockerfile:4: said'
printf 'FROM busybox AS unused\nRUN --mount=type=nosuch true\nFROM busybox\n' >Dockerfile
ok "in a stage that is not built it does not matter" build
status_is "but to a check" 3 build --call=check
printf '# one is first\nFROM busybox AS one\nRUN --mount=type=nosuch true\nCOPY --from=$X a /\nFROM scratch AS two\n' >Dockerfile
is "the stages are listed whatever is in them" "$(build --call=targets)" \
    "$(printf '%s\n' 'TARGET        DESCRIPTION' 'one           is first' 'two (default) ')"
printf 'ARG A=1\n' >Dockerfile
is "and where there are none" "$(build --call=targets,format=json | jq -c .targets)" "[]"
finish
