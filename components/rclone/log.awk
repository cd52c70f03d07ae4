# Reads rclone's log: shows what a person wants of it, and sums up what it says of the run (held against rclone 1.76.0).
#
# wanted, notes, summary  files that get what a dry run would fetch, all but details, and names and values

sub(/^into /, "") { folder = $0; next }
$0 == "finished" { finished = 1; next }
sub(/^listed /, "") {
    listed = $0 - lists; lists = $0 + 0
    # rclone takes a count that it does not get for 0.
    if (listed && counted == "0") print "announced 0 photos of a list of " listed >notes
    seen += counted != "" && listed > counted ? counted : listed
    if (counted != "") announced += counted
    counted = ""
    next
}
{ level = "" }
sub(/^[0-9\/]+ [0-9:]+ /, "") { level = $1; sub(/^[A-Z]+ *: /, "") }
level == "DEBUG" { if (sub(/: Unchanged skipping$/, "")) there++; next }
/^$|^(Transferred|Checks|Renamed|Elapsed time|Errors|Deleted):|^There was nothing to transfer$/ { next }
/: (Multi-thread )?Copied \(/ { fetched++ }
/ parallel cold listing [0-9]+ photos / { match($0, /listing [0-9]+/); counted += substr($0, RSTART + 8, RLENGTH - 8) }
sub(/: Skipped copy as --dry-run is set .*$/, "") { print folder "/" $0 >>wanted; next }
level == "ERROR" && !errors++ { first = $0 }
level != "INFO" && !/could not check indexing state/ && noted++ < 100 { print >notes }
!level { sub(/\/$/, "") } # a list has a directory a line
{ last = $0; print; fflush() }
END {
    if (announced != "") print "announced " announced >summary
    print "seen " seen + 0 "\ntwins 0\nthere " there + 0 "\nfetched " fetched + 0 >summary
    print "errors " errors + 0 "\nfinished " finished + 0 "\nfirst " first "\nlast " last >summary
}
