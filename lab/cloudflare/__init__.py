"""The rehearsal's stand-in of Cloudflare's API: one account with a zone, tunnels and Access, on loopback or in memory.

What it answers follows the official SDK's models and the published documentation; where those are silent, what people
have reported the API to answer. It knows only what this project asks of it, and says so where it is asked more.
"""
