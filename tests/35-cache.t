#!/bin/sh
# What is in a step's key and what is not: each line builds, edits one thing and builds again, and says
# whether the last step that has a layer was found in the cache. The rules are BuildKit's.
# shellcheck source=tests/lib.sh disable=SC2016 # the edits are evaluated later
. "$(dirname "$0")/lib.sh"

load_busybox
n=0 options='' as=''

# dockerfile INSTRUCTIONS: they stand on a directory that only this pair has, so no other pair's steps fit
dockerfile() { printf 'FROM busybox\nWORKDIR /pair@\n%s\n' "$1" | sed "s/@/$n/" >Dockerfile; }
context() {
    rm -rf context
    mkdir -p context/d/sub context/e
    echo a >context/a && echo b >context/b && echo t >context/one.txt
    echo 1 >context/d/1 && echo 2 >context/d/sub/2 && ln -s 1 context/d/link
    echo bystander >context/e/f && printf 's3cret' >secret
    tar -C context -cf context/t.tar a
    find context -exec touch -h -d @1000000000 {} +
}
# last: builds, and says hit or miss of the target's last step with a layer; or that it failed
last() {
    rm -rf kept
    # shellcheck disable=SC2086 # options are words
    $as image-build -q --keep kept -o type=cacheonly -f Dockerfile ${STAGEPIPE_CASE_OPTIONS-} $options context >out 2>&1 || { tail -n 3 out && return; }
    steps=$(printf '%s\n' kept/steps.* | tail -n 1)
    sed -n 's/^{"type":"step".*,"cache":"\(hit\|miss\)".*/\1/p' "$steps" | tail -n 1
}
# pair WANTED DESCRIPTION INSTRUCTIONS EDIT: shell text that edits the context, the Dockerfile or $options
pair() {
    n=$((n + 1))
    context
    dockerfile "$3"
    first=$(last)
    eval "$4"
    is "$2: $1" "$first $(last)" "miss $1"
    options=''
}
other() { dockerfile "$1"; } # reads better in an edit
hit() { pair hit "$@"; }
miss() { pair miss "$@"; }

echo "# COPY: names, kinds, modes and contents of what is copied"
hit "nothing changed" 'COPY a /q' :
hit "a file's time" 'COPY a /q' 'touch context/a'
hit "a directory's time" 'COPY d /q/' 'touch context/d/sub context/d'
hit "a file that was made anew" 'COPY a /q' 'cp context/a x && mv x context/a'
hit "a file added elsewhere" 'COPY a /q' 'echo new >context/c && touch context/e/g'
hit "a file changed elsewhere" 'COPY d /q/' 'echo new >context/e/f'
hit "ignoring a file that is not copied" 'COPY d /q/' 'echo e >context/.dockerignore'
miss "ignoring a file that is copied" 'COPY d /q/' 'echo d/sub >context/.dockerignore'
hit "changing a file that is ignored" 'COPY d /q/' 'echo d/1 >context/.dockerignore && options="" && last >/dev/null && echo x >context/d/1'
hit "hard links instead of copies" 'COPY d /q/' 'cp context/d/1 context/d/3 && last >/dev/null && ln -f context/d/1 context/d/3'
if [ "$(id -u)" = 0 ]; then
    hit "the owner in the context" 'COPY d /q/' 'chown -R 12:34 context'
else
    skip "the owner in the context: hit" "this is not root"
fi
miss "a file's content" 'COPY a /q' 'echo c >context/a'
miss "a file's content, of the same size and time" 'COPY d /q/' 'echo 9 >context/d/sub/2 && touch -d @1000000000 context/d/sub/2'
miss "two files' contents, swapped" 'COPY a b /q/' 'mv context/a x && mv context/b context/a && mv x context/b'
miss "a file's mode" 'COPY a /q' 'chmod 600 context/a'
miss "a directory's mode" 'COPY d /q/' 'chmod 700 context/d/sub'
miss "a new file" 'COPY d /q/' 'echo >context/d/new'
miss "a new, empty directory" 'COPY d /q/' 'mkdir context/d/new'
miss "a file that is gone" 'COPY d /q/' 'rm context/d/1'
miss "a file's name in a directory" 'COPY d /q/' 'mv context/d/1 context/d/one'
miss "a link's target" 'COPY d /q/' 'ln -sf sub/2 context/d/link'
miss "a file instead of a link" 'COPY d /q/' 'rm context/d/link && cp context/d/1 context/d/link'
miss "a name a pattern finds" 'COPY *.txt /q/' 'mv context/one.txt context/two.txt'
hit "a name a pattern does not find" 'COPY *.txt /q/' 'echo x >context/two.text'
miss "the source's name" 'COPY a /q' 'mv context/a context/z && other "COPY z /q"'
miss "the destination" 'COPY a /q' 'other "COPY a /r"'
miss "the destination's slash" 'COPY a /q' 'other "COPY a /q/"'
miss "--chown" 'COPY a /q' 'other "COPY --chown=0:0 a /q"'
miss "--chown's owner" 'COPY --chown=1:2 a /q' 'other "COPY --chown=1:3 a /q"'
miss "--chmod" 'COPY a /q' 'other "COPY --chmod=644 a /q"'
miss "--link" 'COPY a /q' 'other "COPY --link a /q"'
miss "--exclude" 'COPY d /q/' 'other "COPY --exclude=1 d /q/"'
miss "--parents" 'COPY d /q/' 'other "COPY --parents d /q/"'
miss "--link, unless --chmod makes it a common copy" 'COPY --chmod=644 a /q' 'other "COPY --chmod=644 --link b /q"'
hit "--link where --chmod makes it a common copy" 'COPY --chmod=644 a /q' 'other "COPY --chmod=644 --link a /q"'
miss "--unpack" 'ADD a /q' 'other "ADD --unpack=false a /q"'
hit "--unpack=false, which COPY is" 'ADD --unpack=false a /q' 'touch context/a'
miss "an archive's content" 'ADD t.tar /q' 'tar -C context -cf context/t.tar b'
hit "an archive's time" 'ADD t.tar /q' 'touch context/t.tar'
miss "a number that a --chown's name stands for" 'RUN echo u:x:5:6:: >>/etc/passwd
COPY --chown=u a /q' 'sed -i "s/5:6/5:7/" Dockerfile'
hit "--chown by number instead of by name" 'RUN echo u:x:5:6:: >>/etc/passwd
COPY --chown=u a /q' 'sed -i "s/=u/=5:6/" Dockerfile'
miss "--chmod in other words" 'COPY --chmod=644 a /q' 'other "COPY --chmod=0644 a /q"'
hit "an empty --chmod" 'COPY a /q' 'other "COPY --chmod=\$NOPE a /q"'
miss "the order of the sources" 'COPY a b /q/' 'other "COPY b a /q/"'
hit "the spelling of the destination" 'COPY a /q' 'other "COPY a /pair/../q"'
miss "ADD instead of COPY" 'COPY a /q' 'other "ADD a /q"'
miss "a here-document's text" 'COPY <<F /q
one
F' 'other "COPY <<F /q
two
F"'
miss "a variable in a here-document" 'ARG V=1
COPY <<F /q
$V
F' 'options="--build-arg V=2"'
hit "a variable that changes no word of it" 'ARG V=1
COPY a /q' 'options="--build-arg V=2"'
hit "--link on another tree" 'COPY --link a /linked-here-only' 'other "RUN true
COPY --link a /linked-here-only"'
miss "another tree below" 'COPY a /q' 'other "WORKDIR /q
COPY a /q"'
setxattr='import os, sys; os.setxattr(sys.argv[1], "user.note", b"x")'
if echo >x && python3 -c "$setxattr" x 2>/dev/null; then
    miss "a user attribute of a file" 'COPY a /q' 'python3 -c "$setxattr" context/a'
    miss "a user attribute of a directory" 'COPY d /q/' 'python3 -c "$setxattr" context/d/sub'
else
    skip "a user attribute: miss" "this file system has none"
fi

echo "# COPY --from: contents, whoever made them"
from() { printf '%s\nFROM busybox\nWORKDIR /from@\n%s' "$1" "$2"; }
# stages DESCRIPTION WANTED FIRST-STAGE SECOND-STAGE EDIT
stages() { pair "$2" "$1" "$(from "$3" "$4")" "$5"; }
again() { other "$(from "$1" "$2")"; }
stages "the stage ran another command that made the same" hit 'RUN echo same >/o; : 1' 'COPY --from=0 /o /q' \
    'again "RUN echo same >/o; : 2" "COPY --from=0 /o /q"'
stages "the stage made something else" miss 'RUN echo one >/o' 'COPY --from=0 /o /q' \
    'again "RUN echo two >/o" "COPY --from=0 /o /q"'
stages "the stage gave it another owner" miss 'COPY --chown=1:1 a /o' 'COPY --from=0 /o /q' \
    'again "COPY --chown=2:2 a /o" "COPY --from=0 /o /q"'
stages "the stage gave what is in a directory another owner" miss 'COPY --chown=1:1 d /o/d' 'COPY --from=0 /o /q/' \
    'again "COPY --chown=1:2 d /o/d" "COPY --from=0 /o /q/"'
stages "the stage gave it another owner, which --chown replaces" hit 'COPY --chown=1:1 a /o' 'COPY --from=0 --chown=3 /o /q' \
    'again "COPY --chown=2:2 a /o" "COPY --from=0 --chown=3 /o /q"'
stages "the stage made something else elsewhere" hit 'RUN echo o >/o' 'COPY --from=0 /o /q' \
    'again "RUN echo o >/o && echo p >/p" "COPY --from=0 /o /q"'
stages "the stage's name" hit 'RUN echo o >/o' 'COPY --from=0 /o /q' \
    'sed "1s/\$/ AS named/; s/from=0/from=named/" Dockerfile >x && mv x Dockerfile'

echo "# RUN: the tree below, the command, and all the command can see of the Dockerfile"
hit "nothing changed" 'RUN true' :
miss "the command" 'RUN true' 'other "RUN true 2"'
miss "spaces in the command" 'RUN true  2' 'other "RUN true 2"'
miss "the layout of continued lines" 'RUN true \
  2' 'other "RUN true 2"'
hit "a comment between continued lines" 'RUN true \
  2' 'other "RUN true \\
# words
  2"'
hit "a comment before it" 'RUN true' 'other "# words
RUN true"'
miss "an ENV before it" 'RUN true' 'other "ENV A=1
RUN true"'
miss "an ENV's value" 'ENV A=1
RUN true' 'other "ENV A=2
RUN true"'
miss "the order of ENVs" 'ENV A=1 B=2
RUN true' 'other "ENV B=2 A=1
RUN true"'
miss "an unused ARG with a value before it" 'RUN true' 'other "ARG A=1
RUN true"'
miss "an unused ARG's value" 'ARG A=1
RUN true' 'options="--build-arg A=2"'
hit "an ARG without a value before it" 'RUN true' 'other "ARG A
RUN true"'
miss "giving that ARG an empty value" 'ARG A
RUN true' 'options="--build-arg A="'
hit "an ARG after it" 'RUN true' 'other "RUN true
ARG A=1"'
hit "a build argument nobody declares" 'RUN true' 'options="--build-arg A=2"'
hit "a proxy" 'RUN true' 'options="--build-arg HTTP_PROXY=http://127.0.0.1:1"'
miss "a proxy that is declared" 'ARG HTTP_PROXY
RUN true' 'options="--build-arg HTTP_PROXY=http://127.0.0.1:1"'
miss "the working directory" 'RUN true' 'other "WORKDIR /else
RUN true"'
case ${STAGEPIPE_CASE_OPTIONS-} in
*single*) skip "the user: miss" "there is no other user" ;;
*) miss "the user" 'RUN true' 'other "USER user
RUN true"' ;;
esac
miss "the shell" 'RUN true' 'other "SHELL [\"/bin/ash\", \"-c\"]
RUN true"'
hit "the exec form of the shell's words" 'RUN true' 'other "RUN [\"/bin/sh\", \"-c\", \"true\"]"'
hit "a SHELL the command does not use" 'RUN ["/bin/true"]' 'other "SHELL [\"/bin/ash\", \"-c\"]
RUN [\"/bin/true\"]"'
miss "--security" 'RUN true' 'other "RUN --security=insecure true" && options="--allow security.insecure"'
hit "--security=sandbox, which it is anyway" 'RUN true' 'other "RUN --security=sandbox true"'
hit "--network=default, which it is anyway" 'RUN true' 'other "RUN --network=default true"'
hit "an entitlement the command does not ask for" 'RUN true' 'options="--allow security.insecure"'
miss "--network in the file" 'RUN true' 'other "RUN --network=none true"'
miss "--network of the build" 'RUN true' 'options="--network none"'
miss "the host name" 'RUN true' 'options="--build-arg BUILDKIT_SANDBOX_HOSTNAME=other"'
miss "a limit" 'RUN true' 'options="--ulimit nofile=100:200"'
miss "the size of shared memory" 'RUN true' 'options="--shm-size 1m"'
options='--add-host h:127.0.0.2'
hit "the address of an added host" 'RUN true' 'options="--add-host h:127.0.0.3"'
miss "the name of an added host" 'RUN true' 'options="--add-host i:127.0.0.2"'
hit "labels, ports, volumes and commands before it" 'RUN true' 'other "LABEL a=b
EXPOSE 80
VOLUME /v
CMD [\"x\"]
ENTRYPOINT [\"y\"]
STOPSIGNAL 9
HEALTHCHECK CMD true
ONBUILD RUN true
RUN true"'
miss "a parent that ran again and made the same" 'RUN echo same >/o; : 1
RUN cat /o' 'other "RUN echo same >/o; : 2
RUN cat /o"'
miss "a file copied before it" 'COPY a /q
RUN cat /q' 'echo c >context/a'
hit "a file that is not copied" 'COPY a /q
RUN cat /q' 'echo c >context/b'
miss "a here-document's text" 'RUN <<F
true 1
F' 'other "RUN <<F
true 2
F"'
hit "a here-document's name" 'RUN <<F
true 1
F' 'other "RUN <<G
true 1
G"'
hit "whether the shell or the document has the text" 'RUN <<F
true
F' 'other "RUN [\"/bin/sh\", \"-c\", \"true\\n\"]"'
miss "a script's text" 'RUN <<F
#!/bin/sh
true 1
F' 'other "RUN <<F
#!/bin/sh
true 2
F"'

echo "# The platform: of RUN alone, since what else a step makes has the same bytes for all"
for_386='options="--platform linux/386"'
options='--platform linux/amd64'
miss "--platform, of RUN" 'RUN true' "$for_386"
options='--platform linux/amd64'
hit "--platform, of COPY" 'COPY a /q' "$for_386"
options='--platform linux/amd64'
hit "--platform, of COPY --link" 'COPY --link a /for-all' "$for_386"
options='--platform linux/amd64'
hit "--platform, of ADD that unpacks" 'ADD t.tar /q' "$for_386"
options='--platform linux/amd64'
hit "--platform, of WORKDIR" 'WORKDIR /q' "$for_386"
options='--platform linux/arm64'
hit "another spelling of --platform" 'RUN true' 'options="--platform linux/arm64/v8"'
options='--platform linux/arm/v7'
miss "--platform's variant" 'RUN true' 'options="--platform linux/arm/v6"'
miss "--platform in the file" 'RUN true' 'sed "s,^FROM,FROM --platform=linux/386," Dockerfile >x && mv x Dockerfile'
options='--platform linux/amd64'
stages "the stage ran for another platform and made the same" hit 'RUN echo o >/o' 'COPY --from=0 /o /q' "$for_386"
options='--platform linux/amd64'
miss "the platform of a stage that is mounted, where it shows" "$(from 'ARG TARGETARCH
RUN echo $TARGETARCH >/o' 'RUN --mount=from=0,target=/m true')" "$for_386"
options='--platform linux/amd64'
miss "--platform, of a stage that ends in nothing else" "$(from 'RUN uname -m >/o; cat /proc/sys/kernel/random/uuid >/o' 'COPY --from=0 /o /q')" "$for_386"
echo FROM busybox >Dockerfile && image-build -q --platform linux/386 -t like-busybox . >/dev/null
miss "the platform of a base of the same layers" 'RUN true' 'sed "s/^FROM.*/FROM like-busybox/" Dockerfile >x && mv x Dockerfile'
if have jq; then
    for image in busybox like-busybox; do image-save --format layout -o "two-$image" $image; done
    jq -s '.[0].manifests += .[1].manifests | .[0]' two-*/index.json >x && cp -R two-like-busybox/blobs two-busybox/ && mv x two-busybox/index.json
    printf 'FROM --platform=linux/386 two\nFROM --platform=linux/amd64 two\nCOPY --from=0 /bin/true /\n' >Dockerfile
    df-parse --build-context two <Dockerfile 2>out | stage-run --build-context "two=oci-layout://$work/two-busybox" 2>out |
        sed -n 's/.*"type":"base".*"architecture":"\([^"]*\)".*/\1/p' >got
    is "stages of one run take the image for their own platform from a layout" "$(tr '\n' ' ' <got)" "386 amd64 "
else
    skip "stages of one run take the image for their own platform" "there is no jq"
fi
if [ "$(setarch i686 uname -m 2>/dev/null)" = i686 ]; then
    miss "the machine, of RUN" 'RUN true' 'as="setarch i686"'
    as=''
    hit "the machine, of COPY" 'COPY a /q' 'as="setarch i686"'
    as=''
else
    skip "the machine" "this one can't pass for another"
fi

echo "# RUN's mounts"
mount() { printf 'RUN --mount=%s true' "$1"; }
miss "a mount more" 'RUN true' 'other "$(mount type=tmpfs,target=/m)"'
miss "a tmpfs's target" "$(mount type=tmpfs,target=/m)" 'other "$(mount type=tmpfs,target=/n)"'
miss "a tmpfs's size" "$(mount type=tmpfs,target=/m)" 'other "$(mount type=tmpfs,target=/m,size=1m)"'
miss "the content of a bound file" "$(mount type=bind,source=a,target=/m)" 'echo c >context/a'
miss "the content of a bound directory" "$(mount type=bind,source=d,target=/m)" 'echo c >context/d/sub/2'
miss "the mode of a bound file" "$(mount type=bind,source=a,target=/m)" 'chmod 600 context/a'
hit "a file beside what is bound" "$(mount type=bind,source=d,target=/m)" 'echo c >context/a'
hit "the name of a bound file" "$(mount type=bind,source=a,target=/m)" 'mv context/a context/z && other "$(mount type=bind,source=z,target=/m)"'
miss "a bound context" "$(mount type=bind,target=/m)" 'echo c >context/e/f'
hit "an ignored file of a bound context" "$(mount type=bind,target=/m)" 'echo e >context/.dockerignore && last >/dev/null && echo c >context/e/f'
miss "rw" "$(mount type=bind,source=d,target=/m)" 'other "$(mount type=bind,source=d,target=/m,rw)"'
stages "a bound directory of a stage that ran again and made the same" hit 'RUN mkdir /d && echo d >/d/f; : 1' "$(mount type=bind,from=0,source=/d,target=/m)" \
    'again "RUN mkdir /d && echo d >/d/f; : 2" "$(mount type=bind,from=0,source=/d,target=/m)"'
stages "the mode of a bound directory of a stage" miss 'RUN mkdir /d' "$(mount type=bind,from=0,source=/d,target=/m)" \
    'again "RUN mkdir -m 700 /d" "$(mount type=bind,from=0,source=/d,target=/m)"'
stages "the owner of a bound directory of a stage" miss 'COPY d /d/' "$(mount type=bind,from=0,source=/d,target=/m)" \
    'again "COPY --chown=1:1 d /d/" "$(mount type=bind,from=0,source=/d,target=/m)"'
miss "a cache's target" "$(mount type=cache,target=/m)" 'other "$(mount type=cache,target=/n,id=/m)"'
hit "a cache's id" "$(mount type=cache,id=x,target=/m)" 'other "$(mount type=cache,id=y,target=/m)"'
hit "a cache's sharing" "$(mount type=cache,id=x,target=/m)" 'other "$(mount type=cache,id=x,target=/m,sharing=locked)"'
hit "a cache's content" "$(mount type=cache,id=filled,target=/m)" \
    'mv Dockerfile kept.d && other "RUN --mount=type=cache,id=filled,target=/m echo >/m/x" && last >/dev/null && mv kept.d Dockerfile'
miss "a cache's mode" "$(mount type=cache,target=/m)" 'other "$(mount type=cache,target=/m,mode=700)"'
stages "what a cache begins with" miss 'RUN mkdir /d && echo 1 >/d/f' "$(mount type=cache,id=seeded,from=0,source=/d,target=/m)" \
    'again "RUN mkdir /d && echo 2 >/d/f" "$(mount type=cache,id=seeded,from=0,source=/d,target=/m)"'
options='--secret id=s,src=secret'
hit "a secret's value" "$(mount type=secret,id=s)" 'echo other >secret'
options='--secret id=s,src=secret'
hit "a secret's absence" "$(mount type=secret,id=s)" 'options=""'
miss "a secret's id" "$(mount type=secret,id=s,target=/m)" 'other "$(mount type=secret,id=t,target=/m)"'
miss "a secret's target" "$(mount type=secret,id=s,target=/m)" 'other "$(mount type=secret,id=s,target=/n)"'
miss "a secret's mode" "$(mount type=secret,id=s)" 'other "$(mount type=secret,id=s,mode=444)"'
miss "a secret's variable" "$(mount type=secret,id=s)" 'other "$(mount type=secret,id=s,env=S)"'

hit "a secret that must be there" "$(mount type=secret,id=s)" 'other "$(mount type=secret,id=s,required)" && options="--secret id=s,src=secret"'
hit "a secret by source" "$(mount type=secret,id=s)" 'other "$(mount type=secret,source=s)"'
miss "a mount's type, from a variable" 'RUN --mount=type=${T:-tmpfs},target=/m true' 'other "RUN --mount=type=\${T:-cache},target=/m true"'
hit "the words of a mount" "$(mount type=cache,target=/m)" 'other "$(mount target=/m,type=cache,readonly=false)"'
miss "read-only" "$(mount type=cache,target=/m)" 'other "$(mount type=cache,target=/m,ro)"'
stages "the mode of what a cache begins with" miss 'RUN mkdir -m 700 /d' "$(mount type=cache,id=begun,from=0,source=/d,target=/m)" \
    'again "RUN mkdir -m 750 /d" "$(mount type=cache,id=begun,from=0,source=/d,target=/m)"'
context_dir='mkdir -p other && echo 1 >other/f'
eval "$context_dir"
options='--build-context o=other'
miss "the content of a named context" 'COPY --from=o f /q' 'echo 2 >other/f'
eval "$context_dir"
options='--build-context o=other'
hit "another file of a named context" 'COPY --from=o f /q' 'echo 2 >other/g'
options='--build-context o=other'
hit "the name of a named context" 'COPY --from=o f /q' 'other "COPY --from=p f /q" && options="--build-context p=other"'

echo "# SOURCE_DATE_EPOCH and the rest of the build's options"
epoch='options="--build-arg SOURCE_DATE_EPOCH=5"'
miss "SOURCE_DATE_EPOCH, of WORKDIR" 'WORKDIR /q' "$epoch"
miss "SOURCE_DATE_EPOCH, of COPY" 'COPY --link a /epoch/q' "$epoch"
n=$((n + 1))
printf 'FROM busybox\nRUN true %s\n' "$n" >Dockerfile && last >/dev/null && eval "$epoch"
is "SOURCE_DATE_EPOCH, of RUN: hit" "$(last)" hit
options=''
miss "SOURCE_DATE_EPOCH, of an ARG before FROM" 'COPY a /q' 'sed "1i ARG SOURCE_DATE_EPOCH=7" Dockerfile >x && mv x Dockerfile'
hit "an empty SOURCE_DATE_EPOCH" 'COPY a /q' 'options="--build-arg SOURCE_DATE_EPOCH="'
hit "WORKDIR by a relative path" 'WORKDIR /pair@/q' 'other "WORKDIR q"'
miss "WORKDIR's user" 'WORKDIR /q' 'other "USER user
WORKDIR /q"'
miss "--no-cache" 'RUN true' 'options=--no-cache'
hit "what --no-cache made" 'RUN true' 'options=--no-cache && last >/dev/null && options=""'
hit "another compression" 'RUN true' 'options="--compression none"'
hit "another tag and label" 'RUN true' 'options="-t x --label a=b"'
finish
