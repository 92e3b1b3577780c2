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
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "disk" -d 'Free space and inodes of file systems'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "exec" -d 'Any Nagios plugin, its output as a record'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "load" -d 'Load averages of 1, 5 and 15 minutes'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "list" -d 'Name all checks'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "render" -d 'Turn records on stdin into any format'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "run" -d 'Run the checks that a file names, all in one process'
complete -c ce-check -n "__fish_ce_check_needs_command" -f -a "submit" -d 'Send records on stdin to Nagios, NRDP or Icinga 2'
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
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand disk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -l name -d 'File the record under this name instead of the plugin\'s' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s H -l host -d 'File the record under this host' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s w -l warning -d 'WARNING outside these ranges: one for 1, 5 and 15 minutes each, or one for all' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s c -l critical -d 'CRITICAL outside these ranges' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l root -d 'Read the machine\'s files below this folder instead of /: a container\'s host, an image, a recorded tree' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s r -l percpu -d 'Judge the load for each online CPU'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand load" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand list" -s h -l help -d 'Print help'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l only-problems -d 'Leave out what is OK'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -l worst -d 'One combined plugin line: the worst in words, the others counted, all perfdata'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand render" -s h -l help -d 'Print help'
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l only -d 'Only checks of this name' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s j -l concurrency -d 'Have so many checks under way at once' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l jitter -d 'Spread the starts over this time, each check at its own place in it' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand run" -s h -l help -d 'Print help'
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
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-check -n "__fish_ce_check_using_subcommand submit" -s h -l help -d 'Print help'
