#!/bin/sh
# A COPY that only the packer looks at is packed from where its files are, and gives the same image.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

export SOURCE_DATE_EPOCH=1000000000
mkdir -p context/src/sub/deep context/src/empty context/other base/etc base/app/src/sub
cd context || exit 1
printf 'one\n' >src/one && printf 'two\n' >src/sub/two && printf 'three\n' >src/sub/deep/three
ln src/one src/one-again && ln -s ../src/one other/link && printf '#!/bin/sh\n' >src/tool && chmod 4755 src/tool
printf 'x' >src/a-b && printf 'ignored' >src/ignored && printf 'src/ignored\n' >.dockerignore
find . -exec touch -h -d @900000000 {} +
cd ..
printf 'old' >base/app/src/old && chmod 0700 base/app/src && ln -s app base/link
find base -exec touch -h -d @800000000 {} +

# shellcheck disable=SC2254 # it is a pattern
like() { case $2 in $3) is "$1" "$2" "$2" ;; *) is "$1" "$2" "$3" ;; esac; }
treeless() { # STORE: how many snapshots have no tree
    number=0
    for snapshot in "$1"/snapshots/*; do [ -e "$snapshot/fs" ] || number=$((number + 1)); done
    echo $number
}
digest() { image-build -q -f Dockerfile --build-context "base=base" "$@" context 2>&1; }
# same NAME DOCKERFILE: deferred or not, in stores of their own
same() {
    printf '%b' "$2" >Dockerfile
    deferred=$(STAGEPIPE_STORE=$work/a digest -t a)
    made=$(STAGEPIPE_STORE=$work/b digest -t b --no-defer)
    same_digest "$1: the same image" "$deferred" "$made"
    is "$1: no snapshot without a tree when told so" "$(treeless b)" 0
    is "$1: nothing is left to pack" "$(find a/snapshots -name changes)" ""
    is "$1: $3 deferred" "$(treeless a)" "$3"
    rm -rf a b
}
same "a whole context on scratch" 'FROM scratch\nCOPY . /\n' 1
same "a directory and what is missing above it" 'FROM scratch\nCOPY src /a/b/c/\nCMD ["x"]\nLABEL a=b\n' 1
same "into directories that are there" 'FROM base\nCOPY src /app/src/\n' 1
same "through a link of the base" 'FROM base\nCOPY src /link/src\n' 1
same "one file to another name" 'FROM base\nCOPY src/one /etc/uno\n' 1
same "one file into a directory" 'FROM base\nCOPY src/one /etc\n' 1
same "several sources" 'FROM base\nCOPY src other /all/\n' 1
same "patterns" 'FROM base\nCOPY src/o* src/sub /all/\n' 1
same "owner and mode" 'FROM base\nCOPY --chown=5:6 --chmod=0640 src /app/\n' 1
same "symbolic mode" 'FROM base\nCOPY --chmod=u=rwX,go=rX src /app/\n' 1
same "--parents and --exclude" 'FROM base\nCOPY --parents --exclude=**/three src/sub other /p/\n' 1
same "--link" 'FROM base\nCOPY --link src /app/\n' 1
same "ADD" 'FROM base\nADD src /app/\n' 1
same "an empty directory on one like it" 'FROM base\nCOPY --chmod=0755 src/empty /app\n' 1
same "the second of two" 'FROM base\nCOPY src /x/\nCOPY other /y/\n' 1
same "of a stage, not the context" 'FROM base AS s\nCOPY src /x/\nFROM scratch\nCOPY --from=s /x /x\n' 0
same "with a file in the way" 'FROM base\nCOPY src /y/\nCOPY src/tool /y/one\n' 0
same "then looked at" 'FROM base\nCOPY src /x/\nWORKDIR /x/y\n' 0
same "a file from the Dockerfile" 'FROM base\nCOPY <<here /x\nhello\nhere\n' 0
same "used by a later stage" 'FROM base AS s\nCOPY src /x/\nFROM s\nLABEL a=b\n' 0

# What was deferred is found again, packed otherwise, and built upon.
export STAGEPIPE_STORE="$work/c"
printf 'FROM base\nCOPY src /app/\n' >Dockerfile
first=$(digest)
same_digest "a second build finds it" "$(digest)" "$first"
# The base is a directory here, whose files are a layer too.
like "and says so" "$(image-build -f Dockerfile --build-context base=base context 2>&1 | grep -c CACHED)" 2
same_digest "another compression is packed from its layer" "$(digest -o type=oci,dest=c.tar,compression=zstd)" "$(digest --no-defer -o type=oci,dest=d.tar,compression=zstd)"
printf 'FROM base\nCOPY src /app/\nWORKDIR /app/new\n' >Dockerfile
deferred=$(digest -t later)
same_digest "a later step stands on it" "$deferred" "$(STAGEPIPE_STORE=$work/d digest --no-defer)"

# A file that changes before it is packed must not get into the cache as what it was before.
real=$(command -v layer-diff)
mkdir swap
# shellcheck disable=SC2016 # for the other shell
printf '#!/bin/sh\nset -eu\nchanges=$(mktemp)\n"$REAL" "$@" >"$changes"\nprintf "uno\\n" >"$CONTEXT/src/one"\ncat "$changes"\nrm "$changes"\n' >swap/layer-diff
chmod +x swap/layer-diff
printf 'FROM scratch\nCOPY src /\n' >Dockerfile
text=$(REAL=$real CONTEXT=$work/context PATH=$work/swap:$PATH digest -t race)
like "a file that changed meanwhile is refused" "$text" "*src/one*changed while it was copied; build again*"
digest -o type=tar,dest=race.tar -t race >/dev/null
is "and what is built next is what is there" "$(tar -xOf race.tar one)" uno
finish
