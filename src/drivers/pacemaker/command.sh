# A person's command: takes sets of ours out of the store, puts one in, and gives nodes back.
# Variables: resume (nodes), drop (identifiers), put and value (one identifier and its value, or nothing), claim (yes to
# take the claim away too), forget (yes to forget failed tries on this machine), clear (yes to
# forget all that is kept on it); state.
failed=
step() { "$@" >/dev/null 2>"$errors" </dev/null || { code=$?; [ $code = 105 ] || failed="$failed $* (exit $code): $(cat "$errors")"; }; }
for node in $resume; do step give_back "$node"; done
# What is still kept out stays ours.
if [ -n "$failed" ]; then drop= claim=no put= forget=no clear=no; fi
for id in $drop; do step cibadmin --delete --xpath "//cluster_property_set[@id='$id']"; done
[ "$claim" = yes ] && step cibadmin --delete --xpath "//cluster_property_set[@id='rollward-claim']"
if [ "$claim" = yes ]; then
    left=$(cibadmin -Q -o constraints 2>/dev/null </dev/null | sed -n 's/.* id="\(rollward-\(move\|ban\)-[^"]*\)".*/\1/p')
    for id in $left; do step cibadmin --delete --xpath "//rsc_location[@id='$id']"; done
fi
[ -n "$put" ] && step cibadmin --create -o crm_config \
    -X "<cluster_property_set id=\"$put\"><nvpair id=\"$put-value\" name=\"$put\" value=\"$value\"/></cluster_property_set>"
if [ "$forget" = yes ]; then step rm -f "$state/tries" "$state/handoffs"; fi
# All but the highest epoch obeyed here, which must never be forgotten, and the lock that guards it.
if [ "$clear" = yes ]; then
    for file in tries handoffs verified work work.log packages; do step rm -rf "${state:?}/$file"; done
fi
say done 0 "" "$failed"
[ "$forget$clear" = nono ] && ask quorum corosync-quorumtool -s
printf '#end\n'
