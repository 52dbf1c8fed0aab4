#!/bin/sh
# image-build's options by twos: each is obeyed beside each other one, or the two are refused together before anything
# runs. What is obeyed is seen in the script that -n prints.
# shellcheck source=tests/lib.sh disable=SC2086 # words
. "$(dirname "$0")/lib.sh"

mkdir context source
touch dockerignore
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("agent")'
printf '%s\n' 'FROM scratch AS one' 'COPY Dockerfile /a' 'FROM scratch' 'COPY --from=one /a /b' >context/Dockerfile
cp context/Dockerfile other
echo '# stagepipe lock 1' | tee other.lock >context/Dockerfile.lock

# An option with a value, and what the script has of it; with "!", what it has no more.
cat >options <<'END'
--file=other|<other
--target=one|--target one
--until=1|--until 1
--platform=linux/arm64|--platform linux/arm64
--build-arg=A=b|--build-arg A=b
--build-context=n=source|--build-context n
--pull|--pull always
--pull=newer|--pull newer
--pull=never|--pull never
--offline|--offline
--insecure=h:5000|--insecure h:5000
--lock|--sources --renew
--lock=debian:12|--renew=debian:12
--locked|--locked
--call=check|--check
--call=targets|--targets
--call=outline|--outline
--check|--check
--tag=name|--tag name
--label=a=b|--label a=b
--output=type=oci,dest=out.tar|dest=out.tar
--output=type=tar,dest=out.tar|image-save
--output=type=cacheonly|--check "$_dir/steps
--output=type=registry,name=h/n|image-push
--push|image-push
--load|docker load -q
--iidfile=id|--iidfile id
--metadata-file=meta|--metadata-file meta
--compression=zstd|--compression zstd
--secret=id=s,src=other|--secret id=s
--ssh=agent=agent|--ssh agent=agent
--network=none|--network none
--add-host=h:1.2.3.4|--add-host h:1.2.3.4
--shm-size=1m|--shm-size 1m
--ulimit=nofile=9|--ulimit nofile=9
--memory=1g|--memory 1g
--cpus=1.5|--cpus 1.5
--cpu-quota=9000|--cpu-quota 9000
--cpu-period=9000|--cpu-period 9000
--pids-limit=9|--pids-limit 9
--timeout=9m|--timeout 9m
--log-max=9m|--log-max 9m
--no-new-privileges|--no-new-privileges
--allow=network.host|--allow network.host
--isolation=root|--isolation root
--no-cache|--no-cache
--no-cache-filter=one|--no-cache-filter one
--no-defer|!--defer-copies
--progress=plain|!--progress quiet
--progress=quiet|--progress quiet
--quiet|--progress quiet
--explain|--explain
--shell|--shell
--shell-on-fail|--shell-on-fail
--logs|--logs
--jobs=1|run-together --jobs 1
--max-unpacked=5g|--max-unpacked 5g
--max-entries=9|--max-entries 9
--store=elsewhere|--store elsewhere
--keep=kept|kept
--trace=t.svg|build-trace --format svg
END
cut -d '|' -f 1 options >words
options=$(image-build --help | grep -o -- '--[a-z][a-z-]*' | sort -u | grep -vx -e --help -e --version -e --dry-run -e --completion)
is "every option is in the table" "$(sed 's/=.*//' words | sort -u)" "$options"

# refused A B: whether the two can't stand together. A is a word of the table, also without its value.
written='--output --iidfile --metadata-file --push --load'
refused() {
    case $1 in
    --call=*) [ "$1" != "$2" ] && against "$2" $written --keep --trace --explain --shell --shell-on-fail --lock --logs --call ;;
    --check) against "$2" $written --keep --trace --explain --shell --shell-on-fail --lock --logs --call=targets --call=outline ;;
    --logs) against "$2" $written --keep --trace --explain --shell --shell-on-fail --lock ;;
    --lock*) [ "$1" != --locked ] && against "$2" --locked --offline --pull=never ;;
    --shell) against "$2" $written ;;
    --output=type=cacheonly) against "$2" --iidfile --metadata-file --push --load ;;
    --cpus=*) against "$2" --cpu-quota --cpu-period ;;
    --quiet) against "$2" --progress=plain --explain ;;
    --progress=quiet) against "$2" --explain ;;
    *) return 1 ;;
    esac
}
against() { # WORD OPTION...
    word=$1 && shift
    for option; do
        case $word in "$option" | "$option"=*) return ;; esac
    done
    return 1
}
# idle A B: A may stand beside B and does nothing: it describes an image, or its steps, and none is made.
idle() {
    case $2 in
    --call=* | --check)
        case $1 in
        --tag=* | --label=* | --compression=* | --secret=* | --ssh=* | --network=* | --add-host=* | --shm-size=* | \
            --ulimit=* | --memory=* | --cpu* | --pids-limit=* | --timeout=* | --log-max=* | --no-new-privileges | --allow=* | --isolation=* | --no-cache* | --no-defer | --progress=* | --quiet | --jobs=* | \
            --max-*=* | --store=*) return ;;
        # It lists all of them.
        --target=* | --until=*) [ "$2" = --call=targets ] && return ;;
        esac ;;
    --logs) case $1 in --pull | --pull=newer | --tag=* | --label=* | --no-defer | --jobs=*) return ;; esac ;;
    --shell | --output=type=cacheonly) case $1 in --tag=* | --label=*) return ;; esac ;;
    esac
    return 1
}
mark() { # WORD: what the script has of it
    grep -F -- "$1|" options | grep "^$1|" | sed 's/.*|//'
}
seen() { # WORD: the script obeys it
    has=$(mark "$1")
    case $has in
    !*) no_match -F -- "${has#!}" script ;;
    *) grep -qF -- "$has" script ;;
    esac
}
pair() {
    one=$1 other=$2
    # The last of a name wins, as in docker.
    [ "${one%%=*}" != "${other%%=*}" ] || [ "${one%%=*}" = --call ] || return 0
    # What is pushed has a name.
    case "$one $other" in *--push*) name='-t named' ;; *) name='' ;; esac
    image-build -n $name "$one" "$other" context >script 2>said
    got=$?
    if refused "$one" "$other" || refused "$other" "$one"; then
        [ "$got" = 2 ] || { echo "$one $other: status $got, wanted 2" && return 1; }
        for word in "$one" "$other"; do
            case $word in
            --check) grep -q -e --call said ;;
            *) grep -q -e "${word%%=*}" said ;;
            esac || { echo "$one $other: $word is not named:" && cat said && return 1; }
        done
        return 0
    fi
    [ "$got" = 0 ] || { echo "$one $other: status $got:" && cat said && return 1; }
    idle "$one" "$other" || seen "$one" || { echo "$one is ignored beside $other:" && cat script && return 1; }
    idle "$other" "$one" || seen "$other" || { echo "$other is ignored beside $one:" && cat script && return 1; }
}
below() { # WORD: with itself and each in the table after it, in both orders by turns
    failed=0 turn='' after=''
    while IFS= read -r below; do
        [ "$below" != "$1" ] || after=1
        [ "$after" ] || continue
        if [ "$turn" ]; then turn='' && pair "$below" "$1"; else turn=1 && pair "$1" "$below"; fi || failed=1
    done <words
    return $failed
}
while IFS= read -r each; do
    ok "$each beside every other" below "$each" 3<&0
done <words

echo "# what one option says twice, or of nothing"
rm other.lock context/Dockerfile.lock
while IFS='|' read -r words text; do
    status_is "$words is refused" 2 image-build $words context
    is "before anything runs, in one line" "$(cat .out)" "image-build: $text"
done <<'END'
-o type=image,dest=x|--output: dest=x is for outputs that are files; this type has none
-o type=cacheonly,dest=x|--output: dest=x is for outputs that are files; this type has none
-o type=cacheonly,name=x|--output: type=cacheonly makes no image to name
-o type=oci -o type=tar|--output: two outputs go to standard output; add dest=FILE to one
--push|an image without a name can't be pushed; add -t HOST/NAME[:TAG]
-o type=registry|an image without a name can't be pushed; add -t HOST/NAME[:TAG]
-o type=oci,push=true|--output: push=true is for type=image; add -o type=registry beside this one
-o dest=x|--output: it has no type=; write type=local,dest=DIR or another type
-t x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855|--tag: 'x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' has a digest, which only a finished image has; write NAME:TAG
-t sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855|--tag: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' has a digest, which only a finished image has; write NAME:TAG
-o type=image,tar=false|--output: tar=false is for type=oci and type=docker
-o type=tar,tar=false,dest=x|--output: tar=false is for type=oci and type=docker
--compression zstd -o type=image,compression=gzip|--output: compression=gzip, but zstd is asked for too; a layer is stored once; build again for the other
-o type=image,compression=uncompressed,compression-level=5|--output: compression-level '5' is not one of none: 0 to 0
-o type=image,compression-level=10|--output: compression-level '10' is not one of gzip: 0 to 9
--call targets,all,format=json|--call: 'targets,all,format=json' is not METHOD[,format=json]
--call build,format=json|--call: 'build,format=json': build prints nothing that has a format
--call check --call targets|--call: both check and targets are asked for
--check --call build|--call: both build and check are asked for
END
status_is "a step of another stage than --target's is refused" 3 image-build --target one --until :4 context
is "with both" "$(cat .out)" "image-build: Dockerfile: --until :4: that is in stage 1, and the target is one; leave one of them out"
image-build --call outline --until one:1 context >out
ok "--call outline is of the stage of --until" grep -q one out
image-build -q -o type=image,rewrite-timestamp=true context >said 2>&1
is "-q says nothing of a time that is not there" "$(grep -c warning said)" 0
image-build -o type=image,rewrite-timestamp=true context >said 2>&1
ok "else it is warned about" grep -q 'warning: --output rewrite-timestamp: no SOURCE_DATE_EPOCH is set' said
image-build -n -j 1 -q -t printed context >script
same_digest "the script of -n -j 1 builds one stage after the other" "$(sh script 2>/dev/null)" "$(image-build -q context)"
ok "by its own words" grep -q '^run-together --jobs 1 ' script
finish
