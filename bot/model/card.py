"""The model card: what a model file is, as far as the bot has to know it to trust it.

The card is a JSON file beside the model, written by training. It is read before the model is, for
a pickle can run code and must not be opened unless it is the one its card describes.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from bot.core.model.drift import Spread
from bot.core.signals.strategy import Thresholds

#: What to do about any model that cannot be trusted.
RETRAIN: Final = "train again with `python -m bot train TAPE --out models/`"

#: Bytes beyond which a file is no card: ten times the longest that training has written.
LARGEST_CARD: Final = 500_000


class CardError(ValueError):
    """A card that is missing, broken or at odds with its model; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Card:
    """What was promised of a model. Ranges are those of its training data, with some slack.

    `horizon` is how many seconds ahead it looks, `size` the least move in cents that it predicts,
    `factor` what a score is worth (`core.edge.expected_move`), `cadences` the seconds between books
    it was trained at, `thresholds` the scores that trade, `drift` how its features were spread,
    `features` the columns it expects, `ranges` those outside which it knows nothing. `whole` is the
    card as written, for people; `flat_sha256` is that of the arrays beside the model, if there are
    any. `general_is_proven` where kinds left out of training showed that scores of kinds never seen
    are calibrated.
    """

    name: str
    version: str
    sha256: str
    scikit_learn: str
    features: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    horizon: float
    size: float
    factor: float
    cadences: tuple[float, ...]
    thresholds: Thresholds
    drift: Mapping[str, Spread]
    whole: Mapping[str, Any] = field(repr=False)
    flat_sha256: str | None = None
    general_is_proven: bool = False

    @classmethod
    def of(cls, whole: Mapping[str, Any]) -> Self:
        """The card as a value. Raises KeyError, ValueError, TypeError or AttributeError."""
        return cls(
            name=_word(whole, "name"),
            version=_word(whole, "version"),
            sha256=_word(whole, "sha256"),
            scikit_learn=_word(whole["libraries"], "scikit-learn"),
            features=tuple(_text(one, "features") for one in _list(whole, "features")),
            ranges={name: _range(name, one) for name, one in whole["ranges"].items()},
            horizon=_above_zero(whole["label"], "horizon_seconds"),
            size=_above_zero(whole["label"], "size_cents"),
            factor=_above_zero(whole["expected_move"], "factor"),
            drift={name: _spread(name, one) for name, one in whole["drift"].items()},
            cadences=_cadences(whole["training"]),
            thresholds=_thresholds(whole["entry"]),
            whole=whole,
            flat_sha256=_word(whole, "flat_sha256") if "flat_sha256" in whole else None,
            # What a card does not say is not proven.
            general_is_proven=whole.get("calibration", {}).get("general_is_proven") is True,
        )

    @property
    def live_thresholds(self) -> Thresholds:
        """The thresholds where money is at stake: kinds never seen are entered once proven."""
        if self.general_is_proven:
            return self.thresholds
        return replace(self.thresholds, enter_above=1.0, enter_below=0.0)


def read_card(path: Path) -> Card:
    """The card in a file. Raises CardError naming the file and what is wrong."""
    try:
        return Card.of(msgspec.json.decode(_content(path), type=dict[str, Any]))
    except OSError as error:
        raise CardError(f"the card {path} cannot be read ({error.strerror}); {RETRAIN}") from error
    except KeyError as error:
        raise CardError(f"the card {path} has no {error}; {RETRAIN}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CardError(f"the card {path} is broken ({error}); {RETRAIN}") from error


def _content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_CARD:
        raise ValueError(f"it is larger than {LARGEST_CARD:,} bytes")
    return path.read_bytes()


def too_slow(card: Card, interval: float) -> str | None:
    """Why a score is stale before the next book comes, every `interval` seconds; None if not."""
    if interval <= card.horizon:
        return None
    return (
        f"books come every {interval:g} s but {card.name} looks {card.horizon:g} s ahead; "
        f"set BOT_INTERVAL to at most {card.horizon:g} or MODEL_PATH to a model that looks further"
    )


def farthest(folder: Path) -> Path | None:
    """The model in a folder that looks farthest ahead; None if no card there can be read."""
    return max(_models(folder), default=(0.0, None))[1]


def suited(folder: Path, interval: float) -> Path | None:
    """The model in a folder that looks least far beyond the next book; None if none looks so far.

    A card that cannot be read is skipped: loading that model says why.
    """
    return min((one for one in _models(folder) if one[0] >= interval), default=(0.0, None))[1]


def unreadable(folder: Path) -> str | None:
    """Why a model here cannot be weighed against the others, so that none may take its place."""
    for path in sorted({one.with_suffix(".json") for one in folder.glob("*.pkl")}):
        try:
            read_card(path)
        except CardError as error:
            return f"{error}, or name the model to use in MODEL_PATH"
    return None


def _models(folder: Path) -> list[tuple[float, Path]]:
    """Horizons and files of the models whose cards can be read."""
    found: list[tuple[float, Path]] = []
    for path in sorted(folder.glob("*.json")):
        with suppress(CardError):
            found.append((read_card(path).horizon, path.with_suffix(".pkl")))
    return found


def _number(value: object, name: str) -> float:
    # A number in quotes, or true, is a mistake in a card written by hand.
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{name} is {value!r}, no number")
    return float(value)


def _above_zero(part: Mapping[str, Any], name: str) -> float:
    number = _number(part[name], name)
    if number <= 0:
        raise ValueError(f"{name} is {number:g}, not above 0")
    return number


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {value!r}, no word")
    return value


def _word(part: Mapping[str, Any], name: str) -> str:
    return _text(part[name], name)


def _list(part: Mapping[str, Any], name: str) -> list[Any]:
    found = part[name]
    if not isinstance(found, list) or not found:
        raise ValueError(f"{name} is {found!r}, no list")
    return found


def _range(name: str, pair: object) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f"the range of {name} is {pair!r}, no pair")
    low, high = (_number(one, f"the range of {name}") for one in pair)
    if low > high:
        raise ValueError(f"the range of {name} begins at {low:g} and ends at {high:g}")
    return low, high


def _spread(name: str, part: Mapping[str, Any]) -> Spread:
    edges = [_number(one, f"an edge of {name}") for one in _list(part, "edges")]
    counts = [_number(one, f"a count of {name}") for one in _list(part, "counts")]
    if edges != sorted(edges):
        raise ValueError(f"the edges of {name} do not rise")
    if any(one < 0 or one != int(one) for one in counts):
        raise ValueError(f"the counts of {name} are no counts")
    return Spread.of(name, part)


def _thresholds(part: Mapping[str, Any]) -> Thresholds:
    """Entries by kind of market; a position ends when the score passes even."""
    kinds = {str(name): _entry(one) for name, one in part["kinds"].items()}
    return Thresholds(*_entry(part["general"]), exit_low=0.5, exit_high=0.5, kinds=kinds)


def _entry(part: Mapping[str, Any]) -> tuple[float, float]:
    return _number(part["above"], "an entry"), _number(part["below"], "an entry")


def _cadences(part: Mapping[str, Any]) -> tuple[float, ...]:
    found = tuple(_number(one, "cadences_seconds") for one in _list(part, "cadences_seconds"))
    if min(found) <= 0:
        raise ValueError(f"cadences_seconds has {min(found):g}, not above 0")
    return found
