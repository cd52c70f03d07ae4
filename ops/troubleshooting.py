"""docs/troubleshooting.md, made of the table of checks, so that they can't differ: `python -m ops.troubleshooting`."""

from collections.abc import Iterator
from pathlib import Path

from ops.checks import CHECKS
from ops.checks.check import EVERY, Check
from text.finding import cell, shown

FILE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"

_HEAD = """\
# Troubleshooting

```console
$ make verify STACK=homelab
```

looks at all that the stack stands on, in the order in which the data flows, and prints for each fault what was seen,
the likely cause, and the exact next command. What fails first is likely to be why the rest does. It changes nothing;
what it can't check it says, and counts as not passed. Its exit status is 0 only when all that applies has passed.

![What make verify prints after the Ingress was changed by hand](verify.svg)

- `ARGS=--json` prints it for programs ([the same as above](verify.json)), `ARGS=--watch` looks again every 30 seconds.
- `ARGS=--upload` also sends as much as Cloudflare's plan takes in one request, and a little more, to where photos are
  uploaded. It has no key, so Immich refuses it, and nothing is left behind.
- `ARGS=--role` prints a ServiceAccount with all that it has to be allowed in the cluster: to read, no Secret, and to
  reach Immich's port. `make -s verify STACK=homelab ARGS=--role | kubectl apply -f -`
  Its `pods/portforward` reaches every port of every pod in Immich's namespace, databases included: Kubernetes cannot
  narrow it to one Service. Where that is too much, leave the rule out: what only Immich can answer is not checked then.
- What only a pod on the photos' node could see (the disk's mark, its free space, a session at Apple) is judged by what
  the last sync, Immich's startup check and the directory's Job have reported. Only the list of the disk's files, which
  is compared with Immich, comes from a Job of its own. It mounts the disk read-only; `--role` does not allow it, and
  `--watch` leaves it out.

The same in the picture of the stack: green has passed, red has failed, yellow could not be checked; dashed
means owned by others, with a blue border patched by this stack. Without `--svg` it is Mermaid, for documents.

```console
$ make -s verify STACK=homelab ARGS=--json > verify.json
$ make -s diagram STACK=homelab ARGS='--svg --verify verify.json' > diagram.svg
```

![The rehearsal's stack, coloured](diagram.svg)

What follows is made of the same table (`make troubleshooting`). In angle brackets is what `make verify` fills in.
"""


def text() -> str:
    """Render the committed file."""
    return "\n".join([_HEAD, *(line for check in CHECKS for line in _section(check))])


def _section(check: Check) -> Iterator[str]:
    scope = "" if check.scope is EVERY else f" Only for {check.scope.words}."
    yield f"## {check.name}\n"
    yield f"Checks that {check.looks_at}.{scope}\n"
    yield "| code | likely cause | next command |"
    yield "| --- | --- | --- |"
    for fault in check.faults:
        yield f"| {fault.code} | {cell(shown(fault.cause))} | {cell(f'`{shown(fault.remedy)}`')} |"
    yield ""
    for snippet in dict.fromkeys(fault.snippet for fault in check.faults if fault.snippet):
        yield f"```yaml\n{shown(snippet)}```\n"


if __name__ == "__main__":
    FILE.write_text(text())
