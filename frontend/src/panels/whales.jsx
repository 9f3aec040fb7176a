// Large orders, sweeps and leans as they were seen, and what such detections were worth.

import { cents, count, NONE, signedCents, span, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { CentGain, Chips, Missing, Ticker, useKept } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

const TYPES = ["large_bid", "large_ask", "high_imbalance", "sweep", "spoof_suspected"];
const words = (type) => type.replaceAll("_", " ");

export function WhalesTab() {
  const tape = useAnswer("whales?limit=500", 8);
  const scores = useAnswer("whales/scoreboard", 30);
  return (
    <div class="columns stacked">
      <section aria-labelledby="tape-title">
        <h3 id="tape-title">Tape</h3>
        <Missing answer={tape} what="the whales" />
        {tape.data && <Tape data={tape.data} />}
      </section>
      <section aria-labelledby="scores-title">
        <h3 id="scores-title">What they were worth</h3>
        <p class="note">Mid move in the whale's direction less half the spread and one taker fee, cents a contract, with 95 % interval over markets; beside it the same markets without a whale.</p>
        <Missing answer={scores} what="the scoreboard" />
        {scores.data && <Scoreboard data={scores.data} />}
      </section>
    </div>
  );
}

function Tape({ data }) {
  const [types, setTypes] = useKept("whale-types", []);
  const [least, setLeast] = useKept("whale-dollars", 0);
  const seen = [...new Set([...TYPES, ...data.whales.map((one) => one.type)])];
  const rows = data.whales.filter((one) => (types.length === 0 || types.includes(one.type)) && one.notional >= least);
  const ends = endings(data.endings);
  return (
    <>
      <div class="tools">
        <Chips
          label="Types to show"
          all={seen.map((type) => [type, words(type), data.whales.filter((one) => one.type === type).length])}
          chosen={types}
          onChange={setTypes}
        />
        <label class="search">
          At least $
          <input type="number" min="0" step="100" value={least} onInput={(event) => setLeast(Number(event.currentTarget.value) || 0)} />
        </label>
      </div>
      <Table
        label="Whales"
        columns={tapeColumns(ends)}
        rows={rows}
        most={30}
        id={(row) => `${row.timestamp} ${row.ticker} ${row.type} ${row.price} ${row.size}`}
        empty="No whale fits."
      />
      <p class="note">{data.limits}</p>
      {data.trades?.reason && <p class="note warn-text">▲ Trades are known of {data.trades.known} of {data.trades.markets} markets: {data.trades.reason}</p>}
    </>
  );
}

const place = (one) => `${one.ticker} ${one.price}`;

/** The fates of announced orders by market and price, newest first. */
function endings(all) {
  const found = new Map();
  for (const one of all) found.set(place(one), [...(found.get(place(one)) ?? []), one]);
  return found;
}

function fate(row, ends) {
  return (ends.get(place(row)) ?? []).filter((one) => one.timestamp >= row.timestamp).at(-1);
}

const tapeColumns = (ends) => [
  { key: "time", label: "Time", sort: (row) => row.timestamp, cell: (row) => time(row.timestamp) },
  { key: "ticker", label: "Market", wide: true, sort: (row) => row.ticker, cell: (row) => <Ticker ticker={row.ticker} /> },
  { key: "type", label: "Type", sort: (row) => row.type, cell: (row) => <Type row={row} /> },
  { key: "size", label: "Size", num: true, sort: (row) => row.size, cell: (row) => count(row.size) },
  { key: "price", label: "Price", num: true, rank: 2, sort: (row) => row.price, cell: (row) => cents(row.price, 1) },
  { key: "notional", label: "$", num: true, sort: (row) => row.notional, cell: (row) => count(row.notional) },
  { key: "fate", label: "Fate", rank: 3, cell: (row) => <Fate one={fate(row, ends)} /> },
  { key: "why", label: "Why", rank: 2, cell: (row) => <span class="reason">{row.why}</span> },
];

function Type({ row }) {
  const way = { BUY_BIAS: "▲", SELL_BIAS: "▼" }[row.side_bias] ?? "";
  const tone = { BUY_BIAS: "up", SELL_BIAS: "down" }[row.side_bias] ?? "";
  return (
    <span class="nowrap">
      <span class={tone}>{way}</span> {words(row.type)}
      {row.confidence && <span class="muted"> ({row.confidence})</span>}
    </span>
  );
}

const Fate = ({ one }) => (one ? <span title={`after ${span(one.lifetime_seconds * 1000)}; ${one.traded === null ? "trades not known" : `${count(one.traded)} can have traded`}`}>{one.fate}</span> : NONE);

const VERDICTS = { gains: "gains", loses: "loses", open: "not told from chance", too_few: "too few markets" };

function Scoreboard({ data }) {
  return (
    <>
      <Table label="Scoreboard" columns={SCORES} rows={data.lines} id={(one) => `${one.type} ${one.price_band} ${one.category} ${one.horizon}`} first={["count", true]} empty="No detection was followed to a horizon yet." />
      <p class="note">
        {data.following} followed now{Object.entries(data.unscored).map(([why, number]) => ` · ${number} ${why}`)}
      </p>
    </>
  );
}

const between = (interval) => (interval ? `${signedCents(interval[0])} … ${signedCents(interval[1])}` : NONE);

/** What tells two lines of one type apart, where there is no room for columns of it. */
const ScoredType = ({ one }) => (
  <span class="wrap">
    {words(one.type)}
    <span class="narrow muted">
      {one.price_band} c · {one.category}
    </span>
  </span>
);

const SCORES = [
  { key: "type", label: "Type", sort: (one) => one.type, cell: (one) => <ScoredType one={one} /> },
  { key: "band", label: "Price, c", rank: 2, sort: (one) => one.price_band, cell: (one) => one.price_band },
  { key: "category", label: "Category", rank: 2, sort: (one) => one.category, cell: (one) => one.category },
  { key: "horizon", label: "After", sort: (one) => one.horizon, cell: (one) => one.horizon },
  { key: "mean", label: "Net c", num: true, sort: (one) => one.mean, cell: (one) => <CentGain value={one.mean} /> },
  { key: "interval", label: "95 %", num: true, cell: (one) => between(one.interval) },
  { key: "base", label: "Without", num: true, rank: 3, title: "The same markets without a whale", sort: (one) => one.baseline_mean, cell: (one) => signedCents(one.baseline_mean) },
  { key: "count", label: "Cases", num: true, sort: (one) => one.count, cell: (one) => `${one.count} / ${one.markets} m` },
  { key: "verdict", label: "Verdict", sort: (one) => one.verdict, cell: (one) => <span class="wrap">{VERDICTS[one.verdict] ?? one.verdict}</span> },
];
