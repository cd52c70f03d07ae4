"""What Immich takes for a photo or a video: by its name's ending (source: Immich's mime-types.ts)."""

from pathlib import PurePosixPath
from typing import Final, Literal

IMAGES: Final = (
    ".3fr", ".ari", ".arw", ".avif", ".bmp", ".cap", ".cin", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff",
    ".gif", ".heic", ".heif", ".hif", ".iiq", ".insp", ".jpe", ".jpeg", ".jpg", ".jxl", ".k25", ".kdc", ".mrw", ".nef",
    ".nrw", ".orf", ".ori", ".pef", ".png", ".psd", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".svg",
    ".tif", ".tiff", ".webp", ".x3f",
)  # fmt: skip
VIDEOS: Final = (
    ".3gp", ".3gpp", ".avi", ".flv", ".insv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts",
    ".vob", ".webm", ".wmv",
)  # fmt: skip
SIDECARS: Final = (".xmp",)


def media_type(name: str) -> Literal["IMAGE", "VIDEO"] | None:
    """Whether a file is an image or a video; None for anything else."""
    ending = PurePosixPath(name).suffix.lower()
    return "IMAGE" if ending in IMAGES else "VIDEO" if ending in VIDEOS else None
