"""Runs under immichpy's own interpreter: makes its calls, and holds each answer against what it declares to return.

The API's URL and key are the first line in. Then one JSON object a line in: `api` and `method` as immichpy names them,
and `arguments`; one a line out: `status`, `answer`, and `misfit`, which is empty where all is as declared.
"""

import asyncio
import inspect
import json
import sys
import typing

import pydantic

# By itself the client ignores what it does not know.
pydantic.BaseModel.model_config["extra"] = "forbid"

from immichpy.client.generated import api, api_client, configuration  # noqa: E402 - after what it inherits


async def called(client: api_client.ApiClient, api_name: str, method: str, arguments: dict[str, typing.Any]) -> object:
    """Make one call."""
    target = getattr(api, api_name)(client)
    response = await getattr(target, f"{method}_without_preload_content")(**arguments)
    content = await response.read()
    declared = typing.get_type_hints(inspect.unwrap(getattr(target, method)))["return"]
    misfit = ""
    try:
        pydantic.TypeAdapter(declared).validate_json(content or "null")
    except pydantic.ValidationError as error:
        misfit = str(error)
    return {"status": response.status, "answer": json.loads(content or "null"), "misfit": misfit}


async def main() -> None:
    """Answer until no request is left."""
    url, key = json.loads(sys.stdin.readline())
    settings = configuration.Configuration(host=url, api_key={"api_key": key})
    async with api_client.ApiClient(settings) as client:
        for line in sys.stdin:
            asked = json.loads(line)
            answer = await called(client, asked["api"], asked["method"], asked["arguments"])
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


asyncio.run(main())
