// The account over time, with its drawdown beneath and markers for stops, kills and restarts.

import { useMemo } from "preact/hooks";
import { serverNow } from "../data/api.js";
import { axis, Chart, faint, timeAxis } from "../ui/chart.jsx";
import { gain, money, time } from "../ui/format.js";
import { tradesLink, useAnswer } from "../ui/hooks.js";
import { Choice, Missing, Panel, useKept } from "../ui/parts.jsx";

const HOUR = 3600;
/** Each span: its name, its seconds (null: all that is kept), seconds between points. */
const SPANS = {
  "1h": ["1 h", HOUR, 60],
  "1d": ["1 d", 24 * HOUR, 300],
  "1w": ["1 w", 7 * 24 * HOUR, 1800],
  all: ["all", null, 86400 / 2],
};

export function EquityPanel() {
  const [span, setSpan] = useKept("equity-span", "1h");
  const answer = useAnswer(equityPath(span), span === "1h" ? 20 : 60);
  const points = answer.data?.points ?? [];
  return (
    <Panel id="equity" title="Equity" note={<Choice label="Span" all={Object.entries(SPANS).map(([name, [text]]) => [name, text])} chosen={span} onChange={setSpan} />}>
      <Missing answer={answer} what="the equity" />
      {answer.data && points.length < 2 && <p class="missing">{answer.data.reason ?? "Fewer than two minutes are kept of that time; the curve begins with the third."}</p>}
      {points.length >= 2 && <Curves points={points} marked={answer.data.marks} began={answer.data.first_at} span={span} drawdown={answer.data.max_drawdown} />}
    </Panel>
  );
}

function equityPath(span) {
  const [, seconds, step] = SPANS[span];
  if (seconds === null) return `equity?step=${step}`;
  // By the whole minute, so that the same moment asks the same address.
  const from = Math.floor((serverNow() / 1000 - seconds) / step) * step;
  return `equity?step=${step}&from=${encodeURIComponent(new Date(from * 1000).toISOString())}`;
}

const MARKED = { TERM_STARTED: "restart", STOPPED: "stop", KILLED: "kill", STARTED: "start", RESUMED: "resume", FLATTEN_REQUESTED: "flatten", ENTRIES_STOPPED: "entries stopped" };

/** A mark in a word; the term in whose first minute the account began is no restart. */
function word({ at, kind }, began) {
  const isFirst = kind === "TERM_STARTED" && Date.parse(at) < Date.parse(began) + 60_000;
  return isFirst ? "first start" : (MARKED[kind] ?? kind.toLowerCase());
}

function Curves({ points, marked, began, span, drawdown }) {
  const data = useMemo(() => columns(points), [points]);
  const marks = useMemo(
    () => marked.map((one) => ({ at: Date.parse(one.at) / 1000, text: word(one, began) })),
    [marked, began],
  );
  const [first, last] = [points[0], points.at(-1)];
  const seconds = SPANS[span][2];
  const pick = (at) => {
    location.hash = tradesLink(at * 1000, seconds * 1000);
  };
  const text = `Equity from ${money(first.equity)} at ${time(first.at)} to ${money(last.equity)} at ${time(last.at)}`;
  return (
    <>
      <p class="legend">
        <span class="key equity-key">Equity {money(last.equity)}</span>
        <span class="key realised-key">Start + realised {money(data[2].at(-1))}</span>
        <span class="muted">
          {gain(last.equity - first.equity)} in this span · max drawdown by the minute {money(drawdown)} · click: trades of that time
        </span>
      </p>
      <Chart label={text} height={150} data={data.slice(0, 3)} options={(colours) => curves(colours, marks)} shape={`${span} ${marks.length}`} onPick={pick} />
      <Chart label={`Drawdown in dollars, at most ${money(drawdown)}`} height={70} data={[data[0], data[3]]} options={falls} shape={span} />
    </>
  );
}

/** Times, equity, what the account would be without what is open, and the fall below the peak. */
function columns(points) {
  const start = points[0].equity - points[0].realized;
  let peak = -Infinity;
  const fall = points.map((one) => {
    peak = Math.max(peak, one.equity);
    return one.equity - peak;
  });
  return [points.map((one) => Date.parse(one.at) / 1000), points.map((one) => one.equity), points.map((one) => start + one.realized), fall];
}

/** Above, right, below, left: the same in both, so that moments stand beneath each other. */
const ROOM = [8, 28, 2, 0];
/** A calm account is a line in the middle, not noise over the whole height; above it are the words of the marks. */
function atLeast(_, low, high) {
  const room = Math.max((high - low) * 0.1, 0.5);
  return [low - room, high + 2 * room];
}

const dollars = (_, splits) => splits.map((value) => (value === null ? "" : money(value)));

function curves(colours, marks) {
  return {
    padding: ROOM,
    scales: { y: { range: atLeast } },
    axes: [timeAxis(colours), { ...axis(colours), values: dollars, size: 74 }],
    series: [
      {},
      { label: "Equity", stroke: colours.accent, width: 1.6, points: { show: false } },
      { label: "Realised", stroke: colours.muted, width: 1, dash: [5, 3], points: { show: false } },
    ],
    legend: { show: false },
    cursor: { sync: { key: "equity" }, y: false, drag: { x: false, y: false } },
    hooks: { draw: [(plot) => drawMarks(plot, marks, colours)] },
  };
}

function falls(colours) {
  return {
    // No axis below: room for half the last figure.
    padding: [ROOM[0], ROOM[1], 8, ROOM[3]],
    axes: [{ ...timeAxis(colours), show: false, size: 0 }, { ...axis(colours), values: dollars, size: 74, space: 24 }],
    scales: { y: { range: (_, low) => [Math.min((low ?? 0) * 1.1, -1), 0] } },
    series: [{}, { label: "Drawdown", stroke: colours.down, width: 1, fill: faint(colours.down), points: { show: false } }],
    legend: { show: false },
    cursor: { sync: { key: "equity" }, y: false, drag: { x: false, y: false } },
  };
}

/** A dashed line where somebody stopped, killed or started the bot; one word for those that touch. */
function drawMarks(plot, marks, colours) {
  const { ctx, bbox } = plot;
  const right = bbox.left + bbox.width;
  const places = marks.map(({ at, text }) => ({ x: plot.valToPos(at, "x", true), text }));
  const seen = places.filter(({ x }) => x >= bbox.left && x <= right).sort((a, b) => a.x - b.x);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colours.amber;
  ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
  // The axes leave theirs behind: words would run through the line they belong to.
  ctx.textAlign = "left";
  ctx.setLineDash([3, 3]);
  for (const { x } of seen) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  for (const { x, text } of gathered(seen)) {
    const width = ctx.measureText(text).width;
    ctx.fillText(text, x + 3 + width > right ? x - 3 - width : x + 3, bbox.top + 10 * devicePixelRatio);
  }
  ctx.restore();
}

/** Marks too close for words of their own, as one: the latest two, and how many more. */
function gathered(places) {
  const groups = [];
  for (const one of places) {
    const group = groups.at(-1);
    if (group && one.x - group.last < CLOSE * devicePixelRatio) Object.assign(group, { last: one.x, words: [...group.words, one.text] });
    else groups.push({ last: one.x, words: [one.text] });
  }
  return groups.map(({ last, words }) => {
    const more = words.length > 2 ? `${words.length - 2} more, ` : "";
    return { x: last, text: more + words.slice(-2).join(", ") };
  });
}

/** Pixels that the words of a mark take. */
const CLOSE = 150;
