#!/bin/sh
# Two neighbours of the pipeline at a time, and each against a program that is not ours.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"

load_busybox
cp -r "$top/tests/dockerfiles/two-stages" context
ok "the pipeline builds" image-build --keep "$work/kept" -t app context
whole() { jq -e -s '.[0].type == "header" and .[-1] == {type: "end", records: (length - 2)}' "$1"; }
for stream in plan steps.0 steps.1 changes.1 layers.1; do
    case $stream in
    changes.*) ;;
    *) ok "$stream is framed by header and end" whole "kept/$stream" ;;
    esac
done
is "the plan has both stages, what is needed first" "$(jq -r 'select(.type == "stage").index' kept/plan | tr '\n' ' ')" "0 1 "
is "every instruction of the target has a step" \
    "$(jq -r 'select(.type == "step").op' kept/steps.1 | tr '\n' ' ')" "label copy run cmd "
equal "each step with a snapshot has a layer" \
    "$(jq -r 'select(.type == "step").snapshot // empty' kept/steps.1)" "$(jq -r 'select(.type == "layer").snapshot' kept/layers.1)"

mkdir old new
printf 'same\n' | tee old/same >new/same
touch -d @5 old/same new/same
echo gone >old/gone
mkdir new/dir && echo added >new/dir/file && ln -s file new/dir/link && ln new/dir/file new/dir/other
chmod 0640 new/dir/file && touch -h -d @7 new/dir/* && touch -d @9 new/dir new old
layer-diff old new >changes
is "layer-diff lists what changed, sorted" "$(jq -r '.path // empty' changes | tr '\n' ' ')" "dir dir/file dir/link dir/other gone "
layer-pack <changes >ours.tar
tar -tf ours.tar >names
is "layer-pack writes a tar that GNU tar lists" "$(tr '\n' ' ' <names)" "dir/ dir/file dir/link dir/other .wh.gone "
jq -c 'if .type == "delete" then empty elif .type == "end" then .records -= 1 else . end' changes | layer-pack >ours.tar
(cd new && tar -cf ../theirs.tar -b1 --format=ustar --numeric-owner --no-recursion dir dir/file dir/link dir/other)
ok "and that is, byte for byte, what GNU tar writes" cmp ours.tar theirs.tar
equal "df-parse, stage-run: the plan's lines are the steps' lines" \
    "$(jq 'select(.index == 1).instructions[].line' kept/plan)" "$(jq 'select(.type == "step").line' kept/steps.1)"
finish
