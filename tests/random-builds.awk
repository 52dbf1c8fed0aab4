# random-builds.awk: awk -v seed=N -v rounds=N -f random-builds.awk
# Prints shell text: for each round a context, a Dockerfile and "build OPTIONS", a few edits away from the
# round before. The same seed gives the same text in every awk. What the steps make depends neither on the
# clock nor on what a cache mount holds: a file is appended to, never written anew with what it had.

function below(n) { seed = (seed * 16807) % 2147483647; return int(seed / 2147483647 * n) }
function one(list, words, n) { n = split(list, words, " "); return words[1 + below(n)] }
function yes(percent) { return below(100) < percent }

function mode() { return one("644 600 755 4755") }
function number() { return one("1 2 3") }
function user() { return one("0 1000 1:2 user user:staff") }
function source() { return one("a b.t d d/ d/1 d/s d/s/4 *.t d/*.t d/* .") }
function place() { return one("w/x/ w/y/ w/y/ w/d/ w/d/ w/d/s/ w/link/z/ w/z") }
function ignore() { return one("- - - c.t d/s/3.t d/*.t|!d/2.t e *|!a|!d") }

function flags(text) {
    text = ""
    if (yes(20)) text = text " --chmod=" one("600 644 u+x go-rwx 755")
    if (yes(20)) text = text " --chown=" user()
    if (yes(20)) text = text " --link"
    if (yes(15)) text = text " --exclude=" one("1 *.t s s/4")
    if (yes(10)) text = text " --parents"
    return text
}
function mount(stage) {
    return " --mount=" one("type=bind,source=d,target=/m type=bind,source=a,target=/m type=bind,target=/m" \
        " type=bind,source=d/s,target=/m,rw type=tmpfs,target=/m type=tmpfs,target=/m,size=1m" \
        " type=cache,id=c700,mode=700,target=/m type=cache,id=c711,uid=3,mode=711,target=/m" \
        " type=secret,id=s,target=/m type=secret,id=s,env=S type=secret,id=s,mode=444,target=/m" \
        (stage ? " type=bind,from=zero,source=/w,target=/m type=bind,from=zero,source=/w/d,target=/m" : ""))
}
# All that a command can see, without times.
function look() {
    return "{ env | sort; pwd; id; ulimit -n; stat -f -c %b /dev/shm; find /w /m -exec stat -c '%n %f %u:%g' {} + | sort;" \
        " find /w /m -type f -exec md5sum {} + | sort; find /w /m -type l -exec readlink {} + | sort; } 2>/dev/null >>/w/seen || true"
}
function act() {
    return one("echo|1|>>/w/x echo|2|>>/w/o echo|$V$E|>>/w/o cat|/w/x|>>/w/o rm|-rf|/w/d rm|-f|/w/x chmod|700|/w/d chmod|600|/w/x" \
        " chown|7:8|/w/x ln|-s|/w/d|/w/link mkdir|-p|/w/d/s/n mv|/w/y|/w/moved mknod|/w/fifo|p ln|/w/x|/w/hard")
}
function instruction(stage, kind, text) {
    kind = below(100)
    if (kind < 25) return "COPY" flags() " " source() " /" place()
    if (kind < 30) return "ADD " source() " /" place()
    if (kind < 35) return "COPY <<EOF /w/doc" number() "\n" one("one two $V $E") "\nEOF"
    # A name of its own: the time of what it copies is not in its key, and must not matter to later ones.
    if (kind < 45 && stage) return "COPY" (yes(30) ? " --link" : "") (yes(20) ? " --chown=3:4" : "") " --from=zero " one("/w /w/d /w/seen /w/x*") " /w/in" ++made "/"
    if (kind < 60) { text = act(); gsub(/\|/, " ", text); return "RUN " text " 2>/dev/null || true" }
    if (kind < 75) return "RUN" (yes(60) ? mount(stage) : "") (yes(10) ? " --network=none" : "") " " look()
    if (kind < 80) return "ENV " one("E F") "=" number()
    if (kind < 84) return "ARG V=" number()
    if (kind < 88) return "WORKDIR " one("/w /w/d /w/new x")
    if (kind < 92) return "USER " user()
    if (kind < 95) return "LABEL l=" number()
    if (kind < 97) return "SHELL [\"/bin/" one("sh ash") "\", \"-c\"]"
    return "CMD [\"" number() "\"]"
}

function edit_file(path) {
    path = one(paths)
    # Too many builds would fail without what most of them copy.
    if (path !~ /^(a|b.t|d.1|d.s.4)$/ && path in content && yes(25)) delete content[path]
    else content[path] = one("1 2 3 long-" number())
    if (yes(40)) modes[path] = mode()
    link[path] = path ~ /^(a|b.t|d.1|d.s.4)$/ || yes(70) ? "" : one("a d/1 nowhere ../b.t")
}
function edit_instruction(stage, at, n, held) {
    n = length_of[stage]
    at = 1 + below(n)
    held = below(4)
    if (held == 0 && n < 9) { # a new one
        for (held = n; held >= at; held--) line[stage, held + 1] = line[stage, held]
        length_of[stage] = n + 1
        line[stage, at] = instruction(stage)
    } else if (held == 1 && n > 1) { # one less
        for (; at < n; at++) line[stage, at] = line[stage, at + 1]
        length_of[stage] = n - 1
    } else if (held == 2 && at < n) { # two that swap
        held = line[stage, at]
        line[stage, at] = line[stage, at + 1]
        line[stage, at + 1] = held
    } else line[stage, at] = instruction(stage)
}
function edit(kind) {
    kind = below(100)
    if (kind < 40) edit_file()
    else if (kind < 48) dirs[one("d d/s e")] = one("755 700 711")
    else if (kind < 54) ignored = ignore()
    else if (kind < 64) argument = yes(40) ? "" : number()
    else if (kind < 68) options = one("- --ulimit|nofile=100:200 --shm-size|1m --network|none")
    else if (kind < 72) base = one("busybox zero")
    else if (kind < 84) edit_instruction(0)
    else edit_instruction(1)
}

function print_context(i, n, list, text) {
    print "begin"
    n = split("d d/s e", list, " ")
    for (i = 1; i <= n; i++) print "mkdir context/" list[i]
    n = split(paths, list, " ")
    for (i = 1; i <= n; i++) {
        if (!(list[i] in content)) continue
        if (link[list[i]] != "") print "ln -s " link[list[i]] " context/" list[i]
        else print "echo " content[list[i]] " >context/" list[i] " && chmod " modes[list[i]] " context/" list[i]
    }
    n = split("d/s d e", list, " ")
    for (i = 1; i <= n; i++) print "chmod " dirs[list[i]] " context/" list[i]
    text = ignored
    gsub(/\|/, "\n", text)
    if (ignored != "-") print "cat >context/.dockerignore <<'END'\n" text "\nEND"
}
function print_dockerfile(stage, i) {
    print "cat >Dockerfile <<'END'"
    for (stage = 0; stage < 2; stage++) {
        print "FROM " (stage ? base : "busybox AS zero")
        for (i = 1; i <= length_of[stage]; i++) print line[stage, i]
    }
    print "END"
}

BEGIN {
    seed = seed % 2147483646 + 1
    for (i = 0; i < 10; i++) below(2) # neighbouring seeds begin alike
    paths = "a b.t c.t d/1 d/2.t d/s/3.t d/s/4 e/5"
    n = split(paths, all, " ")
    for (i = 1; i <= n; i++) { content[all[i]] = number(); modes[all[i]] = "644"; link[all[i]] = "" }
    dirs["d"] = dirs["d/s"] = dirs["e"] = "755"
    ignored = options = "-"
    base = "busybox"
    for (stage = 0; stage < 2; stage++) {
        length_of[stage] = 5 + below(3)
        for (i = 4; i <= length_of[stage]; i++) line[stage, i] = instruction(stage)
        line[stage, 1] = "WORKDIR /w"
        line[stage, 2] = "COPY d /w/d/"
        line[stage, 3] = stage ? "COPY --from=zero /w/seen /w/in/" : "RUN " look()
    }
    for (round = 1; round <= rounds; round++) {
        print_context()
        print_dockerfile()
        text = options == "-" ? "" : " " options
        gsub(/\|/, " ", text)
        print "build" (argument == "" ? "" : " --build-arg V=" argument) text
        for (i = below(3); i >= 0; i--) edit()
    }
}
