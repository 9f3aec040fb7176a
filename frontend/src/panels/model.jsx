// The model: what it is, whether it is calibrated, whether its inputs have drifted.

import { centRange, count, NONE, score, signedCents } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { axis, Chart } from "../ui/chart.jsx";
import { Missing, useKept } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";
import { Twins } from "./twin.jsx";

export function ModelTab({ state }) {
  const model = useAnswer("model", 60);
  const record = useAnswer("model/performance", 30);
  return (
    <div class="columns">
      <section aria-labelledby="record-title">
        <h3 id="record-title">Track record</h3>
        <Missing answer={record} what="the track record" />
        {record.data && <Record data={record.data} />}
        {record.data && <Fills rows={record.data.fills} />}
        {state.bot.mode === "live" && <Twins />}
      </section>
      <section aria-labelledby="card-title">
        <h3 id="card-title">Model</h3>
        <Missing answer={model} what="the model" />
        {model.data && <Card model={model.data} />}
      </section>
    </div>
  );
}

function Record({ data }) {
  const names = Object.keys(data.groups);
  const [chosen, setChosen] = useKept("model-group", "ALL");
  const group = data.groups[chosen] ?? data.groups.ALL;
  if (!group) return <p class="missing">No prediction was graded yet; {count(data.waiting)} wait for their horizon of {data.horizon_seconds} s.</p>;
  return (
    <>
      <div class="tools">
        <label class="search">
          Markets
          <select value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
            {names.map((name) => (
              <option key={name} value={name}>
                {name === "ALL" ? "all series" : name}
              </option>
            ))}
          </select>
        </label>
        <span class="muted">
          {count(group.graded)} graded in {count(group.markets)} markets · {count(group.moved)} saw a move · {count(data.waiting)} wait · {count(data.lapsed)} lapsed
        </span>
      </div>
      <General names={data.general} chosen={group === data.groups.ALL ? null : chosen} all={names.length - 1} />
      <dl class="figures small">
        <Mean name="Hit rate" mean={group.hit_rate} text={(value) => `${(value * 100).toFixed(1)}%`} title="of those that saw a move" />
        <Mean name="Brier" mean={group.brier} text={(value) => value.toFixed(4)} title="0.25 is a coin" />
        <Mean name="Log loss" mean={group.log_loss} text={(value) => value.toFixed(4)} title="0.693 is a coin" />
        <Mean name="Net c, all" mean={group.cents} text={signedCents} title="cents a contract after spread and fees, in the predicted direction" />
        <Mean name="Net c, decided" mean={group.decided_cents} text={signedCents} title="the same beyond the entry thresholds" />
      </dl>
      <Calibration bins={group.bins} />
    </>
  );
}

/** Which series the model was not trained on: what it says of them is worth less. */
function General({ names, chosen, all }) {
  if (names === null || names.length === 0 || (chosen && !names.includes(chosen))) return null;
  const text = chosen ? "Scored by the general model: it was not trained on such markets" : `${names.length} of ${all} series are scored by the general model, not trained on such markets: ${names.join(", ")}`;
  return <p class="note warn-text">▲ {text}</p>;
}

const KINDS = { entry_long: "entry, long", entry_short: "entry, short", exit_taken: "exit, taken", exit_rested: "exit, rested" };

function Fills({ rows }) {
  return (
    <>
      <h4>What fills were worth: the mid after so many seconds, on the position's side, cents a contract before fees</h4>
      <Table label="Markouts of fills" columns={FILLS} rows={rows} id={(row) => `${row.category} ${row.kind}`} empty="No fill is a minute old yet." />
    </>
  );
}

const after = (seconds) => ({
  key: seconds,
  label: `${seconds} s`,
  num: true,
  rank: seconds === "5" ? 2 : undefined,
  sort: (row) => row.after[seconds]?.value,
  cell: (row) => <Markout mean={row.after[seconds]} />,
});

function Markout({ mean }) {
  if (!mean) return NONE;
  return <span title={`${centRange(mean)}; ${count(mean.rows)} fills`}>{signedCents(mean.value)}</span>;
}

const FILLS = [
  { key: "kind", label: "Fill", sort: (row) => row.kind, cell: (row) => KINDS[row.kind] ?? row.kind },
  { key: "category", label: "Category", sort: (row) => row.category, cell: (row) => row.category },
  { key: "fills", label: "Fills", num: true, sort: (row) => row.fills, cell: (row) => count(row.fills) },
  ...["1", "5", "10", "60"].map(after),
];

function Mean({ name, mean, text, title }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{mean ? text(mean.value) : NONE}</dd>
      <dd class="muted">{mean?.interval ? `${text(mean.interval[0])} … ${text(mean.interval[1])}` : "no interval yet"}</dd>
    </div>
  );
}

function Calibration({ bins }) {
  const scores = bins.map((bin) => bin.score);
  const rose = (enough) => bins.map((bin) => (bin.rows >= ENOUGH === enough ? bin.up : null));
  const data = [[0, ...scores, 1], [0, ...scores, 1], [null, ...rose(true), null], [null, ...rose(false), null]];
  return (
    <>
      <h4>Calibration: how often the price rose, by what was said (hollow: fewer than {ENOUGH} predictions)</h4>
      <Chart label="Calibration of the predictions; the table below has the figures" height={220} data={data} options={calibration} />
      <Table label="Calibration" columns={BINS} rows={bins} id={(bin) => bin.score} empty="No prediction was graded yet." />
    </>
  );
}

/** Predictions in a bin below which its share tells little: a hollow dot. */
const ENOUGH = 20;

const BINS = [
  { key: "score", label: "Said", num: true, cell: (bin) => score(bin.score) },
  { key: "up", label: "Rose", num: true, cell: (bin) => score(bin.up) },
  { key: "gap", label: "Rose − said", num: true, cell: (bin) => signedCents(bin.up - bin.score) },
  { key: "rows", label: "Predictions", num: true, cell: (bin) => count(bin.rows) },
];

const unit = { range: [0, 1] };

function calibration(colours) {
  const percent = (_, splits) => splits.map((value) => value.toFixed(1));
  return {
    scales: { x: { time: false, ...unit }, y: unit },
    axes: [
      { ...axis(colours), values: percent, incrs: [0.2], size: 28 },
      { ...axis(colours), values: percent, incrs: [0.2], size: 34 },
    ],
    series: [
      { label: "said" },
      { label: "if calibrated", stroke: colours.muted, dash: [4, 4], points: { show: false } },
      { label: "rose", stroke: colours.accent, width: 2, spanGaps: true, points: { show: true, size: 7, fill: colours.accent } },
      { label: "rose, few", stroke: colours.accent, paths: () => null, points: { show: true, size: 7, fill: colours.panel } },
    ],
    legend: { show: false },
    cursor: { show: false },
  };
}

function Card({ model }) {
  const card = model.card;
  const rows = Object.entries(model.drift).map(([name, drift]) => ({ name, ...drift }));
  return (
    <>
      {model.fault && <p class="problem">✕ {model.fault}</p>}
      {card ? <Facts card={card} version={model.version} /> : <p class="missing">The card of the model cannot be read.</p>}
      <h4>Drift of its inputs since 00:00 UTC</h4>
      <Table label="Drift" columns={DRIFT} rows={rows} id={(row) => row.name} first={["index", true]} empty="Nothing is known of drift yet." />
    </>
  );
}

function Facts({ card, version }) {
  const facts = [
    ["Version", version],
    ["Recipe", card.recipe],
    ["Predicts", card.label?.what],
    ["Horizon", card.label && `${card.label.horizon_seconds} s`],
    ["Trained on", card.training && `${count(card.training.rows)} rows of ${count(card.training.markets)} markets`],
    ["From, to", card.training && `${card.training.from_utc} … ${card.training.to_utc}`],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{String(value)}</dd>
          </div>
        ))}
    </dl>
  );
}

const VERDICTS = { unknown: "○ too few rows", steady: "● steady", watch: "▲ watch", drifted: "✕ drifted" };
const DRIFT = [
  { key: "name", label: "Input", sort: (row) => row.name, cell: (row) => row.name },
  { key: "index", label: "Index", num: true, title: "Population stability index", sort: (row) => row.index, cell: (row) => (row.index === null ? NONE : row.index.toFixed(3)) },
  { key: "rows", label: "Rows", num: true, rank: 2, sort: (row) => row.rows, cell: (row) => count(row.rows) },
  { key: "verdict", label: "Verdict", cell: (row) => <span class={`verdict ${row.verdict}`}>{VERDICTS[row.verdict] ?? row.verdict}</span> },
];
