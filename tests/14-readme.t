#!/bin/sh
# README.md is true: its commands run as written, in their order, in a clone after quickstart; tests/README.md has a
# row for each test, and stagepipe(7)'s pipeline runs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"

for file in "$top"/tests/*.t; do
    is "tests/README.md has one row of ${file##*/}" "$(grep -c "^| \`${file##*/}\` |" "$top/tests/README.md")" 1
done
is "and none of a test that is not there" "$(sed -n 's/^| `\([^`]*\.t\)`.*/\1/p' "$top/tests/README.md" | sort)" \
    "$(cd "$top/tests" && printf '%s\n' *.t | sort)"

# These commands do not run here, and this is why:
not_run() {
    case $1 in
    'scripts/quickstart '*) ;;               # the rest begins where it ended: see below
    'scripts/test '*) ;;                     # 20 minutes
    'scripts/bench'*) ;;                     # an hour, and a disk made for it
    'image-build --shell='*) ;;              # needs a terminal; 38-debug.t gives it one
    'docker save '*) ;;                      # needs docker
    *) return 1 ;;
    esac
}
# quickstart's base and images, with stand-ins for its packages: no network is needed.
mkdir busybox-base tmp bin
load_busybox
printf '%s\n' '#!/bin/sh' 'echo "$*"' >busybox-base/apt-get
printf '%s\n' '#!/bin/sh' 'printf "%s\n" "#!/bin/sh" "echo hello, world" >"/$1" && chmod +x "/$1"' >busybox-base/make
chmod +x busybox-base/*
printf '%s\n' 'FROM busybox' 'COPY apt-get make /bin/' >busybox-base/Dockerfile
image-build -q -t localhost/debian-bookworm-minbase busybox-base >.log 2>&1 || echo "# $(cat .log)"
mkdir checkout
(cd "$top" && tar -cf - --exclude=./target --exclude=./.git .) | tar -xf - -C checkout
example=checkout/tests/dockerfiles/hello-multistage
image-build -q -t hello:multi $example >.log 2>&1 && image-build -q -t hello:single -f $example/Dockerfile.single $example >.log 2>&1
result $? "quickstart's example is built" .log
# A registry's image, for skopeo to copy: busybox, by any name.
# shellcheck disable=SC2016 # the stand-in's
printf '%s\n' '#!/bin/sh' 'dest=${3#oci:}' "exec \"$top/tests/busybox-layout\" \"\${dest%:*}\"" >bin/skopeo
chmod +x bin/skopeo

# block.N: README.md's blocks. Of those, ./commands are all that is neither a listing nor output.
awk '/^    / { if (!inside) { inside = 1; count++ }; print substr($0, 5) >("block." count); next }
    !/^$/ { inside = 0 }' "$top/README.md"
numbers=''
for number in $(seq "$(sed -n '$=' "$top/README.md")"); do
    [ -e "block.$number" ] || break
    case $(head -n 1 "block.$number") in
    '#!/bin/sh') cp "block.$number" listing && continue ;;
    'IMAGE  '*) continue ;; # 80-size.t holds it
    esac
    while IFS= read -r line; do not_run "$line" || printf '%s\n' "$line"; done <"block.$number" |
        sed "s|/tmp/|$work/tmp/|g" >"run.$number"
    [ -s "run.$number" ] || continue
    printf 'echo "#done %s"\n' "$number" | cat "run.$number" - >>commands
    numbers="$numbers $number"
done
equal "the stand-in for layer-pack is tests/swap's" "$(cat listing)" "$(cat "$top/tests/swap/no-docs/layer-pack")"
(cd checkout && PATH=$work/bin:$PATH sh -eu ../commands) >said 2>error </dev/null
for number in $numbers; do
    grep -qx "#done $number" said
    result $? "README.md's block $number runs: $(head -n 1 "run.$number")" error
done
is "what is built runs" "$(grep -c '^hello, world$' said)" 1
ok "the pipeline by hand makes the image" image-run single
image-save --format tar no-docs | tar -tf - >listed
[ -s listed ] && no_match usr/share/doc/stagepipe/stagepipe listed
result $? "and there is no documentation in no-docs"

sed -n '/^mkdir build$/,/^\.Ed/p' "$top/man/stagepipe.7" | grep -v '^\.' >pipeline
printf '%s\n' 'FROM busybox' 'CMD echo by hand' >Dockerfile
ok "stagepipe(7)'s pipeline runs" sh -eu pipeline
is "and makes the image that it names" "$(image-run app 2>&1)" 'by hand'
finish
