"""What stand-ins of other people's HTTP APIs share: a loopback server, a process, control by tests, faults.

A stand-in is an Api on a world, which is plain JSON in a dataclass. What it answers is its own.
"""
