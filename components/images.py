"""Container images, by digest of the multi-platform index where one has been confirmed."""

BUSYBOX = "busybox:1.37.0@sha256:bdf57e528e45e4433820e045b29b4597825a1c9e38353532d90a01445013f82e"
CLOUDFLARED = "cloudflare/cloudflared:2026.7.3@sha256:e39ee8da81ad5e05d77f38d2f51c60ca51bf2a8450ac3abab50c17fdb91d91bf"
# By tag: no digest of it is confirmed yet. Not older: Apple's sign-in of 2026 fails there.
ICLOUDPD = "icloudpd/icloudpd:1.32.3"
RCLONE = "rclone/rclone:1.76.0"
# Apprise's own image, a web server, of which only the program `apprise` runs. Two public repositories have this digest.
APPRISE = "caronc/apprise:v1.5.4@sha256:c5ea17408c10fd84c8fdb05a421114a1a677b16343c274bf9b1a55701b530829"
