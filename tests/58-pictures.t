#!/bin/sh
# Pictures of an image that wants to break them: its names and instructions hold markup, orders to a terminal, and
# marks that turn text around. And the README's picture: UPDATE_PICTURE=1 draws it anew.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

load_busybox
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
plain() { (LC_ALL=C && export LC_ALL && no_match -e '[[:cntrl:]]' "$1") && no_match -e "$(printf '\342\200[\252-\256\250]')" "$1"; }

ok "--svg draws it" image-report --svg hostile.svg hostile
ok "into well-formed XML" python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("hostile.svg")'
ok "of plain text" plain hostile.svg
inert() { # FILE: its name space aside, there is no address in it and nothing to run
    sed 's|^<svg xmlns=.http://www.w3.org/2000/svg. ||' "$1" >loading && [ -s loading ] &&
        no_match -i -e "<script" -e "href" -e "@import" -e " on[a-z]*=" -e "http" loading
}
ok "that loads and runs nothing" inert hostile.svg
image-report --svg - hostile >again.svg
ok "the same one each time" cmp hostile.svg again.svg

ok "--html makes a page of it" image-report --html hostile.html hostile
ok "of plain text" plain hostile.html
cat >judge.py <<'END'
import base64, hashlib, html.parser, json, re, sys

void = {"meta", "rect"}
class Judge(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.scripts, self.text = [], [], []
    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "style", "action", "data"), (tag, name)
            assert name != "href" or value.startswith("#"), value
        assert tag not in ("img", "link", "iframe", "object", "base", "b", "i"), tag
        if tag == "script":
            self.scripts.append(dict(attributes).get("type"))
        if tag not in void | {"input"}:
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        assert tag in void, tag
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.open)
    def handle_data(self, data):
        self.text.append(data)
page = open("hostile.html", encoding="utf-8").read()
judge = Judge()
judge.feed(page)
judge.close()
assert not judge.open, judge.open
assert judge.scripts == ["application/json", None], judge.scripts
script = re.search(r"<script>(.*?)</script>", page, re.S).group(1)
digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
assert f"script-src 'sha256-{digest}'" in page
assert not re.search(r"https?:|@import|url\((?!#)", page)
data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
for name in ("script><script>alert(1)<", "<img src=x onerror=alert(1)>", "&lt;", "{{rows}}", r"\u{202e}gpj.exe",
             r"\x1b[2Jcleared", r"two\x0alines", r"not \xff utf-8", "0" * 255):
    assert name in data["tree"]["name"], (name, data["tree"]["name"])
    assert any(name in text for text in judge.text[:-2]), name
END
ok "well formed, loading nothing, and running its own script only" python3 judge.py
ok "and small" sh -c '[ "$(wc -c <hostile.html)" -lt 100000 ]'
image-report --html - hostile >again.html
ok "the same one each time" cmp hostile.html again.html
if have chromium-headless-shell || have chromium; then
    # It ends by itself, long before.
    timeout -k 5 200 "$top/tests/browser" hostile.html >seen 2>said
    is "a browser shows it to the end" "$?" 0
    sed 's/^/# /' said
    while IFS="$(printf '\t')" read -r holds what; do
        case $holds in
        ok) result 0 "$what" ;;
        'not ok') result 1 "$what" ;;
        *) echo "#   $holds $what" ;;
        esac
    done <seen
else
    skip "a browser shows it" "chromium-headless-shell is missing"
fi

"$top/tests/picture-layout" app
image-load --tag app app >/dev/null
image-report --svg app.svg app
[ -z "${UPDATE_PICTURE-}" ] || cp app.svg "$top/man/image-report.svg"
ok "the README's picture is the one that is drawn" cmp app.svg "$top/man/image-report.svg"

status_is "two images are not one picture" 2 image-report --svg hostile.svg hostile busybox
status_is "nor one page" 2 image-report --html hostile.html hostile busybox
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
