// The bar that stays in sight: mode, state of the bot, age of the data, controls.

import { useState } from "preact/hooks";
import { ACTIONS } from "../data/actions.js";
import { serverNow, tokens } from "../data/api.js";
import { useToken } from "../data/feed.js";
import { condition, freshness, lamps } from "../data/status.js";
import { useActing } from "../ui/acting.jsx";
import { span, time } from "../ui/format.js";
import { HEALTH_EVERY, useAnswer } from "../ui/hooks.js";
import { Mark } from "../ui/parts.jsx";

export function Header({ known }) {
  const { bot, feed, state } = known;
  const now = serverNow();
  const how = condition(bot, now, feed);
  return (
    <header class="top">
      <ModeBanner mode={bot?.mode} />
      <div class="bar">
        <h1>KalshiProto</h1>
        <Condition how={how} since={stateSince(state, how)} />
        <Age bot={bot} feed={feed} now={now} />
        <Controls bot={bot} />
        <ThemeButton />
      </div>
      <Lamps bot={bot} feed={feed} state={state} />
    </header>
  );
}

function ModeBanner({ mode }) {
  if (mode === "live") return <p class="mode live">LIVE: REAL MONEY</p>;
  if (mode === "paper") return <p class="mode paper">PAPER · simulated trades, no money at risk</p>;
  return <p class="mode unknown">MODE NOT KNOWN YET</p>;
}

function Condition({ how, since }) {
  return (
    <div class="condition" role="status">
      <strong class={`state ${how.level}`}>
        <Mark level={how.level} /> {how.word}
      </strong>
      <span class="why" title={how.why}>
        {how.why}
        {since && <span class="muted"> · since {time(since, serverNow())}</span>}
      </span>
    </div>
  );
}

/** A bot that runs was started, or its process was. */
const SINCE = { RUNNING: ["STARTED", "TERM_STARTED"], STOPPED: ["STOPPED"], KILLED: ["KILLED"], "ENTRIES STOPPED": ["ENTRIES_STOPPED"] };

/** When the notices say that this state began; they reach back only so far. */
function stateSince(state, how) {
  const kinds = SINCE[how.word];
  const found = kinds && state?.notices.find((one) => kinds.includes(one.kind));
  return found ? found.first_timestamp || found.timestamp : null;
}

const WAYS = { push: "pushed", poll: "polled", none: "not read" };

function Age({ bot, feed, now }) {
  const { level, age } = freshness(bot, now, feed);
  const mark = { fresh: "good", stale: "warn", dead: "bad" }[level];
  const word = { fresh: "", stale: "STALE", dead: "DEAD" }[level];
  return (
    <div class={`age ${level}`} id="age">
      <span class="label">Data</span>
      <strong>
        <Mark level={mark} /> {age === null ? "none yet" : span(age)} {word}
      </strong>
      {bot && <span class="muted"> every {span(bot.interval_seconds * 1000)} · {WAYS[feed.failure ? "none" : feed.way]}</span>}
    </div>
  );
}

function Lamps({ bot, feed, state }) {
  const all = lamps(bot, feed);
  if (all.length === 0) return null;
  return (
    <ul class="lamps" aria-label="Parts of the service" tabIndex={0}>
      {all.map(({ name, level, word, why }) => (
        <li key={name} class={level} title={why}>
          <Mark level={level} /> {name} <strong>{word}</strong>
        </li>
      ))}
      <Health />
      <li class="idle">
        Regime <strong>{state?.regime.name ?? "unknown"}</strong>
      </li>
      <li class="idle">
        Cycle <strong class="cycle">{bot.loop_count}</strong>
      </li>
    </ul>
  );
}

/** How many faults the service names, wherever they lie; the Log tab says which. */
function Health() {
  const { data } = useAnswer("health", HEALTH_EVERY);
  if (!data) return null;
  const count = data.reasons.length;
  const level = count ? "warn" : "good";
  return (
    <li class={level} title={data.reasons.join("\n")}>
      <a href="#log">
        <Mark level={level} /> Health <strong>{count ? `${count} ${count === 1 ? "fault" : "faults"}` : "ok"}</strong>
      </a>
    </li>
  );
}

/** Which controls make sense now, and why another does not. */
function barred(name, bot) {
  if (!bot) return "the state of the bot is not known";
  if (name === "start" && bot.running) return "it runs already";
  if (name === "stop" && !bot.running && !bot.loop_fault) return "it is stopped already";
  if (name === "kill" && bot.killed) return "it is killed already";
  if (name === "resume" && !bot.killed) return "nothing is killed";
  return null;
}

function Controls({ bot }) {
  const { send, answer, dialog, locked } = useActing(bot);
  return (
    <div class="controls">
      <div class="buttons" role="group" aria-label="Controls">
        {Object.entries(ACTIONS).map(([name, action]) => {
          const reason = locked ?? barred(name, bot);
          return (
            <button type="button" key={name} class={name} disabled={reason !== null} title={reason ?? undefined} onClick={() => send(action)}>
              {action.label}
            </button>
          );
        })}
      </div>
      {answer}
      {dialog}
    </div>
  );
}

export function ReadTokenDialog({ failure }) {
  const [value, setValue] = useState("");
  const wrong = tokens.get("read") ?? tokens.get("act");
  return (
    <main class="gate">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          useToken(value);
        }}
      >
        <h2>This service wants a token to read</h2>
        <p>The value of API_READ_TOKEN, or API_TOKEN. It stays in this tab and is forgotten when the tab closes.</p>
        {wrong && failure && <p class="problem">✕ The token was not accepted: {failure.message}</p>}
        <label>
          Token
          <input type="password" autoComplete="off" required value={value} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
        <div class="buttons">
          <button type="submit" class="primary">
            Read
          </button>
        </div>
      </form>
    </main>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? null);
  const light = (theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark")) === "light";
  const turn = () => {
    const next = light ? "dark" : "light";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("kalshiproto.theme", next);
    setTheme(next);
  };
  return (
    <button type="button" class="theme" onClick={turn} aria-label={`Show in ${light ? "dark" : "light"}`} title={`Show in ${light ? "dark" : "light"}`}>
      <span aria-hidden="true">◑</span>
    </button>
  );
}
