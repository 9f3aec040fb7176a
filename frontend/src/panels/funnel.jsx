// Why was there no trade? How far the watched markets of the last cycles came, and what stopped them.

import { useState } from "preact/hooks";
import { count, share, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Missing, Panel, Ticker } from "../ui/parts.jsx";

const wants = (one) => one.action !== "hold" || one.refusal !== null;
const pays = (one) => wants(one) && one.refusal?.rule !== "min_edge";
const allowed = (one) => pays(one) && one.refusal === null && one.order !== null;
const traded = (one) => allowed(one) && /^(filled|partly)/.test(one.outcome ?? "");

/** Each stage: its name, who reaches it, why those of the stage before did not. */
const STAGES = [
  ["watched", () => true, () => ""],
  ["has an opinion", (one) => one.score !== null, (one) => one.reason.replace("held without an opinion: ", "")],
  ["past a threshold", (one) => one.score !== null && wants(one), (one) => (one.direction === "HOLD" ? "score between the thresholds" : `${one.direction}, and held that way already or no exit due`)],
  ["pays its costs", (one) => one.score !== null && pays(one), (one) => one.reason],
  ["passed risk", (one) => one.score !== null && allowed(one), (one) => (one.refusal ? `${one.refusal.rule}: ${one.reason}` : one.reason)],
  ["filled", (one) => one.score !== null && traded(one), (one) => one.outcome ?? "not known yet"],
];

export function FunnelPanel() {
  const answer = useAnswer("decisions?limit=500", 10);
  const [open, setOpen] = useState(null);
  const all = answer.data?.decisions ?? [];
  const stages = staged(all);
  const cycles = new Set(all.map((one) => one.timestamp)).size;
  return (
    <Panel id="funnel" title="Why no trade" note={answer.data ? `${cycles} cycles · ${all.length} decisions` : ""}>
      <Missing answer={answer} what="the decisions" />
      {answer.data && (
        <ol class="funnel">
          {stages.map((stage, index) => (
            <Stage key={stage.name} stage={stage} total={all.length} open={open === index} onOpen={() => setOpen(open === index ? null : index)} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function staged(all) {
  let left = all;
  return STAGES.map(([name, reaches, why]) => {
    const lost = left.filter((one) => !reaches(one));
    left = left.filter(reaches);
    return { name, left: left.length, lost: grouped(lost, why) };
  });
}

/** Reasons with numbers in them are one reason: the number differs each cycle. */
const family = (text) => text.replace(/[−-]?\d+(\.\d+)?/g, "#").slice(0, 90);

function grouped(lost, why) {
  const groups = new Map();
  for (const one of lost) {
    const text = why(one) || "no reason given";
    const group = groups.get(family(text)) ?? { text, number: 0, latest: one };
    groups.set(family(text), { ...group, number: group.number + 1 });
  }
  return [...groups.values()].sort((a, b) => b.number - a.number);
}

function Stage({ stage, total, open, onOpen }) {
  const part = total ? stage.left / total : 0;
  return (
    <li>
      <button type="button" class="stage" aria-expanded={open} disabled={stage.lost.length === 0} onClick={onOpen}>
        <span class="name">
          {stage.lost.length > 0 ? (open ? "▾ " : "▸ ") : ""}
          {stage.name}
        </span>
        <span class="num">{count(stage.left)}</span>
        <span class="num muted">{share(part)}</span>
        <span class="bar plain" aria-hidden="true">
          <span style={{ width: `${part * 100}%` }} />
        </span>
      </button>
      {open && (
        <ul class="lost">
          {stage.lost.slice(0, 12).map((group) => (
            <li key={group.text}>
              <span class="num">{count(group.number)} ×</span> {group.text}{" "}
              <span class="muted">
                <Ticker ticker={group.latest.ticker} /> {time(group.latest.timestamp)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}
