"""Whose photos are fetched from iCloud, which of them, when, and where they are written."""

import posixpath
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self

from kubernetes.utils.quantity import parse_quantity
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from settings.model import (
    CONTROLS,
    LONGEST,
    Allowed,
    Capacity,
    Email,
    Example,
    Hostname,
    Label,
    Model,
    ObjectName,
    Omittable,
    OwnNamespace,
    Switch,
    countable,
    no_boolean,
    not_allowed,
    refuse,
)
from settings.resources import Resources
from settings.schedule import Schedule, TimeZone

IMPORT_FOLDER = "icloud-import"
# A letter first: in `pulumi config set --path` a number is a place in a list. Short: it ends a CronJob's name.
AccountName = Annotated[
    str,
    Field(pattern=r"^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$"),
    Allowed("1 to 30 lower-case letters, digits and '-', starting with a letter", "anna"),
]


def _dates(structure: str) -> str:
    if structure == "none":
        return structure
    try:
        path = structure.format(datetime(2026, 1, 18, tzinfo=UTC))  # as icloudpd itself tries it
    except (ValueError, IndexError, KeyError):
        path = ".."
    if posixpath.normpath(path) != path or path.startswith(("/", "..")):
        raise not_allowed('folders by date as Python formats it, or none, e.g. "{:%Y/%m/%d}"')
    return structure


FolderStructure = Annotated[
    str,
    Field(pattern=r"^(none|[A-Za-z0-9{][A-Za-z0-9 _{}:%/-]*)$", max_length=255),
    AfterValidator(_dates),
    Allowed("folders by date as Python formats it, or none", "{:%Y/%m/%d}"),
]
Album = Annotated[
    str,
    Field(pattern=rf"^[^\s{CONTROLS}-][^{CONTROLS}]*$", max_length=LONGEST),
    Allowed(f"an album's title, of at most {LONGEST} characters", "Favorites"),
]
Library = Annotated[
    str,
    Field(pattern=r"^(Primary|Shared)Sync[A-Za-z0-9-]*$", max_length=255),
    Allowed(
        "PrimarySync, or the shared library's id, as `icloudpd --list-libraries` lists it",
        "SharedSync-9DD9B767-9F30-4D6F-B658-F17DBA16D107",
    ),
]
Size = Annotated[
    Literal["original", "medium", "thumb", "adjusted", "alternative"],
    Allowed("original, medium, thumb, adjusted or alternative", "original"),
]


def _some(sizes: tuple[Size, ...]) -> tuple[Size, ...]:
    if not sizes or len(set(sizes)) < len(sizes):
        raise not_allowed('a list of sizes, each once, e.g. ["original"]')
    return sizes


def _keeps_room(quantity: str) -> str:
    # A line of 500 Mbit/s writes that much between two looks at the disk.
    if quantity.endswith("%"):
        return quantity
    if parse_quantity(quantity) < _LEAST_FREE:
        raise not_allowed('1Gi or more: the disk is looked at every 15 s, e.g. "10Gi"')
    return countable(quantity)


_LEAST_FREE = 2**30  # bytes

Count = Annotated[
    int, Field(ge=1, le=10_000_000), BeforeValidator(no_boolean), Allowed("a number from 1 to 10000000", 500)
]


# icloudpd can do more than it should: each option was tried, and loses photos or fetches them forever.
_NEVER_DELETES = (
    "icloudpd deletes photos from iCloud, hence from every device, without having verified what it fetched, so this "
    "stack never deletes there. Remove the key, and delete photos at Apple by hand (docs/deleting-photos.md)"
)
_NEVER_EDITS = (
    "icloudpd would write the date into each file, take the file for another photo by its size, and fetch it again. "
    "Remove the key: each file has the time of its photo already"
)


ClientName = Annotated[Literal["icloudpd", "rclone"], Allowed("icloudpd or rclone", "icloudpd")]
# What only icloudpd has: by an account's field the key, and what else is to be done.
_ONLY_ICLOUDPD: Mapping[str, str] = {
    "folder_structure": "no key here: rclone writes all photos into one folder, and each album into one of its own",
    "sizes": "no key here: rclone fetches originals, RAW files and edits, and no other size",
    "live_photos": "no key here: rclone fetches the videos of live photos in their original size",
    "recent": "no key here: rclone fetches all photos of the library, or of the albums that are named",
    "until_found": "no key here: rclone looks at all photos in each run",
}


class SignIn(Model):
    """A page on which the code of a sign-in at Apple is typed, from a phone: at a host of its own, behind Access."""

    host: Annotated[
        Hostname,
        Example("sign-in.example.com"),
        Field(description="Where the page is reached, over https, while it waits. In the zone of the stack's host."),
    ]


class Account(Model):
    """One Apple ID, and which of its photos are fetched. Its folder and folder structure stay once it has imported."""

    not_offered: ClassVar[Mapping[str, str]] = {
        "dangerouslyDeleteFromIcloud": _NEVER_DELETES,
        "deleteAfterDownload": _NEVER_DELETES,
        "keepIcloudRecentDays": _NEVER_DELETES,
        "setExifDatetime": _NEVER_EDITS,
    }

    name: Annotated[
        AccountName,
        Field(description="A name of your own, as in icloudCredentials."),
    ]
    client: Annotated[
        Omittable[ClientName],
        Field(
            description="What fetches this account's photos. Default: photoSync.client. It can't be changed after the "
            "first import: files have other names, and every photo would be fetched again, beside the first copy."
        ),
    ] = None
    folder: Annotated[
        Omittable[Label],
        Example("icloud-import-anna"),
        Field(
            description="This account's folder on the photo disk. Default: icloud-import for the first account, "
            "icloud-import-NAME for the others. State it for an account whose place in the list changes, e.g. because "
            "the first one is removed."
        ),
    ] = None
    albums: Annotated[
        tuple[Album, ...],
        Field(description="Only these albums. Default: all photos.", max_length=256),
        Allowed("a list of at most 256 albums' titles", ["Favorites"]),
    ] = ()
    library: Annotated[Library, Field(description="The account's own library, or a shared one.")] = "PrimarySync"
    immich_user: Annotated[
        Omittable[Email],
        Field(
            description="E-mail of the Immich user whose photos these are. Default: immich.library.owner. It can't be "
            "changed later: Immich gives a library to another user only by importing it again."
        ),
    ] = None
    folder_structure: Annotated[
        FolderStructure,
        Field(
            description="Folders below the account's, by a photo's date. It can't be changed after the first import: "
            "every photo would be fetched again, beside the first copy."
        ),
    ] = "{:%Y/%m/%d}"
    live_photos: Annotated[
        Literal["original", "medium", "thumb", "none"],
        Field(description="Size of the video of a live photo; none leaves the videos out."),
    ] = "original"
    sizes: Annotated[
        tuple[Size, ...],
        AfterValidator(_some),
        Field(description="Sizes of each photo.", json_schema_extra={"minItems": 1, "uniqueItems": True}),
        Allowed("a list of sizes", ["original"]),
    ] = ("original",)
    recent: Annotated[Omittable[Count], Field(description="Only so many of the latest photos. Default: all.")] = None
    until_found: Annotated[
        Omittable[Count],
        Field(
            description="Stop after so many photos in a row that are there already. Only after a run that fetched all: "
            "else what is missing further down would never be fetched. Default: look at all."
        ),
    ] = None
    domain: Annotated[
        Literal["com", "cn"], Field(description="Where Apple keeps the account: cn in mainland China.")
    ] = "com"
    accept_missing: Annotated[
        Omittable[Count],
        Field(
            description="So many photos may be missing among those that Apple announces: where two runs on different "
            "days miss the same number, and iCloud.com shows no more either. Default: none."
        ),
    ] = None
    accept_existing: Annotated[
        Switch,
        Field(
            description="Take a folder that was filled before as it is, though photos in it would be fetched a second "
            "time."
        ),
    ] = False
    dry_run: Annotated[Switch, Field(description="Sign in and say what would be fetched; write nothing.")] = False
    sign_in: Annotated[
        Omittable[SignIn], Field(description="This account's page to sign in from a phone. Default: photoSync.signIn.")
    ] = None


FreeSpace = Annotated[
    str,
    Field(pattern=r"^([1-9][0-9]*(Mi|Gi|Ti|Pi|M|G|T|P)|[1-9][0-9]?%)$", max_length=20),
    Allowed("a Kubernetes quantity with a unit (Mi, Gi, Ti, ...), or per cent of the disk", "10Gi"),
]


class CookieVolume(Model):
    """The small volume, one an account, that keeps an account signed in."""

    storage_class: Annotated[
        Omittable[ObjectName],
        Example("local-path"),
        Field(
            description="StorageClass, or the class of PersistentVolumes made by hand. Default: the cluster's own "
            "default; Talos comes without one."
        ),
    ] = None
    capacity: Annotated[Capacity, Field(description="How much is asked for; kilobytes are needed.")] = "64Mi"


class PhotoSync(Model):
    """What fetches photos, and its namespace, which nothing else uses."""

    namespace: Annotated[OwnNamespace, Field(description="Made by this stack, and removed with it.")] = "photo-sync"
    accounts: Annotated[
        tuple[Account, ...],
        Field(description="The household's Apple IDs. Default: none."),
        Allowed("a list of accounts", [{"name": "anna"}]),
    ] = ()
    client: Annotated[
        ClientName,
        Field(
            description="What fetches the photos, unless an account says otherwise: docs/photos.md compares the two. "
            "It can't be changed after the first import."
        ),
    ] = "icloudpd"
    schedule: Annotated[Schedule, Field(description="When photos are fetched. Default: each month's first night.")] = (
        "0 2 1 * *"
    )
    time_zone: Annotated[
        TimeZone,
        Field(
            description="Of the schedule, and of the dates in the folders' names: it can't be changed after the first "
            "import either."
        ),
    ] = "Etc/UTC"
    min_free_space: Annotated[
        Omittable[Annotated[FreeSpace, AfterValidator(_keeps_room)]],
        Field(
            description="The sync stops before it leaves the photo disk with less. Default: 10Gi; 20% where the photos "
            "are on the node's own filesystem, which the kubelet keeps free by evicting every pod."
        ),
    ] = None
    cookie_volume: CookieVolume = CookieVolume()
    sign_in: Annotated[
        Omittable[SignIn],
        Field(
            description="A page to sign in from a phone, when the session at Apple has ended: docs/photos.md. It takes "
            "cloudflare.kind ownTunnel with access, and notifications.urls, which get the link. Each account has a "
            "host of its own: of several, each states it. Default: only `make icloud-login` signs in."
        ),
    ] = None
    resources: Annotated[
        Resources,
        Field(description="Of the containers that fetch photos, list albums and sign in."),
    ] = Resources()

    @property
    def pages(self) -> Mapping[str, str]:
        """The host of each account's page to sign in, by the account's name."""
        stated = {account.name: account.sign_in or self.sign_in for account in self.accounts}
        return {name: page.host for name, page in stated.items() if page}

    @property
    def folders(self) -> Mapping[str, str]:
        """The folder of each account's photos, by the account's name."""
        return {
            account.name: account.folder or (f"{IMPORT_FOLDER}-{account.name}" if place else IMPORT_FOLDER)
            for place, account in enumerate(self.accounts)
        }

    @property
    def import_folders(self) -> list[str]:
        """The folders of all accounts; the first one is there without any account, too."""
        return [*self.folders.values()] or [IMPORT_FOLDER]

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [account.name for account in self.accounts]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise refuse(f"accounts.{place}.name", name, "a name that no other account has")
        return self

    @model_validator(mode="after")
    def _each_folder_once(self) -> Self:
        folders = self.import_folders
        for place, folder in enumerate(folders):
            if folder in folders[:place]:
                raise refuse(f"accounts.{place}.folder", folder, "a folder that no other account has")
        return self

    @model_validator(mode="after")
    def _each_page_once(self) -> Self:
        hosts = [self.pages.get(account.name) for account in self.accounts]
        for place, host in enumerate(hosts):
            if host and host in hosts[:place]:
                raise refuse(f"accounts.{place}.signIn.host", host, "a host that no other account's page has")
        return self

    @model_validator(mode="after")
    def _only_what_its_client_has(self) -> Self:
        for place, account in enumerate(self.accounts):
            if (account.client or self.client) != "rclone":
                continue
            key = f"accounts.{place}"
            if account.sign_in or self.sign_in:
                allowed = (
                    "no key here: rclone's sign-in asks one question after the other, and has no page. State it for "
                    "each account that icloudpd fetches"
                )
                raise refuse(f"{key}.signIn" if account.sign_in else "signIn", self.pages[account.name], allowed)
            if account.domain != "com":
                allowed = "com: rclone knows no other hosts of Apple. For mainland China set client: icloudpd"
                raise refuse(f"{key}.domain", account.domain, allowed)
            for name in account.model_fields_set & _ONLY_ICLOUDPD.keys():
                raise refuse(f"{key}.{to_camel(name)}", getattr(account, name), _ONLY_ICLOUDPD[name])
        return self


def _apple_id(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if (
        len(text) > LONGEST
        or not text.isprintable()
        or any(c.isspace() for c in text)
        or text[:1] in ("", "-")
        or ":" in text
    ):
        raise PydanticCustomError("no_apple_id", "not the form of an Apple ID")
    return value


def _password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not 0 < len(text) <= LONGEST or not text.isprintable():  # it is read as one line
        raise PydanticCustomError("no_password", "not the form of a password")
    return value


class Credentials(Model):
    """How one account signs in."""

    apple_id: Annotated[
        SecretStr,
        AfterValidator(_apple_id),
        Field(
            description="The Apple ID, an e-mail address for most. Encrypted like the password; but icloudpd takes it "
            "on its command line only, where whoever sees the processes of the node or of the pod sees it."
        ),
        Allowed(f"an Apple ID, at most {LONGEST} characters", {"secure": "v1:..."}),
    ]
    password: Annotated[
        SecretStr,
        AfterValidator(_password),
        Field(description="Its password. No app-specific one: iCloud Photos does not take them."),
        Allowed(f"a password of one line, at most {LONGEST} characters", {"secure": "v1:..."}),
    ]


AllCredentials = Annotated[
    dict[AccountName, Credentials],
    Allowed(
        "a mapping of accounts' names to appleId and password",
        {"anna": {"appleId": {"secure": "v1:..."}, "password": {"secure": "v1:..."}}},
    ),
]
