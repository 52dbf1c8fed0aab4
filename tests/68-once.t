#!/bin/sh
# Two builds that need the same step at once make it once: the second waits, says for whom, and takes over when the first
# is killed.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
load_busybox
mkdir context
# Its runs are counted in a cache mount, which both have.
cat >context/Dockerfile <<'END'
FROM busybox
RUN --mount=type=cache,target=/c echo run >>/c/runs; sleep 2; cp /c/runs /runs
END
runs() { cat "$STAGEPIPE_STORE"/cachemounts/*/data/runs 2>/dev/null | wc -l; }
within() { # SECONDS COMMAND...: it succeeds before that
    tries=$(($1 * 20)) && shift
    until "$@" 2>/dev/null; do [ $((tries -= 1)) -gt 0 ] && sleep 0.05 || return; done
}
runs_now() { [ "$(runs)" = "$1" ]; }
build() { image-build --progress plain "$@" context; }

build -t app >one 2>said-one &
first=$!
within 10 runs_now 1
build -t other >two 2>said-two
is "the second build succeeds" $? 0
wait $first
is "as the first does" $? 0
is "the step ran once" "$(runs)" 1
same_digest "both have its result" "$(cat two)" "$(cat one)"
equal "the second says for whom it waits" \
    "$(grep -c '^#0 waits for process [0-9]* (stage-run), which makes the same step for another build$' said-two)" 1
is "and takes it from the cache" "$(grep -c '^#0 CACHED$' said-two)" 1
is "the first waits for nobody" "$(grep -c waits said-one)" 0

rm -rf "$STAGEPIPE_STORE"/cache/* "$STAGEPIPE_STORE"/cachemounts/*
image-build --progress plain context >one 2>said-one &
first=$!
within 10 runs_now 1
build >two 2>said-two &
second=$!
waits() { grep -q waits said-two; }
within 10 waits
waits
result $? "the second waits" said-two
kill -KILL $first
wait $first 2>/dev/null
wait $second
is "when the first is killed, the second succeeds" $? 0
is "and has run the step itself" "$(runs)" 2

rm -rf "$STAGEPIPE_STORE"/cache/* "$STAGEPIPE_STORE"/cachemounts/*
build >one 2>said-one &
first=$!
within 10 runs_now 1
build --no-cache >two 2>said-two
is "--no-cache waits for nobody" "$(grep -c waits said-two).$(runs)" 0.2
wait $first

cat >context/Dockerfile <<'END'
FROM busybox AS a
RUN --mount=type=cache,target=/c echo run >>/c/runs; sleep 1
FROM busybox AS b
RUN --mount=type=cache,target=/c echo run >>/c/runs; sleep 1
FROM busybox
COPY --from=a /bin/busybox /a
COPY --from=b /bin/busybox /b
END
rm -rf "$STAGEPIPE_STORE"/cachemounts/*
build >one 2>said-one
is "two stages of a build with the same step do" $? 0
is "and run it once" "$(runs)" 1

printf 'FROM busybox\nRUN sleep 1; exit 3\n' >context/Dockerfile
build >one 2>said-one & first=$!
sleep 0.5
build >two 2>said-two
is "a step that fails fails for both" $? 1
wait $first
is "nothing is left of the locks" "$(ls "$STAGEPIPE_STORE/tmp")" ""
finish
