"""Query parameters as Kalshi reads them, and its complaint about those it cannot.

The complaint has the bare shape `{"msg": …}` and names the operation, the field and the rule.
"""

from collections.abc import Iterable

from starlette.datastructures import QueryParams

#: The widest range of seconds since 1970 that is a date.
_MAX_SECONDS = 253_402_300_799


class BadQueryError(Exception):
    """A query parameter breaks a rule; the message is Kalshi's."""

    def __init__(self, operation: str, name: str, rule: str) -> None:
        field = "".join(part.capitalize() for part in name.split("_"))
        super().__init__(
            f"Parameter validation failed for {operation}: Key: '{operation}Params.{field}' "
            f"Error:Field validation for '{field}' failed on the '{rule}' tag"
        )


class Query:
    """The parameters of one request to one operation. Every method may raise BadQueryError.

    A parameter that is there but empty reads as absent, as in Kalshi's own server.
    """

    def __init__(self, operation: str, params: QueryParams) -> None:
        self._operation = operation
        self._params = params

    def refuse(self, name: str, rule: str) -> BadQueryError:
        """The complaint that a parameter breaks a rule, to be raised."""
        return BadQueryError(self._operation, name, rule)

    def text(self, name: str) -> str:
        """A text; empty if absent."""
        return self._params.get(name, "")

    def has(self, name: str) -> bool:
        """Whether a parameter is there and says something."""
        return bool(self._params.get(name))

    def repeated(self, name: str) -> list[str]:
        """All values of a parameter that may be repeated."""
        return self._params.getlist(name)

    def listed(self, name: str, most: int) -> list[str]:
        """The parts of a comma-separated list; empty if absent."""
        parts = [part.strip() for part in self.text(name).split(",") if part.strip()]
        if len(parts) > most:
            raise self.refuse(name, "max")
        return parts

    def choice(self, name: str, allowed: Iterable[str]) -> str:
        """One of a few words; empty if absent."""
        word = self.text(name)
        if word and word not in allowed:
            raise self.refuse(name, "oneof")
        return word

    def flag(self, name: str) -> bool:
        """True or false; false if absent."""
        return self.choice(name, _FLAGS) in _TRUE

    def integer(self, name: str, least: int, most: int) -> int | None:
        """A whole number in a range; None if absent."""
        text = self.text(name)
        if not text:
            return None
        if not (text.lstrip("+-").isdecimal() and text.isascii() and len(text) <= 19):
            raise self.refuse(name, "number")
        try:
            number = int(text)
        except ValueError as error:
            raise self.refuse(name, "number") from error
        if number < least:
            raise self.refuse(name, "gte")
        if number > most:
            raise self.refuse(name, "lte")
        return number

    def limit(self, most: int, default: int, least: int = 1) -> int:
        """How many results a page may have; 0, where that is allowed, means the default."""
        return self.integer("limit", least, most) or default

    def seconds(self, name: str) -> int | None:
        """Seconds since 1970; None if absent."""
        return self.integer(name, 0, _MAX_SECONDS)

    def needed_seconds(self, name: str) -> int:
        """Seconds since 1970, of a parameter that must be there."""
        seconds = self.seconds(name)
        if seconds is None:
            raise self.refuse(name, "required")
        return seconds


_TRUE = frozenset({"true", "1", "t", "T", "TRUE", "True"})
_FLAGS = _TRUE | {"false", "0", "f", "F", "FALSE", "False"}
