// Closed trades one by one, and what they came to together.

import { useState } from "preact/hooks";
import { serverNow } from "../data/api.js";
import { cents, count, money, NONE, share, size, span, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Chips, Choice, Download, FigureList, Gain, Missing, Ticker, useKept } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

const DAYS = [
  ["today", "today"],
  ["week", "7 days"],
  ["all", "all"],
];

/** Midnight UTC, or seven days before it; null for all that is kept. */
function since(days) {
  if (days === "all") return null;
  const midnight = new Date(serverNow());
  midnight.setUTCHours(0, 0, 0, 0);
  return new Date(midnight.getTime() - (days === "week" ? 7 * 86_400_000 : 0)).toISOString();
}

const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value);
  return given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
};

/** What stands behind #trades/: from and to, if that is a time. */
function within(rest) {
  const [from, to] = (rest ?? "").split("/");
  return Number.isNaN(Date.parse(from)) || Number.isNaN(Date.parse(to)) ? null : { from, to };
}

export function TradesTab({ rest }) {
  const moment = within(rest);
  const [days, setDays] = useKept("trade-days", "all");
  const [ticker, setTicker] = useKept("trade-ticker", "");
  const [kinds, setKinds] = useKept("trade-kinds", []);
  const from = moment ? moment.from : since(days);
  const times = { since: from, until: moment?.to };
  const answer = useAnswer(`trades?${query({ limit: 500, ...times })}`, 12);
  const all = answer.data?.trades ?? [];
  const rows = all.filter((one) => fits(one, ticker, kinds));
  const chips = KINDS.map(([name, text, test]) => [name, text, all.filter(test).length]);
  return (
    <>
      <div class="tools">
        {moment ? <Moment moment={moment} /> : <Choice label="Days" all={DAYS} chosen={days} onChange={setDays} />}
        <Chips label="Trades to show" all={chips} chosen={kinds} onChange={setKinds} />
        <label class="search">
          Market
          <input type="search" value={ticker} onInput={(event) => setTicker(event.currentTarget.value)} placeholder="ticker or title" />
        </label>
        <Download path={`trades.csv?${query(times)}`} name="trades.csv" />
        <span class="muted">
          {rows.length} of {all.length}
          {answer.data?.next_cursor ? ` of the ${answer.data.count} newest` : ""}
        </span>
      </div>
      <Missing answer={answer} what="the trades" />
      {answer.data && <Table label="Trades" columns={TRADES} rows={rows} id={(one) => `${one.ticker} ${one.opened_at} ${one.closed_at}`} empty={all.length ? "No trade fits." : "No trade was closed yet."} />}
      <Statistics times={times} />
    </>
  );
}

const Moment = ({ moment }) => (
  <span>
    closed {time(moment.from)} to {time(moment.to)} <a href="#trades">all times</a>
  </span>
);

const KINDS = [
  ["won", "▲ won", (one) => one.pnl > 0],
  ["lost", "▼ lost", (one) => one.pnl < 0],
];

function fits(one, text, kinds) {
  const kind = kinds.length === 0 || KINDS.some(([name, , test]) => kinds.includes(name) && test(one));
  return kind && `${one.ticker} ${one.title ?? ""}`.toLowerCase().includes(text.trim().toLowerCase());
}

const HOW = { signal: "signal", stop_loss: "stop loss", before_close: "before the close", by_hand: "by hand", settlement: "settlement", order: "order" };

const TRADES = [
  { key: "closed", label: "Closed", sort: (one) => one.closed_at, cell: (one) => time(one.closed_at) },
  { key: "opened", label: "Opened", rank: 2, sort: (one) => one.opened_at, cell: (one) => time(one.opened_at) },
  { key: "ticker", label: "Market", wide: true, sort: (one) => one.ticker, cell: (one) => <Market one={one} /> },
  { key: "size", label: "Size", num: true, sort: (one) => one.size, cell: (one) => `${size(one.size)} ${one.side}` },
  { key: "in", label: "In", num: true, rank: 2, sort: (one) => one.entry_price, cell: (one) => <Price value={one.entry_price} why={one.reason} /> },
  { key: "out", label: "Out", num: true, rank: 2, sort: (one) => one.exit_price, cell: (one) => <Price value={one.exit_price} why={one.reason} /> },
  { key: "gross", label: "Gross $", num: true, rank: 3, sort: (one) => one.pnl_gross, cell: (one) => <Gain value={one.pnl_gross} /> },
  { key: "fees", label: "Fees $", num: true, rank: 2, sort: (one) => one.fees, cell: (one) => money(one.fees) },
  { key: "pnl", label: "P&L $", num: true, sort: (one) => one.pnl, cell: (one) => <Gain value={one.pnl} /> },
  { key: "held", label: "Held", num: true, rank: 2, sort: (one) => one.held_seconds, cell: (one) => span(one.held_seconds * 1000) },
  { key: "how", label: "Closed by", rank: 2, sort: (one) => one.how, cell: (one) => HOW[one.how] ?? one.how },
];

function Market({ one }) {
  return (
    <>
      <Ticker ticker={one.ticker} />
      <span class="title">{one.title ?? ""}</span>
    </>
  );
}

const Price = ({ value, why }) => <span title={why ?? undefined}>{cents(value, 2)}</span>;

const BY = [
  ["day", "day"],
  ["hour", "hour"],
  ["category", "category"],
  ["market", "market"],
  ["exit", "exit"],
];

function Statistics({ times }) {
  const [by, setBy] = useState("day");
  const answer = useAnswer(`stats?${query({ by, ...times })}`, 20);
  return (
    <section aria-labelledby="stats-title">
      <h3 id="stats-title">Statistics</h3>
      <Missing answer={answer} what="the statistics" />
      {answer.data && <Total total={answer.data.total} />}
      <div class="tools">
        <Choice label="Grouped by" all={BY} chosen={by} onChange={setBy} />
        {answer.data?.reason && <span class="warn-text">▲ {answer.data.reason}</span>}
      </div>
      {answer.data && <Table label="Statistics" columns={GROUPS} rows={answer.data.groups} id={(one) => one.key} empty="No trade was closed yet." />}
    </section>
  );
}

function Total({ total }) {
  const figures = [
    ["Trades", count(total.trades)],
    ["Win rate", share(total.win_rate, 1)],
    ["Profit factor", ratio(total.profit_factor)],
    ["Average win", <Gain value={total.average_win} />],
    ["Average loss", <Gain value={total.average_loss} />],
    ["Fees", money(total.fees)],
    ["P&L after fees", <Gain value={total.trades ? total.pnl : null} />],
    ["Max drawdown", total.trades ? money(total.max_drawdown) : NONE],
  ];
  return <FigureList figures={figures.map((one) => [...one, total.reason ?? undefined])} />;
}

const ratio = (value) => (value === null ? NONE : value.toFixed(2));

const GROUPS = [
  { key: "key", label: "Group", sort: (one) => one.key, cell: (one) => HOW[one.key] ?? one.key ?? "not known" },
  { key: "trades", label: "Trades", num: true, sort: (one) => one.trades, cell: (one) => count(one.trades) },
  { key: "rate", label: "Win rate", num: true, sort: (one) => one.win_rate, cell: (one) => share(one.win_rate, 1) },
  { key: "factor", label: "Profit factor", num: true, rank: 2, sort: (one) => one.profit_factor, cell: (one) => ratio(one.profit_factor) },
  { key: "win", label: "Average win $", num: true, rank: 3, sort: (one) => one.average_win, cell: (one) => <Gain value={one.average_win} /> },
  { key: "loss", label: "Average loss $", num: true, rank: 3, sort: (one) => one.average_loss, cell: (one) => <Gain value={one.average_loss} /> },
  { key: "held", label: "Average held", num: true, rank: 3, sort: (one) => one.average_held_seconds, cell: (one) => (one.average_held_seconds === null ? NONE : span(one.average_held_seconds * 1000)) },
  { key: "fees", label: "Fees $", num: true, rank: 2, sort: (one) => one.fees, cell: (one) => money(one.fees) },
  { key: "pnl", label: "P&L $", num: true, sort: (one) => one.pnl, cell: (one) => <Gain value={one.pnl} /> },
];
