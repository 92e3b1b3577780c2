# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ce_check_global_optspecs
    string join \n h/help V/version
end

function __fish_ce_check_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ce_check_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ce_check_using_subcommand
    set -l cmd (__fish_ce_check_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ce-check -n "__fish_ce_check_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_needs_command" -s V -l version -d 'Print version'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "clock" -d 'The clock: offset from a time server, or the kernel\'s own view'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "conntrack" -d 'The firewall\'s table of connections'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "cpu" -d 'What the CPUs spend their time on'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "disk" -d 'Free space and inodes of file systems'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "dns" -d 'Name servers: that they answer, and what'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "exec" -d 'Any Nagios plugin, its output as a record'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "fds" -d 'Open files, of the machine and of each process'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "files" -d 'Age, size and number of files'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "http" -d 'A web server\'s answer, content, speed and certificate'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "imap" -d 'IMAP servers: greeting, capabilities, TLS, login'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "job" -d 'Cron jobs: run one and note it, or tell whether it ran'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "load" -d 'Load averages of 1, 5 and 15 minutes'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "log" -d 'Patterns in logs since the last run'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "mailq" -d 'Messages that wait in the mail queue'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "memory" -d 'Memory that programs can still have'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "mounts" -d 'Mounts that are missing, read-only or silent'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "net" -d 'Network interfaces: link, speed, errors, bonds'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "ping" -d 'Round trip and loss of ICMP echo requests'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "pop3" -d 'POP3 servers: greeting, capabilities, TLS, login'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "pressure" -d 'Time that tasks waited for CPU, memory or disks'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "procs" -d 'Processes: how many match, or what each of them takes'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "raid" -d 'Linux software RAID: degraded arrays, failed disks, rebuilds'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "reboot" -d 'Updates that wait for a reboot or a restart of programs'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "smtp" -d 'SMTP and LMTP servers: greeting, capabilities, TLS, login, dialog'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "ssh" -d 'SSH servers: that they answer, as what, with which host key'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "swap" -d 'Swap space and its use'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "tcp" -d 'A TCP or Unix socket: that it accepts, and what it says'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "tls" -d 'The certificate of anything that speaks TLS, or of a file'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "udp" -d 'A UDP service: that it answers, and what'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "units" -d 'systemd\'s units: failed, inactive, restarting'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "uptime" -d 'Time since boot'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "list" -d 'Name all checks'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "render" -d 'Turn records on stdin into any format'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "run" -d 'Run the checks that a file names, all in one process'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "submit" -d 'Send records on stdin to Nagios, NRDP or Icinga 2'
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s H -l hostname -l host -d 'The time server to compare with' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s p -l port -d 'Its port' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s w -l warning -d 'WARNING when the offset, whatever its sign, lies outside this range of seconds' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s c -l critical -d 'CRITICAL when it lies outside this range of seconds' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s W -l stratum-warning -d 'WARNING when the server\'s stratum lies outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s C -l stratum-critical -d 'CRITICAL when the server\'s stratum lies outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s j -l jitter-warning -d 'WARNING when the jitter lies outside this range of seconds' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s k -l jitter-critical -d 'CRITICAL when the jitter lies outside this range of seconds' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s o -l time-offset -d 'The offset that the server is expected to have, in seconds' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -l samples -d 'How often to ask' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -l unsynced -d 'What it means that nothing keeps the clock or the server does not answer [default: critical with -H, else warning]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s q -l quiet-unsynced -d 'The same as --unsynced unknown'
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s 4 -l use-ipv4 -d 'Use IPv4'
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s 6 -l use-ipv6 -d 'Use IPv6'
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand clock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -s w -l warning -d 'WARNING when the percentage of the table in use is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -s c -l critical -d 'CRITICAL when the percentage of the table in use is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l drops-warning -d 'WARNING when the drops since the last run are outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l drops-critical -d 'CRITICAL when the drops since the last run are outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l insert-failed-warning -d 'WARNING when the failed inserts since the last run are outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l insert-failed-critical -d 'CRITICAL when the failed inserts since the last run are outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l missing -d 'How it is when the kernel tracks no connections: ok, warning, critical or unknown' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand conntrack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -s w -l warning -d 'WARNING when the percentage of busy time is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -s c -l critical -d 'CRITICAL when the percentage of busy time is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l iowait-warning -d 'WARNING when the percentage of time waiting for disks is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l iowait-critical -d 'CRITICAL when the percentage of time waiting for disks is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l steal-warning -d 'WARNING when the percentage of time that the host took away is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l steal-critical -d 'CRITICAL when the percentage of time that the host took away is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l interval -d 'Look twice, so far apart' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -l since-last -d 'Look once, at the time since the last run; the first run looks twice'
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand cpu" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s w -l warning -d 'WARNING when no more than this is free: 10%, 500 (of -u units) or 5G' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s c -l critical -d 'CRITICAL when no more than this is free' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s W -l iwarning -d 'WARNING when no more of the inodes are free' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s K -l icritical -d 'CRITICAL when no more of the inodes are free' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s p -l path -l partition -d 'Judge this mount point, device, or the file system that holds this path' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s r -l ereg-path -l ereg-partition -d 'Judge what matches this regular expression, by mount point or device' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s R -l eregi-path -l eregi-partition -d 'The same, blind to case' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s i -l ignore-ereg-path -l ignore-ereg-partition -d 'Leave out what matches this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s I -l ignore-eregi-path -l ignore-eregi-partition -d 'The same, blind to case' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s x -l exclude-device -l exclude_device -d 'Leave out this device or mount point' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s X -l exclude-type -d 'Leave out file systems of this type' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s N -l include-type -d 'Judge only file systems of this type' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s g -l group -d 'Judge the following paths as one, by the sum of their space' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s u -l units -d 'Count in bytes, kB, MB, GB or TB' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s E -l exact-match -d 'Take -p only for mount points and devices themselves'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s A -l all -d 'Judge all file systems, images and containers\' overlays among them'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s l -l local -d 'Leave out network file systems'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s L -l stat-remote-fs -d 'Ask network file systems whether they answer, but do not judge their space'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s C -l clear -d 'Forget the thresholds and the group so far'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s k -l kilobytes -d 'Count in kB'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s m -l megabytes -d 'Count in MB'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s M -l mountpoint -d 'Report file systems by their device'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s f -l freespace-ignore-reserved -d 'Take blocks reserved for root out of the total'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s P -l iperfdata -d 'Taken for compatibility: inodes are always among the metrics'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s e -l errors-only -d 'Taken for compatibility: the worst always comes first'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -l just-as-plugin -d 'Count in whole units and set limits against the whole size, as check_disk does'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s H -l hostname -d 'Name or address to look up; the server when -l is given' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s l -l query-address -l query_address -d 'Look this up, at the server -H' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s s -l server -d 'Ask this server [default: those of /etc/resolv.conf]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s p -l port -d 'Port of the server' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s q -s T -l type -l record_type -d 'Record types: A, AAAA, MX, NS, TXT, SOA, CNAME, PTR, SRV, CAA, DS, TYPEnnn and others' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s a -l expect -l expected-address -d 'Expect this answer: an address, a network, or the text of the record; several times' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s A -l expect-authority -l dig-arguments -d 'Expect the server to be authoritative; or one of dig\'s +tcp, +dnssec, +norecurse' -r -f -a "\t''
+tcp\t''
+dnssec\t''
+norecurse\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l signature-days -d 'WARNING, and CRITICAL, when a signature expires within so many days' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s L -l all -d 'Expect exactly the values of -a, no other'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l subset -d 'Expect each value of -a, and maybe others'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s n -l expect-nxdomain -d 'Expect that there is no such name'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l expect-authentic -d 'Expect the server to have verified the answer by DNSSEC (flag AD)'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l tcp -d 'Ask over TCP at once'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l serials -d 'Compare the serial numbers of the zone at all of its name servers'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l dig -d 'Taken from check_dig: a single question'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand dns" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -l name -d 'File the record under this name instead of the plugin\'s' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s H -l host -d 'File the record under this host' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -s w -l warning -d 'WARNING when the percentage of the machine\'s limit is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -s c -l critical -d 'CRITICAL when the percentage of the machine\'s limit is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -l per-process -l per-process-warning -d 'WARNING when the percentage of a process\' soft limit is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -l per-process-critical -d 'CRITICAL when the percentage of a process\' soft limit is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -l inodes -d 'Count the kernel\'s inodes too'
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand fds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s f -l file -d 'The same' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s w -l warning-age -l warning -d 'WARNING when the judged file is older than this, or its age outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s c -l critical-age -l critical -d 'CRITICAL when the judged file is older than this, or its age outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s W -l warning-size -d 'WARNING when it is smaller than this, or its size outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s C -l critical-size -d 'CRITICAL when it is smaller than this, or its size outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l warning-count -d 'WARNING when the number of files is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l critical-count -d 'CRITICAL when the number of files is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l of -d 'Judge the age and size of this one' -r -f -a "newest\t'The one modified last: is there a fresh backup'
oldest\t'The one modified first: is the spool drained'
each\t'All of them: the worst counts'"
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l newer -d 'Look only at files that are younger than this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l older -d 'Look only at files that are older than this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l missing -d 'What it means that there is no such file' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -l total -d 'Judge the size of all files together'
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s r -l recursive -d 'Look at the files below folders instead of the folders themselves'
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s i -l ignore-missing -d 'The same as --missing ok'
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand files" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s H -l hostname -l vhost -d 'Ask for this virtual host; a port after it is the port, too' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s I -l IP-address -l resolve-to -d 'Connect to this address or name instead' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s p -l port -d 'Connect to this port [default: 80, with TLS 443]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s u -l url -d 'Ask for this path, or for a whole URL' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s S -l ssl -d 'Speak TLS; with -S1.2 or --ssl=1.3 of this version only, with -S1.2+ from it on' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s C -l certificate -d 'WARNING and CRITICAL when a certificate has no more whole days than this left' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l roots -l ca-cert -d 'Trust the certificates of this PEM file instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s J -l client-cert -d 'Show the server this certificate (PEM)' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s K -l private-key -d 'The private key of -J (PEM) [default: in the same file]' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s e -l expect -d 'Expect one of these statuses: codes, ranges, classes (200,3xx,401-403), or parts of the status line' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s d -l header-string -d 'Expect this text in the headers, or \'Name: regex\'; several must all be there' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s s -l string -d 'Expect this text in the body; several must all be there' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s r -l regex -l ereg -d 'Expect a match of this regular expression in the body' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s R -l eregi -d 'The same, blind to case' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l not-regex -d 'Expect no match of this regular expression in the body' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l json-pointer -d 'Expect this of a JSON body: /a/b is there, /a/b=VALUE, /a/b=RANGE' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s m -l pagesize -d 'WARNING when the body has fewer or more bytes' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s M -l max-age -d 'CRITICAL when the document is older: seconds, or 10m, 10h, 10d' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s f -l onredirect -d 'Do this with a redirect: ok, warning, critical, follow, sticky (same address), stickyport (same port, too)' -r -f -a "ok\t''
warning\t''
critical\t''
follow\t''
sticky\t''
stickyport\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l max-redirs -d 'Follow no more redirects' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l final-url -d 'Expect redirects to end at a URL that matches this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s j -l method -d 'Use this method [default: GET, with a body POST]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s P -l post -d 'Send this body' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l body-file -d 'Send this file as body' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s T -l content-type -d 'The type of the body that is sent' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s k -l header -d 'Send this header, too' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s A -l useragent -d 'Introduce ourselves as this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l auth-file -d 'Send user:password from this file, \'-\' for standard input, or credential:NAME' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l bearer-file -d 'Send the bearer token from this file, \'-\' for standard input, or credential:NAME' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s a -l authorization -d 'Send user:password from @FILE or env:NAME; a password written here is visible to everybody on this machine' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l max-body -d 'Read no more than this of the body' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l max-search -d 'Search no more than this of the body, which is kept in memory; 256M at most' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s w -l warning -d 'WARNING when it all takes longer, in seconds, with a unit (500ms), or outside a range of seconds' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s c -l critical -d 'CRITICAL when it all takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l http-version -d 'Taken for compatibility: only HTTP/1.1 is spoken' -r -f -a "1.1\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s 4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s 6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l sni -d 'Taken for compatibility: the name is always sent'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l continue-after-certificate -d 'Send the request with -C, too'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l insecure -d 'Do not verify certificates; they are still dated'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s D -l verify-cert -d 'Taken for compatibility: certificates are always verified'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l any -d 'One match of several -s, -r and -R is enough'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -l invert-regex -d 'Turn -r and -R round: a match is CRITICAL'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s l -l linespan -d 'Let \'.\' match line ends, \'^\' and \'$\' only the ends of the body'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s N -l no-body -d 'Stop behind the headers'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s B -l show-body -d 'Show the beginning of the body'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s E -l extended-perfdata -d 'Taken for compatibility: each part\'s time is always among the metrics'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s L -l link -d 'Taken for compatibility: no HTML is written'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand http" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s H -l hostname -l host -d 'Name or address of the server' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s p -l port -d 'Port, when it is not the usual one' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s e -l expect -d 'Expect the greeting to match this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s D -l certificate -d 'WARNING, and CRITICAL, when a certificate expires within so many days' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l sni -d 'Ask for the certificate of this name [default: -H]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l roots -l ca-cert -d 'Trust the certificates in this PEM file instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s U -l user -l authuser -d 'Log in as this user' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l password-file -d 'Log in with the password in this file, credential:NAME of systemd, or - for standard input' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s S -l starttls -d 'Start TLS after the greeting'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l ssl -d 'Speak TLS at once, on the port for that'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l insecure -d 'Take any certificate'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -l plaintext-login -d 'Send the password even where everybody on the way can read it'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand imap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l run -d 'Run the command behind -- as this job' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -s w -l warning -d 'WARNING when no run ended well for so long' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -s c -l critical -d 'CRITICAL when no run ended well for so long' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l max-runtime -d 'CRITICAL when a run goes on for longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l failed -d 'What it means that the last run failed' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l missing -d 'What it means that the job has never run' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -l exclusive -d 'With --run: do nothing while an earlier run goes on, and exit 2'
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand job" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s w -l warning -d 'WARNING outside these ranges: one for 1, 5 and 15 minutes each, or one for all' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s c -l critical -d 'CRITICAL outside these ranges' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s n -l procs-to-show -d 'Name so many of the processes that used the CPUs most since they began' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s r -l percpu -d 'Judge the load for each online CPU'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l just-as-plugin -d 'Refuse to run without limits, as check_load does'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s F -l filename -l logfile -d 'The same' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s q -l pattern -l query -d 'Count lines that match this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l exclude -d 'But not those that match this one' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s w -l warning -d 'WARNING when the number of matches lies outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s c -l critical -d 'CRITICAL when the number of matches lies outside this range [default: 0, unless there is a -w]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l max-read -d 'Read no more than so many MiB of each log in one run' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l state-key -d 'Keep the place in the log apart from that of other monitors' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s O -l oldlog -d 'Taken for compatibility: the same as --state-key' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l missing -d 'What it means that there is no such log' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l lost -d 'What it means that lines went away before they were read: truncated, deleted, packed in an unknown way' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s i -l ignore-case -d 'Match whatever the case'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s a -l all -d 'Show all matching lines instead of the last ten, up to 200'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l from-start -d 'Begin at the start of a log that was not read before'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s e -l extended-regex -d 'Taken for compatibility: all patterns are regular expressions'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s p -l perl-regex -d 'Taken for compatibility: all patterns are regular expressions'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s w -l warning -d 'WARNING when so many messages wait' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s c -l critical -d 'CRITICAL when so many messages wait' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s W -l warning-domain -d 'WARNING when so many wait for one domain' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s C -l critical-domain -d 'CRITICAL when so many wait for one domain' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -l warning-age -d 'WARNING when the oldest message is older' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -l critical-age -d 'CRITICAL when the oldest message is older' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s M -l mailserver -d 'Judge only this mail server\'s queue [default: every one that is here]' -r -f -a "postfix\t''
exim\t''
sendmail\t''
qmail\t''
nullmailer\t''
opensmtpd\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -l missing -d 'What it means that there is no mail queue' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s d -l configdir -d 'Taken for compatibility' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s s -l sudo -d 'Taken for compatibility: the spool is read, nothing is called'
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand mailq" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -s w -l warning -d 'WARNING when the percentage in use is outside this range: 90 is 0 to 90' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -s c -l critical -d 'CRITICAL when the percentage in use is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l available-warning -d 'WARNING when less than this is available: 500M, 2G' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l available-critical -d 'CRITICAL when less than this is available' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l hugepages-warning -d 'WARNING when the percentage of huge pages in use is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l hugepages-critical -d 'CRITICAL when the percentage of huge pages in use is outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l cgroup -d 'Judge this control group, such as /system.slice/nginx.service, or the one that ce-check runs in' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -l oom-kills -d 'WARNING when the kernel killed a process for want of memory since the last run'
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand memory" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -s p -l path -d 'This must be a mount point, whatever fstab says' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -s x -l exclude -d 'Leave out mount points that match this pattern' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l read-only-ok -d 'Take no offence at a read-only mount that matches this pattern' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l missing -d 'What it means that a mount is missing [default: critical, with nofail warning]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l read-only -d 'What it means that a mount is read-only and should not be' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -l only -d 'Judge only what -p names'
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand mounts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s i -l include -d 'Judge interfaces that match this pattern, virtual ones too' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s x -l exclude -d 'Leave out interfaces that match this pattern' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s w -l warning -d 'WARNING when the errors, in percent of packets, lie outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s c -l critical -d 'CRITICAL when the errors, in percent of packets, lie outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s W -l warning-drops -d 'WARNING when the drops, in percent of packets, lie outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s C -l critical-drops -d 'CRITICAL when the drops, in percent of packets, lie outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l warning-use -d 'WARNING when the busier direction\'s share of the speed, in percent, lies outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l critical-use -d 'CRITICAL when the busier direction\'s share of the speed, in percent, lies outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l floor -d 'Fewer errors or drops than this since the last run are never told' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l speed -d 'WARNING when the speed in Mbit/s lies outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l down -d 'What it means that an interface has no link' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand net" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s H -l hostname -l host -d 'Host to ping; several times for several' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s w -l warning -d 'WARNING when the mean round trip (ms, or with us, ms, s) or the loss reaches this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s c -l critical -d 'CRITICAL when the mean round trip or the loss reaches this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s p -s n -l packets -d 'Requests to send to each host' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s i -l interval -d 'Time between requests: ms, or with a unit; less when they would not fit into the timeout' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s m -l min-alive -d 'So many of the hosts are enough: when they answer well, the others are OK too' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s s -l source -d 'Ping from this address' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s l -l ttl -d 'Time to live of the requests: hops' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s b -l bytes -d 'Bytes of data in each request' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s I -l target-interval -d 'Taken from check_icmp' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s L -l link -d 'Taken from check_ping: no HTML is written'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -l just-as-plugin -d 'As the plugins: who has no address is UNKNOWN'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s H -l hostname -l host -d 'Name or address of the server' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s p -l port -d 'Port, when it is not the usual one' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s e -l expect -d 'Expect the greeting to match this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s D -l certificate -d 'WARNING, and CRITICAL, when a certificate expires within so many days' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l sni -d 'Ask for the certificate of this name [default: -H]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l roots -l ca-cert -d 'Trust the certificates in this PEM file instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s U -l user -l authuser -d 'Log in as this user' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l password-file -d 'Log in with the password in this file, credential:NAME of systemd, or - for standard input' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s S -l starttls -d 'Start TLS after the greeting'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l ssl -d 'Speak TLS at once, on the port for that'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l insecure -d 'Take any certificate'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -l plaintext-login -d 'Send the password even where everybody on the way can read it'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand pop3" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -s w -l warning -d 'WARNING when the percentage of time is outside this range, for those without a range of their own' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -s c -l critical -d 'CRITICAL when the percentage of time is outside this range, for those without a range of their own' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l cpu-warning -d 'WARNING outside this range of waiting for CPU' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l cpu-critical -d 'CRITICAL outside this range of waiting for CPU' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l memory-warning -d 'WARNING outside this range of waiting for memory' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l memory-critical -d 'CRITICAL outside this range of waiting for memory' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l io-warning -d 'WARNING outside this range of waiting for disks' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l io-critical -d 'CRITICAL outside this range of waiting for disks' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l window -d 'Judge the mean of so many seconds' -r -f -a "10\t''
60\t''
300\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l cgroup -d 'Judge this control group, such as /system.slice/nginx.service, or the one that ce-check runs in' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -l full -d 'Judge the time in which all tasks waited, so that no work was done at all'
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand pressure" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s w -l warning -d 'WARNING outside this range: 10 is 0 to 10, 10: at least 10, ~:10 at most 10, @10:20 inside' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s c -l critical -d 'CRITICAL outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s m -l metric -d 'Judge this of each process instead of their number; VSZ and RSS in kB, CPU in %, ELAPSED in seconds' -r -f -a "PROCS\t''
VSZ\t''
RSS\t''
CPU\t''
ELAPSED\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s s -l state -d 'Only processes with one of these flags as ps shows them: R S D Z T I, < N L s l +' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s p -l ppid -d 'Only children of this process' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s z -l vsz -d 'Only processes with at least this address space, in kB or with a unit' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s r -l rss -d 'Only processes that hold at least this memory, in kB or with a unit' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s P -l pcpu -d 'Only processes that used at least this percentage of one CPU since they started' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s u -l user -d 'Only processes of this user, by name or number' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s a -l argument-array -d 'Only processes whose arguments contain this text' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -l ereg-argument-array -d 'Only processes whose arguments match this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s X -l exclude-process -d 'Leave out processes of this command' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s C -l command -d 'Only processes of this command, without its path' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s k -l no-kthreads -d 'Leave out threads of the kernel'
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s T -l traditional -d 'Leave out this process only, not others of the same program'
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand procs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -s a -l array -d 'Judge only this array, which must be there' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l spares -d 'WARNING when an array has fewer spares' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l rebuilding -d 'What it means that a degraded array is being rebuilt' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l mismatches -d 'WARNING when more sectors differed at the last check [default: 0 for raid4, 5 and 6]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l missing -d 'What it means that there is no software RAID' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand raid" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -l critical-after -d 'CRITICAL when a reboot has been asked for so long' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -l libraries -d 'Look also for processes that still use deleted libraries or programs; as root, to see all of them'
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand reboot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s H -l hostname -l host -d 'Name or address of the server' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s p -l port -d 'Port, when it is not the usual one' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s e -l expect -d 'Expect the greeting to match this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s D -l certificate -d 'WARNING, and CRITICAL, when a certificate expires within so many days' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l sni -d 'Ask for the certificate of this name [default: -H]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l roots -l ca-cert -d 'Trust the certificates in this PEM file instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s U -l user -l authuser -d 'Log in as this user' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l password-file -d 'Log in with the password in this file, credential:NAME of systemd, or - for standard input' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s F -l fqdn -d 'Name to say hello with [default: this machine\'s]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s f -l from -d 'Begin a mail from this address, which is never sent' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s C -l command -d 'Say this, after -f; several times for several commands' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s R -l response -d 'Expect the answer to the -C of the same place to match this regular expression' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s A -l authtype -d 'How to log in: plain or login [default: what the server offers]' -r -f -a "login\t'Two answers; never a standard'
plain\t'RFC 4616'"
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s S -l starttls -d 'Start TLS after the greeting'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l ssl -d 'Speak TLS at once, on the port for that'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l insecure -d 'Take any certificate'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l plaintext-login -d 'Send the password even where everybody on the way can read it'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s L -l lmtp -d 'Speak LMTP'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s q -l ignore-quit-failure -d 'Do not mind how the server takes QUIT'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand smtp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s H -l hostname -l host -d 'Name or address of the server' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s p -l port -d 'Port' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s r -l remote-version -d 'Expect this version: the software (OpenSSH_9.2p1) or all that follows the protocol' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s P -l remote-protocol -d 'Expect this version of the protocol' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -l fingerprint -d 'Expect a host key of this fingerprint, as ssh-keygen -l shows it; several times for any of several' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -l known-hosts -d 'Expect a host key that this file holds for the host' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -l known-as -d 'Name of the host in --known-hosts [default: -H]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -l host-key-type -d 'Have the server prove its key of this type' -r -f -a "ed25519\t'RFC 8709'
ecdsa\t'On the curves nistp256 and nistp384, RFC 5656'
rsa\t'At least 2048 bits, signed with SHA-2, RFC 8332'"
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand ssh" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s w -l warning -d 'WARNING when no more than this is free: 20%, or less than this in bytes or with a unit: 500M' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s c -l critical -d 'CRITICAL when no more than this is free' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s n -l no-swap -d 'How it is when there is no swap: ok, warning, critical or unknown' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -l swapping-warning -d 'WARNING when more than this is swapped in and out each second since the last run' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -l swapping-critical -d 'CRITICAL when more than this is swapped in and out each second since the last run' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s a -l allswaps -d 'Judge each swap area by itself too'
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand swap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s H -l hostname -l host -d 'Name or address of the server, or the path of a Unix socket' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s p -l port -d 'Port' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l usual-port -d 'Port when -p does not say' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s s -l send -d 'Send this first' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s q -l quit -d 'Send this at the end, with a newline' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s e -l expect -d 'Expect this in the answer; several times for any of several' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l begins -d 'Expect the answer to begin with this; several times for any of several' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s r -l refuse -d 'When the connection is refused: ok, warn or crit' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s M -l mismatch -d 'When the answer is not as expected: ok, warn or crit' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s m -l maxbytes -d 'Stop reading once this many bytes have come' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s d -l delay -d 'Wait this long after sending before reading' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l starttls -d 'Start TLS as this protocol does: ftp, imap, pop3, smtp, postgres and others' -r -f -a "ftp\t'RFC 4217'
imap\t'RFC 3501, RFC 2595'
lmtp\t'RFC 2033 with RFC 3207'
mysql\t'MySQL and MariaDB'
nntp\t'RFC 4642'
pop3\t'RFC 2595'
postgres\t'PostgreSQL'
sieve\t'RFC 5804'
smtp\t'RFC 3207'"
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s D -l certificate -d 'WARNING, and CRITICAL, when a certificate expires within so many days' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l sni -d 'Ask for the certificate of this name [default: -H]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l roots -l ca-cert -d 'Trust the certificates in this PEM file instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l jabber -d 'The stream header of XMPP is sent and expected'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s E -l escape -d 'Take \\n, \\r, \\t, \\\\ and \\xHH in -s and -q for what they stand for; -q then gets no newline'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s A -l all -d 'Expect each text of -e, not any'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s j -l jail -d 'Show nothing of what is answered'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s S -l ssl -d 'Speak TLS at once'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l insecure -d 'Take any certificate'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand tcp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s H -l hostname -l host -d 'Connect to this host and expect a certificate for it' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s I -l IP-address -l resolve-to -d 'Connect to this address or name instead' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s p -l port -d 'Connect to this port [default: 443, with --starttls its protocol\'s]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l server-name -d 'Ask for, and expect, a certificate for this name instead' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l starttls -d 'Ask for TLS in this protocol first' -r -f -a "ftp\t'RFC 4217'
imap\t'RFC 3501, RFC 2595'
lmtp\t'RFC 2033 with RFC 3207'
mysql\t'MySQL and MariaDB'
nntp\t'RFC 4642'
pop3\t'RFC 2595'
postgres\t'PostgreSQL'
sieve\t'RFC 5804'
smtp\t'RFC 3207'"
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l file -d 'Look at the certificates of this PEM file; nothing is connected to' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s w -l warning -d 'WARNING when the days left are outside this range [default: 28:]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s c -l critical -d 'CRITICAL when the days left are outside this range [default: 7:]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l lifetime -d 'WARNING and CRITICAL when the percentage of the lifetime left is outside these ranges' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l verify -d 'What must be right: full (chain, dates and name), chain (all but the name) or off (nothing)' -r -f -a "full\t''
chain\t''
off\t''"
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l roots -l ca-cert -d 'Trust the certificates of this PEM file instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l min-version -d 'CRITICAL when the server agrees on nothing newer than before this version' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l min-bits -d 'CRITICAL when an RSA key has fewer bits' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l issuer -d 'CRITICAL when the issuer does not match' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l fingerprint -d 'CRITICAL when the certificate has none of these SHA-256 fingerprints' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s J -l client-cert -d 'Show the server this certificate (PEM)' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s K -l private-key -d 'The private key of -J (PEM) [default: in the same file]' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s 4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s 6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand tls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s H -l hostname -l host -d 'Name or address of the server' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s p -l port -d 'Port, when it is not the usual one' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s s -l send -d 'Send this' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s e -l expect -d 'Expect this in the answer; several times for any of several' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -l begins -d 'Expect the answer to begin with this; several times for any of several' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s r -l refuse -d 'When nobody listens: ok, warn or crit' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s M -l mismatch -d 'When the answer is not as expected: ok, warn or crit' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s w -l warning -d 'WARNING when it takes longer: seconds, a range of them, or with a unit such as 200ms' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s c -l critical -d 'CRITICAL when it takes longer' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s 4 -l ipv4 -l use-ipv4 -d 'Use IPv4 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s 6 -l ipv6 -l use-ipv6 -d 'Use IPv6 only'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s E -l escape -d 'Take \\n, \\r, \\t, \\\\ and \\xHH in -s for what they stand for'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s A -l all -d 'Expect each text of -e, not any'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s j -l jail -d 'Show nothing of what is answered'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand udp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s u -l unit -d 'Judge this unit, or the units that match this pattern' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l state -d 'States that are fine for a named unit: active, inactive, reloading and so on' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s x -l exclude -d 'Leave out failed units that match this pattern' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l restarts -d 'WARNING when the restarts of a named service lie outside this range' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s w -l warning -d 'WARNING when a named timer has not gone off for so long' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s c -l critical -d 'CRITICAL when a named timer has not gone off for so long' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l failed -d 'What a failed unit means' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l missing -d 'What it means that this machine is not run by systemd' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand units" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -s w -l warning -d 'WARNING outside this range of times: 10m: is at least ten minutes, :180d at most 180 days' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -s c -l critical -d 'CRITICAL outside this range of times' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand uptime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l only-problems -d 'Leave out what is OK'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l worst -d 'One combined plugin line: the worst in words, the others counted, all perfdata'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l only -d 'Only checks of this name' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s j -l concurrency -d 'Have so many checks under way at once' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l jitter -d 'Spread the starts over this time, each check at its own place in it' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l nagios -d 'Nagios\' external command file (a FIFO)' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l nagios-spool -d 'Nagios\' folder of check results' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l nrdp -d 'The address of NRDP' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l token-file -d 'The file with NRDP\'s token' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l icinga -d 'The address of Icinga 2\'s API' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l user -d 'The API user' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l password-file -d 'The file with the API user\'s password' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l ca-file -d 'Trust only the certificates in this file, instead of the system\'s' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l service -d 'How services are named there: {check}, {object} and {host} are filled in' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l host-check -d 'Send records of this check as results of the host itself' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l only-problems -d 'Only what is not OK'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -l dry-run -d 'Say what would be sent, and send nothing'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s h -l help -d 'Print help (see more with \'--help\')'
