"""CONTRIBUTING's table of what each package imports is the import contract of `make check`, and is up to date."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
NAMED = {package: set(re.findall(r"`(\w+)`", imports)) for package, imports in ROWS if package != "tests"}
TABLE = {package: named & NAMED.keys() for package, named in NAMED.items()}
IMPORT = re.compile(r"^ *(?:from|import) (\w+)", re.MULTILINE)


def test_the_contract_says_what_the_table_says() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert contract["root_packages"] == sorted(TABLE)
    assert {tuple(one["source_modules"]): set(one["forbidden_modules"]) for one in contract["contracts"]} == {
        (package,): TABLE.keys() - {package} - imports for package, imports in TABLE.items()
    }


def test_a_package_imports_rows_above_its_own_alone() -> None:
    assert not {(one, other) for number, one in enumerate(TABLE) for other in TABLE[one] - {*[*TABLE][:number]}}


def test_the_table_names_no_import_that_is_gone() -> None:
    for package, imports in TABLE.items():
        sources = "\n".join(file.read_text() for file in (ROOT / package).rglob("*.py"))
        assert imports <= {*IMPORT.findall(sources)}, package


def test_every_package_has_a_row() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} == set(TABLE)
