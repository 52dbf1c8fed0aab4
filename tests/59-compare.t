#!/bin/sh
# Looking into images, comparing them, and what they share.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
have jq || skip_all "jq is missing"
load_busybox
mkdir ctx
head -c 300000 /dev/zero >ctx/big
echo small >ctx/small
cat >ctx/Dockerfile <<'END'
FROM busybox
COPY big /opt/app/big
RUN mkdir /opt/app/src && echo source >/opt/app/src/main.c && ln -s app /opt/current
RUN chmod 600 /opt/app/big
RUN rm -r /opt/app/src
COPY small /opt/app/big
END
is "image-list knows no bytes of files before a layer was unpacked" "$(image-list --json | jq .content)" null
ok "the image is built" image-build -q --keep kept -t app ctx
image-report --json app | jq '.totals.content' >content
equal "and then those that image-report finds" "$(image-list --json | jq 'select(.name == "app:latest").content')" "$(cat content)"

# Looking into one.

is "image-files says what is below a path, and who pays" \
    "$(image-files --json app /opt | jq -c '.files[] | [.path, .bytes, [.layers[].layer]]')" \
    '["opt",6,[6]]
["opt/app",6,[6]]
["opt/app/big",6,[6]]
["opt/current",0,[]]'
is "without a path it is the whole image" "$(image-files --json --depth 0 app | jq -r '.files[].path')" .
equal "all bytes that are visible are in the tree" \
    "$(image-files --json app | jq '.files[0].bytes')" "$(image-report --json app | jq .totals.visible)"
is "--layer says what a layer puts and hides" \
    "$(image-files --json --layer 4 app | jq -c '[.instruction.line, [.puts[], .hides[] | .path], .took]')" \
    '[4,[".","opt/app/big",".","opt/app/big"],[{"of":2,"fate":"metadata","files":1,"bytes":300000}]]'
is "--layer says what a layer removes" \
    "$(image-files --layer 5 app | grep -A 3 Removes)" \
    "Removes from the layers below: 7 B
SIZE  ENTRIES  LAYER  OWNER  MODE  PATH
 7 B        2  3                   /
 7 B        1  3      0:0    0644    /opt/app/src/main.c"
is "--why says which lines put, changed and hid a file" \
    "$(image-files --json --why app /opt/current/big | jq -c '.puts[] | [.instruction.line, .bytes, .gone.fate, .gone.instruction.line]')" \
    '[2,300000,"metadata",4]
[4,300000,"overwritten",6]
[6,6,null,null]'
is "--why names the links it followed" \
    "$(image-files --why app /opt/current/big | sed -n 2p)" \
    "/opt/current is a link to app (layer 3, Dockerfile:3: RUN mkdir /opt/app/src && echo source >/opt/app/src/main.c …)"
status_is "a path that never was is an error" 1 image-files --why app /opt/app/bog
is "that names the nearest" "$(cat .out)" "image-files: /opt/app/bog: no layer ever had it; the nearest is /opt/app/big"
status_is "only one view is shown at a time" 2 image-files --layer 1 --why app /

# What differs between two images: packed and put on one's tree, it gives the other's.

put_on() { # TREE <LAYER: as an unpacker of layers would
    cat >layer.tar
    tar -tf layer.tar | grep -e '/\.wh\.' -e '^\.wh\.' | while IFS= read -r gone; do
        rm -rf "${1:?}/$(dirname "$gone")/${gone##*.wh.}"
    done
    # What is of another kind now goes first.
    tar -tf layer.tar | sed 's,/$,,' | while IFS= read -r path; do
        [ ! -L "$1/$path" ] || rm "$1/$path"
        kind=$(tar -tvf layer.tar --no-recursion "$path" "$path/" 2>/dev/null | cut -c1 | head -n 1)
        if [ -d "$1/$path" ] && [ "$kind" != d ]; then rm -rf "${1:?}/$path"; fi
        if [ -e "$1/$path" ] && [ ! -d "$1/$path" ] && [ "$kind" = d ]; then rm "$1/$path"; fi
    done
    tar -C "$1" -xpf layer.tar --numeric-owner --exclude '.wh.*'
}
tree_of() { # NAME TREE
    mkdir "$2"
    image-save "$1" >saved.tar && rm -rf saved && mkdir saved && tar -C saved -xf saved.tar
    manifest=$(jq -r '.manifests[0].digest | sub(":"; "/")' saved/index.json)
    for blob in $(jq -r '.layers[].digest | sub(":"; "/")' "saved/blobs/$manifest"); do
        gzip -dc "saved/blobs/$blob" | put_on "$2"
    done
}
listing() { # TREE: all that a layer keeps of it
    (cd "$1" && find . -mindepth 1 \( -type d -printf '%p %y %m %U:%G\n' -o -printf '%p %y %m %U:%G %T@ %l\n' \) | sed 's/\.0000000000 / /' | sort
        find . -type f -exec sha256sum {} + | sort)
}
mkdir other
cat >other/Dockerfile <<'END'
FROM app
RUN rm -r /opt/app && echo file >/opt/app && rm /opt/current && mkdir /opt/current && echo x >/opt/current/x
RUN rm -r /home && mkdir -p /home/new && echo 1 >/home/new/a && ln /home/new/a /home/new/b && chmod 700 /var
RUN rm -r /usr && mkdir -p /usr/bin && echo a >/usr/bin/a
RUN rm /bin/vi && touch -d @5 /bin/busybox
END
cat >other/Sibling <<'END'
FROM busybox
RUN mkdir /opt && echo other >/opt/app && chmod 4755 /bin/busybox
RUN rm -r /home && ln -s var /home
END
image-build -q -t other other >/dev/null 2>>build.log
image-build -q -t sibling -f other/Sibling other >/dev/null 2>>build.log
is "all of them are built" "$(image-list --json | jq -r .name | sort | tr '\n' ' ')" "app:latest busybox:latest other:latest sibling:latest "
for image in busybox app other sibling; do tree_of "$image" "$image.tree" 2>>build.log; done
for pair in 'app other' 'other app' 'app sibling' 'sibling other' 'other busybox' 'busybox other'; do
    old=${pair% *} new=${pair#* }
    rm -rf got && cp -a "$old.tree" got
    layer-diff --images "$old" "$new" | layer-pack | put_on got
    listing got >got.list && listing "$new.tree" >wanted.list
    ok "what differs from $old to $new makes one the other" diff got.list wanted.list
done
is "an image does not differ from itself" "$(layer-diff --images app app | jq -c 'select(.type == "end").records')" 0
is "nor from what it is after its last layer" "$(layer-diff --images app app@6 | jq -c 'select(.type == "end").records')" 0
is "steps are named by their layers" \
    "$(layer-diff --images app@4 app@5 | jq -r 'select(.path) | "\(.type) \(.path)"')" "put opt
put opt/app
delete opt/app/src"
is "a snapshot is named by its id" \
    "$(layer-diff --images app@4 "$(jq -r 'select(.line == 5).snapshot' kept/steps.0)" | jq -r 'select(.type == "delete").path')" opt/app/src
status_is "a layer that is not there is an error" 1 layer-diff --images app@9 app
is "that says how many there are" "$(tail -n 1 .out)" "layer-diff: app@9: there is no layer 9; it has 6, numbered from 1"
status_is "--images needs two" 2 layer-diff --images app
status_is "names of images are no directories" 1 layer-diff app@4 app@5
is "which is told" "$(tail -n 1 .out)" "layer-diff: app@4: there is no such directory; to compare images of the store, use --images"

# Two images side by side.

cat >other/Packages <<'END'
FROM busybox
RUN mkdir -p /var/lib/dpkg/info /usr/lib/gcc && head -c 5000 /dev/zero >/usr/lib/gcc/cc1 && \
    printf 'Package: gcc-12\nStatus: install ok installed\nVersion: 12.2\n' >/var/lib/dpkg/status && \
    echo /usr/lib/gcc/cc1 >/var/lib/dpkg/info/gcc-12.list && chmod 700 /home
RUN mkdir /src && echo 'int main;' >/src/main.c && chmod 600 /etc/passwd
END
image-build -q -t packages -f other/Packages other >/dev/null 2>>build.log
image-report --json packages busybox >compared
is "two images are compared: what only one has, by package or directory" \
    "$(jq -c '.only_a[] | [.package // .path, .files, .bytes]' compared)" \
    '["gcc-12",1,5000]
["var/lib",2,76]
["src/main.c",1,10]'
is "what both have, but not the same" "$(jq -c '.differing[] | [.path, .metadata]' compared)" '["etc/passwd",true]'
is "--why knows the package" "$(image-files --why packages /usr/lib/gcc/cc1 | sed -n 3p)" "It belongs to the package gcc-12 12.2"
is "which layers they share" "$(jq -c '.layers[] | [.a, .b, .same_blob]' compared)" '[1,1,true]
[2,null,false]
[3,null,false]'
image-report packages busybox >compared
is "the difference is told in three lines" "$(sed -e 1d -e 3q compared)" \
    "It lacks: the package gcc-12 (5.0 kB), /var/lib (76 B), /src/main.c (10 B).
It also has: nothing; a file differs, 67 B against 67 B; 67 B are hidden in the first, 0 B in the second."
ok "the first says how much smaller" grep -q '^busybox is .* smaller than packages: .* share a layer of' compared
is "--each is a report of each" "$(image-report --each --json app busybox | jq -r .image)" "app
busybox"
is "texts stand apart" "$(image-report --each --no-advice app busybox | grep -B1 '^busybox ' | cut -c1-8 | tr '\n' ';')" ";busybox ;"
is "so do the views of several paths" "$(image-files --why app /bin/busybox /opt/app/big | grep -c '^$')" 3
is "and so are three images" "$(image-report --json app busybox app | jq -r .image | wc -l)" 3
status_is "--compare takes two" 2 image-report --compare app

# The layers that images share: among themselves, and with a node.

is "images share the blobs that both have" \
    "$(image-list --sharing --json app busybox | jq -c '[.images[] | .size == .shared + .unique, .with], [.shared[].images]')" \
    '[true,1,true,1]
[2]'
base=$(image-report --json busybox | jq .totals.download)
equal "which are needed once" "$(image-list --sharing --json app busybox | jq '.apart - .together')" "$base"
equal "without a name it is all the store has" \
    "$(image-list --sharing --json | jq -r '.images[].image' | sort | tr '\n' ' ')" \
    "$(image-list --json | jq -r .name | sort | tr '\n' ' ')"
is "a node that has the base pulls the rest" \
    "$(image-list --having busybox --json app | jq -c --argjson base "$base" '.[] | [.missing, .layers, .size - .pull == $base]')" \
    '[5,6,true]'
is "one that has an image made from it pulls no layer" \
    "$(image-list --having busybox --having other --json app | jq '.[].missing')" 0
is "one that has the image pulls nothing" "$(image-list --having app --json app | jq '.[].pull')" 0

while read -r option command; do
    # shellcheck disable=SC2086 # words
    status_is "image-report $option says who does that now" 2 image-report $option app
    is "and how to say it" "$(cat .out)" "image-report: ${option%%[= ]*}: ${command%% *} does that now; run $command"
done <<'END'
--files image-files IMAGE [PATH]
--files=/usr image-files IMAGE [PATH]
--depth=3 image-files --depth N IMAGE [PATH]
--layer=2 image-files --layer N IMAGE
--why=/usr image-files --why IMAGE PATH
--sharing image-list --sharing [IMAGE]
--having=busybox image-list --having IMAGE [IMAGE]
--registry=r.example/app image-push -n IMAGE HOST/NAME
END
finish
