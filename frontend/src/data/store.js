// What the page knows. One object, replaced in parts; whoever shows it is told.

let known = {
  /** The last answer of /state/full, and of /bot/status. */
  state: null,
  bot: null,
  /** How reading goes: `failure` is the last one unless a read succeeded since. */
  feed: { failure: null, failures: 0, readAt: null, retryAt: null, way: "poll" },
  /** Which token the service asked for: null, "read". */
  wants: null,
  /** Answers of all other routes, by path: {data, failure, at}. */
  answers: {},
};
const listeners = new Set();

export const get = () => known;

export function set(changes) {
  known = { ...known, ...changes };
  for (const listener of listeners) listener();
}

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
