"""Text that crosses a border: to an API server, and from anywhere to a person."""
