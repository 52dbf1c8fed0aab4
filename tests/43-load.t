#!/bin/sh
# image-build --load: which engine gets the image, under which names, and what is said where none takes it. Stand-ins for
# docker and podman keep what they read; a podman that is here judges it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir context engines
printf 'FROM scratch\nCOPY Dockerfile /a\n' >context/Dockerfile
podman=$(command -v podman) || podman=''
# engine NAME STATUS-OF-VERSION STATUS-OF-LOAD: a stand-in
engine() {
    cat >"engines/$1" <<END
#!/bin/sh
case \$1 in
version) echo "$1 was asked"; exit $2 ;;
load) cat >"$work/$1.tar"; echo "$1 has it"; exit $3 ;;
esac
END
    chmod +x "engines/$1"
}
PATH=$work/engines:$PATH
names() { tar -xOf "$1" manifest.json | tr -d ' "' | sed 's/.*RepoTags:\[\([^]]*\)\].*/\1/; s/.*RepoTags:null.*//'; }

engine docker 0 0
engine podman 0 0
digest=$(image-build -q context)
image-build --load -t app -o type=image,name=b/c:2 context >out 2>said
same_digest "standard output has the digest" "$(cat out)" "$digest"
ok "what docker says is said" grep -qx 'docker has it' said
is "what it says when it is asked is not" "$(grep -c asked said)" 0
is "docker has the image, under the names that are asked for" "$(names docker.tar)" "app:latest,b/c:2"
ok "podman has not" [ ! -e podman.tar ]
is "-q says the digest alone" "$(image-build -q --load context 2>&1)" "$digest"
is "without names there are none, whatever the store calls it" "$(names docker.tar)" ""
rm docker.tar
image-build -n --load -t app context >script
ok "-n loads nothing" [ ! -e docker.tar ]
ok "but its script does" sh script
is "under the name" "$(names docker.tar)" app:latest
ok "--load stands beside another output" image-build --load -t app -o type=oci,dest=out.tar context
ok "which is written" [ -s out.tar ]
engine docker 0 5
status_is "a load that fails is a failure" 5 image-build --load context
ok "and it is said which" grep -q '^image-build: load: \|^run-together: load: ' .out

engine docker 1 0
rm -f docker.tar
ok "where docker does not answer podman gets it" image-build --load -t app context
is "under its name" "$(names podman.tar)" app:latest
ok "and docker nothing" [ ! -e docker.tar ]
engine podman 1 0
rm -rf store
status_is "where neither answers that is a failure" 1 image-build --load -t app context
is "with what to do" "$(cat .out)" \
    "image-build: --load: neither docker nor podman answers; write -o type=docker,dest=FILE, then docker load -i FILE"
ok "before anything is built" [ ! -e store ]

if [ -n "$podman" ] && "$podman" --root "$work/podman" --runroot "$work/run" --storage-driver vfs version >/dev/null 2>&1; then
    engine podman 0 0
    printf '#!/bin/sh\nexec "%s" --root "%s" --runroot "%s" --storage-driver vfs "$@"\n' \
        "$podman" "$work/podman" "$work/run" >engines/podman
    ok "podman itself takes it" image-build --load -t loaded:1 --metadata-file meta context
    is "as the same image" "$(podman images -q --no-trunc --filter 'reference=*/loaded:1' | cut -d : -f 2)" \
        "$(sed -n 's/.*"containerimage.config.digest": "sha256:\(.*\)".*/\1/p' meta)"
    ok "and without a name" image-build --load --label a=b context
    is "nameless" "$(podman images -q -f dangling=true | wc -l)" 1
else
    skip "podman takes it" "there is no podman"
fi
finish
