# What a stage begins with, what each instruction means, and the records of both, as build-record(5) says. Input of all is
# the state of a stage: its config and its layers.
def at($stage): {stage: $stage.index} + if $stage.name then {stage_name: $stage.name} else {} end + {dockerfile: $stage.dockerfile};
def since($started): {started_ms: $started, duration_ms: (now * 1000 - $started | floor)};
def scratch($stage): ($stage.platform / "/") as [$os, $machine]
    | {config: {architecture: $machine, os: $os, config: {WorkingDir: "/"}, rootfs: {type: "layers", diff_ids: []}, history: []}, layers: []};
# set($new): the environment with NAME=VALUE
def set($new): ($new | split("=")[0] + "=") as $name
    | if any(startswith($name)) then map(if startswith($name) then $new else . end) else . + [$new] end;
def begun: del(.config.created) | if any(.config.config.Env[]?; startswith("PATH=")) then . else
    .config.config.Env += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] end;
def base($stage; $started): {type: "base"} + at($stage) + {line: $stage.line, text: $stage.text, layers, config} + since($started);

# meaning($one): of an instruction, what is to be done (argv, path), the config after it, and its line in the history
def meaning($one): .config.config as $config | $one
    | .path = (.path // .dest // "" | if startswith("/") then . else "\($config.WorkingDir // "" | rtrimstr("/"))/\(.)" end)
    | .argv = if .shell then ["/bin/sh", "-c", .shell] else .exec // [] end
    | .set = [.pairs[]? | "\(.key)=\(.value | gsub("\""; ""))"]
    | .by = {run: "RUN \(.argv | join(" ")) # buildkit", copy: "COPY \((.sources // []) + [.dest] | join(" ")) # buildkit",
        workdir: "WORKDIR \(.path)", env: "ENV \(.set | join(" "))", cmd: "CMD [\([.argv[] | @json] | join(" "))]"}[.op]
    | .config = $config + ({workdir: {WorkingDir: .path}, cmd: {Cmd: .argv, ArgsEscaped: true}, env: {Env: (reduce .set[] as $new ($config.Env; set($new)))}}[.op] // {});

# done($stage; $one; $id): the state after it, which made the snapshot $id, or none
def done($stage; $one; $id): {created: (if $stage.epoch then $stage.epoch elif $id then now else null end | if . then todate else null end),
        created_by: $one.by, comment: "buildkit.dockerfile.v0", empty_layer: (if $id then null else true end)} as $entry
    | ($entry + {created: ($entry.created // ([.config.history[].created | values] | last))}) as $entry
    | .config.config = $one.config | .config.history += [$entry | with_entries(select(.value != null))]
    | .layers += if $id then [{snapshot: $id}] else [] end;
# step($below; …): the record of it; the state before it is $below
def step($below; $stage; $one; $id; $started): {type: "step"} + at($stage)
    + {step: $one.number, steps: ($stage.instructions | length), line: $one.line, text: $one.text, op: $one.op}
    + {cache: (if $id then "miss" else "none" end), parents: [$below.layers[].snapshot]} + if $id then {snapshot: $id} else {} end
    + {ships: $stage.ships, config, history: .config.history[-1]} + since($started);
