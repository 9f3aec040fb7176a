// What was sent, what became of it, and what still rests in the books.

import { cents, count, money, NONE, size, time } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Chips, Missing, Ticker, useKept } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

const MOST = 200;
const AIMS = { enter: "entry", leave: "exit" };
const STATUSES = {
  resting: "◐ resting",
  in_doubt: "▲ in doubt",
  filled: "● filled",
  partially_filled: "◐ filled in part",
  canceled: "○ canceled",
  error: "✕ error",
};
const words = (status) => STATUSES[status] ?? status;

export function OrdersTab() {
  const [chosen, setChosen] = useKept("orders", []);
  const answer = useAnswer(`orders?limit=${MOST}`, 4);
  const all = answer.data?.orders ?? [];
  const rows = all.filter((one) => chosen.length === 0 || chosen.includes(one.status));
  const chips = Object.entries(STATUSES).map(([status, text]) => [status, text, all.filter((one) => one.status === status).length]);
  return (
    <>
      <div class="tools">
        <Chips label="Orders to show" all={chips} chosen={chosen} onChange={setChosen} />
        <span class="muted">
          {count(rows.length)} of {answer.data?.next_cursor ? `the ${count(all.length)} newest` : count(all.length)} · YES prices in cents
        </span>
      </div>
      <Missing answer={answer} what="the orders" />
      {answer.data && <Table label="Orders" columns={COLUMNS} rows={rows} id={(one) => one.client_order_id} empty={all.length ? "No order fits." : "No order was sent yet."} />}
    </>
  );
}

const COLUMNS = [
  { key: "sent", label: "Sent", sort: (one) => one.submitted_at, cell: (one) => time(one.submitted_at) },
  { key: "ticker", label: "Market", wide: true, sort: (one) => one.ticker, cell: (one) => <Ticker ticker={one.ticker} /> },
  { key: "aim", label: "For", rank: 2, sort: (one) => one.aim, cell: (one) => `${AIMS[one.aim] ?? one.aim}, ${one.life === "rest" ? "rests" : "takes"}` },
  { key: "size", label: "Size", num: true, sort: (one) => one.size, cell: (one) => `${one.side} ${size(one.size)}` },
  { key: "limit", label: "Limit", num: true, rank: 2, sort: (one) => one.limit, cell: (one) => cents(one.limit, 2) },
  { key: "filled", label: "Filled", num: true, sort: (one) => one.filled, cell: (one) => size(one.filled) },
  { key: "average", label: "Average", num: true, rank: 2, sort: (one) => one.average_price, cell: (one) => cents(one.average_price, 2) },
  { key: "fees", label: "Fees $", num: true, rank: 3, sort: (one) => one.fees, cell: (one) => money(one.fees) },
  { key: "ahead", label: "Ahead", num: true, rank: 2, title: "Contracts that trade before it", sort: (one) => one.queue?.ahead, cell: (one) => <Ahead queue={one.queue} /> },
  { key: "status", label: "Status", sort: (one) => one.status, cell: (one) => <Status one={one} /> },
];

const SOURCES = { exchange: "as the exchange says", books: "reckoned from books and trades" };

function Ahead({ queue }) {
  return queue ? <span title={SOURCES[queue.source]}>{size(queue.ahead)}</span> : NONE;
}

function Status({ one }) {
  return (
    <>
      <span class={`nowrap ${one.status === "in_doubt" || one.status === "error" ? "warn-text" : ""}`}>{words(one.status)}</span>
      {one.error && <span class="reason"> {one.error}</span>}
    </>
  );
}
