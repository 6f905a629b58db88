# What the cluster would do by itself, worked out by its own scheduler on a copy of its store. Changes nothing.
# Variables: what (standby, bans, online or move); node; resources (to be banned); group, from and to (of a move).
copy=$scratch/copy
after=$scratch/after
cibadmin -Q >"$copy" 2>"$errors" </dev/null
say store $? "" "$(cat "$errors")"
# Words: no resource's name has a space.
if [ "$what" = bans ]; then
    kept_off=$(bans "$node" $resources) || { say change 1 "" "crm_mon does not say what is promotable"; printf '#end\n'; exit 0; }
fi
CIB_file=$copy
export CIB_file
case $what in
standby) ask change crm_attribute -N "$node" -n standby -v on ;;
bans) ask change cibadmin --modify --allow-create -o constraints -X "<constraints>$kept_off</constraints>" ;;
online) ask change give_back "$node" ;;
move)
    role=
    clone=$(crm_mon -1 -r --output-as xml 2>/dev/null </dev/null | sed -n "/<clone id=\"$group\" multi_state=\"true\"/,/<\/clone>/p")
    [ -n "$clone" ] && role=' role="Master"'
    ask change cibadmin --create -o constraints \
        -X "<rsc_location id=\"rollward-move-$group\" rsc=\"$group\" node=\"$to\" score=\"INFINITY\"$role/>"
    ;;
esac
unset CIB_file
ask simulated crm_simulate -x "$copy" -S -O "$after" --output-as xml
if [ "$what" = move ]; then
    # And once the constraint is taken back.
    ask taken env CIB_file="$after" cibadmin --delete --xpath "//rsc_location[@id='rollward-move-$group']"
    if [ -n "$role" ]; then
        # The agent of a promoted instance gives its node the better score, which the scheduler alone cannot know.
        inner=$(printf '%s\n' "$clone" | sed -n 's/.*<resource id="\([^":]*\).*/\1/p' | head -n 1)
        score() { CIB_file="$after" crm_attribute -N "$1" -l reboot -n "master-$inner" -G -q 2>/dev/null </dev/null; }
        old=$(score "$from")
        new=$(score "$to")
        CIB_file="$after" crm_attribute -N "$to" -l reboot -n "master-$inner" -v "${old:-1}" >/dev/null 2>&1 </dev/null
        CIB_file="$after" crm_attribute -N "$from" -l reboot -n "master-$inner" -v "${new:-0}" >/dev/null 2>&1 </dev/null
    fi
    ask afterwards crm_simulate -x "$after" -S --output-as xml
fi
printf '#end\n'
