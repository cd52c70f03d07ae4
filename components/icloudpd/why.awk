# Tells what icloudpd's words on a failure come to (held against icloudpd 1.32.3, whose exit code tells nothing).
#
# Each line begins with `before` or `during`: whether Apple had announced its photos when it was said.

/Two-(factor|step) authentication is required/ { found("signed-out") }
/-20209/ { found("locked") }
/Invalid email\/password combination/ { found("wrong-password") }
/private db access disabled/ { found("data-protection") }
/\(AUTHENTICATION_FAILED\)/ { found("security-key") }
/\(ZONE_NOT_FOUND\)/ { found("no-photos") }
/Unknown library: / { found("unknown-library") }
/ KeyError: .* attribute was not found/ { found("unreadable-photo") }
/^before KeyError: / { found("unknown-album") }
/run out of disk space/ { found("not-written") }
/temporary refusing to serve|not finished indexing|Too Many Requests|\(450\)/ { found("apple-busy") }
/Cannot connect to Apple iCloud service/ { found("no-connection") }
# Links and tokens that ran out, and what Apple's servers answer when they have trouble of their own.
/^during .*\((410|421|423|500|502|504)\)$/ { found("apple-busy") }
# Said at the beginning, a token is renewed; at the end, it was not.
{ ended = /\((421|423|500|502|504)\)$/ }
END { if (!class && ended) print "apple-busy" }

function found(what) {
    class = what
    print class
    exit
}
