# shellcheck shell=sh disable=SC2154 # $work and $store are of store.sh
# What a stage leaves in a build directory and takes from it, as stage-run(1) says.
# enter DIR STAGE CONTEXT: after whoever else builds the stage, with the plan of standard input in $work, where it goes on.
enter() {
    dir=$1 n=$2
    exec 8>"$dir/$n.lock" && flock 8 && rm -f "$dir/$n.json" "$dir/$n.failed" && cd "$work" && cat >plan
    build=$(jq -nc --arg plan "sha256:$(sha256sum <plan | cut -c 1-64)" --arg context "$3" --arg store "$store" '{$plan, $context, $store, isolation: "root"}')
    trap '[ -e "$dir/$n.json" ] || echo "{\"stage\":$n,\"build\":$build}" >"$dir/$n.failed"; umount m from 2>/dev/null || :; rm -rf "$work"' EXIT
}
# left STAGE: prints what it has become, when it is done
left() {
    until [ -e "$dir/$1.json" ]; do [ ! -e "$dir/$1.failed" ] || fail "stage $1, which is needed here, failed"; sleep 0.05; done
    jq -ec --argjson build "$build" 'select(.build == $build).state' "$dir/$1.json" || fail "$dir/$1.json is of another build"
}
# leave STATE: the stage is done, and has become what is in this file
leave() {
    jq -c --argjson stage "$n" --argjson build "$build" '{$stage, $build, state: (. + {args: [],
        scope: [.config.config.Env[] | [split("=")[0], (split("=")[1:] | join("="))]]})}' "$1" >"$dir/.$n.json"
    mv "$dir/.$n.json" "$dir/$n.json"
}
