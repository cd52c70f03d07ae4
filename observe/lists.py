"""Lists of the cluster's objects, each asked for once in a look at it."""

from collections.abc import Callable
from http import HTTPStatus

from clients.kubernetes import ClusterApi, ClusterRefusedError, Manifest, Ref

Listed = Callable[[Ref], list[Manifest] | None]


class Lists:
    """What was listed, and what may not be."""

    def __init__(self, api: ClusterApi) -> None:
        """Nothing is asked yet."""
        self._api = api
        self._answers: dict[Ref, list[Manifest] | ClusterRefusedError] = {}

    def of(self, kind: Ref, forbidden: list[str]) -> list[Manifest] | None:
        """List a kind; None where that is forbidden: the API server's words are added to `forbidden` then.

        Raises:
            ClusterError: when the API server can't be reached, or refuses for another reason.

        """
        if kind not in self._answers:
            self._answers[kind] = self._ask(kind)
        answer = self._answers[kind]
        if isinstance(answer, ClusterRefusedError):
            forbidden.append(str(answer))
            return None
        return answer

    def _ask(self, kind: Ref) -> list[Manifest] | ClusterRefusedError:
        try:
            return self._api.list(kind)
        except ClusterRefusedError as refused:
            if refused.status != HTTPStatus.FORBIDDEN:
                raise
            return refused
