// A word to whoever sees this for the first time: what to expect of the bot as it is set.

import { useAnswer } from "../ui/hooks.js";
import { useKept } from "../ui/parts.jsx";

/** Cycles of a minute and more see too little of a book to trade on it. */
const SLOW = 60;

export function FirstRun({ bot }) {
  const [read, setRead] = useKept("first-run-read", false);
  const config = useAnswer(read ? null : "config", 600);
  const text = config.data && !read ? advice(config.data, bot) : null;
  if (!text) return null;
  return (
    <aside class="first" aria-label="What to expect">
      <p>{text}</p>
      <button type="button" onClick={() => setRead(true)}>
        Understood
      </button>
    </aside>
  );
}

function advice({ settings, effective }, bot) {
  const setting = (name) => settings.find((one) => one.name === name)?.value;
  if (bot.mode === "paper" && effective.is_embedded && setting("BOT_MIN_EDGE") < 0) {
    return "Demo: paper money on a simulated exchange. It trades on every signal whatever that costs, so it loses on purpose.";
  }
  if (bot.interval_seconds >= SLOW) {
    return `It looks every ${bot.interval_seconds} s: it watches, and hardly trades. “Why no trade” says why; BOT_INTERVAL=2 sees more.`;
  }
  return null;
}
