"""Every format we write is one that every Python takes, whatever it is applied to."""

import ast
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WRITTEN = ("main.py", "logging_utils.py", "bot", "api", "trials", "bench")
#: PEP 3101 with the z of PEP 682: since 3.13, and in later patches of 3.11 and 3.12, the order of
#: these counts, and without C's decimal it always did.
GRAMMAR = re.compile(
    r"(?:.?[<>=^])?[-+ ]?z?#?0?\d*[,_]?(?:\.\d+)?[bcdeEfFgGnosxX%]?", re.DOTALL
).fullmatch


def sources() -> Iterator[Path]:
    for name in WRITTEN:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def formats(tree: ast.Module) -> Iterator[str]:
    """The formats that stand there whole: in f-strings and in calls of `format`."""
    for node in ast.walk(tree):
        match node:
            case ast.FormattedValue(
                format_spec=ast.JoinedStr(values=[ast.Constant(value=str(spec))])
            ):
                yield spec
            case ast.Call(func=ast.Name(id="format"), args=[_, ast.Constant(value=str(spec))]):
                yield spec


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_format_is_one_that_every_python_takes(path):
    found = list(formats(ast.parse(path.read_text(encoding="utf-8"))))

    odd = [spec for spec in found if "%" not in spec[:-1] and not GRAMMAR(spec)]

    assert not odd, f"{path.name}: {odd}"


@pytest.mark.parametrize(("spec", "is_one"), [("z+.2f", False), ("+z.2f", True), (",.10g", True)])
def test_the_grammar_is_pythons(spec, is_one):
    assert bool(GRAMMAR(spec)) is is_one


@pytest.mark.parametrize("amount", ["1234.5", "-0.001", "0", "-12"])
def test_amounts_of_money_take_the_formats_that_we_use(amount):
    for spec in ("+z.2f", "z.2f", "z,.2f", "z.0f", "z.4f"):
        assert float(format(Decimal(amount), spec).replace(",", "")) == pytest.approx(
            float(amount), abs=0.5
        )
    assert f"{Decimal(amount):+f}"[0] in "+-"
