#!/bin/sh
# The helpers of image-build: run-together's statuses and ends; the page's options are those of the table that all else
# is made of.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir dir
# together LINES [OPTION]...: runs them, within 10 seconds.
together() { lines=$1 && shift && printf '%s\n' "$lines" | timeout 10 run-together "$@" dir; }
status_is "all end well" 0 together 'a: true
b: echo said'
is "and what they write goes on" "$(cat .out)" said
status_is "the first failure is the status" 7 together 'a: sleep 9; exit 1
b: exit 7'
ok "and the others are ended, and named" grep -q '^run-together: b: it failed, and what ran beside it was stopped$' .out
status_is "a program is ended by SIGTERM, not its shell alone" 3 together 'a: sh -c "trap \"echo ended; exit\" TERM; sleep 9 & wait"
b: sleep 0.3; exit 3'
ok "and may say so" grep -q '^ended$' .out
status_is "of a pipeline the first command counts" 4 together 'a: sh -c "echo own >&2; exit 4" | { cat; echo missed its input >&2; exit 3; }'
is "and what follows it only misses its input" "$(grep -c missed .out)" 0
status_is "else the last does" 3 together 'a: echo x | { cat >/dev/null; echo bad >&2; exit 3; } | cat
a: echo x | { cat >/dev/null; echo bad >&2; exit 3; }'
is "with its words before it is named" "$(grep -v beside .out | tail -n 2)" "bad
run-together: a: { failed (status 3)"
status_is "what is not read to its end is a failure" 3 together 'a: yes | head -n 1 >/dev/null'
status_is "so is one that is killed" 137 together "a: kill -KILL \$\$"
is "a line after an empty one waits for those before it" "$(together 'a: sleep 0.3; echo first

b: echo second')" "first
second"
is "one at a time, in their order" "$(together 'a: sleep 0.3; echo first
b: echo second' --jobs 1)" "first
second"
is "a line break in quotes ends no line" "$(together "a: printf '%s,' 'one

two'")" "one

two,"
status_is "a line without a name is refused" 3 together 'true'
(echo 'a: sleep 8' | run-together dir) >said 2>&1 &
sleep 0.3
pkill -TERM -f "^run-together dir$" 2>/dev/null
wait $!
is "a signal ends all" "$?" 143
is "nothing is left in the directory" "$(ls dir)" ""

# The page has what --help has, below the same headings and in the same order.
listed() { sed -n 's/^\([A-Z].*\)$/== \1/p; s/^  \(-[a-z], \|    \)\(--[a-z-]*\).*/\2/p' | grep -v -e '^== Usage' -e '^== Build'; }
described() {
    sed -n '/^.Ss What to build/,/^.Ss Kept files/p' "$top/man/image-build.1" |
        sed -n 's/^.Ss \(.*\)/== \1/p; s/^.It \(Fl [a-z] , \)\{0,1\}Fl -\([a-z-]*\).*/--\2/p' | grep -v '^== Kept files'
}
image-build --help | listed >help
described >page
ok "image-build(1) describes the options of --help" diff help page
for shell in bash zsh fish; do
    image-build --completion $shell >script
    ok "completions for $shell know them" grep -q -e no-cache-filter script
done
finish
