// One market: its book, decisions, whales.

import { cents, count, money, score, size, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Gain, Missing, Panel, Way } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

export function MarketView({ ticker, state }) {
  const market = state.markets.find((one) => one.ticker === ticker);
  const asked = encodeURIComponent(ticker);
  const decisions = useAnswer(`decisions?ticker=${asked}&limit=20`, 10);
  const whales = useAnswer(`whales?ticker=${asked}&limit=50`, 15);
  return (
    <Panel
      id="market"
      title={ticker}
      note={
        <>
          <a href={`https://kalshi.com/markets/${ticker.split("-")[0].toLowerCase()}`} rel="noreferrer" target="_blank">
            on Kalshi ↗
          </a>{" "}
          · <a href="#markets">back to all markets</a>
        </>
      }
    >
      {market ? <Facts market={market} /> : <p class="missing">This market is not watched now.</p>}
      <div class="columns">
        <section aria-labelledby="market-decisions">
          <h3 id="market-decisions">Decisions</h3>
          <Missing answer={decisions} what="the decisions" />
          {decisions.data && <Table label="Decisions" columns={DECISIONS} rows={decisions.data.decisions} id={(one) => one.timestamp} empty="No decision about it lately." />}
        </section>
        <section aria-labelledby="market-whales">
          <h3 id="market-whales">Whales</h3>
          <Missing answer={whales} what="the whales" />
          {whales.data && <Table label="Whales" columns={WHALES} rows={whales.data.whales} id={(one) => JSON.stringify(one)} empty="No whale in it lately." />}
        </section>
      </div>
    </Panel>
  );
}

function Facts({ market }) {
  const facts = [
    ["Bid", cents(market.yes_bid)],
    ["Ask", cents(market.yes_ask)],
    ["Spread", cents(market.spread)],
    ["Signal", <Way way={market.signal_direction} />],
    ["Score", score(market.signal_score)],
    ["Position", size(market.position)],
    ["Open P&L", <Gain value={market.position ? market.pnl_unrealized : null} />],
    ["Volume 24 h", count(market.volume_24h)],
    ["Open interest", count(market.open_interest)],
    ["Notional", market.position ? money(market.position_notional) : "–"],
  ];
  return (
    <>
      <p class="market-title">
        {market.title} <span class="muted">{[market.category, market.status, market.regime, market.stale && "▲ stale"].filter(Boolean).join(" · ")}</span>
      </p>
      <dl class="figures small">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {market.reason && <p class="note">{market.reason}</p>}
    </>
  );
}

const DECISIONS = [
  { key: "time", label: "Time", cell: (one) => time(one.timestamp) },
  { key: "score", label: "Score", num: true, cell: (one) => score(one.score) },
  { key: "direction", label: "Signal", cell: (one) => <Way way={one.direction} /> },
  { key: "action", label: "Action", cell: (one) => <span class="nowrap">{one.action.replaceAll("_", " ")}</span> },
  { key: "order", label: "Order", rank: 2, cell: (one) => one.order ?? "" },
  { key: "outcome", label: "Outcome", cell: (one) => <span class="reason">{one.outcome ?? one.reason}</span> },
];

const WHALES = [
  { key: "time", label: "Time", cell: (one) => time(one.timestamp) },
  { key: "type", label: "Type", cell: (one) => <span class="nowrap">{one.type.replaceAll("_", " ")}</span> },
  { key: "size", label: "Size", num: true, cell: (one) => count(one.size) },
  { key: "price", label: "Price", num: true, cell: (one) => cents(one.price, 1) },
  { key: "why", label: "Why", rank: 2, cell: (one) => <span class="reason">{one.why}</span> },
];
