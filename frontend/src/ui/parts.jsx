// Small parts that all panels share.

import { useState } from "preact/hooks";
import { download } from "../data/api.js";
import { gain, NONE, signedCents, time } from "./format.js";
import { marketLink } from "./hooks.js";

export function Panel({ title, note, id, children, class: kind = "" }) {
  return (
    <section class={`panel ${kind}`} aria-labelledby={`${id}-title`} id={id}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {note && <div class="note">{note}</div>}
      </header>
      {children}
    </section>
  );
}

/** Figures beneath their names: [name, value, what it is]. */
export const FigureList = ({ figures, class: kind = "figures small", label }) => (
  <dl class={kind} aria-label={label}>
    {figures.map(([name, value, title]) => (
      <div key={name} title={title}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

/** What stands where an answer is missing: that it is read, or why it cannot be. */
export function Missing({ answer, what }) {
  if (answer.failure) {
    return (
      <p class="missing bad" role="status">
        ✕ {what} cannot be read: {answer.failure.message}
        {answer.at ? ` (last read ${time(new Date(answer.at).toISOString())})` : ""}
      </p>
    );
  }
  return answer.data ? null : <p class="missing">Reading {what}…</p>;
}

/** A file of the service; a plain link could not bring the token. */
export function Download({ path, name }) {
  const [problem, setProblem] = useState(null);
  const save = () => download(path, name).then(() => setProblem(null), (error) => setProblem(error.message));
  return (
    <>
      <button type="button" class="link" onClick={save}>
        {name}
      </button>
      {problem && <span class="problem"> ✕ {problem}</span>}
    </>
  );
}

const tone = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

/** A gain or loss: its sign is written, the colour only repeats it. */
export const Gain = ({ value }) => <span class={tone(value)}>{gain(value)}</span>;
export const CentGain = ({ value }) => <span class={tone(value)}>{signedCents(value)}</span>;

export function Ticker({ ticker }) {
  return ticker ? (
    <a class="ticker" href={marketLink(ticker)}>
      {ticker}
    </a>
  ) : (
    <span class="muted">{NONE}</span>
  );
}

const MARKS = { good: "●", warn: "▲", bad: "✕", info: "◐", idle: "○" };
export const Mark = ({ level }) => (
  <span class={`mark ${level}`} aria-hidden="true">
    {MARKS[level]}
  </span>
);

const WAYS = { BUY: "▲", SELL: "▼", HOLD: "■" };
export const Way = ({ way }) => (
  <span class={`way ${way === "BUY" ? "up" : way === "SELL" ? "down" : "muted"}`}>
    <span aria-hidden="true">{WAYS[way] ?? ""}</span> {way}
  </span>
);

/** A bar with its share written beside it by the caller; `level` by how much is used. */
export function Bar({ share, label }) {
  const full = Math.max(0, Math.min(1, share ?? 0));
  const level = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "plain";
  return (
    <span class={`bar ${level}`} role="img" aria-label={label}>
      <span style={{ width: `${full * 100}%` }} />
    </span>
  );
}

/** Chips of which any number may be pressed. */
export function Chips({ label, all, chosen, onChange }) {
  const toggle = (name) =>
    onChange(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <div class="chips" role="group" aria-label={label}>
      {all.map(([name, text, number]) => (
        <button type="button" class="chip" key={name} aria-pressed={chosen.includes(name)} onClick={() => toggle(name)}>
          {text}
          {number !== undefined && <span class="chip-count">{number}</span>}
        </button>
      ))}
    </div>
  );
}

/** One of a few, such as the span of a chart. */
export function Choice({ label, all, chosen, onChange }) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {all.map(([name, text]) => (
        <button type="button" key={name} aria-pressed={name === chosen} onClick={() => onChange(name)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/** A value that stays over reloads of this tab. */
export function useKept(name, first) {
  const key = `kalshiproto.view.${name}`;
  const [value, setValue] = useState(() => kept(key) ?? first);
  const put = (next) => {
    sessionStorage.setItem(key, JSON.stringify(next));
    setValue(next);
  };
  return [value, put];
}

function kept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}
