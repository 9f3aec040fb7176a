// What an operator can do: the route, the question before it, the words after it.

import { act, Failure, tokens } from "./api.js";
import { refresh } from "./feed.js";

const live = (mode) => (mode === "live" ? " This bot trades REAL MONEY." : "");

export const ACTIONS = {
  start: {
    label: "Start",
    path: () => "bot/start",
    ask: (mode) => ({ title: "Start the loop?", text: `It watches, and trades by its rules.${live(mode)}`, button: "Start", danger: mode === "live" }),
  },
  stop: {
    label: "Stop",
    path: () => "bot/stop",
    ask: () => ({
      title: "Stop the loop?",
      text: "Nothing is watched and nothing is traded until it is started again, by a restart neither. Open positions stay open. To end entries only, use Kill.",
      button: "Stop",
      danger: true,
    }),
  },
  kill: {
    label: "Kill",
    path: (reason) => `bot/kill?reason=${encodeURIComponent(reason || "by hand")}`,
    ask: () => ({
      title: "Kill switch: no more entries?",
      text: "No order opens or adds to a position until Resume; exits continue, a restart does not end it.",
      button: "Kill",
      danger: true,
      field: { label: "Reason", value: "by hand", required: true },
    }),
  },
  resume: {
    label: "Resume",
    path: () => "bot/resume",
    ask: (mode) => ({ title: "Enter again?", text: `This ends what Kill began.${live(mode)}`, button: "Resume" }),
  },
};

ACTIONS.flatten = {
  label: "Flatten",
  path: () => "bot/flatten",
  ask: (mode) => ({
    title: "Close all positions?",
    text: `Everything is closed at the next books, whatever the model says, and nothing is entered until Resume.${live(mode)}`,
    button: "Flatten",
    danger: true,
  }),
};

/** Close one position: {ticker, size, side}. */
export const closing = ({ ticker, size, side }) => ({
  label: "Close",
  path: () => `positions/${encodeURIComponent(ticker)}/close`,
  ask: (mode) => ({
    title: `Close ${ticker}?`,
    text: `${size} ${side} are closed at the next book, whatever the model says, and again until nothing is left.${live(mode)}`,
    button: "Close",
    danger: true,
  }),
});

/** Send it; {done, text}, or {wantsToken, text} if a token is missing or wrong. */
export async function perform(action, value) {
  try {
    const answer = await act(action.path(value));
    refresh();
    return { done: true, text: answered(action.label, answer) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const wantsToken = error.status === 401 || error.code === "reads_only";
    if (!wantsToken) return { done: false, text: `${action.label}: ${error.message}` };
    const problem = tokens.get("act") && "The service does not accept this token for acting.";
    tokens.forget("act");
    return { done: false, wantsToken, problem };
  }
}

function answered(label, answer) {
  const left = Object.entries(answer.left ?? {}).map(([ticker, why]) => `${ticker}: ${why}`);
  const rest = Object.entries(answer).filter(([name]) => name !== "status");
  const more = rest.filter(([, value]) => typeof value !== "object").map(([name, value]) => `${name} ${value}`);
  return [`${label}: ${String(answer.status ?? "done").replaceAll("_", " ")}`, ...more, ...left].join(", ");
}
