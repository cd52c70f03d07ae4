"""What was found, as tests look at it: by code and by what it is about, never by its words."""

from collections.abc import Iterable

from text.finding import Finding, Severity

Told = tuple[str, str]  # code, and what it is about: the subject, or else the setting


def told(findings: Iterable[Finding], severity: Severity | None = None) -> list[Told]:
    """List what was found, of one severity if that is given."""
    return [(one.code, one.subject or one.setting) for one in findings if severity in {None, one.severity}]
