#!/bin/sh
# Stages run by hand in one build directory: nothing that another build left there is taken for this one's, a wait says
# for whom, and ends when nobody can come. --until, --shell and --logs are about the stage that is named.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir context other dir
cat >context/Dockerfile <<'END'
FROM busybox AS base
COPY file /file
FROM busybox AS middle
RUN --mount=from=base,target=/base cat /base/file >/middle && echo made
RUN echo later >/later
FROM busybox
COPY --from=base /file /one
COPY --from=middle /middle /two
END
echo first >context/file
echo elsewhere >other/file
df-parse <context/Dockerfile >plan
from=context
stage() { stage-run --context "$from" --build-dir dir --stage "$@" <plan; }                          # STAGE [OPTION]...
begin() { stage-run --context "$from" --build-dir dir --stage "$@" <plan >"$1.steps" 2>"$1.said" & } # in the background
told() { grep -q -e "$2" "$1"; }
until_told() { # FILE TEXT
    tries=0
    until told "$@" 2>/dev/null || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
}
image() { # the files of the image whose steps are in 2.steps
    layer-diff <2.steps | layer-pack --store store >layers && cat 2.steps layers | image-assemble --tag hand >/dev/null &&
        image-run hand cat /one /two
}

echo "# in any order"
begin 2 --wait 100
target=$!
until_told 2.said 'waits for'
is "a stage says whom it waits for, and how that is built" "$(grep waits 2.said)" \
    "#2 waits for stage 0 (base), which nobody builds yet; build it with stage-run --stage 0 --build-dir dir and the other options of this one"
begin 1 --wait 100
middle=$!
ok "the one below" stage 0
wait "$target" && wait "$middle"
is "and the ones above, begun before, are built" $? 0
is "with the files" "$(image 2>&1)" "first
first"

echo "# a second time in the same directory"
echo second >context/file
for n in 0 1 2; do begin "$n"; done
wait
is "what changed is taken from this time, not from the last" "$(image 2>&1)" "second
second"
rm context/file
status_is "a stage fails" 3 stage 0
echo third >context/file
for n in 2 1 0; do begin "$n"; done
wait
is "and after it is mended, the others do not meet that failure" "$(image 2>&1)" "third
third"
echo fourth >context/file
stage 0 >steps 2>&1
status_is "what was made of a stage before it was built again is refused" 1 stage 2
ok "with what to build" told .out '1.json was made of what stage 0 was before that was built again; build stage 1 again too$'

echo "# what others left"
from=other
status_is "a result of another context is refused" 1 stage 1
ok "and named" told .out "dir/0.json is of the context $work/context; remove it or name a new directory$"
stage 0 >steps 2>&1
is "a stage replaces what is its own" "$(stage 1 2>&1 >steps | grep -c '^#middle made')" 1
from=context
df-parse --build-arg x=y <context/Dockerfile >plan 2>/dev/null
status_is "a result of another plan is refused" 1 stage 1
ok "and named" told .out 'dir/0.json is of another plan; remove it or name a new directory$'
image-load --store second --tag busybox busybox >/dev/null
df-parse <context/Dockerfile >plan
stage 0 >steps 2>&1
status_is "a result in another store is refused" 1 stage 1 --store second
ok "and named" told .out "dir/0.json is of the store $work/store; remove it or name a new directory$"
printf '{"config":{}}' >dir/0.json
status_is "so is what is none" 1 stage 1
ok "and named" told .out 'dir/0.json is not what this stage-run leaves there'
status_is "a directory that is not there ends it before anything runs" 1 stage-run --build-dir gone <plan
is "with one line" "$(grep -v header .out)" "stage-run: --build-dir: No such file or directory (os error 2)"

echo "# nobody comes"
rm -rf dir && mkdir dir
status_is "a wait ends" 1 stage 1 --wait 1
ok "with the stage, the time and both ways on" told .out 'stage 0 (base) is needed here, and nobody has built it in 1 s; build it with stage-run --stage 0 --build-dir dir and the other options of this one, or wait longer with --wait$'
cat >slow <<'END'
FROM busybox AS base
RUN touch /tmp/x; sleep 30.25
FROM base
RUN echo never
END
df-parse <slow >plan
begin 0
below=$!
until_told 0.said 'sleep'
begin 1 --wait 0
above=$!
until_told 1.said 'waits for'
is "one that somebody is at is waited for" "$(grep waits 1.said)" "#1 waits for stage 0 (base)"
kill -9 "$below"
wait "$above"
is "until that is killed" $? 1
ok "and said" told 1.said 'nobody has built it in 0 s'
nothing_runs "nothing of it runs on" 'sleep 30.25'

echo "# two at once"
printf '%s\n' 'FROM busybox' 'RUN sleep 3.25; date +%N' >twice
df-parse <twice >plan
rm 0.said
begin 0
until_told 0.said sleep
stage 0 >second.steps 2>second.said
wait
is "the second says that it waits" "$(grep waits second.said)" "#0 waits: another stage-run builds stage 0 in dir"
is "and finds what the first made" "$(jq -r 'select(.type == "step").cache' second.steps)" hit

echo "# --until and --shell in a stage that is not the target"
df-parse <context/Dockerfile >plan
rm -rf dir && mkdir dir
alone() { stage-run --stage middle --context context "$@" <plan; }
alone --until 1 2>/dev/null >steps
is "--until ends the stage that is named" "$(jq -r 'select(.stage == 1 and .type == "step").text' steps | wc -l)" 1
status_is "a step it has not is refused" 3 alone --until 3
stage 0 >steps 2>&1
stage 1 --until 1 >steps 2>&1
status_is "what ends early is no base" 1 stage 2
ok "and said" told .out '1.json ends with step 1; build stage 1 again without --until$'
if have python3; then
    "$top/tests/on-terminal" 'ls /middle /later; exit 5' sh -c 'stage-run --stage middle --shell=2 --context context <plan' >out 2>&1
    is "--shell opens one there" $? 5
    ok "before the step" sh -c 'grep -q "^/middle" out && grep -q "/later: No such" out'
else
    skip "--shell opens one there" "python3 is missing"
fi
alone >steps 2>/dev/null
is "--logs is about it, too" "$(alone --logs=1 2>&1)" made
is "and leaves nothing for a build" "$(stage 1 --logs=1 2>&1; find dir -newer steps)" made

for words in '--bases --stage 0' '--dry-run --shell' '--dry-run --shell-on-fail' '--logs --shell' '--logs --explain' '--wait 3'; do
    # shellcheck disable=SC2086 # words
    status_is "stage-run $words is refused: one of them would be ignored" 2 stage-run $words
done

echo "# the script that image-build prints"
image-build -n -q --keep kept -t printed context >script
for word in one two; do
    echo "$word" >context/file
    sh script >/dev/null 2>&1
    is "run again in its directory it builds what is there now" "$(image-run printed cat /one /two 2>&1)" "$word
$word"
done

echo "# how long it waits"
mkdir patience
printf 'FROM busybox\nRUN true\nFROM busybox\nCOPY --from=0 /bin/sh /sh\n' | df-parse >plan
began=$(date +%s)
status_is "a stage that nobody builds is waited for" 1 stage-run --stage 1 --build-dir patience --context context --wait 3 <plan
took=$(($(date +%s) - began))
is "as long as --wait says, and once" "$((took >= 3 && took < 6))" 1
finish
