"""Words that people read, as they come out: tests assert codes, and these files show each change of a word."""
