#!/bin/sh
# What build-trace makes of records, and image-build --trace of a build. A folder of trace/ has `records`, and what
# becomes of them: trace.json and chart.svg. UPDATE_TRACES=1 rewrites those.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq python3 || skip_all "jq or python3 is missing"

# sound FILE: a trace as its readers need it; events of one thread are within or beside each other.
sound() {
    jq -e '[.traceEvents[] | select(.ph == "X")] as $all
        | ($all | length > 0 and all(.ts >= 0 and .dur >= 0 and .ts + .dur < 9007199254740992))
        and ([.traceEvents[] | select(.ph == "s")] | length) == ([.traceEvents[] | select(.ph == "f")] | length)
        and ([.traceEvents[] | select(.ph == "X").tid] - [.traceEvents[] | select(.name == "thread_name").tid] == [])' "$1"
}
nested() { # FILE
    jq -e '[.traceEvents[] | select(.ph == "X")] | group_by(.tid) | all(. as $all | all(. as $a | $all | all(. as $b
        | $a.ts + $a.dur <= $b.ts or $b.ts + $b.dur <= $a.ts
          or ($a.ts <= $b.ts and $b.ts + $b.dur <= $a.ts + $a.dur)
          or ($b.ts <= $a.ts and $a.ts + $a.dur <= $b.ts + $b.dur))))' "$1"
}
# drawn FILE: XML, of our own elements alone, none of them outside the picture.
drawn() {
    python3 - "$1" <<'END'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
width, height = (float(root.get(side)) for side in ("width", "height"))
names = {each.tag.rsplit("}", 1)[1] for each in root.iter()}
assert names <= {"svg", "title", "style", "defs", "pattern", "rect", "line", "text", "g"}, names
for each in root.iter():
    assert not [name for name in each.keys() if name.startswith("on") or "href" in name], each.attrib
    if each.tag.endswith("}rect"):
        x, y, w, h = (float(each.get(name)) for name in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and w > 0 and x + w <= width + 0.1 and y + h <= height, each.attrib
END
}
for case in "$top"/tests/trace/*/; do
    case=${case%/}
    name=$(basename "$case" | tr - ' ')
    build-trace <"$case/records" >trace.json 2>said
    build-trace --format svg "$case/records" >chart.svg 2>>said
    [ -z "${UPDATE_TRACES-}" ] || cp trace.json chart.svg "$case/"
    diff -u "$case/trace.json" trace.json >changes && diff -u "$case/chart.svg" chart.svg >changes
    result $? "$name" changes
    ok "$name: a trace" sound trace.json
    ok "$name: a chart" drawn chart.svg
done
status_is "of no time nothing is drawn" 3 sh -c 'echo "{\"type\":\"header\",\"format\":\"build-record\",\"version\":1}
{\"type\":\"end\",\"records\":0}" | build-trace'

load_busybox
mkdir context
escape=$(printf '\033')
cat >context/Dockerfile <<END
FROM busybox AS slow
RUN sleep 1; echo '</svg><script>$escape' >/slow
FROM busybox AS beside
RUN sleep 1.2; echo 1 >/beside
FROM busybox
COPY --from=slow /slow /
RUN --mount=from=beside,target=/mnt cp /mnt/beside /
CMD ["true"]
END
# one FILTER FILE: of the only event it selects
the() { jq -e "[.traceEvents[] | select($1)] | if length == 1 then .[0]$2 else error(\"\\(length) of them\") end" "$3"; }
took() { [ "$(the "$1" .dur "$3" | cut -d. -f1)" -ge "$2" ]; } # FILTER MICROSECONDS FILE
image-build -q --keep kept --trace trace.json context >digest 2>said
ok "a build leaves a trace" sound trace.json
ok "whose events are within each other or beside" nested trace.json
ok "in which a second is a second" took '.args.line == "Dockerfile:2" and .cat == "run"' 1000000 trace.json
ok "and who waits is seen to" took '.cat == "wait" and .tid == 5 and .args.stage == 0' 800000 trace.json
ok "for each stage waited for" took '.cat == "wait" and .args.stage == 1' 1 trace.json
ok "with an arrow from there" jq -e '[.traceEvents[] | select(.ph == "s" or .ph == "f")] | length == 4' trace.json
ok "stages that do not wait overlap" jq -e '[.traceEvents[] | select(.cat == "run" and .dur > 1000000)]
    | length == 2 and .[0].ts < .[1].ts + .[1].dur and .[1].ts < .[0].ts + .[0].dur' trace.json
layer=$(the '.cat == "pack" and .args.line == "Dockerfile:7"' .args.layer trace.json | tr -d '"')
ok "a step and its packing name the layer of the image" [ "$(the '.cat == "run" and .args.line == "Dockerfile:7"' .args.layer trace.json)" = "\"$layer\"" ]
ok "which is there" test -f "store/blobs/sha256/${layer#*:}"
build-trace kept >again.json
ok "--keep leaves what the trace is made of" cmp trace.json again.json
is "stages that are not packed have one thread" "$(jq '[.traceEvents[] | select(.name == "thread_name")] | length' trace.json)" 4

image-build -q --trace chart.svg context >digest.2 2>said
ok "a name in .svg gets a chart" drawn chart.svg
ok "of a build from the cache" grep -q '5 steps, 4 from the cache' chart.svg
same_digest "nothing of it is in the image" "$(cat digest.2)" "$(cat digest)"
image-build -q --explain --no-cache-filter beside --trace - context >trace.json 2>said
ok "- is standard output, with nothing else" sound trace.json
ok "a miss says why, if that is asked for" the '.args.line == "Dockerfile:4" and .args.cache == "miss"' .args.why trace.json
ok "a hit says that it is one" the '.args.line == "Dockerfile:2" and .args.cache == "hit"' '' trace.json
ok "-n prints how" sh -c 'image-build -n --trace "it'\''s.svg" context | grep "^build-trace --format svg .* >'\''it"'
status_is "not where the image goes" 2 image-build -o - --trace - context
status_is "a file that can't be written" 2 image-build --trace nowhere/trace.json context
ok "is said before anything is done" sh -c '! grep "^#" .out && grep -q "nowhere/trace.json" .out'
mkdir bin && printf '#!/bin/sh\necho >>"%s/called"\nexit 9\n' "$work" >bin/build-trace && chmod +x bin/build-trace
ok "without --trace nothing of it is run" env PATH="$work/bin:$PATH" image-build -q context
ok "or looked for" test ! -e called
status_is "a trace that fails is a failure" 1 env PATH="$work/bin:$PATH" image-build -q --trace x.json context

cat >context/Dockerfile <<'END'
FROM busybox AS good
RUN sleep 30
FROM busybox AS bad
RUN true
RUN sleep 1; exit 7
FROM busybox
COPY --from=good /x /
COPY --from=bad /x /
END
status_is "a build that fails does so with a trace" 1 image-build --trace trace.json context
ok "that is sound" sound trace.json
ok "and says so" jq -e '.otherData.complete == false' trace.json
ok "that shows the culprit" the '.cat == "failed" and (.args.failed | startswith("RUN ended with status 7"))' '' trace.json
ok "and what it ended" jq -e '[.traceEvents[] | select(.cat == "failed" and .args.line == "Dockerfile:2")]
    | length == 1 and .[0].dur < 20000000' trace.json
image-build --trace stopped.svg context >/dev/null 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
is "a build that is ended says so by its status" $? 143
ok "and has a chart of how far it came" drawn stopped.svg
finish
