// How components hear of what changed.

import { useEffect, useReducer, useState } from "preact/hooks";
import { want } from "../data/feed.js";
import { get, subscribe } from "../data/store.js";

/** All that is known; the component is drawn again when it changes, and every second. */
export function useKnown() {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    let frame = 0;
    const soon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw();
      });
    };
    const timer = setInterval(soon, 1000);
    const end = subscribe(soon);
    return () => {
      end();
      clearInterval(timer);
      cancelAnimationFrame(frame);
    };
  }, []);
  return get();
}

/** The answer of a route, at most `seconds` old while the component is shown: {data, failure, at}. */
export function useAnswer(path, seconds) {
  useEffect(() => (path ? want(path, seconds * 1000) : undefined), [path, seconds]);
  return get().answers[path] ?? { data: null, failure: null, at: null };
}

/** Seconds that `/health` may be old, wherever it shows. */
export const HEALTH_EVERY = 15;

/** The part of the address behind #, as [place, rest]. */
export function usePlace() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const [place, ...rest] = hash.replace(/^#/, "").split("/");
  return [place, decoded(rest.join("/"))];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The trades around a moment: both in ms. */
export const tradesLink = (at, around) => `#trades/${new Date(at - around).toISOString()}/${new Date(at + around).toISOString()}`;

export const marketLink = (ticker) => `#market/${encodeURIComponent(ticker)}`;
