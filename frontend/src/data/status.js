// What state the bot is in, from what was read and when: pure.

import { steady } from "./pacer.js";

/** Data older than this many ms is dead: figures are greyed. */
const DEAD_AFTER = 300_000;
/** The least that counts as late, whatever the interval. */
const LEAST_LATE = 6_000;
const HANGS_AFTER = 3;
const LEAST_HANG = 15_000;

/** `fresh`, `stale` (over two intervals) or `dead` (five minutes, or nothing was ever read). */
export function freshness(bot, now, feed) {
  const at = Date.parse(bot?.last_update ?? "");
  if (Number.isNaN(at)) return { level: bot ? "stale" : "dead", age: null };
  const age = Math.max(0, now - at);
  const late = Math.max(2 * bot.interval_seconds * 1000, LEAST_LATE);
  if (age > DEAD_AFTER) return { level: "dead", age };
  return { level: age > late || feed.failure ? "stale" : "fresh", age };
}

/** The one word for the bot, how bad it is, and the sentence behind it. */
export function condition(bot, now, feed) {
  if (feed.failure && feed.failure.status !== 401) return say("NO CONNECTION", "bad", disconnected(feed, now));
  if (feed.failure) return say("LOCKED", "bad", "this service wants a token to read");
  if (!bot) return say("READING", "idle", "no answer yet");
  return CONDITIONS.map((one) => one(bot, now)).find((one) => one !== null);
}

const say = (word, level, why) => ({ word, level, why });

const CONDITIONS = [
  (bot) => bot.loop_fault && say("LOOP DEAD", "bad", bot.loop_fault),
  (bot) => bot.store_fault && say("DATABASE AWAY", "bad", bot.store_fault),
  (bot) => !bot.leads && say("NOBODY LEADS", "bad", "no process holds the lease: nothing trades"),
  (bot, now) => hangs(bot, now) && say("LOOP HANGS", "bad", "no cycle has finished for three intervals"),
  (bot) => bot.killed && say("KILLED", "warn", `${bot.killed}; entries off, exits continue; lifted by ${bot.killed_until ?? "POST /bot/resume"}`),
  (bot) => !bot.running && say("STOPPED", "warn", "the loop does not run: nothing is watched or traded"),
  (bot) => bot.error && say("EXCHANGE AWAY", "bad", bot.error),
  (bot) => bot.trading_halted && say("TRADING PAUSED", "warn", `${bot.trading_halted}: no orders there, no exits either`),
  (bot) => bot.entries_stopped && say("ENTRIES STOPPED", "warn", bot.entries_stopped),
  (bot) => !bot.leader && say("STANDING BY", "info", `${bot.leads} leads and trades; this process serves what it sees`),
  () => say("RUNNING", "good", "watching and trading"),
].map((rule) => (bot, now) => rule(bot, now) || null);

function hangs(bot, now) {
  const at = Date.parse(bot.last_update ?? "");
  return bot.running && now - at > Math.max(HANGS_AFTER * bot.interval_seconds * 1000, LEAST_HANG);
}

function disconnected(feed) {
  const wait = feed.retryAt ? Math.max(0, Math.ceil((feed.retryAt - steady()) / 1000)) : 0;
  const again = wait > 0 ? `in ${wait} s` : "now";
  return `the service cannot be read (${feed.failure.message}); asking again ${again}`;
}

/** One lamp a part: {name, level, word, why}. */
export function lamps(bot, feed) {
  if (!bot || feed.failure) return [];
  return [
    lamp("Loop", bot.loop_fault, bot.running ? "on" : "off", bot.running),
    lamp("Entries", bot.killed ?? bot.entries_stopped, "on", bot.running, "off"),
    exchange(bot),
    books(bot.feed),
    lamp("Orders", bot.orders_in_doubt, "ok", true, "in doubt"),
    ...(bot.mode === "live" ? [account(bot.account_note)] : []),
    lamp("Database", bot.store_fault, "ok", true),
    lamp("Lease", bot.leads ? null : "no leader", bot.leader ? `leads · term ${bot.epoch}` : "standby", true),
    lamp("Model", bot.model_fault, "ok", true),
    lamp("Logs", bot.journal_fault, "ok", true),
  ];
}

function lamp(name, fault, word, well, faulty = "fault") {
  if (fault) return { name, level: "bad", word: faulty, why: fault };
  return { name, level: well ? "good" : "warn", word, why: `${name.toLowerCase()}: ${word}` };
}

/** A pause is announced: it is told before it begins. */
function exchange(bot) {
  const paused = bot.trading_halted;
  const quiet = paused ? "paused" : blind(bot);
  const one = lamp("Exchange", bot.error ?? bot.universe_fault, quiet ?? "ok", !quiet);
  return { ...one, why: [one.why, paused, bot.next_pause && `next pause: ${bot.next_pause}`].filter(Boolean).join("; ") };
}

function books(feed) {
  if (!feed) return { name: "Books", level: "idle", word: "none yet", why: "no order book was asked for yet" };
  const streamed = feed.source === "stream";
  const why = streamed ? `${feed.subscriptions} order books are streamed` : `order books are polled: ${feed.reason}`;
  return { name: "Books", level: feed.fault ? "warn" : streamed ? "good" : "idle", word: streamed ? "streamed" : "polled", why };
}

/** What the account holds beside the bot stops nothing, but whoever owns it wants to know. */
const account = (note) => ({ name: "Account", level: note ? "warn" : "good", word: note ? "note" : "ok", why: note ?? "account: ok" });

const blind = (bot) => (bot.stale_markets > 0 ? `${bot.stale_markets} of ${bot.watched_markets} stale` : null);
