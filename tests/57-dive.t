#!/bin/sh
# image-report's efficiency is dive's, asked of dive itself: of the images of dive/cases, and of random ones.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have dive || skip_all "dive is missing"
have jq python3 || skip_all "jq or python3 is missing"
images=$top/tests/dive/images

# report CASES: what image-report says of them, as hundredths of a percent and wasted bytes
report() {
    mkdir "$1.tars" && "$images" write "$1" "$1.tars" && image-report --each --json "$1.tars"/* >json &&
        jq -r '.totals | "\(.efficiency) \(.wasted)"' json >"$1.report"
}
# agree CASES: whether dive's figures of them are those that image-report has; none of its percents is below zero
agree() {
    awk '/^= / { printf "%d %d\n", $2 < 0 ? 0 : int($2 * 10000 + .5), $3 }' "$1" >"$1.dive"
    [ -s "$1.dive" ] && diff "$1.dive" "$1.report"
}

"$images" dive "$top/tests/dive/cases" >cases 2>detail
diff "$top/tests/dive/cases" cases >>detail
result $? "dive says of the cases what is recorded" detail
ok "image-report reads the cases" report cases
ok "it says of them what dive says" agree cases

seed=${STAGEPIPE_RANDOM_SEED:-$$}
"$images" random "$seed" 40 >unknown
"$images" dive unknown >judged 2>detail
result $? "dive reads random images, STAGEPIPE_RANDOM_SEED=$seed" detail
ok "image-report reads them" report judged
ok "it says of them what dive says" agree judged
finish
