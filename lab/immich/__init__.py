"""The rehearsal's stand-in of Immich's API: libraries, users and the configuration of one server, as of 2.4 and 3.2.

A scan walks real folders of this machine. What it answers follows Immich's published OpenAPI documents, and where they
are silent its source. It knows only what this project asks of it.
"""
