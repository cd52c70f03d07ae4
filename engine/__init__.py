"""Pulumi's engine: its runs as data, the change policy that judges them, and its state in files."""
