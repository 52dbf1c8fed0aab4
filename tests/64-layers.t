#!/bin/sh
# An image has at most 500 layers: one with so many can be used for all that an image is for, and what would get more
# is refused before anything runs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
load_busybox
mkdir context

# copies N: a Dockerfile of N layers on busybox, which has one. Each hides what the one before made, and removes nothing.
copies() {
    echo FROM busybox
    seq 1 "$1" | sed 's|.*|COPY <<END /last\n&\nEND|'
}
copies 499 >full
status_is "500 layers are built" 0 image-build -q -t full -f full context
is "and run" "$(image-run full cat /last 2>&1)" 499
ok "and saved" image-save -o full.tar full
ok "as files too" image-save --format tar -o full-tree.tar full
is "with the last layer's" "$(tar -xOf full-tree.tar last)" 499
ok "and loaded" image-load --tag loaded full.tar
ok "and reported" image-report full
status_is "and built upon, without a layer" 0 sh -c "printf 'FROM full\nENV A=b\n' | image-build -q -t child -"
is "which runs" "$(image-run child cat /last 2>&1)" 499
status_is "and copied from" 0 sh -c "printf 'FROM busybox\nCOPY --from=full /last /\nRUN --mount=from=full,target=/m cmp /m/last /last\n' | image-build -q -t copied -"
(copies 498 && echo 'RUN rm /last && test -d /proc') >removed
status_is "the 500th may be a RUN" 0 image-build -q -t removed -f removed context
ok "that removes what is far below" image-run removed sh -c '[ ! -e /last ]'
(copies 498 && echo 'RUN false') >failing
image-build -q -f failing context >out 2>&1
enter=$(sed -n 's/^ *enter what it left: //p' out)
is "what it leaves when it fails can be entered" "$($enter cat /last 2>&1)" 498

# refused DESCRIPTION LINE FILE: at that line, and nothing was run before
refused() {
    image-build -f "$3" context >out 2>&1
    is "$1: its status" $? 3
    ok "$1: is told with its line" grep -q "^image-build: $3:$2: its layer is one more than the 500 that an image may have; join" out
    ok "$1: before anything is run" no_match '^#[^ ]* \[' out
}
(copies 499 && echo 'RUN true') >over
refused "a layer more than that" 1499 over
printf 'FROM full\nRUN touch /x\n' >on
refused "a layer on such a base" 2 on
(copies 250 | sed 's/busybox/busybox AS a/' && copies 249 | sed 's/busybox/a/' && printf 'WORKDIR /app\n') >stages
refused "over two stages" 1500 stages
(sed 's/^FROM busybox/FROM scratch/' over && echo 'RUN true') >scratch
status_is "df-parse --check fails without a store" 3 df-parse --check scratch
ok "and tells it" grep -q "scratch:1500: its layer is one more" .out
(printf 'FROM busybox\nRUN true\n' && sed '1s/.*/FROM busybox AS unused/' scratch && printf 'FROM busybox\nRUN true\n') >unused
status_is "a stage that nobody needs does not matter" 0 image-build -q -f unused context
finish
