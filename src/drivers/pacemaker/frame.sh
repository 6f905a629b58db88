# How answers are given. Each is a line `#NAME EXIT OUT ERR` with the lengths in bytes of what follows, stdout and then
# stderr. The last line is `#end`: without it the answer was cut short, and nothing of it is believed.
LC_ALL=C
export LC_ALL
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT
say() { # NAME EXIT OUT ERR
    printf '#%s %s %s %s\n%s%s\n' "$1" "$2" "${#3}" "${#4}" "$3" "$4"
}
ask() { # NAME COMMAND...
    name=$1
    shift
    out=$("$@" </dev/null 2>"$errors")
    code=$?
    say "$name" "$code" "$out" "$(cat "$errors")"
}
