#!/bin/sh
# The recipes of stagepipe-cookbook(7), as they stand in the page: files of services are read as YAML and TOML, and the
# commands in them run, with a registry and a git server of this machine for theirs, and busybox for Debian.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have docker-registry git jq perl python3 skopeo || skip_all "docker-registry, git, jq, perl, python3 or skopeo is missing"
python=python3
$python -c 'import yaml' 2>/dev/null || python=/usr/bin/python3
$python -c 'import tomllib, yaml' 2>/dev/null || skip_all "Python's yaml is missing"

export HOME="$work/home" XDG_RUNTIME_DIR="$work/run"
export GIT_CONFIG_GLOBAL="$work/gitconfig" GIT_CONFIG_NOSYSTEM=1
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG CONTAINERS_REGISTRIES_CONF
mkdir -p home/.config/containers run page bin www usr
git config --global user.name u && git config --global user.email u@example.com
git config --global init.defaultBranch main && git config --global safe.directory '*'

# The services: a registry that lets in who has a password, and a server of files and repositories
perl -e 'print "u:", crypt("hunter2", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >htpasswd
registry recipes <<EOT
http: {addr: "127.0.0.1:0"}
auth: {htpasswd: {realm: r, path: $work/htpasswd}}
EOT
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$host" >home/.config/containers/registries.conf
serve www

# The page's files. A block's first line has its name, or the second where the first is #!.
awk '/^\.Bd /  { inside = 1; lines = name = ""; next }
    /^\.Ed/    { if (inside && name != "") { printf "%s\t%s\n", name, lines }; inside = 0 }
    inside     { gsub(/\\e/, "\\"); gsub(/\\&/, ""); lines = lines $0 "\001"
                 if (name == "" && $0 ~ /^# [^ ]+$/) name = $2 }' "$top/man/stagepipe-cookbook.7" >blocks
while IFS="$(printf '\t')" read -r name lines; do
    mkdir -p "page/$(dirname "./$name")"
    printf '%s' "$lines" | tr '\001' '\n' | sed -e "s|registry\.example|$host|g" -e "s|ghcr\.io|$host|g" \
        -e "s|https://files\.example|$web|g" -e "s|https://git\.example|$repos|g" \
        -e "s|debian:12|busybox|g" -e "s|/srv/|$work/|g" -e "s|/usr/local|$work/usr|g" >"page/$name"
done <blocks
files='.github/workflows/image.yml .gitlab-ci.yml config.toml job.yaml Dockerfile
    /etc/cron.d/nightly-image /usr/local/bin/nightly-image .git/hooks/pre-push'
for file in $files; do [ -s "page/$file" ] || echo "$file"; done >missing
[ ! -s missing ]
result $? "the page has the files" missing
json() { $python -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <"page/$1"; } # FILE

# An application in a repository, and the suite as an archive
load_busybox
image-tag busybox "$host/base"
mkdir app && git init -q app
printf 'FROM %s\nCOPY said /\nCMD ["cat", "/said"]\n' "$host/base" >app/Dockerfile
echo built >app/said
git -C app add . && git -C app commit -qm first
git clone -q --bare app www/app.git
mkdir -p www/team && git clone -q --bare app www/team/app.git
git -C app remote add origin "$work/www/app.git" && git -C app fetch -q && git -C app branch -q -u origin/main
mkdir small
for name in $tools $helpers; do
    printf '#!/bin/sh\nexec "%s/%s" "$@"\n' "$STAGEPIPE_BIN" "$name" >"small/$name" && chmod +x "small/$name"
done
DESTDIR=$work/tree "$top/scripts/install" --prefix /stagepipe-1.0.0-x86_64 --bins small >.log 2>&1
tar -C tree -czf www/stagepipe.tar.gz stagepipe-1.0.0-x86_64

# is_pushed DESCRIPTION NAME[:TAG]: the registry has an image of that name that prints what the application says
is_pushed() {
    skopeo copy -q --src-creds u:hunter2 "docker://$host/$2" "oci:pushed" >.log 2>&1 &&
        image-load --tag pushed pushed >>.log 2>&1 && [ "$(image-run pushed 2>>.log)" = built ]
    result $? "$1" .log
    rm -rf pushed
}

mkdir tools-image
cp page/Dockerfile www/stagepipe.tar.gz tools-image/
printf '%s\n' '#!/bin/sh' 'exec "$@"' >bin/sudo
printf '%s\n' '#!/bin/sh' 'echo "$*"' >bin/apt-get
chmod +x bin/*
mkdir with-apt && cp bin/apt-get with-apt/
printf 'FROM busybox\nCOPY apt-get /bin/\n' >with-apt/Dockerfile
image-build -q -t busybox with-apt >.log 2>&1
ok "the image with the tools is built" image-build -t tools tools-image
image-files tools "$work/usr/bin" >listed 2>&1
ok "and has them" grep -q image-build listed

# GitHub: each step with a run, in a checkout
json .github/workflows/image.yml >workflow
is "GitHub's steps are those of one job" "$(jq -c '.jobs | map_values(.steps | map(.name // .uses))' workflow)" \
    '{"image":["actions/checkout@v4","Install the tools","Build","Measure","Push"]}'
git clone -q www/app.git github
for step in "Install the tools" Build Measure Push; do
    jq -r --arg name "$step" '.jobs.image.steps[] | select(.name == $name).run' workflow >run.sh
    (
        cd github || exit
        IMAGE=$(jq -r .env.IMAGE ../workflow) GITHUB_SHA=0123abc GITHUB_ACTOR=u TOKEN=hunter2 PATH=$work/bin:$work/usr/bin:$PATH
        export IMAGE GITHUB_SHA GITHUB_ACTOR TOKEN PATH
        sh -eu ../run.sh
    ) >.log 2>&1 </dev/null
    result $? "GitHub: $step" .log
done
is_pushed "GitHub's job pushed the image" owner/app:0123abc
is_pushed "and gave it the second name" owner/app
rm -r run/containers

# GitLab: the lines of the script in one shell
json .gitlab-ci.yml >job
$python -c 'import json, sys, tomllib; json.dump(tomllib.load(sys.stdin.buffer), sys.stdout)' <page/config.toml >runner
is "GitLab's runner and job agree on the image" "$(jq -r '.runners[0].docker.image' runner)" "$(jq -r .image.image job)"
git clone -q www/app.git gitlab
jq -r '.image.script[]' job >run.sh
(
    cd gitlab || exit
    CI_REGISTRY=$host CI_REGISTRY_IMAGE=$host/group/app CI_REGISTRY_USER=u CI_REGISTRY_PASSWORD=hunter2 CI_COMMIT_REF_SLUG=topic
    export CI_REGISTRY CI_REGISTRY_IMAGE CI_REGISTRY_USER CI_REGISTRY_PASSWORD CI_COMMIT_REF_SLUG
    sh -eu ../run.sh
) >.log 2>&1 </dev/null
result $? "GitLab's script runs" .log
is_pushed "and pushed the image" group/app:topic
is "its artifact" "$(jq -c .image.artifacts.paths job)" '["size.html"]'
ok "is there" grep -q '<html' gitlab/size.html
rm -r home/.docker

# Kubernetes: the container's command, with its secret where the volume would have it
json job.yaml >job
is "each mount of the job has a volume" "$(jq -c '.spec.template.spec | [.containers[].volumeMounts[].name] - [.volumes[].name]' job)" '[]'
jq -r '.spec.template.spec.containers[0] | @sh "exec \(.command + .args)"' job >run.sh
status_is "without the secret nothing is pushed" 1 sh run.sh
mkdir login
printf '{"auths": {"%s": {"auth": "%s"}}}' "$host" "$(printf u:hunter2 | base64)" >login/config.json
is "the secret is where the job looks" \
    "$(jq -r '.spec.template.spec | .containers[0] as $c | .volumes[] | select(.secret) | . as $v |
        [($c.volumeMounts[] | select(.name == $v.name).mountPath), $c.env[0].value, .secret.items[0].path] | join(" ")' job)" \
    '/login /login config.json'
export DOCKER_CONFIG="$work/login"
ok "with it the job's command runs" sh run.sh
is_pushed "and pushed the image" team/app:main

# cron, as the user who is logged in
ok "the crontab's line has a time, a user and the script" \
    grep -qxE '([0-9*]+ ){5}builder '"$work/usr/bin/nightly-image" page/etc/cron.d/nightly-image
image-push -q busybox "$host/base" >/dev/null
night() { sh page/usr/local/bin/nightly-image 2>&1; }
is "the night's script says nothing" "$(night)" ''
is_pushed "and pushed the image" team/app:nightly
tonight() { skopeo inspect --creds u:hunter2 --format '{{.Digest}}' "docker://$host/team/app:nightly"; }
digest=$(tonight)
is "it says nothing again" "$(night)" ''
same_digest "and what has not changed has the same digest" "$(tonight)" "$digest"
image-push -q tools "$host/base" >/dev/null
is "when the base has changed it says nothing either" "$(night)" ''
[ "$(tonight)" != "$digest" ]
result $? "but the image is another"
git -C app remote set-url origin "$work/nowhere"
night >said
[ -s said ]
result $? "what fails is said, for cron to mail" said
git -C app remote set-url origin "$work/www/app.git"

# The gate
cp page/.git/hooks/pre-push app/.git/hooks/ && chmod +x app/.git/hooks/pre-push
echo small >>app/said
git -C app commit -qam small
ok "an image that is small enough lets the commit be pushed" git -C app push -q origin main
printf '%s\n' 'RUN head -c 7000000 /dev/urandom >/waste' 'RUN rm /waste' >>app/Dockerfile
git -C app commit -qam waste
status_is "one that hides too much does not" 1 git -C app push -q origin main
ok "the report says which instruction pays" grep -q 'Dockerfile:4 .*RUN head -c 7000000' .out
is "and nothing was pushed" "$(git -C www/app.git log -1 --format=%s main)" small
finish
