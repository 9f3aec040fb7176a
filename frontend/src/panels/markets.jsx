// All watched markets: sorted, searched, filtered; a row leads to the view of one market.

import { cents, count, money, score, size, span } from "../ui/format.js";
import { Chips, Gain, Ticker, useKept, Way } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

const FILTERS = [
  ["BUY", "▲ Buy", (row) => row.signal_direction === "BUY"],
  ["SELL", "▼ Sell", (row) => row.signal_direction === "SELL"],
  ["HOLD", "■ Hold", (row) => row.signal_direction === "HOLD"],
  ["held", "Held", (row) => row.position !== 0],
  ["stale", "Stale", (row) => row.stale],
  ["whale", "Whale", (row) => row.recent_whale_count > 0],
];
const DIRECTIONS = ["BUY", "SELL", "HOLD"];

export function MarketsTab({ state }) {
  const [chosen, setChosen] = useKept("markets", []);
  const [text, setText] = useKept("search", "");
  const rows = state.markets.filter((row) => matches(row, chosen) && found(row, text));
  const chips = FILTERS.map(([name, label, test]) => [name, label, state.markets.filter(test).length]);
  return (
    <>
      <div class="tools">
        <Chips label="Markets to show" all={chips} chosen={chosen} onChange={setChosen} />
        <label class="search">
          Search
          <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="ticker or title" />
        </label>
        <span class="muted">
          {rows.length} of {state.markets.length}
        </span>
      </div>
      <Table
        label="Markets"
        columns={COLUMNS}
        rows={rows}
        id={(row) => row.ticker}
        first={["volume", true]}
        mark={(row) => (row.stale ? "stale-row" : row.position ? "held-row" : "")}
        empty={state.markets.length ? "No market fits." : "No market is watched yet."}
      />
    </>
  );
}

/** One of the pressed directions, and all of the other pressed chips. */
function matches(row, chosen) {
  const ways = chosen.filter((name) => DIRECTIONS.includes(name));
  const others = FILTERS.filter(([name]) => chosen.includes(name) && !DIRECTIONS.includes(name));
  return (ways.length === 0 || ways.includes(row.signal_direction)) && others.every(([, , test]) => test(row));
}

const found = (row, text) => `${row.ticker} ${row.title} ${row.category ?? ""}`.toLowerCase().includes(text.trim().toLowerCase());

const COLUMNS = [
  { key: "ticker", label: "Market", wide: true, sort: (row) => row.ticker, cell: (row) => <Market row={row} /> },
  { key: "bid", label: "Bid", num: true, sort: (row) => row.yes_bid, cell: (row) => cents(row.yes_bid) },
  { key: "ask", label: "Ask", num: true, sort: (row) => row.yes_ask, cell: (row) => cents(row.yes_ask) },
  { key: "spread", label: "Spread", num: true, rank: 2, sort: (row) => row.spread, cell: (row) => cents(row.spread) },
  { key: "ratio", label: "Bid share", num: true, rank: 3, title: "Bid contracts of all contracts, best five levels a side", sort: (row) => row.bid_ratio, cell: (row) => score(row.bid_ratio) },
  { key: "volume", label: "Volume 24 h", num: true, rank: 2, sort: (row) => row.volume_24h, cell: (row) => count(row.volume_24h) },
  { key: "interest", label: "Open int.", num: true, rank: 3, sort: (row) => row.open_interest, cell: (row) => count(row.open_interest) },
  { key: "signal", label: "Signal", sort: (row) => row.signal_direction, cell: (row) => <Way way={row.signal_direction} /> },
  { key: "score", label: "Score", num: true, title: "Probability that the YES mid rises; 0.50 without an opinion", sort: (row) => row.signal_score, cell: (row) => <Score row={row} /> },
  { key: "position", label: "Position", num: true, rank: 2, sort: (row) => row.position, cell: (row) => (row.position ? size(row.position) : "") },
  { key: "notional", label: "Notional $", num: true, rank: 3, sort: (row) => row.position_notional, cell: (row) => (row.position ? money(row.position_notional) : "") },
  { key: "pnl", label: "Open P&L $", num: true, rank: 2, sort: (row) => row.pnl_unrealized, cell: (row) => (row.position ? <Gain value={row.pnl_unrealized} /> : "") },
  { key: "whales", label: "Whales", num: true, rank: 2, title: "Lately; the largest in contracts", sort: (row) => row.recent_whale_count, cell: (row) => (row.recent_whale_count ? `${row.recent_whale_count} · ${count(row.recent_whale_max_size)}` : "") },
  { key: "age", label: "Age", num: true, rank: 2, sort: (row) => row.age_seconds, cell: (row) => <Age row={row} /> },
  { key: "why", label: "Why no opinion, no trade", rank: 3, cell: (row) => <span class="reason">{row.reason}</span> },
];

function Market({ row }) {
  return (
    <>
      <Ticker ticker={row.ticker} />
      <span class="title">{row.title}</span>
    </>
  );
}

// 0.5 with a reason is how the state says that the model has none.
const unheard = (row) => row.signal_score === 0.5 && row.reason !== "";
const Score = ({ row }) => (unheard(row) ? <span class="muted" title={row.reason}>no opinion</span> : score(row.signal_score));

function Age({ row }) {
  const text = span(row.age_seconds * 1000);
  return row.stale ? <span class="warn-text">▲ {text}</span> : text;
}
