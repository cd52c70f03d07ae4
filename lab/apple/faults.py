"""What goes wrong at Apple on purpose, once: what stays wrong is a condition of an account (`lab.apple.world`)."""

from dataclasses import dataclass, replace
from typing import Literal

from lab.apple.answers import File, no
from lab.stand_in import faults
from lab.stand_in.answers import Answer

Kind = Literal["status", "cut", "dropped", "otherSize", "timeOut"]


@dataclass(frozen=True)
class Fault(faults.Fault):
    """`status` answers with that one. The others are about files.

    Of a file, `cut` sends the first half, `dropped` breaks off half-way like a lost link, and `otherSize` sends a
    byte less than its record says.
    """

    kind: Kind
    status: int = 503

    def strike(self) -> None:
        """Refuse, where it does before Apple sees the request."""
        if self.kind == "status":
            raise no(self.status)

    def spoil(self, answer: Answer) -> Answer:
        """Return what arrives of an answer."""
        if not isinstance(answer, File):
            return answer
        match self.kind:
            case "cut" | "dropped":
                return stopped(answer, rudely=self.kind == "dropped")
            case "otherSize":
                return replace(answer, body=answer.body[:-1])
        return answer


def stopped(answer: File, *, rudely: bool) -> File:
    """Return a file of which only the first half arrives."""
    return replace(answer, stops_after=len(answer.body) // 2, rudely=rudely)


def hanging(answer: File) -> File:
    """Return a file of which the first half arrives, and then nothing."""
    return replace(answer, stops_after=len(answer.body) // 2, hangs=True)
