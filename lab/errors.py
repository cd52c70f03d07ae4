"""What the rehearsal says when something outside it is wrong."""

from text.visible import VisibleError


class LabError(VisibleError):
    """An expected fault. Its text is one clear line: what is wrong, with which value, and what to do next."""
