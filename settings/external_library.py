"""The external library that shows the photos in Immich, and the key that makes it."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from settings.model import CONTROLS, LONGEST, Allowed, Email, Model, NonEmpty, Omittable, Switch
from settings.schedule import Schedule

ExclusionPattern = Annotated[
    str,
    Field(pattern=rf"^[^\s{CONTROLS}][^{CONTROLS}]*$", max_length=LONGEST),
    Allowed("a pattern of paths, as Immich reads it", "**/Screenshots/**"),
]


class Library(Model):
    """The external library that shows the photos in Immich. Made once immichApiKey is stored."""

    name: Annotated[NonEmpty, Allowed("a text that is not empty", "iCloud Photos")] = "iCloud Photos"
    owner: Annotated[
        Omittable[Email],
        Field(
            description="E-mail of the Immich user whose photos these are, where an account does not name its own. "
            "Default: whose API key it is."
        ),
    ] = None
    exclusion_patterns: Annotated[
        tuple[ExclusionPattern, ...],
        Field(
            description="Files that Immich skips, beside patterns that the library has already. Photos that it "
            "has imported and that match go to its trash."
        ),
        Allowed("a list of patterns", ["**/Screenshots/**"]),
    ] = ()
    scan_schedule: Annotated[
        Omittable[Schedule],
        Field(description="When Immich looks for new files, in all its libraries. Default: as it is set in Immich."),
    ] = None
    watch: Annotated[
        Omittable[Switch],
        Field(
            description="Whether Immich watches its libraries, all of them, between scans. A file that vanishes is "
            "then deleted from Immich at once, with its place in albums; nothing is seen on nfs and csi. Default: as "
            "it is set in Immich."
        ),
    ] = None


def _api_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text or not text:  # it is sent in a header
        raise PydanticCustomError("no_api_key", "not the form of an API key")
    return value


ApiKey = Annotated[
    SecretStr,
    AfterValidator(_api_key),
    Allowed(
        "an API key of an administrator of Immich",
        {"secure": "v1:..."},
    ),
]
