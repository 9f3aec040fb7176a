// uPlot in a component: redrawn with its data, made anew with its size, its theme or its lines.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

/** The colours of the page, for a canvas that knows no style sheet. */
export function palette() {
  const probe = document.body.appendChild(document.createElement("i"));
  const of = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = Object.fromEntries(["text", "muted", "line", "accent", "up", "down", "amber", "panel"].map((name) => [name, of(name)]));
  probe.remove();
  return found;
}

/** A colour of the palette that lets through what is behind it. */
export const faint = (colour) => colour.replace("rgb(", "rgba(").replace(")", ", 0.2)");

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (n) => String(n).padStart(2, "0");

function timeTicks(_, splits, __, ___, step) {
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000);
    if (step >= 86400) return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
    const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
    return step < 60 ? `${clock}:${two(at.getUTCSeconds())}` : clock;
  });
}

export const timeAxis = (colours) => ({ ...axis(colours), values: timeTicks, space: 70, size: 26 });

export function axis(colours) {
  return {
    stroke: colours.muted,
    font: "11px system-ui, sans-serif",
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1, size: 4 },
    gap: 4,
  };
}

/**
 * `options(colours)` gives what uPlot takes but for the size; `shape` names when it must be made anew.
 * `onPick` gets the x below the pointer when it is clicked.
 */
export function Chart({ options, data, height, label, shape = "", onPick }) {
  const box = useRef(null);
  const plot = useRef(null);
  const theme = useTheme();
  useEffect(() => {
    const place = box.current;
    const width = () => Math.max(120, place.clientWidth);
    const chart = new uPlot(
      { ...options(palette()), width: width(), height, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC") },
      data,
      place,
    );
    plot.current = chart;
    const pick = () => chart.cursor.idx != null && onPick(chart.data[0][chart.cursor.idx]);
    if (onPick) chart.over.addEventListener("click", pick);
    const watch = new ResizeObserver(() => chart.setSize({ width: width(), height }));
    watch.observe(place);
    return () => {
      watch.disconnect();
      chart.destroy();
    };
  }, [theme, height, shape]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div class={onPick ? "chart clickable" : "chart"} ref={box} role="img" aria-label={label} />;
}

function useTheme() {
  const [theme, setTheme] = useState(shownTheme);
  useEffect(() => {
    const changed = () => setTheme(shownTheme());
    const system = matchMedia("(prefers-color-scheme: light)");
    system.addEventListener("change", changed);
    const watch = new MutationObserver(changed);
    watch.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      system.removeEventListener("change", changed);
      watch.disconnect();
    };
  }, []);
  return theme;
}

const shownTheme = () =>
  document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
