// The account in figures, and each limit with what is used of it.

import { centRange, count, gain, money, NONE, share, signedCents } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Bar, FigureList, Gain, Missing, Panel } from "../ui/parts.jsx";

/** The account as `/positions` has it, all of one moment; before that is known, what the state has. */
export function Figures({ state }) {
  const positions = useAnswer("positions", 3);
  const { overview } = state;
  const account = positions.data?.account ?? { ...overview, exposure: overview.total_exposure };
  const worth = positions.data?.entries?.after["60"];
  const figures = [
    ["Equity", money(account.equity), "cash, and what closing everything would fetch"],
    ["Today", <Gain value={account.daily_pnl} />, "since 00:00 UTC, fees included"],
    ["Unrealised", <Gain value={account.unrealized} />, "of what is open, by its marks, before fees"],
    ["Realised", <Gain value={account.realized} />, "of what is closed, after all fees ever paid"],
    ["Fees", money(account.fees), "all fees ever paid"],
    ["Cash", money(account.cash), "dollars not bound in positions"],
    ["Exposure", money(account.exposure), "the most that can still be lost"],
    ["Drawdown", money(account.drawdown), "deepest fall below the peak"],
    ["Positions", count(positions.data?.count ?? overview.open_positions), "open now"],
    ["Entries, 60 s", <Worth mean={worth} />, ofEntries(worth)],
  ];
  return <FigureList class="figures" label="Account, dollars" figures={figures} />;
}

/** What entries were worth a minute later; the Model tab has it by category and kind. */
const Worth = ({ mean }) => (mean ? <a href="#model">{signedCents(mean.value)} c</a> : NONE);

function ofEntries(mean) {
  if (!mean) return "where the mid was a minute after entries, on their side: no entry is a minute old yet";
  return `where the mid was a minute after ${count(mean.rows)} entries, on their side, cents a contract before fees (${centRange(mean)})`;
}

const words = (rule) => rule.replace(/^max_/, "").replaceAll("_", " ");
/** The setting in words: of an order by itself, whether the most or the least is meant. */
const bound = (setting) => setting.replace("RISK_", "").replaceAll("_", " ").toLowerCase();
const amount = (value, unit) => (unit === "dollars" ? money(value) : unit === "seconds" ? `${count(value)}\u00a0s` : count(value));

export function LimitsPanel() {
  const answer = useAnswer("limits", 6);
  const limits = answer.data?.limits ?? [];
  const perOrder = limits.filter((one) => !accumulates(one));
  return (
    <Panel id="limits" title="Limits" note={answer.data?.entries_stopped ? <span class="warn-text">▲ entries stopped</span> : "used / limit"}>
      <Missing answer={answer} what="the limits" />
      <ul class="limits">
        {limits.filter(accumulates).map((one) => (
          <Limit key={one.setting} one={one} />
        ))}
      </ul>
      {perOrder.length > 0 && (
        <p class="note" title="asked of each order by itself">
          Each order: {perOrder.map((one) => `${bound(one.setting)} ${amount(one.limit, one.unit)}`).join(" · ")}
        </p>
      )}
    </Panel>
  );
}

/** Of each order by itself nothing is used up. */
const accumulates = (one) => one.value !== null || one.limit === null;

function Limit({ one }) {
  const used = one.limit === null ? "off" : one.value === null ? NONE : amount(one.value, one.unit);
  const title = [one.setting, one.of, one.reason].filter(Boolean).join(" · ");
  return (
    <li title={title}>
      <span class="name">{words(one.rule)}</span>
      <span class="num">
        {used}
        {one.limit !== null && <span class="muted"> / {amount(one.limit, one.unit)}</span>}
      </span>
      <Bar share={one.use} label={`${words(one.rule)}: ${one.use === null ? "not known" : share(one.use)} used`} />
    </li>
  );
}
