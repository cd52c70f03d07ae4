"""E-mail addresses in the one form in which they are compared: small letters, each with its marks as one character."""

import unicodedata


def mailbox(email: str) -> str:
    """Return an address in that form; `casefold` would take two users for one, such as straße@ and strasse@."""
    return unicodedata.normalize("NFC", email.lower())
