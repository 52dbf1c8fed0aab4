#!/bin/sh
# Pages, READMEs and comments: the options and paths that they name exist, and no sentence opens with "Of", or with a
# "What" that is not a question.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

# help_options TOOL, page_options PAGE: each option once, short and long
help_options() { "$1" --help | sed -n 's/^ *\(-[a-zA-Z], \)\{0,1\}\(--[a-z][a-z-]*\).*/\1\2/p' | sed 's/, /\n/' | drop_common; }
page_options() {
    awk '/^\.It Fl / { for (i = 2; i < NF; i++) if ($i == "Fl") print "-" $(i + 1) }' "$1" | drop_common
}
drop_common() { grep -vx -e -h -e --help -e -V -e --version | sort -u; }
# synopsis_lacks PAGE: the options that the page's synopsis lacks, unless it sums them up as "option ..."
synopsis_lacks() {
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$1" >synopsis
    ! grep -q 'Ar option' synopsis || return 0
    sed 's/^-//' documented | while read -r option; do
        grep -q -e "[ |]$option\( \|\$\)" -e "Fl ${option#-}\( \|\$\)" synopsis || echo "$option"
    done
}
for page in "$top"/man/*.1; do
    tool=$(basename "$page" .1)
    help_options "$tool" >helped
    page_options "$page" >documented
    ok "$tool(1) has the options of --help, and no others" sh -c '[ -s helped ] && diff helped documented'
    is "and all of them in its synopsis" "$(synopsis_lacks "$page")" ""
done

# All but the changelog, which tells of what was there once.
readmes=$(find "$top" "$top/tools" "$top/tests" -maxdepth 1 -name '*.md' ! -name CHANGELOG.md | sort)
# paths FILE: the paths of the source tree that a text names, up to a placeholder in capitals
paths() {
    sed 's/\\-/-/g; s/\\&//g' "$1" | grep -oE '(^|[^A-Za-z0-9_./$*-])(scripts|tests|tools|man|fuzz)/[A-Za-z0-9_./*-]+' |
        sed 's/^[^a-z]*//; s,/[A-Z].*,,; s/[.,]*$//' | sort -u
}
for text in "$top"/man/*.[157] $readmes; do
    paths "$text" | while read -r path; do
        # shellcheck disable=SC2086 # a * may be any name
        ls -d "$top"/$path >/dev/null 2>&1 || echo "$path"
    done >missing
    is "the paths that ${text#"$top"/} names are there" "$(cat missing)" ""
done

# opening: the sentences of a text that open with one of the words and do not end with a question mark
opening() {
    awk '/^[ \t]*$/ { print ""; next } { printf "%s ", $0 } END { print "" }' |
        awk '{ gsub(/[.?!:] +/, "&\n"); gsub(/ \| +/, "\n"); print }' | grep -E '^[-*1-9. ]*(Of|What) ' | grep -v '? *$'
}
page_text() { # PAGE: its sentences; a macro that begins a part ends a sentence, other macros are words of it
    sed -e '/^\.Bd/,/^\.Ed/d' -e 's/^\.Nd what /What /' -e 's/^\.\(Nd\|Pp\|It\|Sh\|Ss\|Bl\|El\|Dl\)\( .*\)*$/\n/' -e 's/^\.[A-Z][a-z] //' "$1"
}
prose() { # README: without its code
    sed -e '/^    /d' -e 's/^| /\n/' -e 's/^- /\n/' "$1"; }
comments() { # CRATE: the comments of its code
    find "$top/tools/$1/src" -name '*.rs' -exec sed -e 's/^[ \t]*\/\/[\/!]\{0,1\} \{0,1\}//; t' -e 's/.*//' {} +
}
# judge WHERE: the file text has no such sentence
judge() {
    opening <text >found
    is "no sentence of $1 opens with Of, or What" "$(cat found)" ""
}
for page in "$top"/man/*.[157]; do
    page_text "$page" >text
    judge "$(basename "$page")"
done
for readme in $readmes; do
    prose "$readme" >text
    judge "${readme#"$top"/}"
done
for crate in "$top"/tools/*/; do
    comments "$(basename "$crate")" >text
    judge "$(basename "$crate")"
done
finish
