# Leave, or none. Whoever takes longer than this to give it has looked too long ago. `read` takes a line and not a byte
# more: the rest may be a package.
verdict=$(timeout 20 sh -c 'IFS= read -r line && printf %s "$line"')
case $verdict in
go*) ;;
*) refuse leave "none was given in time" ;;
esac
# With it comes the rollup that is verified with a resume, or the resources to be kept off with a pause.
with=${verdict#go}
with=${with# }
keep() { # FILE TEXT
    printf '%s' "$2" >"$state/$1.new" && mv "$state/$1.new" "$state/$1"
}
# What a tool said last, as one line that fits into what is kept.
words() { # TEXT
    printf %s "$1" | tr '\t\n' '  ' | tr -cd ' -~' | cut -c1-300
}
end() { # EXIT FAILURE
    # First the announcement: whoever sees the end need not take it back any more. Until then the lock says the same.
    unannounce
    keep work "$work
$began
$(date +%s.%N)	$1	$(words "$2")
"
}
# Ends it, as failed, unless a step went well.
failed() { # EXIT STEP
    [ "$1" = 0 ] && return 1
    end "$1" "$2: $(tail -n 1 "$state/work.log")"
}
# A mark that must be there. 108: it is.
mark_own() {
    put_mark "$own_id" "$own"
    code=$?
    [ $code = 0 ] || [ $code = 108 ] || { cat "$errors"; return $code; }
}
# The id of the first such element of what comes in.
id_of() { # ELEMENT
    sed -n "s/.*<$1 \([^>]* \)\?id=\"\([^\"]*\)\".*/\2/p" | head -n 1
}
# A set of properties with the mark in it.
own_set() {
    printf '%s' "<cluster_property_set id=\"$own_id\"><nvpair id=\"$own_id-value\" name=\"$own_id\" value=\"$own\"/></cluster_property_set>"
}
# Bans, and the mark that makes them ours, in one write.
mark_own_bans() {
    # Words: no resource's name has a space.
    kept_off=$(bans "$node" $with) || return 1
    cibadmin --modify --allow-create -o configuration -X "<configuration>
        <crm_config>$(own_set)</crm_config><constraints>$kept_off</constraints>
    </configuration>"
}
# Standby, and the mark that makes it ours, in one write. Power that failed between two would leave a standby that is
# nobody's, or a mark without one, which is what a person's resume looks like. People may have used another id for it.
mark_own_standby() {
    here="//nodes/node[@uname='$node']"
    node_id=$(cibadmin --query --xpath "$here" | id_of node)
    [ -n "$node_id" ] || { echo "the cluster's configuration has no node $node"; return 1; }
    there=$(cibadmin --query --xpath "$here/instance_attributes[nvpair[@name='standby']]" 2>/dev/null)
    set_id=$(printf '%s\n' "$there" | id_of instance_attributes)
    pair_id=$(printf '%s\n' "$there" | grep ' name="standby"' | id_of nvpair)
    set_id=${set_id:-nodes-$node_id}
    cibadmin --modify --allow-create -o configuration -X "<configuration>
        <crm_config>$(own_set)</crm_config>
        <nodes><node id=\"$node_id\" uname=\"$node\"><instance_attributes id=\"$set_id\">
            <nvpair id=\"${pair_id:-$set_id-standby}\" name=\"standby\" value=\"on\"/>
        </instance_attributes></node></nodes>
    </configuration>"
}
# Whether the cluster has nothing to do, or (2) it has.
settled() {
    timeout 5 crmadmin -S "$(timeout 5 crmadmin -D 2>/dev/null | sed 's/.*: *//')" 2>/dev/null | grep -q S_IDLE || return 2
}
# Why something is not so yet: the cluster is at rest, (2) it has something to do, or (3) it was not asked. That is seldom:
# who is asked is who has to do it.
rests() {
    [ $((tries % 5)) = 4 ] || return 3
    settled && return 1
}
# Whether a resource is where it should be.
arrived() {
    there=" *\$"
    [ -n "$role" ] && there=" \(Promoted\|Master\)"
    timeout 20 crm_resource --locate -r "$group" 2>/dev/null | grep -q "running on: $to$there" || rests
}
# Whether nothing runs on the node any more that was to leave it: under bans, the resources that have one; else
# everything, clones' instances included.
drained() {
    if [ -n "$with" ]; then
        clones=$(promotable) || return 3
        for resource in $with; do
            here=" *\$"
            printf '%s\n' "$clones" | grep -qxF "$resource" && here=" \(Promoted\|Master\)"
            where=$(timeout 20 crm_resource --locate -r "$resource" 2>/dev/null) || return 3
            if printf '%s\n' "$where" | grep -q "running on: $node$here"; then
                rests
                return
            fi
        done
        return 0
    fi
    timeout 20 crm_mon -1 --output-as xml | grep -F "<node name=\"$node\" " | grep -qF ' resources_running="0"' || rests
}
# Seconds since this machine was started: nobody sets that clock.
running_for() {
    read -r up _ </proc/uptime && echo "${up%%.*}"
}
# Waits for such an answer. A cluster that has had nothing to do for five seconds, and has not done it, will not.
await() { # QUESTION
    tries=0
    idle=0
    deadline=$(($(running_for) + patience))
    while [ "$(running_for)" -lt "$deadline" ] && [ $idle -lt 5 ]; do
        "$1"
        case $? in
        0) return 0 ;;
        1) idle=$((idle + 1)) ;;
        3) ;;
        *) idle=0 ;;
        esac
        tries=$((tries + 1))
        sleep 0.2
    done
    return 1
}
# Failures are counted in a file of lines: of what, how many in a row, when, and why.
others() { # FILE OF-WHAT
    awk -F '\t' -v of="$2" '$1 != of' "$state/$1" 2>/dev/null
}
count_failure() { # FILE OF-WHAT SIGNATURE
    count=$(awk -F '\t' -v of="$2" '$1 == of { print $2 }' "$state/$1" 2>/dev/null)
    keep "$1" "$(others "$1" "$2")
$2	$((${count:-0} + 1))	$(date +%s.%N)	$(words "$3")
"
}
forget_failures() { # FILE OF-WHAT
    [ -e "$state/$1" ] && keep "$1" "$(others "$1" "$2")
"
}
# What made an installer fail, as it said: the first complaint and the last, without the summary.
cause() {
    grep -i 'error\|cannot\|fail' | grep -v '^Errors were encountered' | sed 's/^ *//' | sed -n '1p; ${ 1!p; }' | paste -s -d ';' - | sed 's|;|; |'
}
install_packages() { # FILE...
    case $manager in
    dpkg) DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i "$@" ;;
    rpm) rpm -U --oldpackage --replacepkgs "$@" ;;
    esac
}
act() {
    case $action in
    pause)
        if [ -n "$with" ]; then mark_own_bans; else mark_own_standby; fi
        failed $? "what keeps the node empty, and its mark" && return
        # An installer comes next.
        if ! await drained; then
            end 1 "the cluster leaves something running here, or does not say"
            return
        fi
        ;;
    resume)
        if [ -n "$own" ]; then
            mark_own
            failed $? "the mark of the quarantine" && return
        fi
        give_back "$node"
        failed $? "giving the node back" && return
        [ -n "$with" ] && keep verified "$with	$(date +%s.%N)"
        drop_mark "$pause_id"
        # What is to run here again may be what a role needs that comes here next: half a minute is worth it.
        patience=30
        if crm_mon -1 -r --output-as xml | grep -q '<clone \|<bundle '; then await settled; fi
        ;;
    move)
        role=
        crm_mon -1 -r --output-as xml | grep -q "<clone id=\"$group\" multi_state=\"true\"" && role=' role="Master"'
        # A cluster that still thinks about the last change would do so with the role stopped.
        (patience=30; await settled)
        cibadmin --create -o constraints -X "<rsc_location id=\"rollward-move-$group\" rsc=\"$group\" node=\"$to\" score=\"INFINITY\"$role/>"
        # Nothing arrives sooner, and whoever asks takes time from what is stopped and started meanwhile.
        sleep 0.4
        await arrived
        moved=$?
        # One that is never done has moved it all the same.
        [ $moved = 0 ] && (patience=30; await settled)
        cibadmin --delete --xpath "//rsc_location[@id='rollward-move-$group']"
        if [ $moved != 0 ]; then
            why="$group did not arrive on $to"
            count_failure handoffs "$group" "$why"
            end 1 "$why"
            return
        fi
        forget_failures handoffs "$group"
        ;;
    stopCluster)
        systemctl stop pacemaker corosync
        failed $? systemctl && return
        ;;
    startCluster)
        systemctl start corosync pacemaker
        failed $? systemctl && return
        ;;
    install)
        set --
        for file in $files; do set -- "$@" "$state/packages/$file"; done
        install_packages "$@"
        code=$?
        # Another package manager came first: it is waited for, for some minutes.
        tries=0
        while [ $code = 2 ] && tail -n 2 "$state/work.log" | grep -q lock && [ $tries -lt 150 ]; do
            sleep 2
            tries=$((tries + 1))
            install_packages "$@"
            code=$?
        done
        if [ $code != 0 ]; then
            why="$manager exit $code: $(cause <"$state/work.log")"
            count_failure tries "$rollup_name" "$why"
            end $code "$why"
            return
        fi
        forget_failures tries "$rollup_name"
        for file in "$@"; do rm -f "$file" "$file.sha256"; done
        ;;
    reboot)
        # It ends when the machine has started anew.
        systemctl reboot
        failed $? systemctl
        return
        ;;
    esac
    end 0 ""
}
# An install that was cut off has failed too, and nobody could count it then.
if [ "$action" = install ] && [ "$(wc -l <"$state/work" 2>/dev/null)" = 2 ]; then
    before=$(sed -n '1s/.*"action":{"action":"\(Install\|Uninstall\)".*"rollup":"\([^"]*\)".*/\2/p' "$state/work")
    [ -n "$before" ] && count_failure tries "$before" "the work ended without a word"
fi
began=$(boot)
if [ "$lock" != no ]; then
    keep work "$work
$began
" || refuse state "the work cannot be kept"
fi
# Takes a file from what is being sent. Says on stderr why not.
stage_file() { # PATH SIZE SHA256
    # Another file is another try.
    if [ -e "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" != "$3" ]; then
        rm -f "$1" "$1.sha256"
        forget_failures tries "$rollup_name"
    fi
    head -c "$2" >"$1.part" || { rm -f "$1.part"; return 1; }
    hash=$(sha256sum "$1.part" | cut -d' ' -f1)
    if [ "$hash" != "$3" ]; then
        rm -f "$1.part"
        echo "arrived with the SHA-256 $hash, and $3 is declared" >&2
        return 1
    fi
    mv "$1.part" "$1" && keep "packages/${1##*/}.sha256" "$(stat -c '%s %Y %i' "$1") $hash"
}
if [ "$action" = stage ]; then
    why=
    for file in $files; do
        if ! stage_file "$state/packages/$file" "${sizes%% *}" "${sums%% *}" 2>"$errors"; then
            why="$file: $(cat "$errors")"
            # The rest is sent all the same.
            cat >/dev/null
            break
        fi
        sizes=${sizes#* }
        sums=${sums#* }
    done
    if [ -z "$why" ]; then
        end 0 ""
    else
        count_failure tries "$rollup_name" "$why"
        end 1 "$why"
    fi
elif [ "$action" = release ]; then
    drop_mark "$own_id"
    [ -n "$group" ] && cibadmin --delete --xpath "//rsc_location[@id='rollward-move-$group']" </dev/null 2>/dev/null
else
    # Outlives the connection. The lock is its own until it ends, and no child's: what an installer starts may live on.
    (
        trap '' HUP INT TERM
        errors=$state/errors
        act 9>&-
        rm -f "$errors"
    ) </dev/null >"$state/work.log" 2>&1 &
    # What is over soon is over before this answers, so that nobody has to look in vain.
    tries=0
    while [ $tries -lt 80 ] && kill -0 $! 2>/dev/null; do
        sleep 0.05
        tries=$((tries + 1))
    done
fi
say begun 0 "" ""
printf '#end\n'
