# What keeps a node empty: a standby, or bans of ours, one a resource.
ours() { # NODE
    printf '%s' "//rsc_location[@node='$1' and starts-with(@id,'rollward-ban-')]"
}
promotable() {
    status=$(crm_mon -1 -r --output-as xml </dev/null) || return 1
    printf '%s\n' "$status" | sed -n 's/.*<clone id="\([^"]*\)" multi_state="true".*/\1/p'
}
# Constraints that keep resources off a node; of what is promotable, the promoted instance only. The length of the node's
# name tells where a resource's begins.
bans() { # NODE RESOURCE...
    on=$1
    shift
    clones=$(promotable) || return 1
    for resource in "$@"; do
        role=
        printf '%s\n' "$clones" | grep -qxF "$resource" && role=' role="Master"'
        printf '%s' "<rsc_location id=\"rollward-ban-${#on}-$on-$resource\" rsc=\"$resource\" node=\"$on\" score=\"-INFINITY\"$role/>"
    done
}
# A standby that comes on top of our bans is somebody else's. Where it cannot be told whether there are any (105: there are
# none), neither is touched.
give_back() { # NODE
    cibadmin --query --xpath "$(ours "$1")" >/dev/null </dev/null
    case $? in
    0) cibadmin --delete-all --force --xpath "$(ours "$1")" ;;
    105) crm_attribute -N "$1" -n standby -D ;;
    *) return 1 ;;
    esac
}
