"""The host's side of SRP-6a as Apple has it: RFC 5054's group of 2048 bits, SHA-256, no user name in `x`.

Apple's two ways to prepare the password (`s2k`, `s2k_fo`) begin with its SHA-256 and end with PBKDF2.
"""

import hashlib
import secrets
from typing import Final

_N: Final = int(
    "AC6BDB41324A9A9BF166DE5E1389582FAF72B6651987EE07FC3192943DB56050A37329CBB4A099ED8193E0757767A13DD52312AB4B03310DCD7F48A9"
    "DA04FD50E8083969EDB767B0CF6095179A163AB3661A05FBD5FAAAE82918A9962F0B93B855F97993EC975EEAA80D740ADBF4FF747359D041D5C33EA7"
    "1D281E446B14773BCA97B43A23FB801676BD207A436C6481F1D2B9078717461A5B9D32E688F87748544523B524B0D57D5EA77A2775D2ECFA032CFBDB"
    "F52FB3786160279004E57AE6AF874E7303CE53299CCC041C7BC308D82A5698F3A8D0C38271AE35F8E9DBFBB694B5C803D89F7AE435DE236D525F5475"
    "9B65E372FCD68EF20FA7111F9E4AFF73",
    16,
)
_G: Final = 2
_WIDTH: Final = 256
PROTOCOL: Final = "s2k"
ITERATIONS: Final = 20064


class Challenge:
    """One sign-in: `salt` and `b` go to the client, `proves` judges what comes back."""

    def __init__(self, name: str, password: str, a: bytes) -> None:
        """Take the client's public value `a`, which is hashed as it was sent."""
        self.salt = b"\x01" + secrets.token_bytes(15)  # no leading zero: see below
        digest = hashlib.sha256(password.encode()).digest()
        prepared = hashlib.pbkdf2_hmac("sha256", digest, self.salt, ITERATIONS, 32)
        verifier = pow(_G, _number(_hash(self.salt, _hash(b":", prepared))), _N)
        multiplier, client = _number(_hash(_padded(_N), _padded(_G))), _number(a)
        while True:
            secret = secrets.randbits(8 * _WIDTH)
            public = (multiplier * verifier + pow(_G, secret, _N)) % _N
            scrambler = _number(_hash(_padded(client), _padded(public)))
            self.b, shared = _bytes(public), _bytes(pow(client * pow(verifier, scrambler, _N), secret, _N))
            # Of leading zeros rclone hashes all and icloudpd none. What Apple does is unknown: here are none.
            if min(len(self.b), len(shared)) == _WIDTH or client % _N == 0:
                break
        key = _hash(shared)
        group = bytes(x ^ y for x, y in zip(_hash(_bytes(_N)), _hash(_padded(_G)), strict=True))
        self._proof = _hash(group, _hash(name.encode()), self.salt, a, self.b, key)

    def proves(self, proof: bytes) -> bool:
        """Whether a client's `m1` shows that it knows the password."""
        return secrets.compare_digest(self._proof, proof)


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _number(content: bytes) -> int:
    return int.from_bytes(content, "big")


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _padded(number: int) -> bytes:
    return number.to_bytes(_WIDTH, "big")
