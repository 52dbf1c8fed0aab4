#!/bin/sh
# stagepipe-size(7) tells the truth: its Dockerfiles are those that are built, and its numbers those that come out.
# STAGEPIPE_STATEMENTS=1 also tries its statements, by size-statements, which takes minutes more.
# Packages change from week to week: a size may be 10 % away, or 100 kB; layers, order and ratios may not.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"
page=$top/man/stagepipe-size.7
sed 's/\\e/\\/g' "$page" >shown

for file in c/single c/removed c/together c/multi c/static python/bad python/good python/ways; do
    # shellcheck disable=SC2016 # jq's variables
    jq -en --rawfile page shown --rawfile file "$top/tests/size-tutorial.d/$file" '$page | contains("\n" + $file)' >/dev/null
    result $? "the page shows $file as it is built"
done
sed -n '/^IMAGE  /,/^py:venv /p' shown >table
# shellcheck disable=SC2016
jq -en --rawfile readme "$top/README.md" --rawfile table table '$readme | gsub("\n    "; "\n") | contains($table)' >/dev/null
result $? "README.md has the page's table"

# figure IMAGE COLUMN: of the page's last table, in whole units
figure() { awk -v image="$1" -v column="$2" '$1 == image { printf "%.0f %s\n", $column, $(column + 1) }' table; }
for words in "an image of $(figure hello:single 2) to one of $(figure hello:static 2)" "kB of the $(figure hello:single 5)" \
    "the base image: $(figure hello:multi 2) for" "The image of step 1 has $(figure hello:single 9)"; do
    grep -qF "$words" shown
    result $? "the text has the table's number: $words"
done

# Why the images cannot be built here; empty when they can.
why_not() {
    [ "$(id -u)" = 0 ] || { echo "needs root" && return; }
    have mmdebstrap || { echo "mmdebstrap is missing" && return; }
    have python3 || { echo "python3 is missing, which looks whether there is a network" && return; }
    python3 -c 'import socket
for host, port in ("deb.debian.org", 80), ("pypi.org", 443): socket.create_connection((host, port), 10).close()' 2>/dev/null ||
        echo "no way to deb.debian.org or pypi.org"
}
reason=$(why_not)
if [ "$reason" ]; then
    skip "the images cost what the page says" "$reason"
    finish
    exit
fi
ok "every image of the page is built" sh -c 'timeout 1800 "$1/tests/size-tutorial" >built 2>error; status=$?; cat error; exit $status' - "$top"
[ "$failures" = 0 ] || { finish; exit 1; }

# The rows of all tables, by image and place: sizes in bytes, as 360500000b; scores, as 94%; and other numbers.
rows() {
    awk 'BEGIN { factor["B"] = 1; factor["kB"] = 1000; factor["MB"] = 1000000; factor["GB"] = 1000000000 }
        /^\$ image-report / { image = $3 " "; next }
        /^IMAGE / { image = ""; table = 1; next }
        /^PLACE / { table = 1; next }
        /^$|^\./ { table = 0 }
        table {
            row = image $1
            for (i = 2; $i ~ /^([0-9.]+|-)$/; i++)
                if ($i == "-") row = row " 0b"
                else if ($(i + 1) in factor) row = row " " $i * factor[$++i] "b"
                else if ($(i + 1) == "%") row = row " " $i++ "%"
                else row = row " " $i
            print row
        }' "$1" | sort
}
rows shown >told
rows built >now
equal "the page has the rows that are printed" "$(sed 's/ [0-9].*//' told)" "$(sed 's/ [0-9].*//' now)"
paste -d '|' told now | awk -F '|' '
    function off(a, b) { return a > b ? a - b : b - a }
    {
        count = split($1, told, " ")
        if (split($2, now, " ") != count) wrong = 1
        for (i = 1; i <= count; i++)
            if (told[i] ~ /b$/) wrong += off(told[i] + 0, now[i] + 0) > 100000 && off(told[i] + 0, now[i] + 0) > told[i] / 10
            else if (told[i] ~ /%$/) wrong += off(told[i] + 0, now[i] + 0) > 3
            else wrong += told[i] != now[i]
        if (wrong) print "told: " $1 "\nis:   " $2
        wrong = 0
    }' >off
[ ! -s off ]
result $? "each number of the page is true, within 10 %" off

# download IMAGE: its bytes
download() { awk -v image="$1" '$1 == image && $2 ~ /b$/ { print $2 + 0; exit }' now; }
holds() { # DESCRIPTION A B: A is no more than B
    [ "$2" -le "$3" ]
    result $? "$1"
}
single=$(download hello:single) removed=$(download hello:removed) multi=$(download hello:multi) static=$(download hello:static)
bad=$(download py:bad) good=$(download py:good)
holds "removing makes an image no smaller" "$single" "$removed"
holds "two stages are a third or less of one" $((multi * 3)) "$single"
holds "a static program is a hundredth or less of that" $((static * 100)) "$multi"
holds "Python in a virtual environment is a half or less of Python done badly" $((good * 2)) "$bad"

if [ -z "${STAGEPIPE_STATEMENTS-}" ]; then
    skip "what the page says besides its numbers" "takes minutes; STAGEPIPE_STATEMENTS=1 runs it"
else
    # shellcheck source=tests/size-statements
    . "$top/tests/size-statements"
fi
finish
