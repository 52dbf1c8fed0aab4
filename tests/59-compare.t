#!/bin/sh
# Looking into images and comparing them.
. "$(dirname "$0")/lib.sh"
have jq || skip_all "needs jq"
sh "$top/tests/busybox-layout" busybox >/dev/null
image-load --tag busybox busybox >/dev/null
mkdir ctx
head -c 300000 /dev/zero >ctx/big
echo small >ctx/small
cat >ctx/Dockerfile <<'END'
FROM busybox
COPY big /opt/app/big
RUN mkdir /opt/app/src && echo source >/opt/app/src/main.c && ln -s app /opt/current
RUN chmod 600 /opt/app/big
RUN rm -r /opt/app/src
COPY small /opt/app/big
END
if ! image-build -q -t app ctx >/dev/null 2>build.log; then
    cat build.log
    skip_all "this machine can't build"
fi

# Exploring.

is "--files says what is below a path, and who pays" \
    "$(image-report --json --files=/opt app | jq -c '.files[] | [.path, .bytes, [.layers[].layer]]')" \
    '["opt",6,[6]]
["opt/app",6,[6]]
["opt/app/big",6,[6]]
["opt/current",0,[]]'
is "--files without a path is the whole image" "$(image-report --json --files --depth 0 app | jq -r '.files[].path')" .
is "all bytes that are visible are in the tree" \
    "$(image-report --json --files app | jq '.files[0].bytes')" "$(image-report --json app | jq .totals.visible)"
is "--layer says what a layer puts and hides" \
    "$(image-report --json --layer 4 app | jq -c '[.instruction.line, [.puts[], .hides[] | .path], .took]')" \
    '[4,[".","opt/app/big",".","opt/app/big"],[{"of":2,"fate":"metadata","files":1,"bytes":300000}]]'
is "--layer says what a layer removes" \
    "$(image-report --layer 5 app | grep -A 3 Removes)" \
    "Removes of the layers below: 7 B
SIZE  ENTRIES  LAYER  OWNER  MODE  PATH
 7 B        2  3                   /
 7 B        1  3      0:0    0644    /opt/app/src/main.c"
is "--why says which lines put, changed and hid a file" \
    "$(image-report --json --why /opt/current/big app | jq -c '.puts[] | [.instruction.line, .bytes, .gone.fate, .gone.instruction.line]')" \
    '[2,300000,"metadata",4]
[4,300000,"overwritten",6]
[6,6,null,null]'
is "--why names the links it followed" \
    "$(image-report --why /opt/current/big app | sed -n 2p)" \
    "/opt/current is a link to app (layer 3, Dockerfile:3: RUN mkdir /opt/app/src && echo source >/opt/app/src/main.c …)"
status_is "a path that never was is an error" 1 image-report --why /opt/app/bog app
is "that names the nearest" "$(cat .out)" "image-report: /opt/app/bog: no layer ever had it; the nearest is /opt/app/big"
status_is "only one view is shown at a time" 2 image-report --layer 1 --why / app

finish
