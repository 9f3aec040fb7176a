// Numbers and times as text. What is absent is a dash, never a 0.

import { serverNow } from "../data/api.js";

export const NONE = "–";
const MINUS = "−";
const absent = (value) => value === null || value === undefined || Number.isNaN(value);

const dollars = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const signed = (text, value) => (value < 0 ? MINUS + text : value > 0 ? `+${text}` : text);

export const money = (value) =>
  absent(value) ? NONE : (value < 0 ? MINUS : "") + dollars.format(Math.abs(value));
export const gain = (value) => (absent(value) ? NONE : signed(dollars.format(Math.abs(value)), round(value, 2)));
export const count = (value) =>
  absent(value) ? NONE : (value < 0 ? MINUS : "") + whole.format(Math.abs(value));
export const cents = (value, digits = null) => (absent(value) ? NONE : value.toFixed(digits ?? (value % 1 ? 1 : 0)));
export const signedCents = (value) => (absent(value) ? NONE : signed(Math.abs(value).toFixed(2), round(value, 2)));
/** How sure a mean of cents is. */
export const centRange = (mean) =>
  mean.interval ? `95 %: ${mean.interval.map(signedCents).join(" … ")}` : "too few markets for an interval";
export const share = (value, digits = 0) => (absent(value) ? NONE : `${(value * 100).toFixed(digits)}%`);
export const score = (value) => (absent(value) ? NONE : value.toFixed(2));
export const size = (value) => {
  if (absent(value)) return NONE;
  const text = Math.abs(value) % 1 ? Math.abs(value).toFixed(2) : whole.format(Math.abs(value));
  return value < 0 ? MINUS + text : text;
};

const round = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;

/** `4 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`. */
export function span(ms) {
  if (absent(ms)) return NONE;
  const sign = ms < 0 ? MINUS : "";
  const s = Math.floor(Math.abs(ms) / 1000);
  if (s < 60) return `${sign}${s} s`;
  if (s < 3600) return `${sign}${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86400) return `${sign}${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${sign}${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const two = (n) => String(n).padStart(2, "0");
/** 16:05:09, with the day before it if it is another. All times are UTC, as in the logs. */
export function time(iso, now = serverNow()) {
  const at = new Date(iso ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return NONE;
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const day = at.toISOString().slice(0, 10);
  return day === new Date(now).toISOString().slice(0, 10) ? clock : `${day.slice(5)} ${clock}`;
}

export const bytes = (value) =>
  absent(value) ? NONE : value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
