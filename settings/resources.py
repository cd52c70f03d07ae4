"""What a container asks its node for, and the most that it may use."""

import re
from typing import Annotated, Self

from kubernetes.utils.quantity import parse_quantity
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from settings.model import Allowed, Model, Omittable, not_allowed, refuse

_BINARY, _DECIMAL = ("Ki", "Mi", "Gi", "Ti"), ("k", "M", "G", "T")
_MOST_CORES = 1024


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _cores(text: str) -> str:
    """Write cores as the API server does, so that what was stated is found: 0.5 is 500m, 2000m is 2."""
    thousandths = int(parse_quantity(text) * 1000)
    if not 0 < thousandths <= _MOST_CORES * 1000:
        raise not_allowed(f'a number of cores from 1m to {_MOST_CORES}, e.g. "500m"')
    return f"{thousandths}m" if thousandths % 1000 else f"{thousandths // 1000}"


def _bytes(text: str) -> str:
    """Write bytes as the API server does: 1024Mi is 1Gi."""
    number, unit = re.findall(r"\d+|\D+", text)
    units, step = (_BINARY, 1024) if unit in _BINARY else (_DECIMAL, 1000)
    amount, place = int(number), units.index(unit)
    while amount % step == 0 and place + 1 < len(units):
        amount, place = amount // step, place + 1
    return f"{amount}{units[place]}"


Cores = Annotated[
    str,
    BeforeValidator(_number_as_text, json_schema_input_type=str | float),
    Field(pattern=r"^[0-9]{1,7}(m|\.[0-9]{1,3})?$"),
    AfterValidator(_cores),
    Allowed("a number of cores, or of thousandths of a core with m", "500m"),
]
Bytes = Annotated[
    str,
    Field(pattern=r"^[1-9][0-9]{0,8}(Ki|Mi|Gi|Ti|k|M|G|T)$"),
    AfterValidator(_bytes),
    Allowed("a Kubernetes quantity with a unit (Mi, Gi, M, G, ...)", "512Mi"),
]


class Amounts(Model):
    """So much of a node."""

    cpu: Omittable[Cores] = None
    memory: Omittable[Bytes] = None
    ephemeral_storage: Annotated[
        Omittable[Bytes], Field(alias="ephemeral-storage", description="Of the node's own disk: logs and emptyDirs.")
    ] = None

    def stated(self) -> dict[str, str]:
        """Return what is stated, by Kubernetes' names."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Resources(Model):
    """What a container asks for, and the most that it may use. What is left out stays at its default."""

    requests: Annotated[Amounts, Field(description="What its node has to have free.")] = Amounts()
    limits: Annotated[Amounts, Field(description="The most that it may use. Memory beyond it ends the container.")] = (
        Amounts()
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        limits = self.limits.stated()
        for name, asked in self.requests.stated().items():
            if name in limits and parse_quantity(asked) > parse_quantity(limits[name]):
                raise refuse(f"requests.{name}", asked, f"at most limits.{name}, which is {limits[name]}")
        return self
