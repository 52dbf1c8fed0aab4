#!/bin/sh
# Every tool × every input that is not its own: status 3, or 2 at a terminal, what it is, and what was expected, with
# who makes that. And what a plan's error names.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir context
printf 'FROM busybox\nRUN echo hello >/hello\n' >context/Dockerfile
ok "a build leaves its streams for the tests below" image-build --keep "$work/kept" context

# The inputs: what they are, and their files.
plan='a build-plan stream, which df-parse makes'
records='a build-record stream, which stage-run and layer-pack make'
changes='a layer-changes stream, which layer-diff makes'
archive='an archive, which image-save, docker save and podman save make'
cp kept/plan plan && cp kept/steps.0 records && cp kept/changes.0 changes && cp context/Dockerfile dockerfile
tar -cf tar context
gzip -c <tar >zipped
: >empty && echo >blank && echo hello >text
echo '{"type":"stage"}' >json && printf '{\n  "type": "header"\n}\n' >pretty && echo '[{"type":"header"}]' >list
(printf '\n' && cat plan) >late && printf '{"type":"header","format":"x","version":1}\n' >other
named() { # FILE: the sentence about it
    case $1 in
    plan) echo "this is $plan" ;;
    records) echo "this is $records" ;;
    changes) echo "this is $changes" ;;
    dockerfile) echo 'this is a Dockerfile' ;;
    tar) echo 'this is a tar' ;;
    zipped) echo 'this is compressed with gzip' ;;
    empty) echo 'it is empty' ;;
    blank | late) echo 'its first line is blank' ;;
    text) echo 'this is some other text' ;;
    json) echo 'this is JSON without a header in its first line' ;;
    pretty) echo 'this is JSON that is not one object a line' ;;
    list) echo 'this is a JSON list' ;;
    other) echo 'this is a stream of the format "x"' ;;
    esac
}
# told WANTED PLACE FILE TOOL...: it names the file's kind, and what it wants.
told() {
    expected=$1 place=$2 file=$3 && shift 3
    status_is "$* refuses what is $file" 3 in_file "$file" "$@"
    says "and says what it is and what it should be" "$place: $(named "$file")" "; expected $expected"
}
says() { # DESCRIPTION BEGINNING END: of the last line of the last command's output
    case $(tail -n1 .out) in "$2"*"$3") result 0 "$1" ;; *) result 1 "$1" .out ;; esac
}
in_file() { file=$1 && shift && "$@" <"$file"; }

all='plan records changes dockerfile tar zipped empty blank text json pretty list late other'
for file in $all; do
    in='standard input'
    if [ "$file" != plan ]; then
        told "$plan" "stage-run: $in" "$file" stage-run --context context
        told "$plan" "stage-run: $in" "$file" stage-run --bases
        told "$plan" "stage-run: $in" "$file" stage-run --logs --context context
    fi
    if [ "$file" != records ]; then
        told "$records" "layer-diff: $in" "$file" layer-diff
        told "$records" "image-assemble: $in" "$file" image-assemble
        told "$records" "image-push: $in" "$file" image-push --follow 127.0.0.1:1/a
        # An empty file of records is what a build that was killed may leave.
        [ "$file" = empty ] || told "$records" "build-trace: $in" "$file" build-trace
    fi
    if [ "$file" != changes ]; then
        told "$changes" "layer-pack: $in" "$file" layer-pack
        told "$changes" "layer-pack: $in" "$file" layer-pack --store store
    fi
    case $file in # for the others it is an archive, which is no image, or the Dockerfile's own checks say it
    tar | zipped) ;;
    *)
        told "$archive" 'image-load: archive' "$file" image-load -
        told "$archive" 'image-report: -: archive' "$file" image-report - ;;
    esac
    case $file in
    plan | records | changes | json | pretty | list | other)
        told 'a Dockerfile' 'df-parse: Dockerfile' "$file" df-parse
        told 'a Dockerfile' 'df-parse: Dockerfile' "$file" df-parse --check
        told 'a Dockerfile' 'image-build: Dockerfile' "$file" image-build -f - context
        told 'a Dockerfile or a tar' 'context-fetch: standard input' "$file" context-fetch - "fetched.$file"
        told 'a Dockerfile or a tar' 'image-build: standard input' "$file" image-build - ;;
    tar | zipped) told 'a Dockerfile' 'df-parse: Dockerfile' "$file" df-parse ;;
    esac
done
status_is "build-trace refuses what is empty" 3 in_file empty build-trace
says "and says what it should be" 'build-trace: ' 'give it the output of stage-run and layer-pack'

# A terminal is no input, and no place for a tar; both are said before anything is done.
if have python3; then
    on_terminal() { "$top/tests/on-terminal" '' "$@"; }
    refused() { # WANTED TOOL...
        expected=$1 && shift
        status_is "$* refuses a terminal" 2 on_terminal "$@"
        says "and says what to give it" "$1: standard input is a terminal; give it $expected" ''
    }
    rm -rf other
    refused "$plan" stage-run --store other
    refused "$plan" stage-run --bases
    refused "$plan" stage-run --logs
    refused "$records" layer-diff
    refused "$changes" layer-pack
    refused "$changes" layer-pack --store other
    refused "$records" image-assemble --store other
    refused "$records" image-push --follow 127.0.0.1:1/a
    refused "$records" build-trace
    refused 'a Dockerfile' df-parse
    refused 'a Dockerfile' df-parse -
    refused "$archive" image-load --store other -
    refused "$archive" image-report -
    refused 'a Dockerfile or a tar' context-fetch - fetched
    refused 'a Dockerfile or a tar' image-build -
    refused 'a Dockerfile' image-build -f - context
    ok "and none of them made a store" [ ! -e other ]
    no_tar() { # FILE TOOL...
        status_is "$2 writes no tar to a terminal" 2 on_terminal sh -c 'file=$1 && shift && "$@" <"$file"' sh "$@"
        says "and says where to write it" "$2: " ''
        ok "and that a terminal is none" grep -q terminal .out
    }
    no_tar changes layer-pack
    no_tar records image-assemble -t new -o type=oci
    ok "and makes no image" no_image new
    no_tar empty image-save busybox
    no_tar empty image-build -o type=tar context
else
    skip "a terminal is refused" "python3 is missing"
fi

# A plan by hand.
have jq || { skip "a plan written by hand" "jq is missing" && finish && exit; }
hand() { # DESCRIPTION FILTER MESSAGE: the plan of two stages below, changed by jq, is refused so
    jq -c "$2" two >by-hand
    status_is "$1" 3 in_file by-hand stage-run --context context
    says "and named" "stage-run: standard input: $3" ''
}
printf '%s\n' 'FROM busybox AS one' 'RUN true' 'FROM busybox' 'COPY --from=one /bin /x/' \
    'RUN --mount=target=/m true' >two.Dockerfile
df-parse two.Dockerfile >two
second='if .index == 1 then'
ok "the plan itself is built" sh -c 'stage-run --context context <two'
hand "a mount without a target" "$second del(.instructions[1].mounts[0].target) else . end" \
    'record 2, instructions[1].mounts[0]: `target` is missing'
hand "a member of a mount that is not known" "$second .instructions[1].mounts[0].tarjet = 1 else . end" \
    'record 2, instructions[1].mounts[0]: a mount has no member `tarjet`; it may have '
hand "a COPY without sources" "$second .instructions[0].sources = [] else . end" \
    'record 2, instructions[0]: `sources` is missing, or empty'
hand "an instruction that there is not" "$second .instructions[0].op = \"cpoy\" else . end" \
    'record 2, instructions[0]: `op` is "cpoy", not one of '
hand "a null" "$second .name = null else . end" 'record 2: `name` is null; leave it out'
hand "two stages of one index" "$second .index = 0 else . end" 'record 2: `index` is 0, which an earlier stage has'
hand "no target" "$second .target = false else . end" 'end record: the plan has no target'
hand "two targets" 'if .index == 0 then .target = true else . end' 'record 2: this is a second target, after record 1'
hand "a platform without a system" "$second .platform = \"amd64\" else . end" 'record 2: `platform` is "amd64"'
hand "needs that lack a stage" "$second .needs = [] else . end" \
    'record 2, instructions[0].from: it uses stage 0, which is not in '
hand "a stage that is not there" "$second .needs = [7] else . end" 'record 2, needs[0]: stage 7 is not among '
hand "a wrong count" 'if .type == "end" then .records = 3 else . end' 'end record: it counts 3 records, but there are 2'
finish
