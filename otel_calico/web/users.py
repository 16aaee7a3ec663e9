"""HTTP Basic authentication (RFC 7617) against bcrypt hashes. A response does not reveal which users exist."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field

_BCRYPT_BYTES = 72
"""What bcrypt reads of a password; tools that make hashes cut there too."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client claims."""

    user: str
    password: bytes = field(repr=False)


def credentials(authorization: str) -> Credentials | None:
    """The claim of an Authorization header; None if it is no basic one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
        return Credentials(user.decode(), password) if colon else None
    except ValueError:
        return None


class Users:
    """The users of one file.

    A hash costs 60 ms and more, by design. So the password that a user last got in with is remembered, as a digest
    under a key that lives as long as this object: a scrape costs no hash, and no flood of wrong passwords can push
    the right one out.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        import bcrypt  # noqa: PLC0415 - only where there are users

        self.hashes = dict(hashes)
        self._check = bcrypt.checkpw
        self._key = secrets.token_bytes(32)
        self._seen: dict[str, bytes] = {}
        cost = max(int(hashed.split("$")[2]) for hashed in hashes.values())
        # The salt of nobody: an unknown user costs as much as the dearest known one.
        self._nobody = f"$2b${cost:02}${'.' * 53}"

    def remembers(self, claim: Credentials) -> bool:
        """Whether this is how the user got in before. Cheap."""
        return hmac.compare_digest(self._seen.get(claim.user, b""), self._digest(claim))

    def verify(self, claim: Credentials) -> bool:
        """Whether the password is the user's. Takes as long for users that do not exist."""
        if self.remembers(claim):
            return True
        known = claim.user in self.hashes
        hashed = self.hashes.get(claim.user, self._nobody)
        matches = self._check(claim.password[:_BCRYPT_BYTES], hashed.encode())
        if not (known and matches):
            return False
        self._seen[claim.user] = self._digest(claim)
        return True

    def _digest(self, claim: Credentials) -> bytes:
        return hmac.digest(self._key, claim.password, hashlib.sha256)
