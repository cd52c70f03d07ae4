"""A picture of one stack: how the internet gets to Immich, and photos from iCloud into it."""
