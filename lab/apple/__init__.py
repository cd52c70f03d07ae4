"""A stand-in for Apple: sign-in, set-up, photos and downloads as iCloud's clients ask for them, behind one proxy.

Clients reach it without a change of their own: it is an HTTPS proxy on loopback that answers for Apple's hosts itself,
with a certificate of its own authority. What it answers is held against the published icloudpd in `tests/icloudpd`.
"""
