// Downloads, versions, words.

import { address } from "../data/api.js";
import { bytes, count } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Missing } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";
import { GLOSSARY } from "./glossary.js";

export function SettingsTab({ bot }) {
  const health = useAnswer("health", 30);
  const logs = useAnswer("logs/stats", 30);
  const files = Object.entries(logs.data ?? {}).map(([name, file]) => ({ name, ...file }));
  return (
    <div class="columns">
      <section aria-labelledby="service-title">
        <h3 id="service-title">Service</h3>
        <Missing answer={health} what="the health" />
        {health.data && <Service health={health.data} bot={bot} />}
        <h3>CSV logs</h3>
        <Missing answer={logs} what="the logs" />
        {logs.data && <Table label="CSV logs" columns={FILES} rows={files} id={(file) => file.name} empty="No log." />}
      </section>
      <section aria-labelledby="words-title">
        <h3 id="words-title">Words</h3>
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
  { key: "name", label: "Log", cell: (file) => (file.exists ? <a href={address(`logs/${file.name}.csv`)}>{file.name}.csv</a> : file.name) },
  { key: "lines", label: "Lines", num: true, cell: (file) => count(file.line_count) },
  { key: "size", label: "Size", num: true, cell: (file) => bytes(file.size_bytes) },
  { key: "parts", label: "Older parts", num: true, cell: (file) => count(file.parts.length) },
];
