"""What of a setting lets anybody act who knows it: never shown, blotted out of every log."""

import re
from pathlib import Path

#: A part of a webhook's path that is shorter is a word such as `webhooks`.
_LEAST_TOKEN = 9
PEM_FRAME = re.compile(r"-----[A-Z0-9 ]*-----")


def key_text(secret: str) -> str:
    """The text of a private key, or of the file that is named; its name if it cannot be read."""
    if "-----BEGIN" in secret:
        return secret.replace("\\n", "\n")
    try:
        return Path(secret).expanduser().read_text(encoding="utf-8-sig").replace("\\n", "\n")
    except (OSError, ValueError, RuntimeError):
        return secret


def path_parts(address: str) -> tuple[str, ...]:
    """What of a webhook's address lets anybody post: its longer parts behind the host."""
    rest = address.partition("://")[2].partition("/")[2]
    return tuple(part for part in re.split(r"[/?&=#]", rest) if len(part) >= _LEAST_TOKEN)


def address_parts(address: str) -> tuple[str, ...]:
    """What of an address of apprise lets anybody post: all that is long, its host as well."""
    rest = address.partition("://")[2]
    return tuple(part for part in re.split(r"[/?&=#:@,]", rest) if len(part) >= _LEAST_TOKEN)
