"""What marks a disk as the one with the photos, and the folder on it that they are imported to."""

# A dotfile: Immich does not walk it.
MARK = ".immich-icloud"
IMPORT_FOLDER = "icloud-import"
