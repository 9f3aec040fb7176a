// Our account against the exchange's, as compared last, and what operators did about it.

import { money, NONE, size, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { FigureList, Missing, Ticker } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

export function Audit() {
  const answer = useAnswer("audit", 15);
  const data = answer.data;
  return (
    <section aria-labelledby="audit-title" id="audit">
      <h3 id="audit-title">Account against the exchange's</h3>
      <Missing answer={answer} what="the comparison" />
      {data && (data.reason ? <p class="missing">{data.reason}</p> : <Compared data={data} />)}
      {data && <Table label="Operators" columns={ENTRIES} rows={data.operator} id={(one) => JSON.stringify(one)} empty="No operator changed what is booked." />}
    </section>
  );
}

function Compared({ data }) {
  const figures = [
    ["Positions", <Verdict agrees={data.agrees} />],
    ["Cash booked", money(data.cash_booked)],
    ["Cash there", money(data.cash_exchange)],
    ["Compared", time(data.compared_at)],
  ];
  return (
    <>
      <FigureList figures={figures} />
      <Sentences data={data} />
      {data.positions.length > 0 && <Table label="Compared positions" columns={ROWS} rows={data.positions} id={(row) => row.ticker} first={["differs", true]} mark={(row) => (gap(row) ? "differs-row" : "")} empty="" />}
    </>
  );
}

function Verdict({ agrees }) {
  if (agrees === null) return <span class="warn-text">▲ not all read</span>;
  return agrees ? <span>● agree</span> : <span class="problem">✕ differ</span>;
}

function Sentences({ data }) {
  const stopped = data.entries_stopped && `Nothing is entered: ${data.entries_stopped}`;
  const waits = data.adoption_waits && `The adoption waits: ${data.adoption_waits}`;
  const all = [stopped, waits, ...data.differences, ...data.explanations].filter(Boolean);
  return all.map((sentence) => (
    <p class="note" key={sentence}>
      {sentence}
    </p>
  ));
}

/** Contracts there that neither we nor, where they are respected, other hands account for. */
const gap = (row) => Math.round((row.exchange - row.booked - row.foreign) * 1e4) / 1e4;

const ROWS = [
  { key: "ticker", label: "Market", wide: true, sort: (row) => row.ticker, cell: (row) => <Ticker ticker={row.ticker} /> },
  { key: "booked", label: "Booked", num: true, sort: (row) => row.booked, cell: (row) => size(row.booked) },
  { key: "foreign", label: "Of other hands", num: true, rank: 2, sort: (row) => row.foreign, cell: (row) => (row.foreign ? size(row.foreign) : NONE) },
  { key: "exchange", label: "At the exchange", num: true, sort: (row) => row.exchange, cell: (row) => size(row.exchange) },
  { key: "differs", label: "Difference", num: true, sort: (row) => Math.abs(gap(row)), cell: (row) => <Gap value={gap(row)} /> },
];

const Gap = ({ value }) => (value === 0 ? "0" : <span class="problem">✕ {value > 0 ? `+${size(value)}` : size(value)}</span>);

const ENTRIES = [
  { key: "at", label: "Done", cell: (one) => time(one.at) },
  { key: "asked", label: "Asked", rank: 2, cell: (one) => time(one.asked_at) },
  { key: "about", label: "About", wide: true, cell: (one) => one.about },
  { key: "message", label: "What operators did", cell: (one) => <Did one={one} /> },
];

const Did = ({ one }) => (
  <span class="reason">
    {one.is_refusal ? <span class="warn-text">▲ nothing done: </span> : "● "}
    {one.message}
  </span>
);
