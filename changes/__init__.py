"""What the engine does, as data, and which of it has to be asked for by name."""
