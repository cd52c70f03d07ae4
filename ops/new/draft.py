"""A stack file of sections, with comments that say what to look up. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

import yaml

from settings import PROJECT, SettingsError, parse
from settings.load import DEFAULT_PROVIDERS

_HEAD: Final = (
    "# yaml-language-server: $schema=settings/stack.schema.json\n#\n# Every key: docs/settings.md.\nconfig:\n"
)
_COMMENTS: Final = {
    "host": "The name under which people reach Immich.",
    "cluster": "`identifier` is a name of your own, which stays when the server's address changes.",
    "immich": "Where Immich runs. Its workload is found by its image, and the Service by its pods.",
    "storage": "Where the photos are kept, and the user that they are fetched as. Its source cannot be changed later.",
    "route": "How requests reach Immich within the cluster.",
    "cloudflare": "How the internet reaches the cluster.",
    "photoSync": "Whose photos are fetched, and when. The time zone cannot be changed after the first import.",
}
_CREDENTIALS: Final = f"{PROJECT}:icloudCredentials"


def written(sections: Mapping[str, Any]) -> str:
    """Write a stack file."""
    parts = [
        "  # Everything goes to the cluster named below, never to the current context of kubectl.\n"
        + _yaml({DEFAULT_PROVIDERS: ["kubernetes", "cloudflare"]})
    ]
    parts += [f"  # {words}\n{_yaml({f'{PROJECT}:{key}': sections[key]})}" for key, words in _COMMENTS.items()]
    return _HEAD + "\n".join(parts)


def problems(sections: Mapping[str, Any]) -> list[str]:
    """List what is wrong with sections, but for those that are missing and for secrets that are not stored yet."""
    texts = {f"{PROJECT}:{key}": one if isinstance(one, str) else json.dumps(one) for key, one in sections.items()}
    try:
        parse({DEFAULT_PROVIDERS: '["kubernetes", "cloudflare"]', **texts})
    except SettingsError as error:
        stated = tuple(f"{key}{end}" for key in texts for end in (":", ".", "["))
        return [one for one in error.problems if one.startswith(stated) and not one.startswith(_CREDENTIALS)]
    return []


def _yaml(value: Mapping[str, Any]) -> str:
    lines = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True).splitlines(keepends=True)
    return "".join(f"  {line}" for line in lines)
