#!/bin/sh
# What image-report --what-if says an image would cost, against images that are really built so.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

have jq || skip_all "jq is missing"
load_busybox
mkdir context
numbers_and_sums context
printf 'int main(void) { return 0; }\n' >context/main.c
seq 7 90000 >>context/main.c

build() { # NAME, with the Dockerfile on standard input
    cat >"$1"
    image-build -q -t "$1" -f "$1" context >"$1.log" 2>&1 || sed 's/^/# /' "$1.log"
    image-report --json "$1" >"$1.json"
}
costs() { # DESCRIPTION NAME REAL CHANGE...: NAME with the changes costs what REAL does: files exactly, download within 2 %
    description=$1 name=$2 real=$3
    shift 3
    for change; do set -- "$@" --what-if "$change" && shift; done
    image-report --json "$@" "$name" >"$name.tried"
    is "$description" "$(jq -rn --slurpfile tried "$name.tried" --slurpfile real "$real.json" '
        $tried[0].what_if as $is | $real[0].totals as $real
        | if $is.content == $real.content and ($is.download - $real.download | fabs) * 50 <= $real.download
          then "as built" else "\($is.content) of \($real.content), \($is.download) of \($real.download)" end')" "as built"
}

build image <<'END'
FROM busybox
COPY numbers sums main.c /d/
RUN cp /d/sums /d/copy && ln /d/copy /d/link || true
RUN rm /d/copy && cp /d/numbers /d/more && chmod 600 /d/sums
RUN rm -r /d && mkdir /d && seq 5 60000 >/d/new && seq 6 70000 >/kept
END
printf 'FROM scratch\nCOPY --from=image / /\n' | build squashed
costs "squash is the visible tree in one layer" image squashed squash

build merged <<'END'
FROM busybox
COPY numbers sums main.c /d/
RUN cp /d/sums /d/copy && ln /d/copy /d/link || true; rm /d/copy && cp /d/numbers /d/more && chmod 600 /d/sums && rm -r /d && mkdir /d && seq 5 60000 >/d/new && seq 6 70000 >/kept
END
costs "merge is one RUN instead of three" image merged merge=3-5

build dropped <<'END'
FROM busybox
COPY numbers main.c /d/
RUN true
RUN cp /d/numbers /d/more
RUN rm -r /d && mkdir /d && seq 5 60000 >/d/new && seq 6 70000 >/kept
END
costs "drop is an image that never had the paths" image dropped drop=/d/sums drop=d/copy drop=/d/link

build two <<'END'
FROM busybox
COPY numbers sums main.c /d/
END
printf 'FROM busybox\nCOPY numbers /d/\n' | build less
costs "changes are tried together" two less drop=/d/sums drop=/d/main.c

build single <<'END'
FROM busybox
RUN mkdir -p /usr/include /opt/.git /root/.cache/pip && seq 1 90000 >/usr/include/a.h && seq 2 80000 >/opt/.git/x && seq 3 70000 >/root/.cache/pip/x
COPY main.c /src/
RUN rm /bin/awk && cat /src/main.c /src/main.c >/bin/app
END
build multi <<'END'
FROM busybox AS build
COPY main.c /src/
RUN cat /src/main.c /src/main.c >/bin/app
FROM busybox
RUN --mount=from=build,target=/b rm /bin/awk && cp /b/bin/app /bin/app
END
costs "multistage is the base and one layer of what is not for building" single multi multistage

is "text says it too" "$(image-report --what-if squash image | grep -c '^With squash: .* less; .* in one layer:')" 1
status_is "a path that no layer has is an error" 1 image-report --what-if drop=/none image
status_is "so is a layer too many" 1 image-report --what-if merge=2-9 image
status_is "a change that is none is a mistake of the command line" 2 image-report --what-if flatten image
status_is "multistage needs to know the base" 1 image-report --what-if multistage busybox
finish
