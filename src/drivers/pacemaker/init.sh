# What a first manifest is made of. Reads, and changes nothing. Variables: package.
ask name crm_node -n
ask status crm_mon -1 -r -A --output-as xml
ask store cibadmin -Q
ask deb dpkg-query -W -f '${Version}\t${Architecture}' "$package"
ask rpm rpm -q --qf '%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}' "$package"
printf '#end\n'
