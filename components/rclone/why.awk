# Tells what rclone's words on a failure come to (held against rclone 1.76.0).

/trust token expired|missing icloud trust token/ { found("signed-out") }
/sign in failed: incorrect username or password/ { found("sign-in-refused") }
/sign in failed: 401/ { found("wrong-password") }
/ACCESS_DENIED|timed out waiting for device approval/ { found("data-protection") }
/AUTHENTICATION_FAILED/ { found("security-key") }
/ZONE_NOT_FOUND|no such library: PrimarySync/ { found("no-photos") }
/no such library: / { found("unknown-library") }
/directory not found/ { found("unknown-album") }
/no space left|file too large|file name too long|permission denied|read-only file system|input\/output error/ { found("not-written") }
/^announced 0 photos of a list of|still indexing|HTTP error (4[12][0-9]|450|5[0-9][0-9])|: (4[12][0-9]|450|5[0-9][0-9]) / { found("apple-busy") }
/corrupted on transfer|unexpected EOF|connection reset/ { found("apple-busy") }
/dial tcp|no such host|i\/o timeout|TLS handshake timeout|context deadline exceeded|: EOF$/ { found("no-connection") }

function found(what) {
    print what
    exit
}
