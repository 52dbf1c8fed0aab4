#!/bin/sh
# image-report's advice, followed: a build with the lines it gives costs what it said, within 2 %.
#
# The apt-get and apk that the images run are models, by whoever wrote the advice: they can't show that the advice is right
# about the real ones. What the model of apt-get takes for granted is asked of the machine's apt-get at the end. Nobody
# asks apk.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

have jq || skip_all "jq is missing"
load_busybox

mkdir context
numbers_and_sums context
seq 200000 | sha256sum >context/seed
# An apt-get that needs its lists to install, and knows two packages: tool, and extra, which tool recommends.
cat >context/apt-get <<'END'
#!/bin/sh
set -e
lists=/var/lib/apt/lists/all info=/var/lib/dpkg/info
case $1 in
update) mkdir -p /var/lib/apt/lists && seq 1 150000 >$lists ;;
install)
    [ -s $lists ] || { echo "no lists" >&2; exit 1; }
    mkdir -p $info /usr/share /var/cache/apt/archives
    put() {
        seq "$2" 120000 >/usr/share/$1
        printf '%s\n' /. /usr /usr/share /usr/share/$1 >$info/$1.list
        printf 'Package: %s\nStatus: install ok installed\nVersion: 1\n%s\n' "$1" "${3-}" >>/var/lib/dpkg/status
        seq "$2" 30000 >/var/cache/apt/archives/$1_1_all.deb
    }
    # What a package's script makes of its files is no package's.
    index() {
        mkdir -p /usr/share/extras/made && echo 1 >/usr/share/extras/one && echo /usr/share/extras/one >>$info/extra.list
        seq 5 60000 >/usr/share/extras/made/index
    }
    put tool 7 "Depends: need | extra
Recommends: extra
"
    put need 8
    case $* in *--no-install-recommends*) ;; *) put extra 9 && index ;; esac
    ;;
clean) rm -f /var/cache/apt/archives/* ;;
esac
END
# An apk as Alpine's: what installs fetches a list where it has none, and keeps it unless told otherwise.
cat >context/apk <<'END'
#!/bin/sh
set -e
list=/var/cache/apk/APKINDEX.a8ab4b04.tar.gz
fetch() { mkdir -p /var/cache/apk && seq 1 150000 >$list; }
case $1 in
update) fetch ;;
add)
    case $* in *--no-cache*) ;; *) [ -s $list ] || fetch ;; esac
    mkdir -p /usr/share
    for name; do :; done
    seq 1 20000 >/usr/share/$name
    ;;
del) rm /usr/share/$2 ;;
*) exit 1 ;;
esac
END
chmod 755 context/apt-get context/apk

report() { image-report --json "$1" >"$1.json"; }
build() { # NAME: from its Dockerfile
    # shellcheck disable=SC2086 # options
    image-build -q ${options-} -t "$1" -f "$1" context >"$1.log" 2>&1 || sed 's/^/# /' "$1.log"
    report "$1"
}
apply() { # NAME KIND: the Dockerfile with the first advice of this kind
    jq -r --rawfile file "$1" --arg kind "$2" '[.advice[] | select(.kind == $kind)][0].changes
        | reduce .[] as $change ($file | split("\n");
            .[($change.place | split(":")[1] | tonumber) - 1] = ($change.lines | join("\n")))
        | join("\n")' "$1.json" >"$1.better"
}
saved() { # NAME KIND content|download [BYTES]: whether that much is saved, within so many bytes or 2 %
    jq -nr --arg kind "$2" --arg of "$3" --arg within "${4-}" --slurpfile old "$1.json" --slurpfile new "$1.better.json" '
        ([$old[0].advice[] | select(.kind == $kind)][0]["saves_" + $of]) as $promise
        | ($old[0].totals[$of] - $new[0].totals[$of]) as $real
        | if $within != "" then ($within | tonumber) elif $of == "content" then 0 else $real / 50 end
        | if ($promise - $real | fabs) <= . and $real > 0 then "yes" else "promised \($promise), saved \($real)" end'
}
follow() { # NAME KIND, with the Dockerfile on standard input: the advice is given, and keeps its promise
    cat >"$1"
    build "$1"
    is "$1: the advice is there" "$(jq -r --arg kind "$2" 'any(.advice[]; .kind == $kind)' "$1.json")" true
    apply "$1" "$2"
    build "$1.better"
    # dpkg's own record gets a few lines shorter, which nobody promised.
    is "$1: the bytes of files it promised are saved" "$(saved "$1" "$2" content "$([ "$2" = no_recommends ] && echo 500)")" yes
    is "$1: so are those of the download, within 2 %" "$(saved "$1" "$2" download)" yes
    is "$1: the advice is not given again" \
        "$(jq -r --arg kind "$2" 'any(.advice[]; .kind == $kind)' "$1.better.json")" false
}
visible() { # IMAGE: what is in it, but not the times
    image-save --format tar "$1" | tar -tvf - --numeric-owner --full-time | awk '{ $4 = $5 = ""; print }'
}
same_tree() { # NAME [BUT]: the advice changed nothing that is visible, but for what matches
    visible "$1" | grep -v "${2-^$}" >"$1.tree"
    visible "$1.better" | grep -v "${2-^$}" >"$1.better.tree"
    ok "$1: nothing visible has changed otherwise" diff "$1.tree" "$1.better.tree"
}

follow cache-mount cache_mount <<'END'
FROM busybox
COPY apt-get /usr/bin/
RUN apt-get update
ENV A=1
RUN apt-get install --no-install-recommends tool && rm -rf /var/lib/apt/lists
END
same_tree cache-mount 'var/\(lib\|cache\)/'

# What entries take is known otherwise where blobs are compressed otherwise.
for compression in zstd none; do
    options="--compression $compression"
    follow "cache-mount-$compression" cache_mount <<'END'
FROM busybox
COPY apt-get /usr/bin/
RUN apt-get update
RUN apt-get install --no-install-recommends tool
END
done
options=

follow cleaning cache_mount <<'END'
FROM busybox
COPY apt-get /usr/bin/
RUN apt-get update
RUN apt-get install --no-install-recommends tool && apt-get clean && rm -rf /usr/share/need /var/lib/apt/lists/* /tmp/*
RUN apt-get clean
END
same_tree cleaning 'var/\(lib\|cache\)/'
mounts="RUN --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\
    --mount=type=cache,target=/var/cache/apt,sharing=locked \\"
is "cleaning: nothing empties what is mounted, and the rest is removed as before" "$(sed 1,2d cleaning.better)" \
    "$mounts
    apt-get update
$mounts
    apt-get install --no-install-recommends tool && rm -rf /usr/share/need /tmp/*"

follow apk no_cache <<'END'
FROM busybox
COPY apk /sbin/
RUN apk update
ENV A=1
RUN apk update && apk add -q one && rm -rf /var/cache/apk/*
RUN apk add two
RUN apk del two && apk add --no-cache three
END
same_tree apk 'var/cache/'
is "apk: its installations have the option, and its updates are gone" "$(grep RUN apk.better)" \
    "RUN apk add --no-cache -q one
RUN apk add --no-cache two
RUN apk del two && apk add --no-cache three"
is "apk: no mount is advised for what are lists" \
    "$(jq -c '[any(.advice[]; .kind == "cache_mount")], [.findings[] | select(.what == "apk").kind]' apk.json)" \
    '[false]
["package_lists","package_lists"]'

# A list of commands with ; is not taken apart.
follow apk-mount cache_mount <<'END'
FROM busybox
COPY apk /sbin/
RUN set -e; apk update; apk add one
END
same_tree apk-mount 'var/cache/'

follow stages cache_mount <<'END'
FROM busybox AS tools
COPY apt-get /usr/bin/
RUN apt-get update
FROM tools
RUN apt-get install --no-install-recommends tool
END
same_tree stages 'var/\(lib\|cache\)/'

follow homes cache_mount <<'END'
FROM busybox
COPY --chown=1000 numbers /home/own/
ENV HOME=/home/own
USER 1000
RUN cd && mkdir -p .cache/pip/http && cp numbers .cache/pip/http/a && cp numbers made
END
same_tree homes '\.cache'
is "homes: the mount is the user's" "$(grep -c 'target=/home/own/.cache/pip,uid=1000,gid=1000 ' homes.better)" 1

follow links cache_mount <<'END'
FROM busybox
COPY numbers /
RUN mkdir -p /root/.cache/uv /venv && cp numbers /root/.cache/uv/a && cp numbers /root/.cache/uv/b && (ln /root/.cache/uv/a /venv/a || cp /root/.cache/uv/a /venv/a)
END
same_tree links '\.cache\|venv/a'

follow join join <<'END'
FROM busybox
COPY numbers sums /
RUN mkdir src && cp numbers src/a && cp sums src/b
LABEL between=1
RUN cd src && cat a b >../both && echo more >>b
CMD ["cat", "/both"]
RUN if [ -d src ]; then rm -r src/a; fi; rm -r src
END
same_tree join

follow purge join <<'END'
FROM busybox
COPY sums /
RUN mkdir tools && awk '{ print >("tools/" int(NR / 40)) }' sums && cp sums kept
RUN rm tools/* && chmod 600 kept
END
same_tree purge

follow chown copy_meta <<'END'
FROM busybox
COPY numbers seed /app/
COPY sums /app/more/
RUN echo 'app:x:1500:1500::/:/bin/sh' >>/etc/passwd && chown -R app:1500 /app
USER app
END
same_tree chown

follow chmod copy_meta <<'END'
FROM busybox
COPY apt-get numbers /opt/
RUN chmod 755 /opt/apt-get /opt/numbers
END
same_tree chmod

# The second COPY has less than the first: of a blob that an image has twice only one is downloaded.
follow again drop <<'END'
FROM busybox
COPY numbers seed sums /app/
RUN touch /app/* && echo built >/app/done
COPY numbers seed /app/
END
same_tree again

follow recommends no_recommends <<'END'
FROM busybox
COPY apt-get /usr/bin/
RUN apt-get update && apt-get install -q tool
END

cat >empty <<'END'
FROM busybox
RUN echo 1 >one
RUN test -s one
END
build empty
apply empty join
build empty.better
is "an empty layer is joined away" "$(jq '.layers | length' empty.better.json)" 2

none() { # DESCRIPTION KIND, with the Dockerfile on standard input
    cat >none
    build none
    is "no advice: $1" "$(jq -c --arg kind "$2" '[.advice[] | select(.kind == $kind).title]' none.json)" '[]'
}
none "a COPY between two RUNs, which the second may read" join <<'END'
FROM busybox
RUN seq 1 200000 >a
COPY seed /
RUN rm a
END
none "the command of the image is the cache's user" cache_mount <<'END'
FROM busybox
RUN mkdir -p /go/pkg/mod && seq 1 200000 >/go/pkg/mod/a
CMD ["sh", "-c", "go run ."]
END
none "a here-document, which could not be pasted" cache_mount <<'END'
FROM busybox
RUN <<E
mkdir -p /root/.npm/_cacache && seq 1 200000 >/root/.npm/_cacache/a
E
END
none "COPY gives all files one owner, and these have two" copy_meta <<'END'
FROM busybox
COPY numbers sums /opt/
RUN chown 5 /opt/numbers && chown 6 /opt/sums
END
none "what one stage makes another removes, and more may stand on the first" join <<'END'
FROM busybox AS made
RUN seq 1 200000 >a
FROM made
RUN rm a
END
none "an owner that only the later stage gives" copy_meta <<'END'
FROM busybox AS copied
COPY numbers /opt/
FROM copied
RUN chown 5 /opt/numbers
END
echo 'FROM busybox
ONBUILD RUN mkdir -p /root/.npm/_cacache && seq 1 200000 >/root/.npm/_cacache/a' | image-build -q -t triggers -f - context >/dev/null 2>&1
none "a trigger of the base, which is not in this Dockerfile" cache_mount <<'END'
FROM triggers
RUN echo 1 >one
END
none "a few bytes" join <<'END'
FROM busybox
RUN echo 1 >a
RUN rm a
END
none "the recommended package is asked for later" no_recommends <<'END'
FROM busybox
COPY apt-get /usr/bin/
RUN apt-get update && apt-get install tool
RUN apt-get install extra --no-install-recommends
END

download=$(jq .totals.download join.json)
status_is "an image within its bounds is fine" 0 image-report --fail-above "$download" --max-hidden 5GB --min-efficiency 1 join
status_is "one byte more is not" 1 image-report --fail-above "$((download - 1))" join
is "it is said by how much" "$(tail -1 .out | sed 's/[0-9.]* [kM]*B to .*, 1 B more than .*/…/')" "image-report: join: has …"
is "and the report is complete" "$(grep -c 'What to do' .out)" 1
status_is "hidden bytes have a bound" 1 image-report --max-hidden 1k join
status_is "the efficiency has one" 1 image-report --min-efficiency 99.9 join
is "without advice there is none" "$(image-report --json --no-advice join | jq -c '[.advice, .totals.download]')" "[null,$download]"
image-report --no-advice join >text
ok "a report in text has the image" grep -q '^join ' text
ok "and without advice there is none in it" no_match 'What to do\|less to download' text
status_is "of several images" 1 image-report --json --fail-above 1kB join busybox
is "each that is beyond is told" "$(sed -n 's/^image-report: \([a-z]*\): has .* more than 1.0 kB$/\1/p' .out | tr '\n' ' ')" "join busybox "
status_is "a size that is none is a mistake of the command line" 2 image-report --fail-above much join

# The real apt-get does what its model does.
real_apt() { APT_CONFIG=$work/apt.conf apt-get -qq "$@"; }
package() { # NAME FIELD...: adds it to the repository
    name=$1 && shift
    deb=repository/${name}_1_all.deb
    mkdir -p "deb/$name/DEBIAN"
    printf '%s\n' "Package: $name" 'Version: 1' 'Architecture: all' 'Maintainer: n' 'Description: d' "$@" >"deb/$name/DEBIAN/control"
    dpkg-deb -b "deb/$name" "$deb" >/dev/null || return
    cat "deb/$name/DEBIAN/control" >>repository/Packages
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb#*/}" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d' ' -f1)" >>repository/Packages
}
if have apt-get dpkg-deb; then
    mkdir -p repository apt/etc/apt apt/var/lib/apt/lists/partial apt/var/cache/apt/archives/partial && : >apt/status
    package tool 'Depends: need | extra' 'Recommends: extra' && package need && package extra
    # Directories of its own, and none of the machine's settings.
    printf '%s;\n' "Dir \"$work/apt\"" "Dir::State::status \"$work/apt/status\"" 'Dir::Etc::Parts "none"' 'Dir::Etc::Main "none"' \
        'Dir::Etc::SourceParts "none"' 'Dir::Bin::Methods "/usr/lib/apt/methods"' 'APT::Architecture "all"' 'APT::Sandbox::User "root"' >apt.conf
    echo "deb [trusted=yes] copy:$work/repository ./" >apt/etc/apt/sources.list
    status_is "apt-get: without lists nothing is installed" 100 real_apt install -s tool
    ok "apt-get: lists are fetched" real_apt update
    ok "apt-get: and are kept" sh -c 'ls apt/var/lib/apt/lists/*_Packages*'
    installs() { real_apt install -s "$@" tool 2>&1 | sed -n 's/^Inst \([a-z]*\) .*/\1/p' | sort | tr '\n' ' '; }
    is "apt-get: what is recommended is installed" "$(installs)" "extra need tool "
    is "apt-get: unless told otherwise" "$(installs --no-install-recommends)" "need tool "
    ok "apt-get: archives are fetched" real_apt install --download-only --yes tool
    archives() { (cd apt/var/cache/apt/archives && echo *.deb); }
    is "apt-get: and are kept" "$(archives)" "extra_1_all.deb need_1_all.deb tool_1_all.deb"
    ok "apt-get: until they are cleaned" real_apt clean
    is "apt-get: which leaves none" "$(archives)" "*.deb"
else
    skip "apt-get does what its model does" "apt-get or dpkg-deb is missing"
fi
finish
