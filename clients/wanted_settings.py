"""What entries of Immich's server-wide configuration would come to: nothing is changed here."""

from dataclasses import dataclass, field

from clients.immich import Document
from settings.model import Backend

_SECTION = "library"

Entries = dict[str, Document]


@dataclass(frozen=True)
class WantedSettings:
    """What is asked for; what is None is left as it is.

    Attributes:
        server: Immich's Service.
        scan_schedule: cron's five fields: when all libraries are scanned.
        watch: whether all libraries are watched.
        stack: `<project>/<stack>`, whose settings they are.
        former: other names of that stack.

    """

    server: Backend
    scan_schedule: str | None
    watch: bool | None
    stack: str = field(default="", compare=False)
    former: tuple[str, ...] = field(default=(), compare=False)

    @property
    def stated(self) -> dict[str, str | bool]:
        """What is asked for, by the properties' names."""
        named = {"scan_schedule": self.scan_schedule, "watch": self.watch}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def entries(self) -> Entries:
        """The entries of `library` in Immich's configuration, as Immich names them."""
        stated: Entries = {}
        if self.scan_schedule is not None:
            stated["scan"] = {"enabled": True, "cronExpression": self.scan_schedule}
        if self.watch is not None:
            stated["watch"] = {"enabled": self.watch}
        return stated


def found(document: Document, wanted: WantedSettings) -> Entries:
    """Read the entries that are asked for as they are."""
    return {name: document[_SECTION][name] for name in wanted.entries}


def changes(document: Document, wanted: WantedSettings) -> bool:
    """Whether anything would be written."""
    return merged(document, wanted.entries) != document


def merged(document: Document, entries: Entries) -> Document:
    """Build the document with these entries."""
    section = document[_SECTION]
    return {**document, _SECTION: {**section, **{name: {**section[name], **entry} for name, entry in entries.items()}}}


def restored(document: Document, stated: Entries, were: Entries) -> Entries:
    """List what is restored: not what others have changed since."""
    live = document[_SECTION]
    return {
        name: were[name] for name, entry in stated.items() if name in were and {**live[name], **entry} == live[name]
    }
