"""Rules for names: words of the field, and one meaning for each public class."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

#: Words that only this code base would use, with the field's word beside each.
PRIVATE = {
    **dict.fromkeys(("memo", "memos"), "state record, checkpoint"),
    **dict.fromkeys(("keep", "keeps", "kept"), "commit, persist, retain"),
    **dict.fromkeys(("tell", "tells", "told", "untold"), "emit, report, pending"),
    **dict.fromkeys(("wish", "wishes"), "order, request"),
    **dict.fromkeys(("fate", "fates"), "status, outcome"),
    **dict.fromkeys(("doubt", "doubts", "doubted"), "in-doubt order, mismatch"),
    **dict.fromkeys(("desk", "desks", "office", "offices"), "execution back-end, factory"),
    **dict.fromkeys(("reign", "onlooker", "onlookers"), "leader session, standby"),
    **dict.fromkeys(("imitate", "adopt"), "apply"),
    **dict.fromkeys(("brake", "brakes"), "circuit breaker"),
    **dict.fromkeys(("guard", "guards"), "entry guard"),
    **dict.fromkeys(("breath", "breathe"), "yield to the event loop"),
    **dict.fromkeys(("prints",), "trades, trade feed"),
    **dict.fromkeys(("mood", "moods"), "regime"),
    **dict.fromkeys(("judge", "judges", "judged", "opinion", "opinions"), "predict, prediction"),
    **dict.fromkeys(("moment", "moments"), "markout sample, time"),
    **dict.fromkeys(("trail", "trails", "tally", "tallies"), "open markout, markout stats"),
    **dict.fromkeys(("lead", "stand", "stands", "standing"), "excess, leader, status"),
    **dict.fromkeys(("objection", "objections"), "mismatch, block reason"),
    **dict.fromkeys(("touch",), "best bid and offer (BBO)"),
    **dict.fromkeys(("board", "boards"), "snapshot holder"),
    **dict.fromkeys(("door", "doors"), "access policy"),
    **dict.fromkeys(("form", "forms"), "codec, representation, variant"),
    **dict.fromkeys(("pit", "crowd", "giants", "passers"), "adapter, agents, noise flow"),
    **dict.fromkeys(("stage", "reel", "reels", "dice", "deed", "laboratory"), "series, action"),
}
#: Where such a word is the field's after all: an order in doubt, and the guard of entries.
PHRASES = ("in_doubt", "entry_guard", "EntryGuard")
#: Names under which things are stored or configured: another name would break what exists.
STORED = {
    "fate": "of an order that ended, in events and in GET /whales/history",
    "lead": "of the scoreboard, in GET /whales/scoreboard",
    "lead_interval": "the same",
    "keep_days": "the setting KEEP_DAYS",
    "log_keep_days": "the setting LOG_KEEP_DAYS",
    "KEEP_DAYS": "the default of LOG_KEEP_DAYS",
}
#: Verbs that say nothing of what a method does.
VAGUE = {"see", "look", "say", "tell", "hear", "imitate", "keep"}


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a module names: classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield node.lineno, name
            case ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name


def words(name: str) -> list[str]:
    """
    >>> words("_keepAlive2"), words("HTTPBoard")
    (['keep', 'alive2'], ['http', 'board'])
    """
    for phrase in PHRASES:
        name = name.replace(phrase, "")
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)]


def names_are_words_of_the_field(module: str, tree: ast.Module) -> Iterator[str]:
    """No private word in an identifier, and no method whose name says nothing."""
    if ".versions." in module:
        return
    for line, name in identifiers(tree):
        for word in words(name):
            if word in PRIVATE and name not in STORED:
                yield f"{module}:{line} {name} is a private word: say {PRIVATE[word]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in VAGUE:
            yield f"{module}:{node.lineno} {node.name} does not say what it does"


def doubles(modules: Iterable[tuple[str, Path]]) -> Mapping[str, set[str]]:
    """Public classes of the same name, and where they are."""
    where = defaultdict(set)
    for module, path in modules:
        # A schema has the name of the view whose JSON it describes; a test compares the two.
        if module.startswith("api.schemas"):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].add(module)
    return {name: found for name, found in where.items() if len(found) > 1}
