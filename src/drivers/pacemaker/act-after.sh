# Leave, or none. Whoever takes longer than this to give it has looked too long ago.
verdict=$(timeout 20 head -n 1)
case $verdict in
go*) ;;
*)
    unannounce
    say refused 0 "leave" "none was given in time"
    printf '#end\n'
    exit 0
    ;;
esac
rollup=${verdict#go}
rollup=${rollup# }
keep() { # FILE TEXT
    printf '%s' "$2" >"$state/$1.new" && mv "$state/$1.new" "$state/$1"
}
end() { # EXIT FAILURE
    keep work.end "$(date +%s.%N)	$1	$2"
    unannounce
}
# Where a resource is, once the cluster has nothing more to do.
arrived() {
    there=" *\$"
    [ -n "$role" ] && there=" \(Promoted\|Master\)"
    crm_resource --locate -r "$group" 2>/dev/null </dev/null | grep -q "running on: $to$there" || return 1
    crmadmin -S "$(crmadmin -D 2>/dev/null | sed 's/.*: *//')" 2>/dev/null | grep -q S_IDLE
}
# Failures are counted in a file of lines: of what, how many in a row, when, and why.
count_failure() { # FILE OF-WHAT SIGNATURE
    failed=0
    rest=
    tab='	'
    while IFS="$tab" read -r of count more; do
        if [ "$of" = "$2" ]; then failed=$count; elif [ -n "$of" ]; then rest="$rest$of$tab$count$tab$more
"; fi
    done <<EOF
$(cat "$state/$1" 2>/dev/null)
EOF
    keep "$1" "$rest$2$tab$((failed + 1))$tab$(date +%s.%N)$tab$3
"
}
forget_failures() { # FILE OF-WHAT
    [ -e "$state/$1" ] && keep "$1" "$(grep -v "^$2	" "$state/$1")
"
}
act() {
    case $action in
    pause)
        # The mark first: a standby without one would be nobody's.
        put_mark "$own_id" "$own"
        crm_attribute -N "$node" -n standby -v on || { end $? "crm_attribute: $(tail -1 "$state/work.log")"; return; }
        ;;
    resume)
        [ -n "$own" ] && put_mark "$own_id" "$own"
        crm_attribute -N "$node" -n standby -D || { end $? "crm_attribute: $(tail -1 "$state/work.log")"; return; }
        [ -n "$rollup" ] && keep verified "$rollup	$(date +%s.%N)"
        drop_mark "$pause_id"
        ;;
    move)
        crm_mon -1 -r --output-as xml | grep -q "<clone id=\"$group\" multi_state=\"true\"" && role=' role="Master"'
        cibadmin --create -o constraints -X "<rsc_location id=\"rollward-move-$group\" rsc=\"$group\" node=\"$to\" score=\"INFINITY\"$role/>"
        tries=0
        until arrived || [ $tries -ge "$patience" ]; do
            sleep 0.2
            tries=$((tries + 1))
        done
        arrived
        moved=$?
        cibadmin --delete --xpath "//rsc_location[@id='rollward-move-$group']"
        if [ $moved != 0 ]; then
            why="$group did not arrive on $to in time"
            count_failure handoffs "$group" "$why"
            end 1 "$why"
            return
        fi
        forget_failures handoffs "$group"
        ;;
    stopRole) put_mark "$own_id" "$own"; crm_resource -r "$group" --meta --set-parameter target-role --parameter-value Stopped ;;
    startRole)
        crm_resource -r "$group" --meta --delete-parameter target-role
        crm_resource --cleanup -r "$group"
        ;;
    stopCluster) systemctl stop pacemaker corosync ;;
    startCluster) systemctl start corosync pacemaker ;;
    install)
        set --
        for file in $files; do set -- "$@" "$state/packages/$file"; done
        case $manager in
        dpkg) DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i "$@" ;;
        rpm) rpm -U --oldpackage --replacepkgs "$@" ;;
        esac
        code=$?
        if [ $code != 0 ]; then
            why="$manager exit $code: $(grep -i 'error\|cannot\|fail' "$state/work.log" | tail -1)"
            count_failure tries "$rollup_name" "$why"
            end $code "$why"
            return
        fi
        forget_failures tries "$rollup_name"
        ;;
    reboot) end 0 ""; systemctl reboot; return ;;
    esac
    end 0 ""
}
if [ "$lock" != no ]; then
    keep work "$work" && rm -f "$state/work.end" || { unannounce; refuse state "the work cannot be kept"; }
fi
if [ "$action" = stage ]; then
    for file in $files; do
        size=${sizes%% *}
        sizes=${sizes#* }
        head -c "$size" >"$state/packages/$file.part" && mv "$state/packages/$file.part" "$state/packages/$file"
        hash=$(sha256sum "$state/packages/$file" | cut -d' ' -f1)
        keep "packages/$file.sha256" "$(stat -c '%s %Y %i' "$state/packages/$file") $hash"
    done
    end 0 ""
elif [ "$action" = release ]; then
    drop_mark "$own_id"
    [ -n "$group" ] && cibadmin --delete --xpath "//rsc_location[@id='rollward-move-$group']" </dev/null 2>/dev/null
else
    # Outlives the connection; the lock is its own until it ends.
    (
        trap '' HUP INT TERM
        act
    ) </dev/null >"$state/work.log" 2>&1 &
fi
say begun 0 "" ""
printf '#end\n'
