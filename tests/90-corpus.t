#!/bin/sh
# A conformance corpus, STAGEPIPE_CORPUS: what BuildKit made of each case is what image-build makes of it, and each
# trouble report is right. corpus-known has those that are known to fail; one that does not fail any more is to leave it.
#
# STAGEPIPE_CORPUS_ONLY (a pattern of the shell) chooses among the reports, and leaves the cases out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ "${STAGEPIPE_CORPUS-}" ] || skip_all "STAGEPIPE_CORPUS names no corpus"
have python3 jq || skip_all "python3 or jq is missing"
known=$top/tests/corpus-known
only=${STAGEPIPE_CORPUS_ONLY-}

# judged NAME STATUS DETAILS: the result, which has to be a failure for what is known to fail
judged() {
    reason=$(awk -v name="$1" '$1 == name { $1 = ""; print substr($0, 2) }' "$known")
    case $2,$reason in
    *,) result "$2" "$1" "$3" ;;
    *,sometimes:*) skip "$1" "known to fail $reason" ;;
    0,*) echo "it passes: remove it from tests/corpus-known" >passes && result 1 "$1 is known to fail" passes ;;
    *) skip "$1" "known to fail: $reason" ;;
    esac
}

# Reports build as another user, who has to come to what they make.
chmod 711 "$work"
if [ -z "$only" ]; then
    python3 "$STAGEPIPE_CORPUS/tools/run.py" \
        --build 'image-build -o type=oci,dest={out} -f {dockerfile} {args} {context}' \
        --check 'image-build --call=check -f {dockerfile} {args} {context}' \
        --json results.json "$STAGEPIPE_CORPUS/cases" >log 2>&1
    ok "the cases run" jq -e '.cases | length > 0' results.json
    jq -r '.cases[] | select(.result != "skipped") | "\(.result) \(.name)"' results.json >results
    while read -r word name; do
        jq -r --arg name "$name" '.cases[] | select(.name == $name).diffs[]? | "\(.aspect): \(.diff)"' results.json >details
        [ "$word" = pass ]
        judged "$name" $? details
    done <results
fi

if [ -d "$STAGEPIPE_CORPUS/reports" ]; then
    mkdir busybox tmp && tar -xf "$STAGEPIPE_CORPUS/bases/busybox.tar" -C busybox
    for report in "$STAGEPIPE_CORPUS"/reports/*/cmd.sh; do
        name=$(basename "$(dirname "$report")")
        # shellcheck disable=SC2254 # it is a pattern
        [ -z "$only" ] || case $name in $only) ;; *) continue ;; esac
        (unset STAGEPIPE_STORE SOURCE_DATE_EPOCH && TMPDIR=$work/tmp BUSYBOX=$work/busybox timeout 300 sh "$report") >said 2>&1 </dev/null
        judged "reports/$name" $? said
    done
fi
finish
