// Live orders beside the same orders on paper: how far paper can be trusted.

import { count, share, signedCents, size } from "../ui/format.js";
import { useAnswer } from "../ui/hooks.js";
import { Missing } from "../ui/parts.jsx";
import { Table } from "../ui/table.jsx";

export function Twins() {
  const answer = useAnswer("twin", 15);
  const data = answer.data;
  const rows = data?.total ? [data.total, ...data.categories] : [];
  return (
    <section aria-labelledby="twin-title">
      <h3 id="twin-title">Live beside paper: each order that takes, and the same walked through the book it was decided on</h3>
      <Missing answer={answer} what="the comparison with paper" />
      {data && <Table label="Live beside paper" columns={COLUMNS} rows={rows} id={(row) => row.category} empty={data.reason} />}
    </section>
  );
}

const COLUMNS = [
  { key: "category", label: "Category", cell: (row) => row.category },
  { key: "orders", label: "Orders", num: true, cell: (row) => count(row.orders) },
  { key: "contracts", label: "Contracts", num: true, rank: 2, cell: (row) => size(row.contracts) },
  { key: "live", label: "Filled live", num: true, title: "Contracts traded of those sent", cell: (row) => share(row.live_fill_rate, 1) },
  { key: "paper", label: "On paper", num: true, title: "Contracts traded of those sent", cell: (row) => share(row.paper_fill_rate, 1) },
  { key: "price", label: "Price, c", num: true, title: "Cents a contract that live paid more, where both traded", cell: (row) => signedCents(row.price_gap) },
  { key: "fee", label: "Fees, c", num: true, rank: 2, title: "Cents a contract that live paid more in fees", cell: (row) => signedCents(row.fee_gap) },
];
