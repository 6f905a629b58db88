# What one look asks of one node, in one go. Plain POSIX shell; reads, and changes nothing.
# Variables: packages (words), manager (dpkg or rpm), installers (command names with commas between), state (our folder on
# the node).
ask time date +%s.%N
# First of all: of work that has ended by now, all that follows shows what came of it. The lock ends with the process that
# has it.
if [ "$locked" = yes ] || [ ! -e "$state/lock" ]; then say lock 0 "" ""; else ask lock flock -s -n "$state/lock" true; fi
# What we keep on the node ourselves, read after the lock: work whose lock was free has its end written by now. A file
# that is not there is an empty answer.
for file in epoch tries handoffs verified work; do
    if [ -e "$state/$file" ]; then ask "kept.$file" cat "$state/$file"; else say "kept.$file" 0 "" ""; fi
done
# Nothing here asks the controller (as `crm_node` and `crmadmin` do): that of the node that decides answers nobody for a
# second or two after each change of the store.
meanwhile status crm_mon -1 -r -A --output-as xml
meanwhile store cibadmin -Q
meanwhile quorum corosync-quorumtool -s
meanwhile services systemctl is-active corosync pacemaker
case $manager in
dpkg) meanwhile packages dpkg-query -W -f '${Package}\t${Version}\t${db:Status-Abbrev}\n' $packages ;;
rpm) meanwhile packages rpm -q --qf '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\tii\n' $packages ;;
esac
told
# Only those: other processes' arguments are nobody's business.
ask processes ps -C "$installers" -o pid=,comm=,args=
ask disk df -Pk "${TMPDIR:-/tmp}" /var
reboot=no
[ -e /run/reboot-required ] && reboot=yes
say reboot 0 "$reboot" ""
say boot 0 "$(boot)" ""
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
