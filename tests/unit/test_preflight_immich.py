"""What preflight finds in Immich itself: pure rules on facts."""

import json
from dataclasses import replace
from typing import Any

from clients.immich import Library, User
from clients.wanted_library import LibraryDiff, WantedLibrary
from clients.wanted_settings import WantedSettings
from clients.wording import USER_MISSING
from observe.immich import ImmichSeen
from preflight import immich_rules
from settings import Settings
from settings.model import Backend
from tests.unit.configured import ON_HOST, configured
from text.finding import Finding, Severity

SERVER = Backend("immich", "immich-server", 3001)
PATH = "/external/icloud/icloud-import"
OWNER = User("1", "owner@example.com")
WANTED = WantedLibrary(SERVER, "", "iCloud Photos", (PATH,), (), {}, adopt=False)
NFS = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
MONTHLY = WantedSettings(SERVER, "0 4 1 * *", watch=True)
AS_FOUND = {"scan": {"enabled": True, "cronExpression": "0 0 * * *"}, "watch": {"enabled": False}}


def library(*paths: str, patterns: tuple[str, ...] = ()) -> Library:
    return Library("abc", OWNER.id, "iCloud Photos", paths, patterns, "")


def facts(trial: LibraryDiff | None = None, **more: Any) -> ImmichSeen:
    return ImmichSeen(libraries=((WANTED, trial),) if trial else (), **more)


def with_library(storage: dict[str, Any] = ON_HOST, **stated: Any) -> Settings:
    return configured(storage, immich={"library": stated})


def found(
    facts: ImmichSeen | None, wanted: WantedSettings | None = None, settings: Settings | None = None
) -> list[Finding]:
    return list(immich_rules.findings(settings or with_library(), facts, wanted))


def codes(facts: ImmichSeen | None, wanted: WantedSettings | None = None, **stated: Any) -> list[str]:
    return [one.code for one in found(facts, wanted, with_library(**stated))]


def test_an_immich_that_can_t_be_asked_is_a_problem() -> None:
    (finding,) = found(ImmichSeen("Immich does not know the API key"))
    assert (finding.severity, finding.text) == (Severity.PROBLEM, "Immich does not know the API key")


def test_an_immich_that_does_not_run_is_no_problem_but_said() -> None:
    """Its mount may be what keeps it from running, and `up` what mends that."""
    (finding,) = found(ImmichSeen(not_running="no pod is ready"), MONTHLY)
    assert (finding.code, finding.severity, finding.values) == (
        "immich-down",
        Severity.WARNING,
        {"reason": "no pod is ready"},
    )


def test_what_each_library_lacks_is_a_problem() -> None:
    lacking = USER_MISSING.found(user="ben@example.com", has="none")
    assert found(facts(LibraryDiff((lacking,)))) == [lacking]


def test_a_permission_that_the_key_lacks_is_a_problem() -> None:
    (finding,) = found(facts(lacking=("library.update",)))
    assert (finding.code, finding.setting, finding.values["lacking"]) == (
        "key-lacks-permissions",
        "immichApiKey",
        "library.update",
    )


def test_one_user_can_t_have_two_libraries_of_one_name() -> None:
    mine, named = WANTED, replace(WANTED, owner=OWNER.email)
    trials = tuple((wanted, LibraryDiff((), OWNER, None, library(PATH))) for wanted in (mine, named))
    twice, *_ = found(ImmichSeen(libraries=trials))
    assert (twice.code, twice.values["user"]) == ("user-named-twice", OWNER.email)
    assert "user-named-twice" not in codes(ImmichSeen(libraries=trials[:1]))


def test_a_configuration_file_has_to_say_it_itself() -> None:
    (finding,) = found(facts(settings_change=True, has_configuration_file=True), MONTHLY)
    entries = {"scan": {"enabled": True, "cronExpression": "0 4 1 * *"}, "watch": {"enabled": True}}
    assert (finding.code, json.loads(str(finding.values["entries"]))) == ("configured-by-file", {"library": entries})


def test_a_configuration_file_that_says_it_already_is_fine() -> None:
    assert codes(facts(settings_change=False, has_configuration_file=True), MONTHLY) == []
    assert codes(facts(has_configuration_file=True)) == []


def test_watching_is_warned_of() -> None:
    assert codes(facts(), watch=True) == ["watched"]
    assert codes(facts(settings_were=MONTHLY.entries), watch=True) == [], "once"
    assert codes(facts(), watch=False) == codes(facts()) == []


def test_watching_sees_nothing_on_a_network_disk() -> None:
    assert codes(facts(), storage=NFS, watch=True) == ["watched", "watched-in-vain"]


def test_an_adopted_library_is_retained() -> None:
    taken = LibraryDiff((), OWNER, library(), library(PATH), adopted=True)
    assert codes(facts(taken)) == ["library-adopted", "library-imports"]


def test_a_pattern_that_may_send_photos_to_the_trash_is_warned_of() -> None:
    more = LibraryDiff((), OWNER, library(PATH, patterns=("**/a/**",)), library(PATH, patterns=("**/a/**", "**/b/**")))
    (finding,) = found(facts(more))
    assert (finding.code, finding.values["pattern"]) == ("photos-excluded", "**/b/**")
    new = LibraryDiff((), OWNER, library(), library(PATH, patterns=("**/b/**",)))
    assert codes(facts(new)) == ["library-imports"]


def test_a_new_library_is_news() -> None:
    (finding,) = found(facts(LibraryDiff((), OWNER, None, library(PATH))))
    assert (finding.code, finding.severity) == ("library-created", Severity.NEWS)
    assert finding.values == {"owner": OWNER.email, "paths": PATH}


def test_only_new_folders_are_news() -> None:
    (finding,) = found(facts(LibraryDiff((), OWNER, library(PATH), library(PATH, f"{PATH}-ben"))))
    assert (finding.code, finding.values["paths"]) == ("library-imports", f"{PATH}-ben")
    same = LibraryDiff((), OWNER, library(PATH), library(PATH))
    assert codes(facts(same)) == []


def test_what_changes_for_all_libraries_is_news() -> None:
    told = found(facts(settings_were=AS_FOUND, settings_change=True), MONTHLY)
    assert [(one.code, one.subject, one.values["wanted"]) for one in told] == [
        ("server-wide-change", "scan", '{"enabled": true, "cronExpression": "0 4 1 * *"}'),
        ("server-wide-change", "watch", '{"enabled": true}'),
    ]
    assert codes(facts(settings_were=MONTHLY.entries), MONTHLY) == []


def test_without_an_api_key_one_line_says_what_it_takes() -> None:
    (finding,) = found(None, settings=with_library(watch=True))
    assert (finding.code, finding.severity) == ("no-api-key", Severity.NEWS)
