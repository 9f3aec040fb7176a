// Asking once, bringing the acting token if it is wanted, and showing the answer.

import { useState } from "preact/hooks";
import { perform } from "../data/actions.js";
import { tokens } from "../data/api.js";
import { Dialog } from "./dialog.jsx";
import { Mark } from "./parts.jsx";

/** `send` asks about an action; `answer` and `dialog` are to be shown; `locked` is why none can be sent. */
export function useActing(bot) {
  const [asked, setAsked] = useState(null);
  const [result, setResult] = useState(null);
  const [locked, setLocked] = useState(null);
  const run = async (action, value) => {
    setResult({ text: `${action.label} …`, level: "idle" });
    const done = await perform(action, value);
    if (done.wantsToken) {
      setResult(null);
      setAsked({ action, value, token: true, problem: done.problem });
      return;
    }
    setResult({ text: done.text, level: done.done ? "good" : "bad" });
    if (done.text.includes("Set API_TOKEN")) setLocked(done.text);
  };
  const onAnswer = (value) => {
    const { action, token, value: before } = asked;
    setAsked(null);
    if (value === null) return;
    if (token) tokens.set("act", value);
    run(action, token ? before : value);
  };
  const question = asked && (asked.token ? tokenQuestion(asked) : asked.action.ask(bot?.mode));
  return {
    send: (action) => setAsked({ action }),
    locked,
    answer: (
      <p class="answer" role="status">
        {result && (
          <>
            <Mark level={result.level} /> {result.text}
          </>
        )}
      </p>
    ),
    dialog: question && <Dialog key={asked.token ? "token" : asked.action.label} ask={question} onAnswer={onAnswer} />,
  };
}

const tokenQuestion = ({ action, problem }) => ({
  title: `${action.label} wants the acting token`,
  text: "The value of API_TOKEN. It stays in this tab and is forgotten when the tab closes.",
  problem,
  button: "Send",
  field: { label: "Token", secret: true, required: true },
});
