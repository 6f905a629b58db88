# Carries out one action on this machine: announces it, shows what is so, waits for leave, and acts.
# Variables: epoch; mark_id and mark (the announcement; empty if it is made elsewhere, or there is none); state; lock (no
# for what only takes a mark away); work (what is kept of it); and those of the action itself.
refuse() { # CHECK WHAT-WAS-SEEN
    unannounce
    say refused 0 "$1" "$2"
    printf '#end\n'
    exit 0
}
put_mark() { # ID VALUE
    cibadmin --create -o crm_config 2>"$errors" </dev/null \
        -X "<cluster_property_set id=\"$1\"><nvpair id=\"$1-value\" name=\"$1\" value=\"$2\"/></cluster_property_set>"
}
drop_mark() { # ID
    cibadmin --delete --xpath "//cluster_property_set[@id='$1']" </dev/null
}
announced=no
unannounce() {
    [ "$announced" = yes ] || return 0
    drop_mark "$mark_id" >/dev/null 2>&1
    announced=no
}
umask 077
mkdir -p "$state/packages" || refuse state "$state cannot be made"
if [ "$lock" != no ]; then
    exec 9>>"$state/lock"
    # A look may hold it, for an instant.
    flock -w 5 9 || refuse lock "work of ours is running on this machine"
    locked=yes
fi
seen=$(cat "$state/epoch" 2>/dev/null)
[ "$epoch" -ge "${seen:-0}" ] || refuse epoch "this machine has obeyed epoch $seen; this is $epoch"
printf '%s\n' "$epoch" >"$state/epoch.new" && mv "$state/epoch.new" "$state/epoch" || refuse state "the epoch cannot be kept"
if [ -n "$mark" ]; then
    put_mark "$mark_id" "$mark"
    case $? in
    0) announced=yes ;;
    108) refuse nothingElseInProgress "an action is announced on this machine already" ;;
    *) refuse store "$(cat "$errors")" ;;
    esac
fi
