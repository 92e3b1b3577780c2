# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ce_backup_global_optspecs
    string join \n h/help V/version
end

function __fish_ce_backup_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ce_backup_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ce_backup_using_subcommand
    set -l cmd (__fish_ce_backup_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ce-backup -n "__fish_ce_backup_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -s V -l version -d 'Print version'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "bench" -d 'Measure each stage of a backup on this machine, on one core and in memory'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "cat" -d 'Write a file of a snapshot to standard output'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "check" -d 'Prove that a repository is whole, as far as the keys at hand can see'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "copy" -d 'Copy a repository to a second place: what is there already is not sent again'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "create" -d 'Make a snapshot'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "diff" -d 'Say what differs between two snapshots: + added, - removed, M content, m metadata'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "dump" -d 'Dump databases, each consistent and whole, or not at all'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "find" -d 'Find items of a snapshot by name: a pattern for names, or for whole paths when it begins with a slash'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "forget" -d 'Forget snapshots that no rule keeps, or those that are named'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "init" -d 'Make a repository, or let this machine write to one that is there'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "key" -d 'Make, print and exchange keys'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "list" -d 'Name the snapshots, the newest last'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "ls" -d 'Name what a snapshot holds, as ls -l does'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "prune" -d 'Delete what no snapshot needs any more, in two steps with a grace period between them'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "repair" -d 'Mend damaged packs from their parity, the config from its copy, and the index from the packs'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "restore" -d 'Put a snapshot\'s files back, below a folder'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "restore-db" -d 'Put one database back from a dump, or one of its tables'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "run" -d 'Back up as the configuration says: databases, then paths into each repository'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "stats" -d 'Say what is stored, and what it would take without deduplication and compression'
complete -c ce-backup -n "__fish_ce_backup_needs_command" -f -a "status" -d 'Judge how fresh and whole the backups are, as a Nagios check'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -l each -d 'For so long each' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -l chunks -d 'Load and ask an index of so many chunks instead, and say what memory it takes' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand cat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l read-data-part -d 'Read this share of the packs: the N-th of T parts' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -l read-data -d 'Read all packs too'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -s n -l dry-run -d 'Store nothing, say what would be copied'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l exclude -d 'Leave this out: a pattern for names, or for whole paths when it begins with a slash' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l exclude-from -d 'Leave out what the lines of this file say; # begins a comment' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l tag -d 'Attach this to the snapshot' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l stdin -d 'Back up standard input under this name' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l exec -d 'Back up what the command after -- writes, under this name; nothing is kept when it fails' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l parity -d 'Parity to mend damage with, in percent; 0 for none' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l compression -d 'Of zstd, 1 to 19' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -l exclude-caches -d 'Leave out the content of folders that have a CACHEDIR.TAG'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -s x -l one-file-system -d 'Stay on the file systems of the paths that are named'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -s n -l dry-run -d 'Store nothing, say what would be stored'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l database -d 'Dump this database; for SQLite its file' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l exclude-table -d 'Leave this table out: TABLE or DATABASE.TABLE, with * and ?' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l structure-only -d 'Dump only the structure of this table' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l preset -d 'Dump only the structure of the application\'s caches, sessions and logs' -r -f -a "drupal\t''"
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l to -d 'Into this folder, which is made when it is missing' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l keep -d 'With --to: keep so many days\' older dumps besides the newest' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l compression -d 'With --to: of zstd, 1 to 19' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l each-within -d 'End each database\'s dump within this time' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l credentials-file -d 'The password: an option file for MariaDB and MySQL, a password file for PostgreSQL; for its owner alone to read' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l socket -d 'The server\'s socket, for PostgreSQL its folder' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l host -d 'The server\'s name or address' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l port -d 'Its port' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l user -d 'Log in as this user' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l programs -d 'The folder of the database\'s own programs [default: by PATH]' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l all -d 'Dump all databases, accounts and grants'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -l no-lock -d 'Do not lock tables that know no transactions, name them in a warning'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -s n -l dry-run -d 'Dump nothing, say what would be dumped'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand find" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-last -d 'Keep the newest N' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-hourly -d 'Keep the newest of each of the last N hours that have one' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-daily -d 'Keep the newest of each of the last N days that have one' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-weekly -d 'Keep the newest of each of the last N weeks that have one' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-monthly -d 'Keep the newest of each of the last N months that have one' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-yearly -d 'Keep the newest of each of the last N years that have one' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-within -d 'Keep all that are younger' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l keep-tag -d 'Keep all with this tag' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l grace -d 'Between condemning a pack and deleting it; longer than any backup takes' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l unused -d 'Rewrite packs of which more than this share is unused' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l by-own-time -d 'Go by the times that the snapshots say of themselves, after the repository was copied without its times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l lost -d 'Give up snapshots that are gone or damaged beyond repair, so that status, check and prune go on without them'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -s n -l dry-run -d 'Change nothing, say what would be forgotten'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l prune -d 'Delete what none needs any more, too'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -l despite-gaps -d 'Go on although snapshots are gone that nobody forgot: what only they need is then deleted'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l recipient -d 'Whom everything is sealed to, as ce-backup key new prints it; several may be given' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -s h -l help -d 'Print help'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -f -a "add" -d 'Let another organisation key open the repository, with all that is in it already'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -f -a "new" -d 'Make an organisation\'s key pair: the private half, under a passphrase, in a file; the recipient on standard output'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -f -a "remove" -d 'Shut an organisation or maintenance key out; what it may have copied before stays readable with it'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -f -a "role" -d 'Make a key for another role: maintain sees structure, forgets and prunes, and reads no content'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -f -a "rotate" -d 'Put a new organisation key in the place of the one that is given'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and not __fish_seen_subcommand_from add new remove role rotate sheet" -f -a "sheet" -d 'Print a key as a sheet of paper to keep: text in groups of four, and a QR code'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l recipient -d 'The key to let in' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -l out -d 'Where the private half goes; nothing is overwritten' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -l passphrase-file -d 'The passphrase: a file, credential:NAME or - for standard input; asked for on a terminal without it' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l recipient -d 'The key to shut out' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l out -d 'Where the new key goes; nothing is overwritten' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l new-passphrase-file -d 'The new key\'s passphrase; asked for on a terminal without it' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from role" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l recipient -d 'The new key' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from sheet" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from sheet" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from sheet" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from sheet" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from sheet" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand key; and __fish_seen_subcommand_from sheet" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l grace -d 'Between condemning a pack and deleting it; longer than any backup takes' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l unused -d 'Rewrite packs of which more than this share is unused' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -s n -l dry-run -d 'Change nothing, say what would be deleted'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -l despite-gaps -d 'Go on although snapshots are gone that nobody forgot: what only they need is then deleted'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -s n -l dry-run -d 'Change nothing, say what would be mended'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l to -d 'Below this folder, which is made when it is missing' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l in-place -d 'Over what is there: files that differ are replaced, what the snapshot lacks is left alone'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -l verify -d 'Read back what was written and compare'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -s n -l dry-run -d 'Change nothing, say what would be restored'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l database -d 'The database as the dump has it; for SQLite the file to write' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l table -d 'Only this table, for PostgreSQL with or without its schema' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l into -d 'Into this database instead of the one of the same name' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l within -d 'End within this time' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l credentials-file -d 'The password: an option file for MariaDB and MySQL, a password file for PostgreSQL; for its owner alone to read' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l socket -d 'The server\'s socket, for PostgreSQL its folder' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l host -d 'The server\'s name or address' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l port -d 'Its port' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l user -d 'Log in as this user' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l programs -d 'The folder of the database\'s own programs [default: by PATH]' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -l force -d 'Over tables that are there'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand restore-db" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -l only -d 'Only into this repository of the configuration' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -s n -l dry-run -d 'Change nothing, say what would be done'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -s w -l warning -d 'Warn when the newest snapshot is older: hours as 26h, days as 3d' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -s c -l critical -d 'Critical when the newest snapshot is older' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l size-change -d 'Warn when the size changed by more than this since the snapshot before, in percent' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l repo -d 'The repository, when it is not the first word' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l identity -d 'The organisation\'s or maintenance host\'s key' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l passphrase-file -d 'What the key is wrapped with: a file, credential:NAME or - for standard input' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l connections -d 'Requests to a remote store at once [default: 4]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l limit-upload -d 'Send no more than this a second: 500K, 2M' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l limit-download -d 'Receive no more than this a second' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l format -d 'Write json, text, nagios, openmetrics, munin or munin-config [default: text on a terminal, else json]' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -l config -d 'Read this configuration instead of the one in /etc/ce' -r -F
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -s t -l timeout -d 'End within this time: seconds, or with a unit such as 500ms or 2m' -r
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -s v -l verbose -d 'Say more; up to three times'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -s q -l quiet -d 'Write nothing to stdout; the exit code tells'
complete -c ce-backup -n "__fish_ce_backup_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
