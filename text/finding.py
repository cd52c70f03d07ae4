"""What a look at a stack has found: a code that programs and tests know it by, and the words that people read.

A package has its situations in one file, as templates with named parameters: a word is changed there and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Template


class Severity(StrEnum):
    """What a finding means for `up`."""

    PROBLEM = "problem"  # it would fail or do harm, and is refused
    WARNING = "warning"
    NEWS = "news"


@dataclass(frozen=True)
class Finding:
    """One finding; `str()` is what a person reads.

    Attributes:
        code: never changes: programs know the situation by it.
        severity: what it means for `up`.
        text: what is so; a sentence without its full stop.
        remedy: what to do about it, or the exact next command; empty where nothing needs to be done.
        subject: the object or name that it is about; empty where the setting says that.
        setting: the setting that it is about, without the project's name; empty for none.
        cause: why that is likely so; empty where the text says it.
        snippet: what belongs into a file, as YAML; empty where nothing does.
        values: what the situation was found with, by the parameters' names.

    """

    code: str
    severity: Severity
    text: str
    remedy: str = ""
    subject: str = ""
    setting: str = ""
    cause: str = ""
    snippet: str = ""
    values: Mapping[str, object] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return ". ".join(part for part in (self.text, self.remedy) if part)


@dataclass(frozen=True)
class Situation:
    """What can be found, in templates whose parameters are `$subject`, `$setting` and names of its own.

    Attributes are those of a finding.
    """

    code: str
    text: str
    remedy: str = ""
    severity: Severity = Severity.PROBLEM
    setting: str = ""
    cause: str = ""
    snippet: str = ""

    def found(self, subject: object = "", setting: str = "", **values: object) -> Finding:
        """Say that it is so.

        Raises:
            KeyError: when a template has a parameter that is not given.

        """
        setting = setting or self.setting
        known = {**values, "subject": subject, "setting": setting}
        text, remedy, cause, snippet = (
            Template(template).substitute(known) for template in (self.text, self.remedy, self.cause, self.snippet)
        )
        return Finding(self.code, self.severity, text, remedy, str(subject), setting, cause, snippet, values)


def cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table; what is in backticks stays code."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts))


def shown(template: str, setting: str = "") -> str:
    """Show a template, with `<name>` in place of what differs from stack to stack."""
    parsed = Template(template)
    names = {name: f"<{name}>" for name in parsed.get_identifiers()}
    return parsed.substitute(names | ({"setting": setting} if setting else {}))
