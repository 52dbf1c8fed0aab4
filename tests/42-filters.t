#!/bin/sh
# shellcheck disable=SC2030,SC2031 # PATH is meant to change in subshells only
# A filter between layer-diff and layer-pack: what it leaves out is left out, and of nothing else, in any order with
# plain builds in one store. A filter that is wrong is refused by layer-pack, and an own packer has layer-put.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"

load_busybox
export SOURCE_DATE_EPOCH=0
REAL=$(dirname "$(command -v layer-pack)") && export REAL
# Another filter, which makes every file root's alone, and one that changes the bytes of records and nothing else.
mkdir private blanks
printf '%s\n' '#!/bin/sh' "sed 's/\"mode\":\"0644\"/\"mode\":\"0600\"/' | \"\$REAL/layer-pack\" \"\$@\"" >private/layer-pack
printf '%s\n' '#!/bin/sh' "sed 's/,\"mode\":/, \"mode\":/' | \"\$REAL/layer-pack\" \"\$@\"" >blanks/layer-pack
chmod +x private/layer-pack blanks/layer-pack

# RUN on a stage of its own, whose layers are the image's too, and a COPY that is deferred. Both have files of which one
# name is a document and the other is not.
mkdir -p run copy/usr/share/doc/z copy/usr/share/doc/empty
cat >run/Dockerfile <<'D'
FROM busybox AS below
RUN mkdir -p /usr/share/doc/x && echo text >/usr/share/doc/x/readme && ln /usr/share/doc/x/readme /usr/share/doc/x/twice \
    && ln /usr/share/doc/x/readme /usr/share/kept && ln /usr/share/doc/x/readme /usr/share/too && rm -r /home/user
FROM below
RUN mkdir /usr/share/doc/y && echo more >/usr/share/doc/y/more && rm /usr/share/doc/x/twice && ln -s doc/y /usr/share/more
D
echo text >copy/usr/share/doc/z/readme && ln copy/usr/share/doc/z/readme copy/usr/share/kept && ln copy/usr/share/kept copy/usr/share/too
printf 'FROM busybox\nCOPY usr /usr/\n' >copy/Dockerfile
find copy -exec touch -h -d @7 {} +

# build FILTER CASE [OPTION]...: the image's digest, or what is said of a failure. FILTER is "plain", or a directory's name
build() {
    case $1 in
    plain) ;;
    no-docs) PATH=$top/tests/swap/no-docs:$PATH ;;
    *) PATH=$work/$1:$PATH ;;
    esac
    [ "$2" = copy ] || set -- "$@" -o type=image,rewrite-timestamp=true
    case=$2
    shift 2
    image-build -q "$@" "$case" 2>&1
}
alone() { (STAGEPIPE_STORE=$work/alone && image-load --tag busybox busybox >/dev/null && build "$@") && rm -rf alone; }
# listing DIGEST: what is in its tree below usr/share
listing() { image-save --format tar "$1" | tar -tf - | sed -n 's,^usr/share/\(.\),\1,p' | sort | tr '\n' ' '; }

for case in run copy; do
    for filter in plain no-docs private; do eval "want_${filter#no-}=\$(alone $filter $case)"; done
    # shellcheck disable=SC2154 # from eval
    same_digest "$case: two filters make two images" "$([ "$want_docs" != "$want_private" ] && [ "$want_docs" != "$want_plain" ] && echo "$want_docs")" "$want_docs"
    for order in 'plain no-docs plain no-docs' 'no-docs plain no-docs' 'no-docs private plain private' 'private plain no-docs' \
        'blanks plain' 'plain blanks no-docs'; do
        image-load --store one --tag busybox busybox >/dev/null
        said=''
        for filter in $order; do
            case $filter in blanks) want=$want_plain ;; *) eval "want=\$want_${filter#no-}" ;; esac
            found=$(STAGEPIPE_STORE=$work/one && build "$filter" $case)
            [ "$found" = "$want" ] || said="$said $filter: $found, not $want;"
        done
        is "$case: in one store, in the order $order" "$said" ""
        rm -rf one
    done
    for filter in plain no-docs; do
        eval "want=\$want_${filter#no-}"
        same_digest "$case: $filter without the cache" "$(build $filter $case --no-cache)" "$want"
    done
    for filter in plain no-docs; do
        { build $filter $case >"$filter.digest"; } &
    done
    wait
    same_digest "$case: a plain build beside one with a filter" "$(cat plain.digest)" "$want_plain"
    same_digest "$case: a build with a filter beside a plain one" "$(cat no-docs.digest)" "$want_docs"
    same_digest "$case: -n's script with a filter" "$(PATH=$top/tests/swap/no-docs:$PATH && build plain $case -n | sh 2>/dev/null)" "$want_docs"
done
same_digest "copy: a filter before a COPY that is made" "$(build no-docs copy --no-defer)" "$want_docs"
equal "copy: what is left in the image" "$(listing "$want_docs")" "doc/ doc/empty/ doc/z/ kept too "
ok "copy: another name of a document is a file, and a link to that stays one" sh -c "image-save --format tar $want_docs |
    tar -xf - usr/share && [ ! usr/share/kept -ef copy/usr/share/kept ] && [ usr/share/kept -ef usr/share/too ] && cmp usr/share/kept copy/usr/share/kept"
docs=$(build no-docs run) && equal "run: what is left in the image" "$(listing "$docs")" "doc/ doc/x/ doc/y/ kept more too "

# A filter that leaves out what something else stands on is refused, in words that say what.
drops() { # DESCRIPTION PATH WORDS CASE: layer-pack refuses what is left without the record of PATH
    mkdir drop
    cat >drop/layer-pack <<D
#!/bin/sh
jq -nc 'foreach inputs as \$r (0; if \$r.type == "header" then 0 elif \$r.path == "$2" then . else . + 1 end;
    if \$r.path == "$2" then empty elif \$r.type == "end" then \$r + {records: (. - 1)} else \$r end)' | "\$REAL/layer-pack" "\$@"
D
    chmod +x drop/layer-pack
    said=$(build drop "$4" -t dropped)
    case $said in
    *"$3"*) result 0 "$1" ;;
    *) is "$1" "$said" "...$3..." ;;
    esac
    rm -r drop
}
drops "a hard link to a path that was dropped" usr/share/doc/x/readme \
    'usr/share/doc/x/twice is a hard link to usr/share/doc/x/readme, which has no record before it' run
drops "what is in a directory that was dropped" usr/share/doc/z \
    'usr/share/doc/z/readme is in usr/share/doc/z, which has no record before it' copy
ok "and no image is made" no_image dropped
same_digest "nor is anything left of it" "$(build plain copy)" "$want_plain"

# By hand. What is kept can be packed otherwise, again and from its middle, also of a build that is in the cache.
build plain copy >/dev/null && build plain copy --keep kept >/dev/null
equal "a cached build that is kept has its changes" "$(jq -r 'select(.kind == "file").path' kept/changes.0)" usr/share/doc/z/readme
layers() { jq -r 'select(.type == "layer").descriptor.mediaType' "$@"; }
for from in 'cat kept/changes.0' 'layer-diff <kept/steps.0'; do
    # shellcheck disable=SC2016 # for the other shell
    sh -c "$from"' | "$0" --store store --compression zstd' "$top/tests/swap/no-docs/layer-pack" >again
    equal "packed otherwise after a filter: $from" "$(layers again)" application/vnd.oci.image.layer.v1.tar+zstd
    same_digest "the image of that: $from" "$(cat kept/steps.0 again | image-assemble --no-sync)" \
        "$(alone no-docs copy --compression zstd)"
    same_digest "and of a plain build afterwards: $from" "$(build plain copy --compression zstd)" "$(alone plain copy --compression zstd)"
done
# The script that is kept builds again: in its directory, from wherever it is started, also of what was standard input.
printf 'FROM busybox\nCOPY Dockerfile /\n' >Dockerfile
tar -cf context.tar Dockerfile
keeps() { # NAME [ARGUMENT]...
    name=$1 && shift
    image-build -q --keep "kept-$name" "$@" >digest 2>&1
    rm -f "kept-$name"/steps.* "kept-$name"/changes.* "kept-$name"/layers.*
    same_digest "build.sh builds again: $name" "$(cd / && "$work/kept-$name/build.sh" 2>/dev/null </dev/null)" "$(cat digest)"
    ok "and leaves the streams: $name" test -s "kept-$name/steps.0" -a -s "kept-$name/changes.0" -a -s "kept-$name/layers.0"
}
keeps directory copy
keeps tar - <context.tar
keeps Dockerfile-of-input -f - . <Dockerfile
keeps other-stages run

df-parse copy/Dockerfile >plan
stage-run --context copy --progress quiet <plan | tee steps | layer-diff | layer-pack --store store >/dev/null
stage-run --context copy --progress quiet <plan >steps
is "by hand, a step is told without its layer" "$(jq -r 'select(.type == "step") | has("layer")' steps)" false
stage-run --context copy --progress quiet --known-layers <plan >steps
is "unless asked for" "$(jq -r 'select(.type == "step") | has("layer")' steps)" true
layer-diff <steps | layer-pack --store store --compression zstd >again 2>said
is "then nothing is packed" "$(layers again)" ""
equal "and layer-pack says so, and what to do" "$(cat said)" \
    "layer-pack: standard input: it has no layer, so nothing is packed; layer-diff --all also writes steps whose layer is known"
layer-diff --all <steps | layer-pack --store store --compression zstd >again
equal "which packs it" "$(layers again)" application/vnd.oci.image.layer.v1.tar+zstd

# How layers are packed is said once, to stage-run. The headers of the streams tell the others.
mkdir once && printf 'FROM busybox\nRUN echo text >/made\nCOPY usr /usr/\n' >once/Dockerfile && cp -a copy/usr once/
by_hand() { # DIR [OPTION]...: the image's digest, and ./steps, ./changes and ./layers
    df-parse --build-arg SOURCE_DATE_EPOCH=0 "$1/Dockerfile" >plan
    stage-run --progress quiet --context "$@" <plan | tee steps | layer-diff | tee changes |
        layer-pack --store "$STAGEPIPE_STORE" >layers 2>/dev/null
    cat steps layers | image-assemble --source-date-epoch 0
}
want=$(build plain once --compression zstd -o type=image,compression-level=5)
STAGEPIPE_STORE=$work/told-once
image-load --tag busybox busybox >/dev/null
set -- --compression zstd --level 5 --clamp-mtime 0
same_digest "by hand, told once, the image is image-build's" "$(by_hand once "$@")" "$want"
layer-pack --store "$STAGEPIPE_STORE" --compression none <changes >again
equal "layer-pack does what it is told itself" "$(layers again | sort | uniq -c | tr -s ' ')" " 2 application/vnd.oci.image.layer.v1.tar"
same_digest "and both layers are known, each as what it is" "$(by_hand once "$@" --known-layers)" "$want"
is "so nothing is packed" "$(layers layers)" ""
by_hand once --compression none --clamp-mtime 0 --known-layers >/dev/null
is "of either" "$(layers layers)" ""
layer-diff --all <steps >changes && layer-pack --store "$STAGEPIPE_STORE" <changes >layers
equal "what a later layer-pack is not told is in its stream" "$(layers layers | sort -u)" application/vnd.oci.image.layer.v1.tar
wrong() { # STATUS WORDS SED-SCRIPT TOOL [OPTION]...: the tool reads steps or changes after the script
    status=$1 words=$2 script=$3 && shift 3
    case $1 in layer-diff) sed "$script" steps ;; *) sed "$script" changes ;; esac >wrong
    "$@" <wrong >out 2>said
    is "$*: $words" "$? $(cat said)" "$status $1: $words"
}
members='standard input: header, layers:'
wrong 3 "$members \`compression\` is \"xz\", not one of gzip, zstd, none" '1s/:"none"/:"xz"/' layer-diff --all
wrong 3 "$members \`compression\` is \"xz\", not one of gzip, zstd, none" '1s/:"none"/:"xz"/' layer-pack --store store
wrong 3 "$members level 5 is not one of none: 0 to 0" '1s/:"none"/:"none","level":5/' layer-pack --store store
wrong 3 "$members \`clamp\` is \"now\", not a whole number" '1s/"clamp":0/"clamp":"now"/' layer-pack
wrong 2 'level 5 is not one of none: 0 to 0' '' layer-pack --store store --level 5
status_is "stage-run refuses a level that there is not" 2 stage-run --compression zstd --level 30 <plan
# Also of a COPY whose changes are written before: their digest is made anew, so its layer is known afterwards.
want=$(STAGEPIPE_STORE=$work/store && build plain copy --compression zstd)
same_digest "a deferred COPY by hand" "$(by_hand copy --compression zstd --defer-copies)" "$want"
is "is a snapshot without a tree" "$(jq -r 'select(.snapshot).snapshot' steps | while read -r id; do [ -e "$STAGEPIPE_STORE/snapshots/$id/fs" ] && echo "$id"; done)" ""
same_digest "and the next time" "$(by_hand copy --compression zstd --known-layers)" "$want"
is "known as what it is" "$(layers layers)" ""
STAGEPIPE_STORE=$work/store

# One stage of two with a filter, in two pipelines by hand after a plain build.
build plain run >/dev/null && mkdir built
df-parse run/Dockerfile >plan
for stage in 0 1; do
    case $stage in 0) packer=$top/tests/swap/no-docs/layer-pack ;; *) packer=layer-pack ;; esac
    stage-run --stage $stage --build-dir built --context run --progress quiet <plan | tee "steps.$stage" | layer-diff |
        "$packer" --store store --clamp-mtime 0 >"layers.$stage"
done
image-assemble -t half <steps.1 >out 2>&1
is "an image needs the layers of the stage below" "$?" 3
cat steps.1 layers.0 layers.1 | image-assemble -t half --source-date-epoch 0 >digest
equal "one stage with a filter, one without" "$(listing "$(cat digest)")" "doc/ doc/x/ doc/y/ doc/y/more kept more too "

# A packer of one's own, layer-put(1)'s: its layers are its own, and remembered apart.
mkdir own
sed -n '/^#!.bin.sh$/,/^\.Ed/p' "$top/man/layer-put.1" | sed '/^\.Ed/d; s/\\e/\\/g' >own/layer-pack && chmod +x own/layer-pack
export STAGEPIPE_STORE="$work/own-store"
image-load --tag busybox busybox >/dev/null
for case in run copy; do
    own=$(PATH=$work/own:$PATH && image-build -q $case 2>&1)
    same_digest "$case: an own packer builds, and again" "$(PATH=$work/own:$PATH && image-build -q $case 2>&1)" "$own"
    ok "$case: what it made is the image's tree" sh -c "image-save --format tar $own | tar -t usr/share/kept"
    plain=$(image-build -q $case 2>&1)
    ok "$case: a plain build has layers of its own" [ "$plain" != "$own" ]
    same_digest "$case: and the own packer its own" "$(PATH=$work/own:$PATH && image-build -q $case 2>&1)" "$own"
    known=$(df-parse --build-arg SOURCE_DATE_EPOCH=0 $case/Dockerfile | stage-run --context $case --progress quiet --known-layers=gz9 |
        jq -r 'select(.type == "step" and .snapshot).layer.descriptor.mediaType')
    equal "$case: its layers can be asked for" "$(printf '%s\n' "$known" | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip
done
image-build -q --keep by-hand copy >/dev/null && layer-pack <by-hand/changes.0 >by-hand.tar
put() { layer-put --changes by-hand/changes.0 "$@" <by-hand.tar; }
put >layers && cat by-hand/steps.0 layers | image-assemble >digest
ok "the image of a layer that was put by hand" sh -c "image-save --format tar $(cat digest) | tar -t usr/share/kept"
jq -c 'if .path == "usr" then .mode = "0700" else . end' by-hand/changes.0 >changed
layer-put --changes changed --remember changed <by-hand.tar >layers
is "a layer of changed records is not remembered" "$(find own-store -name 'layer-changed.json')" ""
put --remember right >layers
equal "one of unchanged ones is" "$(find own-store -name 'layer-right.json' | wc -l)" 1
# A deferred COPY has no tree yet. A layer of another packer does not stand for it, whatever is in it.
mkdir deferred && echo good >deferred/file
printf 'FROM busybox\nCOPY file /file\n' >deferred/Dockerfile
df-parse deferred/Dockerfile | stage-run --context deferred --progress quiet --defer-copies | layer-diff >told
tar -cf empty.tar -T /dev/null
layer-put --changes told --remember mine <empty.tar >layers
image-build -q -t plain deferred >/dev/null 2>&1
is "a layer that lacks files is its packer's own" "$(image-run plain cat /file)" good
printf 'FROM busybox AS one\nCOPY file /file\nFROM busybox\nCOPY --from=one /file /copied\n' >deferred/Dockerfile
image-build -q -t plain deferred >/dev/null 2>&1
is "and another stage copies what is right" "$(image-run plain cat /copied)" good
refuses() { # DESCRIPTION STATUS WORDS [ARGUMENT]...
    description=$1 wanted=$2 words=$3
    shift 3
    layer-put "$@" >.out 2>&1
    got=$?
    grep -q -e "$words" .out && [ "$got" = "$wanted" ]
    result $? "$description" .out
}
head -c 700 by-hand.tar >cut.tar
refuses "a tar that is cut" 3 'layer-put: layer: ' --snapshot x <cut.tar
refuses "what is no layer" 3 'layer-put: layer: ' --snapshot x <"$top/README.md"
refuses "nothing at all" 3 'it is empty' --snapshot x </dev/null
refuses "a compression that layers don't have" 3 'layers are gzip, zstd or not compressed' --snapshot x <<B
BZh91AY
B
refuses "a layer of nobody" 2 snapshot <by-hand.tar
cat by-hand/changes.0 by-hand/changes.0 >two
refuses "changes of several layers" 3 'several streams' --changes two <by-hand.tar
refuses "layer-pack's own name" 2 "no packer's name" --changes by-hand/changes.0 --remember gzip <by-hand.tar

# In the driver itself, where its comments say and as they do: a filter, and a step that gets the image.
mkdir driver
sed -e "s/^_filter=''\$/_filter=' | my-filter'/" -e '/^#     _after=/,/^# scan: /s/^# *//' "$top/scripts/image-build" >driver/image-build
printf '%s\n' '#!/bin/sh' "exec sed 's/\"mode\":\"0644\"/\"mode\":\"0600\"/'" >driver/my-filter
# shellcheck disable=SC2016 # for the script
printf '%s\n' '#!/bin/sh' 'for image; do :; done; echo "$image" >"$SCANNED" && exit "$FOUND"' >driver/my-scan
chmod +x driver/*
export SCANNED="$work/scanned" FOUND=0
driver() { PATH=$work/driver:$PATH build plain copy; }
same_digest "a filter that is written into the driver sees cached steps too" "$(driver)" "$want_private"
is "a step that is written into it gets the image" "$(cat scanned)" "$want_private"
same_digest "a plain build is what it was" "$(build plain copy)" "$want_plain"
rm -f scanned
PATH=$work/driver:$PATH build plain copy -n >script
same_digest "both are in the script that -n prints" "$(PATH=$work/driver:$PATH sh script)" "$want_private"
is "which runs the step" "$(cat scanned)" "$want_private"
FOUND=9
status_is "the step's failure is the build's" 9 driver
finish
