#!/bin/sh
# A report's memory grows with the entries of the layers, by a bounded number of bytes each, and not with contents.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
[ -x /usr/bin/time ] || skip_all "GNU time is missing"
have jq python3 || skip_all "jq or python3 is missing"

# report LAYERS FILES: of such an image, into ./report; its peak in KiB into ./peak
report() {
    "$top/tests/many-layers" "$1" "$2" >many.tar
    timeout 60 /usr/bin/time -f %M -o peak image-report --json many.tar >report
}
ok "an image of one layer is reported" report 1 10
least=$(tail -1 peak)
ok "an image of 100 layers with 20000 files is reported" report 100 200
is "it has all layers" "$(jq '.layers | length' report)" 100
# A file in ten of each layer but the first replaces one, and as many are removed.
is "it has all files" "$(jq '.totals.files' report)" $((100 * 200 - 99 * 40))
is "what is replaced or removed is hidden" "$(jq '.totals.hidden_files' report)" $((99 * 40))
peak=$(tail -1 peak)
echo "peak: $peak KiB, of which $least without files" >detail
[ $(((peak - least) * 1024)) -lt $((20000 * 1000)) ]
result $? "it takes less than 1000 bytes a file" detail
finish
