"""An API on a world: what stands between a request and its answer, whatever the API."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from lab.stand_in.answers import Answer, LostAnswerError, RefusedError, Request
from lab.stand_in.faults import Fault

W = TypeVar("W")
F = TypeVar("F", bound=Fault)


class Api(ABC, Generic[W, F]):
    """Changes its `world`; `faults` wait for their request, `log` is all that was asked.

    Attributes:
        root: what paths start with.
        fault: its kind of faults.

    """

    root: ClassVar[str]
    fault: type[F]

    def __init__(self, world: W) -> None:
        """Nothing is wrong yet, and nothing was asked."""
        self.world = world
        self.faults: list[F] = []
        self.log: list[tuple[str, str]] = []

    def handle(self, request: Request) -> Answer:
        """Carry out a request and answer it.

        Raises:
            LostAnswerError: it was carried out, and a fault loses the answer.
        """
        self.log.append((request.method, request.path))
        fault = next((fault for fault in self.faults if fault.fits(request)), None)
        if fault:
            self.faults.remove(fault)
        try:
            given = self.carry_out(request, fault)
        except RefusedError as refused:
            given = refused.answer
        if fault and fault.kind == "timeOut":
            raise LostAnswerError
        return given

    @abstractmethod
    def carry_out(self, request: Request, fault: F | None) -> Answer:
        """Do what is asked, with `fault` where that is not None. Raises RefusedError."""

    def work(self) -> None:
        """Do what the API does by itself meanwhile."""

    def told(self, method: str, place: Sequence[str], body: Any) -> Any:
        """Do what a test tells the rehearsal beside the API, which knows nothing of it; returns what there is to say.

        Raises:
            KeyError: the rehearsal has no such thing.
            RefusedError: the API itself would not take it.
        """
        match method, *place:
            case "GET", "requests":
                return self.log
            case "GET", "faults":
                return [fault.kind for fault in self.faults]
            case "POST", "faults":
                other = body.pop("config", ...)
                self.faults.append(self.fault(**body, edit=lambda config: config if other is ... else other))
                return None
            case "DELETE", "faults":
                self.faults.clear()
                return None
        raise KeyError("/".join(place))
