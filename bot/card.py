"""The model card: what a model file is, as far as the bot has to know it to trust it.

The card is a JSON file beside the model, written by training. It is read before the model is, for
a pickle can run code and must not be opened unless it is the one the card speaks of.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from bot.core.drift import Spread

#: What to do about any model that cannot be trusted.
RETRAIN: Final = "train again with `python -m bot train TAPE --out models/`"


class CardError(ValueError):
    """A card that is missing, broken or at odds with its model; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Card:
    """What was promised of a model. Ranges are those of its training data, with some slack.

    `horizon` is how many seconds ahead it looks, `size` the least move in cents that it speaks of,
    `factor` what a score is worth (`core.edge.expected_move`), `cadences` the seconds between books
    it was trained at, `drift` how its features were spread, `features` the columns it expects,
    `ranges` those outside which it knows nothing. `whole` is the card as written, for people.
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
    drift: Mapping[str, Spread]
    whole: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, whole: Mapping[str, Any]) -> Self:
        """The card as a value. Raises KeyError, ValueError, TypeError or AttributeError."""
        ranges = whole["ranges"].items()
        return cls(
            name=str(whole["name"]),
            version=str(whole["version"]),
            sha256=str(whole["sha256"]),
            scikit_learn=str(whole["libraries"]["scikit-learn"]),
            features=tuple(map(str, whole["features"])),
            ranges={name: (float(low), float(high)) for name, (low, high) in ranges},
            horizon=float(whole["label"]["horizon_seconds"]),
            size=float(whole["label"]["size_cents"]),
            factor=float(whole["expected_move"]["factor"]),
            drift={name: Spread.of(name, one) for name, one in whole["drift"].items()},
            cadences=tuple(map(float, whole["training"]["cadences_seconds"])),
            whole=whole,
        )


def read_card(path: Path) -> Card:
    """The card in a file. Raises CardError naming the file and what is wrong."""
    try:
        whole = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return Card.of(whole)
    except OSError as error:
        raise CardError(f"the card {path} cannot be read ({error.strerror}); {RETRAIN}") from error
    except KeyError as error:
        raise CardError(f"the card {path} has no {error}; {RETRAIN}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise CardError(f"the card {path} is broken ({error}); {RETRAIN}") from error


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

    A card that cannot be read is passed over: whoever loads that model is told why.
    """
    return min((one for one in _models(folder) if one[0] >= interval), default=(0.0, None))[1]


def _models(folder: Path) -> list[tuple[float, Path]]:
    """Horizons and files of the models whose cards can be read."""
    found: list[tuple[float, Path]] = []
    for path in sorted(folder.glob("*.json")):
        with suppress(CardError):
            found.append((read_card(path).horizon, path.with_suffix(".pkl")))
    return found
