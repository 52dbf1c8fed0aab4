#!/bin/sh
# Pictures of an image that wants to break them: its names and instructions hold markup, orders to a terminal, and
# marks that turn text around.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/busybox-layout" busybox
image-load --tag busybox busybox >/dev/null
mkdir context
cat >context/Dockerfile <<'END'
FROM busybox
COPY names /bin/names
RUN sh /bin/names
RUN rm -r /gone; : '</script></svg><script>alert(1)</script>' "&amp; <b>"
ENV A="<i>"
END
cat >context/names <<'END'
mkdir -p /gone '/a/</script><script>alert(1)</script>' && cd /a
turned=$(printf '\342\200\256gpj.exe')
for name in '<img src=x onerror=alert(1)>' '"onload="alert(1)' "'" '&lt;' '{{rows}}' ']]>' "$turned" \
    "$(printf '\033[2Jcleared')" "$(printf 'two\nlines')" "$(printf 'not \377 utf-8')" "$(printf 'separator \342\200\250')" \
    "$(printf '%0255d' 0)"; do
    head -c 30000 /dev/urandom >"./$name" && cp "./$name" "/gone/$name" || exit
done
head -c 50000 /dev/urandom >'/a/</script><script>alert(1)</script>/x'
END
ok "an image with hostile names is built" image-build --progress quiet -t hostile context

# plain FILE: no byte in it could be an order to a terminal, or turns text.
plain() { ! LC_ALL=C grep -q -e '[[:cntrl:]]' "$1" && ! grep -q -e "$(printf '\342\200[\252-\256\250]')" "$1"; }

ok "--svg draws it" image-report --svg hostile.svg hostile
ok "into well-formed XML" python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("hostile.svg")'
ok "of plain text" plain hostile.svg
ok "that loads and runs nothing" sh -c '! grep -i -e "<script" -e "href" -e "@import" -e " on[a-z]*=" -e "http" hostile.svg | grep -v "^<svg xmlns=.http://www.w3.org/2000/svg. "'
image-report --svg - hostile >again.svg
ok "the same one each time" cmp hostile.svg again.svg
status_is "two images are not one picture" 2 image-report --svg hostile.svg hostile busybox
status_is "where it can't be written it says so" 1 image-report --svg missing/x.svg hostile
is "with the name of the file" "$(sed 's/: No such.*//' .out)" "image-report: missing/x.svg: cannot be written"

image-report --bars hostile >bars
ok "--bars draws blocks" grep -q '  2  Dockerfile:2  *█' bars
ok "and shades what is not visible" grep -q '  3  Dockerfile:3  *█*▒' bars
ok "of plain text" plain bars
ok "and a pipe gets a table" sh -c 'image-report hostile | grep -q "^LAY "'
"$top/tests/on-terminal" '' image-report hostile >terminal
ok "a terminal gets bars" grep -q 'Dockerfile:3.*█' terminal
ok "in colours" grep -q "$(printf '\033\\[38;5;[0-9]*m█')" terminal
NO_COLOR=1 "$top/tests/on-terminal" '' image-report hostile >terminal
ok "or without" plain terminal
"$top/tests/on-terminal" '' image-report --table hostile >terminal
ok "or a table, by --table" grep -q '^LAY ' terminal
finish
