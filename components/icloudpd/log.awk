# Reads icloudpd's log: shows what a person wants of it, and sums up what it says of the run (held against icloudpd 1.32.3).
#
# It announces photos, then logs files: a photo's other sizes and its live video come right after it. Albums share one
# number, and what it retries it announces again.
# sizes                     the sizes that are fetched, with a comma around each
# sized, wanted             files that get the paths with a size in their name, and what a dry run would fetch
# notes, summary            files that get what is neither a detail nor about a file, and names and values

function see(path,    name, kind, size) { # another file of the photo before, or the next photo?
    name = kind = path; sub(/.*[.]/, "", kind); sub(/[.][^.\/]*$/, "", name)
    if (path == renamed) sub(/-[0-9]+$/, "", name)
    if (photo != "" && kind == "MOV" && !(kind in kinds) && is_video(name)) {
        kinds[kind]
        return
    }
    size = match(name, /-(adjusted|alternative|medium|thumb)$/) ? substr(name, RSTART + 1) : ""
    if (index(sizes, "," size ",")) name = substr(name, 1, RSTART - 1); else size = ""
    if (photo == "" || !same(name, photo) || (kind size) in kinds || sizes !~ /,.+,.+,/) {
        seen++
        if (path in taken && path != renamed) twins++
        taken[path]
        photo = name; split("", kinds)
    }
    kinds[kind size]
}
function is_video(name,    at, ending) { # whether a video's name is that of the photo before, with an ending of its own
    for (at = length(name); at >= 0; at--) {
        ending = substr(name, at + 1)
        if (ending ~ /[.\/]/) return 0
        if (ending ~ /^(_HEVC)?(-[a-z]+)?(-[0-9]+)?$/ && same(substr(name, 1, at), photo)) return 1
    }
    return 0
}
function same(one, other,    cut, at) { # whether two paths may be the same; the log shortens long ones in their middle
    cut = index(one, "..."); at = index(other, "...")
    if (!cut && !at) return one == other
    return begins(cut ? substr(one, 1, cut - 1) : one, at ? substr(other, 1, at - 1) : other) \
        && ends(cut ? substr(one, cut + 3) : one, at ? substr(other, at + 3) : other)
}
function begins(one, other,    least) {
    least = length(one) < length(other) ? length(one) : length(other)
    return substr(one, 1, least) == substr(other, 1, least)
}
function ends(one, other,    least) {
    least = length(one) < length(other) ? length(one) : length(other)
    return substr(one, length(one) - least + 1) == substr(other, length(other) - least + 1)
}
function hidden(line, id,    at) { # the log is read by more people than the Secret: the account's name stands for the Apple ID
    at = id == "" ? 0 : index(tolower(line), tolower(id))
    return at ? substr(line, 1, at - 1) ENVIRON["ACCOUNT"] hidden(substr(line, at + length(id)), id) : line
}

{ sub(/^iCloud Password for [^:]*:/, ""); said = "" } # a prompt has no line of its own
/^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9:]+ [A-Z]+ / { level = $3; said = substr($0, 30); details = level == "DEBUG" }
/^Traceback |^KeyError: / { level = "ERROR"; said = /^Key/ ? $0 : ""; details = 0 }
level == "DEBUG" && sub(/ already exists$/, "", said) { there++; see(said) }
level == "DEBUG" && sub(/ deduplicated$/, "", said) { renamed = said }
level == "DEBUG" && said ~ /^Downloading .*[.][.][.]$/ {
    path = substr(said, 13, length(said) - 15); see(path)
    if (path == renamed) print path >>sized
}
level == "DEBUG" && said ~ /^Skipping .*, / { seen++; photo = "" }
level == "INFO" && sub(/^\[DRY RUN\] Would download /, "", said) { print said >>wanted; said = "" }
level == "INFO" && said ~ /^Downloaded / { fetched++; said = "" }
level == "INFO" && said ~ /^Downloading .* [.][.][.]$/ {
    if (finished == started) started++; else { seen = twins = finished = 0; started = 1; split("", taken) }
    announced = said ~ /^Downloading the first / ? 1 : $5; photo = ""
}
level == "INFO" && said ~ / have been downloaded$/ { finished++; photo = "" }
said != "" && (level == "ERROR" || level == "CRITICAL") && !(said ~ /Authentication required for Account/ && !started) {
    if (!errors++) first = hidden($0, ENVIRON["APPLE_ID"])
}
said != "" && level != "DEBUG" && noted[level == "INFO"]++ < 100 { print (announced ? "during " : "before ") said >notes }
details || /^$|GetPassWarning|^  passwd = fallback_getpass|^Warning: Password input may be echoed/ { next }
{ last = hidden($0, ENVIRON["APPLE_ID"]); print last; fflush() }
END {
    print "announced " announced "\nseen " seen + 0 "\ntwins " twins + 0 "\nthere " there + 0 "\nfetched " fetched + 0 >summary
    print "errors " errors + 0 "\nfinished " (started && finished == started) "\nfirst " first "\nlast " last >summary
}
