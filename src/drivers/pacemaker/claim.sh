# Takes the claim, or moves its heartbeat, or gives it up, by one compare-and-set in the cluster's store.
# Variables: old (the value that must be there, or nothing), new (the value that shall be, or nothing), bump (yes to make
# this side's store the later one, so that no minority's wins after a cut).
there="@id='rollward-claim-value' and @value='$old'"
pair="<nvpair id=\"rollward-claim-value\" name=\"rollward-claim\" value=\"$new\"/>"
case $old,$new in
# Exit 108: one is there already.
,?*) ask swap cibadmin --create -o crm_config -X "<cluster_property_set id=\"rollward-claim\">$pair</cluster_property_set>" ;;
?*,) ask swap cibadmin --delete --xpath "//cluster_property_set[nvpair[$there]]" ;;
*) ask swap cibadmin --modify --xpath "//nvpair[$there]" -X "$pair" ;;
esac
swapped=$code
[ "$bump" = yes ] && [ "$swapped" = 0 ] && ask bump cibadmin --modify -X '<cib admin_epoch="admin_epoch++"/>'
# After the write: a store without quorum takes it as well.
ask quorum corosync-quorumtool -s
ask store cibadmin -Q
printf '#end\n'
