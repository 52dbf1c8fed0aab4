#!/bin/sh
# Looking into a build: --until, --shell, --shell-on-fail, what a failed step left, and logs.
# shellcheck source=tests/lib.sh disable=SC2016 # what is typed is evaluated inside
. "$(dirname "$0")/lib.sh"

load_busybox
mkdir -p context/src tmp
export TMPDIR="$work/tmp"
echo source >context/src/file && printf 's3cret' >secret
cat >context/Dockerfile <<'END'
FROM busybox AS one
ENV GREETING=hello
WORKDIR /made
RUN echo one $GREETING; echo one >/one
FROM busybox
RUN echo unneeded >/unneeded
FROM busybox AS last
# a comment
COPY --from=one /one /copied
USER 1000
RUN --mount=type=bind,source=src,target=/m \
    echo two >/tmp/two; cat /m/file /copied; printf end
RUN --mount=type=secret,id=s,env=SECRET --mount=type=cache,target=/cache,mode=777 \
    --mount=type=bind,source=src,target=/m --mount=type=tmpfs,target=/memory \
    echo before >/tmp/left; echo kept >/cache/f; cd /memory && echo failing && test "$FINE"
END
cat >context/onbuild <<'END'
FROM busybox
ONBUILD RUN echo triggered >/triggered
END
image-build -q -t onbuild -f context/onbuild context >/dev/null 2>&1
build() { image-build --secret id=s,src=secret context; }
terminal() { "$top/tests/on-terminal" "$@" 2>&1; } # INPUT COMMAND...

echo "# --until"
image-build -q -t number --until 3 context >/dev/null 2>&1
is "a number is a step of the target, and the last one done" "$(image-run number cat /tmp/two 2>&1)" two
is "with the config there" "$(image-run number sh -c 'id -u' 2>&1)" 1000
image-build -q -t line --until :12 context >/dev/null 2>&1
is ":LINE is the instruction in that line" "$(image-run line cat /tmp/two 2>&1)" two
image-build -q -t stage --until one:2 context >/dev/null 2>out
is "STAGE:STEP is one of another stage" "$(image-run stage sh -c 'pwd; ls /one' 2>/dev/null)" /made
image-build -q -t whole --until one context >/dev/null 2>out
is "STAGE is all of it" "$(image-run whole cat /one 2>&1)" one
image-build -t from --until :7 context >/dev/null 2>out
is "FROM's line is the stage without steps; stages nobody needs are not built" "$(grep -c '^#' out)" 1
status_is "a line without an instruction is refused" 3 image-build --until :8 context
ok "naming the next" grep -q 'the next one is in line 9' .out
status_is "a number too high is refused" 3 image-build --until 9 context
ok "naming the last" grep -q 'the last one is 4' .out
status_is "two steps are refused" 2 image-build --until 1 --shell=2 context
printf 'FROM onbuild\nRUN echo own >/own\n' >context/child
image-build -q -t child --until 1 -f context/child context >/dev/null 2>&1
is "triggers of the base count" "$(image-run child sh -c 'cat /triggered; ls /own' 2>/dev/null)" triggered

echo "# what a failed step left"
status_is "the build fails" 1 build
enter=$(sed -n 's/^ *enter what it left: //p' .out)
is "the message ends with a command" "${enter%--failed*}" "image-run --store $work/store "
is "it enters the tree as the step left it" "$(echo 'cat /tmp/left' | sh -c "$enter" 2>&1)" before
is "with environment, directory and user" "$(echo 'echo $HOME; pwd; id -u' | sh -c "$enter" 2>&1)" "/home/user
/
1000"
is "with its mounts" "$(echo 'cat /m/file /cache/f; grep -c " /memory tmpfs" /proc/mounts' | sh -c "$enter" 2>&1)" "source
kept
1"
rm context/src/file
is "as they were when it failed" "$(sh -c "$enter cat /m/file" 2>&1)" source
echo source >context/src/file
is "but without secrets" "$(echo 'echo "<$SECRET>"' | sh -c "$enter" 2>&1)" "<>"
ok "which are nowhere in the store" no_match -rq s3cret store
sh -c "$enter rm /tmp/left" >/dev/null 2>&1
is "and what is changed is thrown away" "$(sh -c "$enter cat /tmp/left" 2>&1)" before
is "--before enters what was there before it" "$(sh -c "$enter --before sh -c 'ls /tmp; cat /copied /cache/f; id -u'" 2>&1)" "two
one
kept
1000"
rm -rf streams && build_into() { image-build --secret id=s,src=secret --keep "$work/streams" context; }
build_into >/dev/null 2>&1
if have jq; then
    jq -c 'select(.type == "failed")' streams/steps.* >failed
    is "the record of the failure has the command's status" "$(jq .command_status failed)" 1
    is "and its output" "$(cat "store/$(jq -r .log failed)")" failing
    is "and the id of what it left" "$(image-run --failed "$(jq -r .id failed)" cat /tmp/left 2>&1)" before
else
    skip "the record of the failure" "jq is missing"
fi
status_is "--before without a failed step is refused" 2 image-run --before number true
enter=$(image-build --secret id=s,src=secret context 2>&1 | sed -n 's/^ *enter what it left: //p')
build >/dev/null 2>&1
is "one failure is kept" "$(find store/failed -mindepth 1 -maxdepth 1 | wc -l)" 1
status_is "the one before is gone" 125 sh -c "$enter true"
ok "and that is said" grep -q 'only the last failure of a store is kept' .out
is "nothing is left in the store's tmp" "$(ls -A store/tmp)" ""

echo "# --logs"
image-build -q --until 3 context >/dev/null 2>&1
image-build --logs context >logs 2>&1
is "all RUNs' output, of cached ones and of the failed one" "$(grep -v '^#.*RUN' logs)" "one hello
source
one
end
failing"
ok "each under its step, the failed one marked" sh -c 'grep "^#0 \[3/3\] RUN echo one" logs && grep "^#2 \[4/4\].*(failed)$" logs'
is "one of them is bare, to the byte" "$(image-build --logs=:11 context | od -c)" "$(printf 'source\none\nend' | od -c)"
is "of another stage" "$(image-build --logs=one:3 context)" "one hello"
is "and by the pipeline that -n prints" "$(image-build -n --logs=one:3 context | sh)" "one hello"
status_is "a COPY has none" 1 image-build --logs=1 context
status_is "what was never run has none" 1 image-build --build-arg x --logs=one:3 --no-cache context
echo "RUN false" >>context/Dockerfile
status_is "nor what would be run another time" 1 image-build --logs=5 context

echo "# shells"
type_in() { # INPUT OPTION...: what the shell shows
    input=$1 && shift
    terminal "$input" image-build --secret id=s,src=secret "$@" context
}
if ! have python3; then
    skip "shells" "python3 is missing"
else
    type_in 'echo "$GREETING at $(pwd) on $(tty) $TERM, $(ls /one 2>&1)"; exit 3' --shell=:4 >out
    is "it passes the shell's status on" $? 3
    ok "before the step: its environment, not yet its files; a terminal" \
        grep -q '^hello at /made on /dev/pts/[0-9]* .*, ls: /one: No such file' out
    TERM=vt100 type_in 'cat /m/file; echo "s:$SECRET $TERM $(id -u)"; mount | grep -c "on /cache"; exit' --shell=4 >out
    is "a shell that ends well is success" $? 0
    ok "before a RUN: its mounts, secrets and user" sh -c 'grep -q "^source" out && grep -q "^s:s3cret vt100 1000" out && grep -q "^1" out'
    type_in 'cat /one; exit' --shell=one >out
    ok "after a stage's last step" grep -q '^one' out
    type_in 'cat /copied; touch /tmp/x; exit' --until last:1 --shell >out
    ok "--until says where, too" grep -q '^one' out
    type_in 'cat /tmp/left; touch /tmp/more; exit 9' --shell-on-fail >out
    is "after a failure the build has failed" $? 1
    ok "the shell is in what the step left" grep -q '^before' out
    ok "and the command enters it again, unchanged" sh -c "$(sed -n 's/^ *enter what it left: //p' out) sh -c 'cat /tmp/left; ! ls /tmp/more'"
    terminal 'exit' sh -c 'stty -echo; image-build --shell=one context; stty -a' >out
    ok "the terminal is as it was" grep -q -e '-echo ' out
fi
status_is "without a terminal there is no shell" 2 setsid -w image-build --shell=one context
is "and nothing is built" "$(cat .out)" "image-build: --shell: there is no terminal for it; start image-build on one"
status_is "a failure is told all the same" 1 setsid -w image-build --secret id=s,src=secret --shell-on-fail context
ok "with the command" grep -q 'image-run --store' .out
is "nothing is left in the temporary directory" "$(ls -A tmp)" ""
nothing_runs "nor running" "$work/store"
finish
