"""CONTRIBUTING's table of what each package may import is the import contract of `make check`."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
TABLE = {package: may_import for package, may_import in ROWS if package != "tests"}


def allowed(package: str) -> set[str]:
    """What a package may import: what its row names, and what that may import."""
    named = set(re.findall(r"`(\w+)`", TABLE[package]))
    return named.union(*map(allowed, named))


def test_the_contract_says_what_the_table_says() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(contract["root_packages"]) == set(TABLE)
    layers = [one for one in contract["contracts"] if "allow_indirect_imports" not in one]
    assert {tuple(one["source_modules"]): set(one["forbidden_modules"]) for one in layers} == {
        (package,): forbidden for package in TABLE if (forbidden := set(TABLE) - {package} - allowed(package))
    }
    (alone,) = [one for one in contract["contracts"] if one not in layers]
    above = set(TABLE) - allowed("providers") - {"providers", "components"}
    assert (set(alone["source_modules"]), alone["forbidden_modules"]) == (above, ["providers"])


def test_every_package_has_a_row() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} == set(TABLE)
