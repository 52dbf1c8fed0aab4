#!/bin/sh
# stage-run has context-fetch fetch for it: which one, what others can see of it, and when it ends.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have python3 pgrep || skip_all "python3 or pgrep is missing"

load_busybox
mkdir www alone beside path context
echo file >www/file
echo token >token
serve www || skip_all "no server can be started"
printf 'FROM scratch\nADD --checksum=sha256:%s %s/file /\n' "$(sha256sum <www/file | cut -c1-64)" "$web" >context/Dockerfile
df-parse --name Dockerfile context/Dockerfile >plan
real=$(command -v context-fetch)
cp "$(command -v stage-run)" alone/
cp alone/stage-run beside/
# shellcheck disable=SC2016 # it is a script
stand_in() { printf '#!/bin/sh\n%s\n' "$2" >"$1/context-fetch" && chmod +x "$1/context-fetch"; }
# run DIR [OPTION]...: that directory's stage-run on the plan, each time with a store of its own
run() {
    tools=$1 && shift
    rm -rf new
    env PATH="$work/path:/usr/bin:/bin" STAGEPIPE_STORE="$work/new" "$tools/stage-run" --context context "$@" <plan
}

status_is "without context-fetch nothing is fetched" 1 run alone
is "which is said at the line that wants it, with what to do" "$(grep '^stage-run: ' .out)" \
    "stage-run: Dockerfile:2: context-fetch is neither beside stage-run nor in PATH, and only it fetches; install it there"
stand_in path "exec $real \"\$@\""
ok "it is looked for in PATH" run alone
stand_in path 'exit 9'
stand_in beside "exec $real \"\$@\""
ok "and beside stage-run first" run beside
ok "also where stage-run was not called by its path" env PATH="$work/beside:$work/path:$PATH" STAGEPIPE_STORE="$work/other" \
    sh -c 'stage-run --context context <plan'

for case in 'exit 1|ended with status 1' 'exit 9|ended with status 9' 'exit 0|gave no answer' 'echo "{}"|gave no answer' \
    'echo "{\"type\":\"tree\"}"|answers something else' 'echo no >&2; exit 2|ended with status 2: no' 'kill -KILL $$|was ended by signal 9'; do
    stand_in beside "${case%%|*}"
    status_is "a context-fetch that does '${case%%|*}' ends the build" 1 run beside
    ok "which says so" grep -q "^stage-run: Dockerfile:2: context-fetch ${case#*|}" .out
done
# shellcheck disable=SC2016 # it is a script
stand_in beside 'printf "context-fetch: \033[2Jwhat\n" >&2; exit 3'
status_is "its own words are stage-run's" 3 run beside
ok "without what could move the cursor" grep -q '^stage-run: Dockerfile:2: ?\[2Jwhat$' .out

# shellcheck disable=SC2016 # it is a script
stand_in beside '{ tr "\000" "\n" </proc/$$/cmdline; tr "\000" "\n" </proc/$$/environ; } >"$SEEN"
    exec '"$real"' "$@"'
printf 'FROM scratch\nADD %s/private/file?sig=hunter2 /\n' "$web" >context/Dockerfile
df-parse --name Dockerfile context/Dockerfile >plan
SEEN=$work/seen run beside --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src=token --secret id=other,src=www/file >fetched 2>&1
ok "a private file is fetched with the secret that opens it" grep -q '"op":"add"' fetched
ok "whoever looks at processes sees context-fetch" grep -q -e '--request' seen
ok "but neither URL nor secret, in its arguments or its environment" no_match -e hunter2 -e private -e '^token' -e HTTP_AUTH seen

printf 'FROM scratch\nADD http://%s/x /\n' "$silent" >context/Dockerfile
df-parse --name Dockerfile context/Dockerfile >plan
rm beside/context-fetch && cp "$real" beside/
for signal in TERM KILL; do
    PATH="$work/path:/usr/bin:/bin" STAGEPIPE_STORE="$work/other" beside/stage-run --context context <plan >/dev/null 2>&1 &
    pid=$!
    tries=0
    until pgrep -f "beside/context-fetch --request" >/dev/null || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    ok "context-fetch waits for a server" [ "$tries" -le 100 ]
    kill -$signal $pid
    wait $pid 2>/dev/null
    sleep 0.2
    nothing_runs "SIG$signal ends it with its stage-run" "beside/context-fetch"
done
finish
