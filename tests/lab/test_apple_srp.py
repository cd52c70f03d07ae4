"""The stand-in of Apple's sign-in draws numbers that every client hashes alike."""

import itertools
import secrets

import pytest

from lab.apple.srp import Challenge

A = (2).to_bytes(256, "big")


def test_a_number_with_leading_zeros_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.apple.srp.ITERATIONS", 1)
    monkeypatch.setattr("lab.apple.srp.secrets.token_bytes", bytes)  # one salt for all
    drawn = itertools.count(95)  # of which 99 and 110 make such a number
    monkeypatch.setattr("lab.apple.srp.secrets.randbits", lambda _: next(drawn))
    challenges = [Challenge("anna@example.com", "password", A) for _ in range(20)]
    assert {len(challenge.b) for challenge in challenges} == {256}
    assert all(challenge.salt[0] for challenge in challenges)
    assert next(drawn) == 95 + 20 + 2, "two were drawn again"


def test_a_client_that_sends_nothing_is_answered() -> None:
    assert not Challenge("anna@example.com", "password", b"").proves(secrets.token_bytes(32))
