"""What the panels of the dashboard say, beside what the API says of the same."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.support.browser import Tab
from tests.support.ledger_sums import ledger_sums

#: How the account's figures are headed, and what they are in `/positions`.
_FIGURES: Final = {
    "Equity": "equity",
    "Today": "daily_pnl",
    "Unrealised": "unrealized",
    "Realised": "realized",
    "Fees": "fees",
    "Cash": "cash",
    "Exposure": "exposure",
    "Drawdown": "drawdown",
}
_NOT_KNOWN: Final = "–"
#: A figure is rounded to the cent.
HALF_A_CENT: Final = Decimal("0.005")


def money(value: float | None) -> str:
    """Dollars as the page writes them."""
    return _NOT_KNOWN if value is None else f"{value:,.2f}".replace("-", "−")


def signed(value: float | None) -> str:
    """A gain or loss as the page writes it."""
    return ("+" if round(value or 0, 2) > 0 else "") + money(value)


def amount(text: str) -> Decimal:
    """The dollars that the page wrote."""
    return Decimal(text.replace(",", "").replace("−", "-"))


def opened(one: Tab, name: str) -> None:
    """Go to a tab and wait until all of it was read."""
    # A page that has just come shows its links before it hears that one was followed.
    all_read(one)
    one.page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    one.page.locator(f"nav a[aria-current]:text-is('{name}')").wait_for()
    all_read(one)


def all_read(one: Tab) -> None:
    """Wait until no panel waits for its first answer."""
    one.page.wait_for_function("() => !document.body.innerText.includes('Reading ')")


def figures(one: Tab, place: str = "main > .figures") -> dict[str, str]:
    """Figures by their heading."""
    names = one.page.locator(f"{place} dt").all_inner_texts()
    return dict(zip(names, one.page.locator(f"{place} dd").all_inner_texts(), strict=True))


def disagreements(one: Tab) -> list[tuple[str, Any, Any]]:
    """Where a panel says something else than the API: what, what is shown, what it should be.

    For a service of which nothing changes meanwhile.
    """
    found = [*_account(one), *_positions(one), *_limits(one), *_markets(one)]
    opened(one, "Trades")
    found += _trades(one)
    opened(one, "Orders")
    found += _orders(one)
    opened(one, "Whales")
    found += _whales(one)
    opened(one, "Log")
    found += _log(one)
    opened(one, "Markets")
    return [mismatch for mismatch in found if mismatch[1] != mismatch[2]]


def ledger_disagreements(one: Tab, database: Path) -> list[tuple[str, str, str]]:
    """Where cash or fees are not what the rows of the ledger come to, in the same form."""
    booked, shown = ledger_sums(database), figures(one)
    return [
        (name, shown[name], str(value))
        for name, value in (("Cash", booked.cash), ("Fees", booked.fees))
        if abs(amount(shown[name]) - value) > HALF_A_CENT
    ]


def _account(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    answer, shown = one.fetch("positions"), figures(one)
    account, entries = answer["account"], answer["entries"]["after"]["60"]
    for name, field in _FIGURES.items():
        is_gain = name in {"Today", "Unrealised", "Realised"}
        yield name, shown[name], (signed if is_gain else money)(account[field])
    worth = f"{signed(entries['value'])} c" if entries else _NOT_KNOWN
    yield "entries", shown["Entries, 60 s"], worth


def _by_ticker(one: Tab, table: str) -> dict[str, list[str]]:
    return {cells[0].split()[0]: cells for cells in one.rows(f"[aria-label='{table} table']")}


def _positions(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    held = {row["ticker"]: row for row in one.fetch("positions")["positions"]}
    shown = _by_ticker(one, "Positions")
    yield "positions", shown.keys(), held.keys()
    for ticker in shown.keys() & held.keys():
        row, cells = held[ticker], shown[ticker]
        mark = _NOT_KNOWN if row["mark_price"] is None else f"{row['mark_price']:.2f}"
        wanted = [f"{row['size']:,.0f} {row['side']}", f"{row['entry_price']:.2f}", mark]
        yield f"position {ticker}", [*cells[1:3], cells[3].split()[0]], wanted
        amounts = [money(row["value"]), signed(row["pnl_unrealized"]), money(row["fees"])]
        yield f"worth of {ticker}", cells[4:8], [*amounts, signed(row["pnl"])]


def _limits(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    limits = one.fetch("limits")["limits"]
    used = [row for row in limits if row["value"] is not None or row["limit"] is None]
    shown = one.page.locator(".limits .name").all_inner_texts()
    yield "limits", shown, [row["rule"].removeprefix("max_").replace("_", " ") for row in used]


def _markets(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    markets = {row["ticker"]: row for row in one.fetch("state/full")["markets"]}
    shown = _by_ticker(one, "Markets")
    yield "markets", shown.keys(), markets.keys()
    for ticker in shown.keys() & markets.keys():
        row, cells = markets[ticker], shown[ticker]
        wanted = [row["yes_bid"], row["yes_ask"], row["signal_direction"]]
        # Tenths at most are written, and none where there are none.
        near = [round(float(cell), 1) for cell in cells[1:3]]
        yield f"market {ticker}", [*near, cells[7].split()[-1]], _rounded(wanted)


def _rounded(values: Sequence[Any]) -> list[Any]:
    return [round(value, 1) if isinstance(value, float) else value for value in values]


def _trades(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    trades = one.fetch("trades?limit=500")["trades"]
    more = one.page.locator("[aria-label='Trades table']").get_by_role("button", name="Show all")
    if more.count():
        more.click()
    rows = one.rows("[aria-label='Trades table']")
    shown = sorted((cells[2].split()[0], cells[7], cells[8]) for cells in rows)
    told = sorted((row["ticker"], money(row["fees"]), signed(row["pnl"])) for row in trades)
    yield "trades", shown, told
    total = figures(one, ".tab .figures")
    stats = one.fetch("stats?by=day")["total"]
    yield "trades in all", total["Trades"], f"{stats['trades']:,}"
    yield "fees of trades", total["Fees"], money(stats["fees"])


def _orders(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    orders = one.fetch("orders?limit=200")["orders"]
    rows = one.rows("[aria-label='Orders table']")
    shown = sorted((cells[1], cells[3], cells[5]) for cells in rows)
    yield "orders", shown, sorted(_order(row) for row in orders)


def _order(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["ticker"], f"{row['side']} {row['size']:,.0f}", f"{row['filled']:,.0f}"


def _whales(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    # The thirty newest show at first.
    newest = one.fetch("whales?limit=30")["whales"]
    rows = one.rows("[aria-label='Whales table']")
    told = [(row["ticker"], f"{row['size']:,.0f}", f"{row['notional']:,.0f}") for row in newest]
    yield "whales", [(cells[1], cells[3], cells[5]) for cells in rows], told


def _log(one: Tab) -> Iterator[tuple[str, Any, Any]]:
    reasons = one.fetch("health")["reasons"]
    shown = one.page.locator(".faults li").all_inner_texts()
    yield "faults", [text.split(maxsplit=1)[1] for text in shown], reasons
    notices = one.fetch("state/notices")["notices"]
    rows = one.rows("[aria-label='notices table']")
    yield "notices", [cells[-1] for cells in rows], [row["message"] for row in notices]


def sum_of(trades: Sequence[Mapping[str, Any]], field: str) -> Decimal:
    """What trades came to, of their rounded rows."""
    return sum((Decimal(str(row[field])) for row in trades), Decimal(0))
