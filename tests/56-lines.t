#!/bin/sh
# Which line of which Dockerfile an image's instructions come from, as image-report says it: over stages that stand
# on stages, from the cache, and down to base images that were built in the same store.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

have jq || skip_all "jq is missing"
load_busybox
mkdir context && echo 1 >context/file

build() { # NAME, with the Dockerfile on standard input
    cat >"$1.Dockerfile"
    image-build -q -t "$1" -f "$1.Dockerfile" context >"$1.log" 2>&1 || sed 's/^/# /' "$1.log"
}
# lines IMAGE: its instructions that make a layer, but the name of the Dockerfile, on one line.
lines() {
    image-report --json "$1" | jq -r '[.instructions[] | select(.layer) | (if .base then "base " else "" end)
        + (if .line then (.dockerfile | split(".")[0]) + ":\(.line)" else "?" end)] | join(" ")'
}
record() { echo "$STAGEPIPE_STORE/builds/$(image-report --json "$1" | jq -r '.digest | split(":")[1]').json"; }

build chain <<'END'
FROM busybox AS one
RUN echo 1 >/1

FROM one AS two
COPY file /2
ENV A=b
FROM two AS three

FROM three
RUN echo 3 >/3
END
is "a stage on a stage on a stage has the lines of all" "$(lines chain)" "base ? chain:2 chain:5 chain:10"
is "also of instructions without a layer" \
    "$(image-report --json chain | jq -r '.instructions[] | select(.text == "ENV A=b").line')" 6

build moved <<'END'
# The same stages under other lines.

FROM busybox AS one
# RUN
RUN echo 1 >/1
FROM one AS two
COPY file /2
ENV A=b
FROM two
RUN echo 3 >/3
CMD ["x"]
END
is "what comes from the cache has the lines of this build" "$(lines moved)" "base ? moved:5 moved:7 moved:10"
is "and what was built before keeps its own" "$(lines chain)" "base ? chain:2 chain:5 chain:10"
image-build -q -t middle --target two -f chain.Dockerfile context >/dev/null 2>&1
is "another stage of the same file is another image" "$(lines middle)" "base ? chain:2 chain:5"

build below <<'END'
FROM busybox
RUN echo below >/below
ONBUILD RUN echo trigger >/trigger
END
build above <<'END'
FROM below AS part
RUN echo part >/part
FROM part
RUN echo above >/above
END
is "a base that was built here has its own lines, a trigger that of FROM" "$(lines above)" \
    "base ? base below:2 above:1 above:2 above:4"
build top <<'END'
FROM above
RUN echo top >/top
END
is "and so has its base" "$(lines top)" "base ? base below:2 base above:1 base above:2 base above:4 top:2"
build variable <<'END'
ARG BASE=busybox
FROM ${BASE}
RUN echo 1 >/1
END
is "where FROM has a variable, the image is named" \
    "$(image-report variable | sed -n 's/^ *variable.Dockerfile:2 .* FROM /FROM /p')" "FROM busybox"
is "and what is written is known too" "$(image-report --json variable | jq -r '.from[0] | "\(.text) \(.image)"')" 'FROM ${BASE} busybox'
image-build -q -t apart --build-context named=context -f - . >/dev/null 2>&1 <<'END'
FROM named AS files
FROM files
COPY --from=busybox /bin/busybox /b
END
is "a directory is no base image" "$(lines apart | sed 's/[A-Za-z]*:/:/g')" ":1 :3"

image-report top >table
is "FROM is shown below what it brought, and the base's instructions as the base's" \
    "$(sed -n 's/^.\{3\}  \(base \)*\([a-z]*\).Dockerfile\(:[0-9]*\) .*  \([A-Z]\{2,\}\) [^ ].*/\1\2\3 \4/p' table | tr '\n' ';')" \
    "base below:1 FROM;base below:2 RUN;base above:1 FROM;base above:1 RUN;base above:2 RUN;base above:3 FROM;base above:4 RUN;top:1 FROM;top:2 RUN;"
ok "the base's part of the download is told" grep -q '^[0-9.]* [kM]*B to download: [0-9.]* [kM]*B are the base.s, [0-9]* B the Dockerfile.s$' table
is "and is what FROM brought" "$(image-report --json top | jq -c '[.totals.base == (.from[-1] | {layers, download, content}), .from[-1].instructions, (.from | length)]')" '[true,5,4]'
image-save top >elsewhere.tar
is "of an archive nothing is known" "$(lines ./elsewhere.tar)" "? ? ? ? ? ?"
is "nor of one on standard input" "$(image-save --format docker top | lines -)" "? ? ? ? ? ?"

build again <<'END'
FROM chain
END
is "another name of an image has its lines, once" "$(lines again)" "$(lines chain)"
is "and they stay the image's own" "$(image-report --json again | jq -c '[.from[].line]')" \
    "$(image-report --json chain | jq -c '[.from[].line]')"
build by-name <<'END'
FROM busybox AS source
COPY file /file
FROM busybox
COPY --from=source /file /same
END
build by-number <<'END'
# The same, in other lines.
FROM busybox
COPY file /file

FROM busybox
COPY --from=0 /file /same
END
same_digest "stages by name and by number give one image" "$(image-report --json by-name | jq -r .digest)" \
    "$(image-report --json by-number | jq -r .digest)"
is "which has the lines of either under its name" "$(lines by-name) $(lines by-number)" \
    "base ? by-name:4 base ? by-number:6"

rm "$STAGEPIPE_STORE"/builds/*-*.json
rm "$(record above)"
is "without the base's record only its own lines are known" "$(lines top)" "base ? base ? base ? base ? base ? top:2"
rm "$(record top)"
is "without any record, none" "$(lines top)" "? ? ? ? ? ?"

# seal FILE TO: with the digest that a record begins with.
seal() { { printf 'sha256:%s\n' "$(sha256sum <"$1" | cut -c1-64)" && cat "$1" && echo; } >"$2"; }
tail -n +2 "$(record chain)" | jq -cj 'del(.stages) | .base += {history: 4, layers: 3} | del(.base.manifest) | .steps = .steps[-1:]' >old
tail -n +2 "$(record chain)" | jq -cj '.steps += .steps' >long
chain=$(record chain)
seal old "$chain"
is "a record from before tells its own stage's lines, and no base" "$(lines chain)" "? ? ? chain:10"
seal long "$chain"
is "one that does not fit tells nothing" "$(lines chain)" "? ? ? ?"
echo '{' >old
seal old "$chain"
is "nor does one that is none" "$(lines chain 2>err)" "? ? ? ?"
finish
