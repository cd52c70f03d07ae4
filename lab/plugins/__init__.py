"""Stand-ins for provider plugins, served to the engine from this process where the real plugin is not installed."""
