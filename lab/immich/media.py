"""What Immich takes for a photo or a video: by its name's ending (source: Immich's mime-types.ts)."""

import re
from pathlib import PurePosixPath
from typing import Literal

_IMAGE = re.compile(
    r"\.(3fr|ari|arw|avif|bmp|cap|cin|cr2|cr3|crw|dcr|dng|erf|fff|gif|hei[cf]|hif|iiq|insp|jpe|jpe?g|jxl|k25|kdc|mrw|nef"
    r"|nrw|orf|ori|pef|png|psd|raf|raw|rw2|rwl|sr2|srf|srw|svg|tiff?|webp|x3f)"
)
_VIDEO = re.compile(r"\.(3gpp?|avi|flv|insv|m2ts|m4v|mkv|mov|mp4|mpe|mpe?g|mts|vob|webm|wmv)")


def media_type(name: str) -> Literal["IMAGE", "VIDEO"] | None:
    """Whether a file is an image or a video; None for anything else."""
    ending = PurePosixPath(name).suffix.lower()
    return "IMAGE" if _IMAGE.fullmatch(ending) else "VIDEO" if _VIDEO.fullmatch(ending) else None
