"""Files that were not whole, and what becomes of them: none is lost, whatever lies where it goes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from components.scripts import script
from tests.node_stand_in import shells

FOLDER = "icloud-import/2026.03/01"
ASIDE = "aside"


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def run(request: pytest.FixtureRequest, tmp_path: Path) -> "Run":
    for name in (FOLDER, f"{ASIDE}/XXXXXX/{FOLDER}"):
        (tmp_path / name).mkdir(parents=True)
    return Run(tmp_path, request.param)


class Run:
    """The functions, in a folder with photos and some that were moved aside."""

    def __init__(self, place: Path, shell: tuple[str, ...]) -> None:
        self.place, self.shell = place, shell
        self.photos, self.aside = place / FOLDER, place / ASIDE / "XXXXXX" / FOLDER

    def __call__(self, commands: str) -> None:
        text = f'set -eu\nFOLDER="$(echo icloud-import*)"\n{script("icloudpd/client.sh", "aside.sh")}\n{commands}'
        subprocess.run([*self.shell, "-c", text], check=True, cwd=self.place, stdout=subprocess.DEVNULL)

    def there(self) -> list[str]:
        return sorted(file.read_text() for file in self.place.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("name", "other"), [("IMG\\_1.E.JPG", "IMG\\_1.E-13.JPG"), ("image", "image-other")], ids=["with a kind", "without"]
)
@pytest.mark.parametrize("taken", [False, True])
def test_no_photo_is_overwritten_by_one_that_makes_way(run: Run, name: str, other: str, *, taken: bool) -> None:
    (run.photos / name).write_text("another photo")
    (run.aside / name).write_text("moved aside")
    if taken:
        (run.photos / other).write_text("a third photo")
    run(f"settle_aside {ASIDE}")
    assert run.there() == sorted(["another photo", "moved aside", *["a third photo"] * taken])
    assert (run.photos / other).read_text() == ("a third photo" if taken else "another photo")
    assert not (run.place / ASIDE).exists()


def test_what_apple_has_no_longer_returns_to_its_place(run: Run) -> None:
    shutil.rmtree(run.photos.parent)
    (run.aside / "IMG_1.JPG").write_text("moved aside")
    run(f"settle_aside {ASIDE}")
    assert (run.photos / "IMG_1.JPG").read_text() == "moved aside"


def test_what_another_file_begins_with_goes(run: Run) -> None:
    (run.photos / "IMG_1.JPG").write_text("all of it")
    (run.aside / "IMG_1.JPG").write_text("all")
    run(f"settle_aside {ASIDE}")
    assert run.there() == ["all of it"]


@pytest.mark.parametrize(
    ("at_path", "aside"),
    [
        ("another photo", "all"),
        ("another photo", "all of it"),
        ("all of it", "all"),
        ("all", "all of it"),
        ("all of", "all"),
        ("", "all of it"),
    ],
)
def test_a_photo_that_was_fetched_under_its_size_too_is_there_once(run: Run, at_path: str, aside: str) -> None:
    """While a cut file or another photo lay at its path, it got its size into its name; a cut file of it goes."""
    (run.photos / "IMG\\_1.JPG").write_text(at_path)
    (run.photos / "IMG\\_1-9.JPG").write_text("all of it")
    (run.photos / "IMG\\_1-13.JPG").write_text("a third photo")
    (run.aside / "IMG\\_1.JPG").write_text(aside)
    run(f"settle_aside {ASIDE}")
    assert run.there() == sorted({"all of it", "a third photo"} | ({at_path} - {"all", "all of", ""}))
    assert (run.photos / "IMG\\_1.JPG").read_text() == (at_path if at_path == "another photo" else "all of it")


def test_what_can_not_be_settled_stays(run: Run) -> None:
    """As a name with a line break, which no list of files has as one line."""
    (run.aside / "IMG_1\n.JPG").write_text("moved aside")
    (run.place / f"{ASIDE}/XXXXXX/{FOLDER}/IMG_1").mkdir()
    run(f"settle_aside {ASIDE} || :")
    assert run.there() == ["moved aside"]


def test_what_lies_aside_is_no_photo_of_an_interrupted_run(run: Run) -> None:
    for folder in (FOLDER, "icloud-import/.immich-icloud-aside/XXXXXX"):
        (run.place / folder).mkdir(parents=True, exist_ok=True)
        for name in ("IMG_1-180.JPG", "IMG_2.JPG.part"):
            (run.place / folder / name).touch()
    run('named_by_size "$FOLDER" >named; leftovers "$FOLDER" >left')
    assert (run.place / "named").read_text() == f"{FOLDER}/IMG_1-180.JPG\n"
    assert (run.place / "left").read_text() == f"{FOLDER}/IMG_2.JPG.part\n"


def test_what_is_no_older_than_the_first_fetch_counts_as_fetched(run: Run) -> None:
    for moment in "123":
        (run.photos / moment).touch()
    paths = [f"{FOLDER}/{moment}" for moment in "123"]
    run(f"stat() {{ echo \"${{3##*/}}\"; }}; printf '%s\\n' gone {' '.join(paths)} | fetched_since 2 >since")
    assert (run.place / "since").read_text().splitlines() == paths[1:]


@pytest.mark.parametrize(
    "path", [f"{FOLDER}/{'A' * 99}\\_-180.HEIC", f"icloud-import-{'c' * 40}/2026/03/01/{'C' * 30}-180.HEIC"]
)
def test_a_cut_file_with_its_size_in_a_long_name_is_found_whatever_the_clock_says(run: Run, path: str) -> None:
    shutil.rmtree(run.place / "icloud-import")
    file, before = run.place / path, run.place / "moved"
    for each, text in ((file, "cut"), (before / "XXXXXX" / path, "cut"), (before / "YYYYYY" / path, "cut elsewhere")):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text(text)
    (run.place / "sized").write_text(f"{path[:46]}...{path[-46:]}\n")
    missed = file.with_name("IMG\\_2.HEIC")
    missed.write_text("of another size")
    # In two albums.
    (run.place / "wanted").write_text(f"{missed.relative_to(run.place).with_suffix('')}-99.HEIC\n" * 2)
    run(
        ": >pending; stat() { echo 99999999999; }; set_aside pending wanted sized moved; "
        ": >wanted; if set_aside pending wanted sized moved; then exit 1; fi"
    )
    assert [one for one in (file, missed) if one.exists()] == []
    assert [text for text in run.there() if text] == ["cut", "cut elsewhere", "of another size"]
