#!/bin/sh
# Each crate uses of the workspace what its row in tools/README.md says, neither more nor less.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"
have cargo || PATH=$PATH:$HOME/.cargo/bin
have cargo || skip_all "cargo is missing"

# A line for each crate and for each edge: the crate, and what it stands on. Those of a crate's tests are no edges.
cargo metadata --manifest-path "$top/Cargo.toml" --no-deps --offline --format-version 1 >workspace.json
jq -r '.packages[] | select(.manifest_path | test("/tools/[^/]*/Cargo.toml$")) | .name as $name
    | $name, (.dependencies[] | select(.path and .kind != "dev") | "\($name) \(.name)")' workspace.json | sort -u >uses
awk -F '|' '/^\| crate \| stands on \|$/ { inside = 1; next } inside && !/^\|/ { exit }
    inside && /^\| `/ {
        crates = split($2, crate, /[^a-z-]+/)
        count = /none of the others/ ? 0 : split($3, below, /[^a-z-]+/)
        for (c = 1; c <= crates; c++) if (crate[c] != "") {
            print crate[c]
            for (b = 1; b <= count; b++) if (below[b] != "") print crate[c], below[b]
        }
    }' "$top/tools/README.md" >rows
sort -u rows >allowed
[ -s uses ] && [ -s allowed ]
result $? "there are crates, and a table of them"
comm -23 uses allowed >unknown
[ ! -s unknown ]
result $? "no crate uses another that its row does not name" unknown
comm -13 uses allowed >stale
[ ! -s stale ]
result $? "each row names crates that are there and used" stale
awk 'NF == 1 { seen[$1] = 1 } NF == 2 && !($2 in seen) { print $1 " is above " $2 }' rows >upwards
[ ! -s upwards ]
result $? "each row stands on rows above it" upwards

# libraries PROGRAM: what it is linked with, of this workspace and others
libraries() { cargo tree --manifest-path "$top/Cargo.toml" --offline -p "$1" -e normal --prefix none | sed 's/ .*//' | sort -u; }
# shellcheck disable=SC2317 # is called by ok
# shellcheck disable=SC2094 # it is written first
tls() { libraries "$1" >libraries && grep -x -E 'libhttp|ureq.*|rustls.*|ring|aws-lc.*|webpki.*|openssl.*|native-tls|schannel' libraries; }
# shellcheck disable=SC2317 # likewise
no_tls() { tls "$1" && return 1; [ -s libraries ]; }
for tool in $tools; do
    case $tool in
    context-fetch | image-pull | image-push) ok "$tool has TLS" tls "$tool" ;;
    *) ok "$tool has none" no_tls "$tool" ;;
    esac
done
finish
