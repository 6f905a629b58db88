# What `doctor` asks of one node beyond a look. Reads, and changes nothing. Variables: those of a look.
ask user id -un
# Whoever may write the store may act; asking for that without writing is to be root, or of the cluster's own group.
ask rights sh -c '[ "$(id -u)" = 0 ]'
missing=
for tool in crm_mon crm_node cibadmin crm_attribute crm_resource crm_simulate crmadmin corosync-quorumtool systemctl \
    flock sha256sum timeout awk stat ps; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
say tools 0 "$missing" ""
# The nearest folder that is there must take ours.
folder=$state
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
if [ -w "$folder" ]; then say folder 0 "$folder" ""; else say folder 1 "$folder" "cannot be written"; fi
ask verify crm_verify -L -V
[ "$manager" = dpkg ] && ask audit dpkg --audit
timers=
for timer in apt-daily-upgrade.timer dnf-automatic.timer dnf-automatic-install.timer; do
    systemctl is-active "$timer" >/dev/null 2>&1 </dev/null && timers="$timers $timer"
done
say timers 0 "$timers" ""
