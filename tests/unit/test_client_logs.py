"""What the sync reads out of a client's log: as many photos as were seen, and none that hides another one."""

import os
import subprocess
from pathlib import Path

import pytest

from clients.result import Code
from components import icloudpd, rclone
from components.photo_client import Client
from components.scripts import script

FOLDER = "icloud-import/2026/03/01"
LONG = "A" * 100


def shortened(path: str) -> str:
    """As icloudpd logs it."""
    return path if len(path) <= 96 else f"{path[:46]}...{path[-46:]}"


def debug(message: str) -> str:
    return f"2026-11-24 10:49:03 DEBUG    {message}"


def begins(count: int) -> str:
    return f"2026-11-24 10:49:03 INFO     Downloading {count} original photos and videos to icloud-import ..."


def there(*names: str) -> list[str]:
    return [debug(f"{shortened(name)} already exists") for name in names]


def listing(count: int) -> str:
    return f"2026/11/24 10:49:03 NOTICE: iclouddrive photos: parallel cold listing {count} photos in 1 partitions"


def read(client: Client, log: list[str], place: Path) -> tuple[dict[str, str], str]:
    """The summary of a log, and the class of what is wrong."""
    (place / "appleId").write_text("anna@example.com")
    commands = (
        "for file in sized wanted notes; do : >$file; done; read_log sized wanted notes summary >shown; why <notes"
    )
    ran = subprocess.run(
        ["/bin/sh", "-c", f"{script(*client.SCRIPTS)}\n{commands}"],
        input="\n".join([*log, ""]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=place,
        env={**os.environ, "SIZES": ",original,adjusted,", "CREDENTIALS": str(place), "ACCOUNT": "anna"},
    )
    lines = (place / "summary").read_text().splitlines()
    return dict(line.partition(" ")[::2] for line in lines), ran.stdout.strip()


@pytest.mark.parametrize(
    "files",
    [
        [f"{FOLDER}/{LONG}.HEIC", f"{FOLDER}/{LONG}_HEVC.MOV"],
        [f"{FOLDER}/{LONG}.JPG", f"{FOLDER}/{LONG}.MOV"],
        [f"{FOLDER}/{LONG}.JPG", f"{FOLDER}/{LONG}-adjusted.JPG", f"{FOLDER}/{LONG}_HEVC-180.MOV"],
        # Only the video's path is too long for the log; and the log leaves a folder's end out.
        [f"{FOLDER}/{'B' * 66}.HEIC", f"{FOLDER}/{'B' * 66}_HEVC.MOV"],
        [
            f"icloud-import-{'c' * 40}/2026/03/01/{'C' * 30}.HEIC",
            f"icloud-import-{'c' * 40}/2026/03/01/{'C' * 30}_HEVC.MOV",
        ],
        [f"{FOLDER}/IMG.1-180.HEIC", f"{FOLDER}/IMG.1-180_HEVC.MOV"],
    ],
    ids=lambda files: files[-1][-30:],
)
def test_the_files_of_one_photo_are_one_photo(tmp_path: Path, files: list[str]) -> None:
    summary, _ = read(icloudpd, [begins(2), *there(*files)], tmp_path)
    assert (summary["announced"], summary["seen"]) == ("2", "1")


@pytest.mark.parametrize(
    "files",
    [
        [f"{FOLDER}/{LONG}{n}.HEIC" for n in range(2)],
        [f"{FOLDER}/{LONG}.HEIC", f"{FOLDER}/{'B' * 100}_HEVC.MOV"],
        [f"{FOLDER}/{LONG}{'B' * 50}.JPG", f"{FOLDER}/{LONG}{'C' * 50}-adjusted.JPG"],
        [f"{FOLDER}/IMG_1.HEIC", f"{FOLDER}/IMG_10.MOV"],
    ],
    ids=lambda files: files[-1][-30:],
)
def test_two_photos_are_two(tmp_path: Path, files: list[str]) -> None:
    assert read(icloudpd, [begins(2), *there(*files)], tmp_path)[0]["seen"] == "2"


ALBUMS = ["into a", listing(5), "listed 3", "into b", listing(2), "listed 7", "finished"]


@pytest.mark.parametrize(
    ("log", "announced", "seen", "fetched", "wrong"),
    [
        (["into a", listing(5), "listed 3", "finished"], "5", "3", "0", ""),
        (ALBUMS, "7", "5", "0", ""),  # what one album has besides is no photo of the other one
        (["into a", listing(0), "listed 0", "finished"], "0", "0", "0", ""),
        (["into a", listing(0), "listed 3", "finished"], "0", "0", "0", Code.APPLE_BUSY),
        (["into a", "listed 3", "finished"], None, "3", "0", ""),
        (["2026/11/24 10:49:03 INFO  : IMG_1.MOV: Multi-thread Copied (new)"], None, "0", "1", ""),
    ],
)
def test_what_rclone_lists_is_held_against_what_apple_announces(  # noqa: PLR0913, PLR0917 (a table)
    tmp_path: Path, log: list[str], announced: str | None, seen: str, fetched: str, wrong: str
) -> None:
    summary, why = read(rclone, log, tmp_path)
    assert (summary.get("announced"), summary["seen"], summary["fetched"], why) == (announced, seen, fetched, wrong)
    assert summary["finished"] == str(int("finished" in log))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("dial tcp: lookup setup.icloud.com on 10.96.0.10:53: server misbehaving", Code.NO_CONNECTION),
        ("read tcp 10.0.0.5:40000->17.248.1.1:443: i/o timeout", Code.NO_CONNECTION),
        ("net/http: TLS handshake timeout", Code.NO_CONNECTION),
        ("context deadline exceeded (Client.Timeout exceeded while awaiting headers)", Code.NO_CONNECTION),
        ("EOF", Code.NO_CONNECTION),
        ("read tcp 10.0.0.5:40000->17.248.1.1:443: read: connection reset by peer", Code.APPLE_BUSY),
        ("unexpected EOF", Code.APPLE_BUSY),
    ],
)
def test_what_go_says_of_a_connection_that_failed(tmp_path: Path, reason: str, code: Code) -> None:
    line = f'2026/11/24 10:49:03 CRITICAL: Failed to lsf: Post "https://setup.icloud.com/setup/ws/1": {reason}'
    assert read(rclone, [line], tmp_path)[1] == code
