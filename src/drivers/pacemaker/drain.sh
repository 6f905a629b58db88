# What keeps a node empty: a standby, or bans of ours, one a resource.
ours() { # NODE
    printf '%s' "//rsc_location[@node='$1' and starts-with(@id,'rollward-ban-')]"
}
banned() { # NODE
    cibadmin --query --xpath "$(ours "$1")" >/dev/null 2>&1 </dev/null
}
promotable() {
    crm_mon -1 -r --output-as xml 2>/dev/null </dev/null | sed -n 's/.*<clone id="\([^"]*\)" multi_state="true".*/\1/p'
}
# Constraints that keep resources off a node; of what is promotable, the promoted instance only.
bans() { # NODE RESOURCE...
    on=$1
    shift
    clones=$(promotable)
    for resource in "$@"; do
        role=
        printf '%s\n' "$clones" | grep -qxF "$resource" && role=' role="Master"'
        printf '%s' "<rsc_location id=\"rollward-ban-$on-$resource\" rsc=\"$resource\" node=\"$on\" score=\"-INFINITY\"$role/>"
    done
}
# A standby that comes on top of our bans is somebody else's.
give_back() { # NODE
    if banned "$1"; then
        cibadmin --delete-all --force --xpath "$(ours "$1")"
    else
        crm_attribute -N "$1" -n standby -D
    fi
}
