# How answers are given. Each is a line `#NAME EXIT OUT ERR` with the lengths in bytes of what follows, stdout and then
# stderr. The last line is `#end`: without it the answer was cut short, and nothing of it is believed.
LC_ALL=C
export LC_ALL
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
# A shell that a signal ends does not clear up by itself.
trap 'exit 1' HUP INT TERM PIPE
errors=$scratch/errors
say() { # NAME EXIT OUT ERR
    printf '#%s %s %s %s\n%s%s\n' "$1" "$2" "${#3}" "${#4}" "$3" "$4"
}
ask() { # NAME COMMAND...
    name=$1
    shift
    out=$("$@" </dev/null 2>"$errors")
    code=$?
    # Most say nothing there, and a process saved in each question is a look that is over sooner.
    err=
    [ -s "$errors" ] && err=$(cat "$errors")
    say "$name" "$code" "$out" "$err"
}
# The same, side by side with what follows, up to `told`.
meanwhile() { # NAME COMMAND...
    (
        errors=$scratch/$1.errors
        ask "$@" >"$scratch/$1.answer"
    ) &
}
told() {
    wait
    cat "$scratch"/*.answer
    rm -f "$scratch"/*.answer
}
# What is another after each start of this machine: the kernel's word, and when its first process began.
boot() {
    printf '%s %s' "$(cat /proc/sys/kernel/random/boot_id)" "$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)"
}
# Whether this script holds the lock on this machine.
locked=
