"""Kills at seeded moments of the rehearsal's commands, and what may differ afterwards: nothing."""
