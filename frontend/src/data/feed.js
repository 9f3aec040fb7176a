// Keeps what is known up to date. The state is pushed where that works and polled where it does not;
// everything else is asked for one request at a time, whatever panel is due.

import { content, Failure, read, serverNow, tokens } from "./api.js";
import { messages } from "./messages.js";
import { pacer, steady } from "./pacer.js";
import { get, set } from "./store.js";

const HIDDEN = 30_000;
const STATUS_EVERY = 4_000;
const LONGEST_BACKOFF = 30;
/** The service says something every 15 s; a push that is silent for longer is none. */
const SILENCE = 25_000;
/** With what a panel waits for a service that hangs (4 s) still within 5 s. */
const AT_ONCE = 900;
/** Between two looks at what is due. */
const LOOK = 250;
const UNREAD = -Infinity;

const budget = pacer();
/** What panels on the screen want, by path: {every, users}. */
const wanted = new Map();
let etag = null;
let wake = () => {};
let running = false;

/** Keep the answer of a path at most `every` ms old; returns what ends that. */
export function want(path, every) {
  const entry = wanted.get(path) ?? { every, users: 0 };
  wanted.set(path, { every: Math.min(every, entry.every), users: entry.users + 1 });
  wake();
  return () => {
    const left = wanted.get(path);
    if (left.users === 1) wanted.delete(path);
    else wanted.set(path, { ...left, users: left.users - 1 });
  };
}

/** Ask anew at once: something was done that changes the answers. */
export function refresh() {
  statusAt = UNREAD;
  set({ answers: unreadWhere(() => true), feed: { ...get().feed, retryAt: null } });
  wake();
}

/** The answers, due at once where the path is of that kind. */
function unreadWhere(old) {
  const again = ([path, answer]) => [path, old(path) ? { ...answer, askedAt: UNREAD } : answer];
  return Object.fromEntries(Object.entries(get().answers).map(again));
}

/** What changes with what is held, and with what is wrong: asked for at once if that changed, so that panels agree. */
const OF_TRADES = ["positions", "trades", "orders"];
const FAULTS = ["error", "store_fault", "loop_fault", "model_fault", "journal_fault", "universe_fault", "entries_stopped", "trading_halted", "orders_in_doubt", "account_note", "killed", "leads"];

const holdings = (state) => state?.markets.map(({ ticker, position }) => `${ticker} ${position}`).sort().join();
const faults = (bot) => FAULTS.map((name) => bot?.[name]).join();

/** What was read of the state or the bot, and which answers that makes old. */
function news({ state = get().state, bot }) {
  const trades = holdings(get().state) === holdings(state) ? [] : OF_TRADES;
  const health = faults(get().bot) === faults(bot) ? [] : ["health"];
  const old = (path) => [...trades, ...health].some((one) => path === one || path.startsWith(`${one}?`));
  return { state, bot, answers: unreadWhere(old) };
}

export function useToken(token) {
  tokens.set("read", token);
  set({ wants: null });
  refresh();
}

export function start() {
  if (running) return;
  running = true;
  document.addEventListener("visibilitychange", () => wake());
  loop();
  listen();
}

async function loop() {
  for (;;) {
    await pause(nextDelay());
    if (get().wants || (get().feed.retryAt ?? 0) > steady()) continue;
    await step();
  }
}

async function step() {
  const first = unread();
  if (first) {
    await readPanel(first);
    return;
  }
  const delay = budget.wait();
  const next = delay > 0 ? null : job();
  if (next === null) {
    await pause(Math.max(delay, LOOK));
    return;
  }
  budget.take();
  await next();
}

/** A panel on the screen of which nothing was read yet; the state comes before all. */
function unread() {
  const { state, answers } = get();
  return state && !document.hidden && !doubtful ? [...wanted.keys()].find((path) => !answers[path]) : undefined;
}

function nextDelay() {
  const { feed, wants } = get();
  if (wants) return HIDDEN;
  if (feed.retryAt) return Math.max(0, feed.retryAt - steady());
  return document.hidden ? HIDDEN : 0;
}

function pause(ms) {
  if (ms <= 0) return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    wake = () => {
      clearTimeout(timer);
      done();
    };
  });
}

let statusAt = UNREAD;
let stateTurn = true;
/** A panel had no answer: whether the service is there at all is asked before any other. */
let doubtful = false;

function job() {
  if (!get().state || document.hidden || doubtful) return readState;
  if (steady() - statusAt >= STATUS_EVERY) return readStatus;
  const path = mostDue();
  if (get().feed.way === "push") return path && (() => readPanel(path));
  stateTurn = !stateTurn || path === null;
  return stateTurn ? readState : () => readPanel(path);
}

function mostDue() {
  const answers = get().answers;
  let best = null;
  let most = 0;
  for (const [path, { every }] of wanted) {
    const late = (steady() - (answers[path]?.askedAt ?? UNREAD)) / every;
    if (late >= 1 && late > most) [best, most] = [path, late];
  }
  return best;
}

async function listen() {
  for (let failures = 0; ; failures++) {
    const seconds = Math.min(2 ** failures, LONGEST_BACKOFF);
    await new Promise((done) => setTimeout(done, seconds * 1000));
    const { state, feed, wants } = get();
    if (!state || wants || feed.failure || document.hidden) {
      failures = -1;
      continue;
    }
    try {
      await follow(() => {
        failures = -1;
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    set({ feed: { ...get().feed, way: "poll" } });
  }
}

/** Take each state that is pushed, until that ends or the tab is hidden; `heard` at each. */
async function follow(heard) {
  const end = new AbortController();
  const stop = () => document.hidden && end.abort();
  document.addEventListener("visibilitychange", stop);
  try {
    const answer = await read("events", {}, end.signal);
    for await (const message of messages(answer.body, SILENCE)) {
      heard();
      const feed = { ...get().feed, way: "push", readAt: steady() };
      if (message.data) {
        const state = JSON.parse(message.data);
        set({ ...news({ state, bot: newer(state.bot, get().bot) }), feed });
      } else if (get().feed.way !== "push") set({ feed });
    }
  } finally {
    end.abort();
    document.removeEventListener("visibilitychange", stop);
  }
}

async function readState() {
  // Asked in doubt it is wanted at once: without its tag it is never held back.
  const asked = doubtful ? [{}, AbortSignal.timeout(AT_ONCE)] : [etag ? { "If-None-Match": etag } : {}];
  doubtful = false;
  await reading(async () => {
    const answer = await read("state/full", ...asked);
    if (answer.status === 304) return {};
    const state = await content(answer);
    etag = answer.headers.get("etag");
    return news({ state, bot: newer(state.bot, get().bot) });
  });
}

async function readStatus() {
  await reading(async () => {
    const bot = await content(await read("bot/status"));
    statusAt = steady();
    return news({ bot });
  });
}

// What a snapshot says of the bot is as old as the snapshot; /bot/status is of now.
function newer(shown, live) {
  return live && (live.last_update ?? "") >= (shown.last_update ?? "") && statusAt > steady() - STATUS_EVERY * 2
    ? { ...shown, ...live }
    : shown;
}

async function reading(request) {
  try {
    const changes = await request();
    const feed = { ...get().feed, failure: null, failures: 0, readAt: steady(), retryAt: null };
    set({ ...changes, feed });
  } catch (error) {
    failed(error);
  }
}

function failed(error) {
  if (!(error instanceof Failure)) throw error;
  if (error.status === 401) {
    set({ wants: "read", feed: { ...get().feed, failure: error } });
    return;
  }
  const failures = get().feed.failures + 1;
  const seconds = Math.max(error.retryAfter, Math.min(2 ** (failures - 1), LONGEST_BACKOFF));
  const feed = { ...get().feed, failure: error, failures, retryAt: steady() + seconds * 1000 };
  set({ feed });
}

async function readPanel(path) {
  const before = get().answers[path];
  const put = (answer) => set({ answers: { ...get().answers, [path]: answer } });
  const askedAt = steady();
  try {
    const data = await content(await read(path));
    put({ data, failure: null, askedAt, at: serverNow() });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.status === 401) failed(error);
    doubtful = error.status === 0;
    put({ ...before, failure: error, askedAt });
  }
}
