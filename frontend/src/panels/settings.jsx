// Everything in force, what differs from its default, downloads, versions, words.

import { address } from "../data/api.js";
import { bytes, count } from "../ui/format.js";
import { HEALTH_EVERY, useAnswer } from "../ui/hooks.js";
import { Chips, Download, Missing, useKept } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";
import { GLOSSARY } from "./glossary.js";

export function SettingsTab({ bot }) {
  const health = useAnswer("health", HEALTH_EVERY);
  const logs = useAnswer("logs/stats", 30);
  const files = Object.entries(logs.data ?? {}).map(([name, file]) => ({ name, ...file }));
  return (
    <div class="columns">
      <section aria-labelledby="config-title">
        <h3 id="config-title">Settings in force</h3>
        <Settings />
      </section>
      <section aria-labelledby="service-title">
        <h3 id="service-title">Service</h3>
        <Missing answer={health} what="the health" />
        {health.data && <Service health={health.data} bot={bot} />}
        <h3>CSV logs</h3>
        <Missing answer={logs} what="the logs" />
        {logs.data && <Table label="CSV logs" columns={FILES} rows={files} id={(file) => file.name} empty="No log." />}
        <h3>Words</h3>
        <dl class="facts">
          {GLOSSARY.map(([word, meaning]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </section>
    </div>
  );
}

function Settings() {
  const answer = useAnswer("config", 120);
  const [chosen, setChosen] = useKept("settings", ["differs"]);
  const all = answer.data?.settings ?? [];
  const rows = chosen.includes("differs") ? all.filter((one) => one.differs) : all;
  return (
    <>
      <Missing answer={answer} what="the settings" />
      {answer.data && (
        <>
          <div class="tools">
            <Chips label="Settings to show" all={[["differs", "differs from the default", all.filter((one) => one.differs).length]]} chosen={chosen} onChange={setChosen} />
            <span class="muted">
              {rows.length} of {all.length}
            </span>
          </div>
          <Table label="Settings" columns={SETTINGS} rows={rows} id={(one) => one.name} empty="All settings have their defaults." />
        </>
      )}
    </>
  );
}

const shown = (value) => (value === null || value === "" ? "not set" : Array.isArray(value) ? value.join(", ") || "none" : String(value));

const SETTINGS = [
  { key: "name", label: "Setting", sort: (one) => one.name, cell: (one) => <code title={one.description}>{one.name}</code> },
  {
    key: "value",
    label: "Value",
    cell: (one) => (
      <span class="reason">
        {one.differs && <strong title="differs from the default">◆ </strong>}
        {shown(one.value)}
      </span>
    ),
  },
  { key: "default", label: "Default", rank: 2, cell: (one) => <span class="reason muted">{shown(one.default)}</span> },
];

function Service({ health, bot }) {
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>{health.version}</dd>
        </div>
        <div>
          <dt>Environment</dt>
          <dd>{health.environment}</dd>
        </div>
        <div>
          <dt>Model</dt>
          <dd>{bot.model_version}</dd>
        </div>
        <div>
          <dt>Leader</dt>
          <dd>
            {bot.leads ?? "nobody"}
            {bot.leader ? " (this process)" : ""}
          </dd>
        </div>
        <div>
          <dt>Health</dt>
          <dd>
            {health.status === "ok" ? "● ok" : "▲ degraded"}
            {health.reasons.map((reason) => (
              <div key={reason}>{reason}</div>
            ))}
          </dd>
        </div>
        <div>
          <dt>API</dt>
          <dd>
            <a href={address("docs")}>all routes</a>
          </dd>
        </div>
      </dl>
    </>
  );
}

const FILES = [
  { key: "name", label: "Log", cell: (file) => (file.exists ? <Download path={`logs/${file.name}.csv`} name={`${file.name}.csv`} /> : file.name) },
  { key: "lines", label: "Lines", num: true, cell: (file) => count(file.line_count) },
  { key: "size", label: "Size", num: true, cell: (file) => bytes(file.size_bytes) },
  { key: "parts", label: "Older parts", num: true, cell: (file) => count(file.parts.length) },
];
