"""Docstrings name only what exists: modules, classes, functions and fields."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: In backticks, but no name of this code base.
OTHERS = {
    "ProbQueueModel": "of hftbacktest",
    "trend": "a part of the names of thresholds",
    "order_submitted": "the word that a kind of event is made into",
}
_NAMED = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)*)`")
_WORD = re.compile(r"[A-Za-z_]\w+|[A-Za-z_]")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_what_a_docstring_names_exists() -> None:
    known = set(OTHERS)
    named: dict[str, set[Path]] = defaultdict(set)
    for path in _files():
        docstrings, code = _parts(path.read_text(encoding="utf-8"))
        known |= {path.stem, path.parent.name, *_WORD.findall(code)}
        for name in _NAMED.findall(docstrings):
            named[name].add(path.relative_to(ROOT))

    assert {n: paths for n, paths in named.items() if not set(n.split(".")) <= known} == {}


def test_a_name_in_docstrings_alone_is_no_name() -> None:
    docstrings, code = _parts('"""Leaves out files (`csv_file`)."""\nx = "written"  # csv_file')

    assert _NAMED.findall(docstrings) == ["csv_file"]
    assert _WORD.findall(code) == ["x", "written"]


def _files() -> Iterator[Path]:
    yield from (ROOT / "main.py", ROOT / "logging_utils.py")
    for folder in ("bot", "api"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def _parts(source: str) -> tuple[str, str]:
    """The docstrings of a module, and its code without them and without comments."""
    lines, docstrings = source.split("\n"), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            first, last = node.body[0].lineno - 1, node.body[0].end_lineno
            docstrings += lines[first:last]
            lines[first:last] = [""] * len(lines[first:last])
    return "\n".join(docstrings), "\n".join(line.partition("#")[0] for line in lines)
