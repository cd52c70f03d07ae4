"""How Pulumi's engine marks a value as a secret, in states, events and answers of plugins.

Source: pulumi/sdk, go/common/resource/sig.
"""

from typing import Final

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a type's mark, no password)
