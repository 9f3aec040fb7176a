// One market: its book, its mid with our fills and whales on it, decisions, what the model sees.

import { useMemo } from "preact/hooks";
import { axis, Chart, timeAxis } from "../ui/chart.jsx";
import { cents, count, money, NONE, score, size, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { FigureList, Gain, Missing, Panel, Way } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

export function MarketView({ ticker }) {
  const answer = useAnswer(`markets/${encodeURIComponent(ticker)}`, 4);
  const page = answer.data;
  return (
    <Panel
      id="market"
      title={ticker}
      note={
        <>
          <a href={`https://kalshi.com/markets/${encodeURIComponent(ticker.split("-")[0].toLowerCase())}`} rel="noreferrer" target="_blank">
            on Kalshi ↗
          </a>{" "}
          · <a href="#markets">back to all markets</a>
        </>
      }
    >
      <Missing answer={answer} what="the market" />
      {page && (
        <>
          <Facts market={page.market} position={page.position} />
          <div class="market-grid">
            <Book page={page} />
            <Path page={page} />
          </div>
          <div class="columns">
            <Decisions page={page} />
            <div>
              <Whales page={page} />
              <Features page={page} />
            </div>
          </div>
        </>
      )}
    </Panel>
  );
}

function Facts({ market, position }) {
  const facts = [
    ["Bid", cents(market.yes_bid)],
    ["Ask", cents(market.yes_ask)],
    ["Spread", cents(market.spread)],
    ["Signal", <Way way={market.signal_direction} />],
    ["Score", score(market.signal_score)],
    ["Position", position ? `${size(position.size)} ${position.side}` : NONE],
    ["Entry", cents(position?.entry_price, 2)],
    ["P&L", <Gain value={position?.pnl} />],
    ["Volume 24 h", count(market.volume_24h)],
    ["Open interest", count(market.open_interest)],
  ];
  return (
    <>
      <p class="market-title">
        {market.title} <span class="muted">{[market.category, market.status, market.regime, market.stale && "▲ stale"].filter(Boolean).join(" · ")}</span>
      </p>
      <FigureList figures={facts} />
      {market.reason && <p class="note">{market.reason}</p>}
      {position && <p class="note">Still held: {position.hold_reason}</p>}
    </>
  );
}

/** Ten levels a side, asks above bids as on a ladder; the bars compare sizes. */
function Book({ page }) {
  const { book } = page;
  const most = book ? Math.max(...[...book.bids, ...book.asks].map((one) => one.size), 1) : 1;
  const row = (side) => (one) => (
    <tr key={`${side} ${one.price}`} class={side}>
      <td class="num">{side === "bid" ? count(one.size) : ""}</td>
      <td class="num price">{cents(one.price, one.price % 1 ? 1 : 0)}</td>
      <td class="num">{side === "ask" ? count(one.size) : ""}</td>
      <td>
        <span class={`depth ${side}`} aria-hidden="true">
          <span style={{ width: `${(one.size / most) * 100}%` }} />
        </span>
      </td>
    </tr>
  );
  return (
    <section aria-labelledby="book-title">
      <h3 id="book-title">Book {book && <span class="muted">seen {time(book.seen_at)}</span>}</h3>
      {!book && <p class="missing">{page.book_reason ?? "No book is known."}</p>}
      {book && (
        <table class="book">
          <thead>
            <tr>
              <th scope="col" class="num">
                Bid size
              </th>
              <th scope="col" class="num">
                Price, c
              </th>
              <th scope="col" class="num">
                Ask size
              </th>
              <th scope="col">Depth</th>
            </tr>
          </thead>
          <tbody>
            {[...book.asks].reverse().map(row("ask"))}
            {book.bids.map(row("bid"))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Path({ page }) {
  const data = useMemo(() => columns(page), [page]);
  return (
    <section aria-labelledby="path-title">
      <h3 id="path-title">Mid, cents, last 30 minutes</h3>
      {page.path_reason && <p class="note">{page.path_reason}</p>}
      {page.path.length >= 2 && (
        <>
          <Chart label={`Mid of ${page.path.length} moments, with ${page.fills?.length ?? 0} fills and ${page.whales.length} whales`} height={250} data={data} options={mids} />
          <p class="note">▲ we bought · ▼ we sold · ○ whale, at its price</p>
        </>
      )}
      {page.fills_reason && <p class="note warn-text">▲ fills are not known: {page.fills_reason}</p>}
      {page.fills?.length > 0 && <Table label="Fills" columns={FILLS} rows={page.fills} id={(one) => one.fill_id} empty="" />}
    </section>
  );
}

const seconds = (iso) => Date.parse(iso) / 1000;

/** Moments of all of it, and each series at those moments. */
function columns({ path, fills, whales }) {
  const points = [
    ...path.map((one) => [seconds(one.at), 1, one.mid]),
    ...(fills ?? []).map((one) => [seconds(one.at), one.side === "buy" ? 2 : 3, one.price]),
    ...whales.map((one) => [seconds(one.timestamp), 4, one.price]),
  ].sort((a, b) => a[0] - b[0]);
  return [points.map(([at]) => at), ...[1, 2, 3, 4].map((series) => points.map(([, own, value]) => (own === series ? value : undefined)))];
}

function mids(colours) {
  const none = () => null;
  return {
    padding: [8, 14, 2, 0],
    axes: [timeAxis(colours), { ...axis(colours), size: 44 }],
    series: [
      {},
      { label: "mid", stroke: colours.accent, width: 1.4, spanGaps: true, points: { show: false } },
      { label: "bought", stroke: colours.up, paths: none, points: { show: true, size: 11, fill: colours.up, paths: triangles(-1) } },
      { label: "sold", stroke: colours.down, paths: none, points: { show: true, size: 11, fill: colours.down, paths: triangles(1) } },
      { label: "whale", stroke: colours.amber, width: 1.5, paths: none, points: { show: true, size: 9, fill: colours.panel } },
    ],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
  };
}

/** Triangles whose tip points up (-1) or down (1): colour is not what tells them apart. */
const triangles = (way) => (plot, index) => {
  const path = new Path2D();
  const half = 5.5 * devicePixelRatio;
  const [xs, ys] = [plot.data[0], plot.data[index]];
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === undefined || ys[i] === null) continue;
    const [x, y] = [plot.valToPos(xs[i], "x", true), plot.valToPos(ys[i], "y", true)];
    path.moveTo(x, y + way * half);
    path.lineTo(x - half, y - way * half);
    path.lineTo(x + half, y - way * half);
    path.closePath();
  }
  return { stroke: null, fill: path };
};

const FILLS = [
  { key: "time", label: "Time", cell: (one) => time(one.at) },
  { key: "side", label: "Side", cell: (one) => one.side },
  { key: "size", label: "Size", num: true, cell: (one) => size(one.size) },
  { key: "price", label: "Price", num: true, cell: (one) => cents(one.price, 2) },
  { key: "fee", label: "Fee $", num: true, cell: (one) => money(one.fee) },
];

function Decisions({ page }) {
  return (
    <section aria-labelledby="market-decisions">
      <h3 id="market-decisions">Decisions of the last cycles</h3>
      <Table label="Decisions" columns={DECISIONS} rows={page.decisions} id={(one) => one.timestamp} empty="No decision about it lately." />
    </section>
  );
}

const rule = ({ refusal }) => (refusal ? `${refusal.rule}: ${refusal.value ?? NONE} of ${refusal.limit ?? NONE}` : "");

const DECISIONS = [
  { key: "time", label: "Time", cell: (one) => time(one.timestamp) },
  { key: "score", label: "Score", num: true, cell: (one) => score(one.score) },
  { key: "direction", label: "Signal", cell: (one) => <Way way={one.direction} /> },
  { key: "action", label: "Action", cell: (one) => <span class="nowrap">{one.action.replaceAll("_", " ")}</span> },
  { key: "order", label: "Order", rank: 2, cell: (one) => one.order ?? "" },
  { key: "outcome", label: "Outcome, or why not", cell: (one) => <span class="reason">{one.outcome ?? (one.reason || rule(one))}</span> },
];

function Whales({ page }) {
  return (
    <section aria-labelledby="market-whales">
      <h3 id="market-whales">Whales</h3>
      <Table label="Whales" columns={WHALES} rows={page.whales} id={(one) => JSON.stringify(one)} empty="No whale in it lately." />
    </section>
  );
}

const WHALES = [
  { key: "time", label: "Time", cell: (one) => time(one.timestamp) },
  { key: "type", label: "Type", cell: (one) => <span class="nowrap">{one.type.replaceAll("_", " ")}</span> },
  { key: "size", label: "Size", num: true, cell: (one) => count(one.size) },
  { key: "price", label: "Price", num: true, cell: (one) => cents(one.price, 1) },
  { key: "why", label: "Why", rank: 2, cell: (one) => <span class="reason">{one.why}</span> },
];

function Features({ page }) {
  if (!page.features) return null;
  const rows = Object.entries(page.features);
  return (
    <section aria-labelledby="features-title">
      <h3 id="features-title">What the model sees</h3>
      <dl class="facts features">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="num">{value === null ? NONE : value.toFixed(3).replace("-", "−")}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
