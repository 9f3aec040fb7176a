// What is wrong now, our account beside the exchange's, and what happened besides trades: notices
// folded by what they are about, the timeline, the last log lines.

import { count, time } from "../ui/format.js";
import { HEALTH_EVERY, useAnswer } from "../ui/hooks.js";
import { Chips, Mark, Missing, Ticker, useKept } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";
import { Audit } from "./audit.jsx";

const words = (kind) => kind.toLowerCase().replaceAll("_", " ");

export function LogTab({ state }) {
  return (
    <div class="columns stacked">
      <Faults />
      {state.bot.mode === "live" && <Audit />}
      <section aria-labelledby="notices-title">
        <h3 id="notices-title">Notices</h3>
        <Kinds name="notices" rows={state.notices} kind={(one) => one.kind} columns={NOTICES} empty="No notice." />
      </section>
      <section aria-labelledby="timeline-title">
        <h3 id="timeline-title">Timeline</h3>
        <Kinds name="timeline" rows={state.timeline} kind={(one) => one.type} columns={TIMELINE} empty="Nothing happened yet." />
      </section>
      <Lines />
    </div>
  );
}

function Faults() {
  const answer = useAnswer("health", HEALTH_EVERY);
  const reasons = answer.data?.reasons ?? [];
  return (
    <section aria-labelledby="faults-title">
      <h3 id="faults-title">What is wrong now</h3>
      <Missing answer={answer} what="the health" />
      {answer.data && reasons.length === 0 && <p class="missing">● Nothing is.</p>}
      <ul class="faults">
        {reasons.map((reason) => (
          <li key={reason} class="reason">
            <Mark level="warn" /> {reason}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Lines() {
  const answer = useAnswer("logs/tail?lines=200", 10);
  const lines = answer.data?.lines ?? [];
  return (
    <section aria-labelledby="lines-title">
      <h3 id="lines-title">Log of this process, newest first</h3>
      <Missing answer={answer} what="the log" />
      {answer.data?.reason && <p class="missing">{answer.data.reason}</p>}
      {lines.length > 0 && (
        <pre class="lines" tabIndex={0} aria-label="Last lines of the log">
          {[...lines].reverse().join("\n")}
        </pre>
      )}
    </section>
  );
}

function Kinds({ name, rows, kind, columns, empty }) {
  const [chosen, setChosen] = useKept(name, []);
  const kinds = [...new Set(rows.map(kind))].sort();
  const shown = rows.filter((one) => chosen.length === 0 || chosen.includes(kind(one)));
  const chips = kinds.map((one) => [one, words(one), rows.filter((row) => kind(row) === one).length]);
  return (
    <>
      <div class="tools">
        <Chips label={`Kinds of ${name}`} all={chips} chosen={chosen} onChange={setChosen} />
      </div>
      <Table label={name} columns={columns} rows={shown} id={(one) => JSON.stringify(one)} empty={empty} />
    </>
  );
}

const NOTICES = [
  { key: "time", label: "Time", cell: (one) => time(one.timestamp) },
  { key: "kind", label: "Kind", cell: (one) => <span class="nowrap">{words(one.kind)}</span> },
  { key: "count", label: "×", num: true, cell: (one) => (one.count > 1 ? count(one.count) : "") },
  { key: "ticker", label: "Market", rank: 3, cell: (one) => (one.ticker ? <Ticker ticker={one.ticker} /> : "") },
  { key: "message", label: "Message", cell: (one) => <span class="reason">{one.message}</span> },
];

const TIMELINE = [
  { key: "time", label: "Time", cell: (one) => time(one.timestamp) },
  { key: "type", label: "Type", cell: (one) => <span class="nowrap">{words(one.type)}</span> },
  { key: "ticker", label: "Market", wide: true, cell: (one) => (one.ticker ? <Ticker ticker={one.ticker} /> : "") },
  { key: "details", label: "Details", cell: (one) => <span class="reason">{one.details ?? ""}</span> },
];
