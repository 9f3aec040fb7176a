// What is held, what it has come to, and why it is still held.

import { closing } from "../data/actions.js";
import { useActing } from "../ui/acting.jsx";
import { cents, money, NONE, score, size, span } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Gain, Missing, Panel, Ticker } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

export function PositionsPanel({ bot }) {
  const { send, answer: said, dialog } = useActing(bot);
  const answer = useAnswer("positions", 3);
  const rows = answer.data?.positions ?? [];
  const old = answer.data?.reason;
  return (
    <Panel id="positions" title={`Positions ${answer.data ? rows.length : ""}`} note={old ? <span class="warn-text">▲ {old}</span> : "YES prices in cents"}>
      <Missing answer={answer} what="the positions" />
      {answer.data && <Table label="Positions" columns={[...COLUMNS, closeColumn(send, bot)]} rows={rows} id={(row) => row.ticker} first={["value", true]} empty="Nothing is held." />}
      {said}
      {dialog}
    </Panel>
  );
}

/** A button, or that it is being closed and why it is still open. */
const closeColumn = (send, bot) => ({
  key: "close",
  label: "Close",
  cell: (row) =>
    bot.closing?.[row.ticker] !== undefined ? (
      <span class="warn-text" title={bot.closing[row.ticker]}>
        ▲ closing
      </span>
    ) : (
      <button type="button" class="close" aria-label={`Close ${row.ticker}`} onClick={() => send(closing(row))}>
        Close
      </button>
    ),
});

const COLUMNS = [
  { key: "ticker", label: "Market", sort: (row) => row.ticker, wide: true, cell: (row) => <Market row={row} /> },
  { key: "size", label: "Size", num: true, sort: (row) => row.size, cell: (row) => `${size(row.size)} ${row.side}` },
  { key: "entry", label: "Entry", num: true, rank: 2, sort: (row) => row.entry_price, cell: (row) => cents(row.entry_price, 2) },
  { key: "mark", label: "Mark", num: true, sort: (row) => row.mark_price, cell: (row) => <MarkPrice row={row} /> },
  { key: "value", label: "Value $", num: true, rank: 2, sort: (row) => row.value, cell: (row) => money(row.value) },
  { key: "unrealised", label: "Open P&L $", num: true, rank: 2, sort: (row) => row.pnl_unrealized, cell: (row) => <Gain value={row.pnl_unrealized} /> },
  { key: "fees", label: "Fees $", num: true, rank: 2, sort: (row) => row.fees, cell: (row) => money(row.fees) },
  { key: "pnl", label: "P&L $", num: true, title: "With the fees paid so far", sort: (row) => row.pnl, cell: (row) => <Gain value={row.pnl} /> },
  { key: "held", label: "Held", num: true, rank: 2, sort: (row) => row.held_seconds, cell: (row) => span(row.held_seconds * 1000) },
  { key: "closes", label: "Closes in", num: true, rank: 2, sort: (row) => row.closes_in_seconds, cell: (row) => <Closing row={row} /> },
  { key: "score", label: "Score", num: true, rank: 2, sort: (row) => row.score, cell: (row) => score(row.score) },
  { key: "why", label: "Why still held", rank: 3, cell: (row) => <span class="reason">{row.hold_reason}</span> },
];

function Market({ row }) {
  return (
    <>
      <Ticker ticker={row.ticker} />
      <span class="title">{row.title ?? ""}</span>
    </>
  );
}

function MarkPrice({ row }) {
  if (row.mark_price === null) return <span title="no price was seen yet">{NONE}</span>;
  return row.stale ? (
    <span class="stale-mark" title={row.stale_reason}>
      {cents(row.mark_price, 2)} ▲
    </span>
  ) : (
    cents(row.mark_price, 2)
  );
}

function Closing({ row }) {
  if (row.closes_in_seconds === null) return NONE;
  return row.closes_in_seconds < 0 ? "closed" : span(row.closes_in_seconds * 1000);
}
