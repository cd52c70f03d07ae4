"""What the rehearsal's commands cost: `make bench`, which writes RESULTS.md."""
