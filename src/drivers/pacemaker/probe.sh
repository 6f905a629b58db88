# What one look asks of one node, in one go. Plain POSIX shell; reads, and changes nothing.
# Variables: packages (words), manager (dpkg or rpm), state (our folder on the node).
ask time date +%s.%N
ask name crm_node -n
ask status crm_mon -1 -r -A --output-as xml
ask store cibadmin -Q
ask quorum corosync-quorumtool -s
ask services systemctl is-active corosync pacemaker
case $manager in
dpkg) ask packages dpkg-query -W -f '${Package}\t${Version}\t${db:Status-Abbrev}\n' $packages ;;
rpm) ask packages rpm -q --qf '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\tii\n' $packages ;;
esac
ask processes ps -eo pid=,comm=
ask disk df -Pk "${TMPDIR:-/tmp}" /var
reboot=no
[ -e /run/reboot-required ] && reboot=yes
say reboot 0 "$reboot" ""
# What we keep on the node ourselves; a file that is not there is an empty answer.
for file in epoch tries handoffs verified work work.end; do
    if [ -e "$state/$file" ]; then ask "kept.$file" cat "$state/$file"; else say "kept.$file" 0 "" ""; fi
done
# Free, unless work of ours holds it: the lock ends with the process that has it.
if [ -e "$state/lock" ]; then ask lock flock -n "$state/lock" true; else say lock 0 "" ""; fi
# A package is hashed once; what is kept of that counts as long as the file is the same.
staged=
for file in "$state"/packages/*; do
    [ -f "$file" ] || continue
    case $file in *.sha256) continue ;; esac
    now=$(stat -c '%s %Y %i' "$file")
    kept=$(cat "$file.sha256" 2>/dev/null)
    case $kept in
    "$now "*) hash=${kept##* } ;;
    *) hash=$(sha256sum "$file" | cut -d' ' -f1) ;;
    esac
    staged="$staged$hash ${file##*/}
"
done
say staged 0 "$staged" ""
printf '#end\n'
