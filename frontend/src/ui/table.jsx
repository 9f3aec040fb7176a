// A table that sorts by its headers. Columns give way on narrow screens by their rank.

import { useState } from "preact/hooks";

const MOST = 200;

/**
 * columns: {key, label, num, rank, sort, cell, title}. `sort` is the value of a row, `rank` 2 or 3
 * the earlier to go on narrow screens. `first` is [key, descending], `most` how many rows show at first.
 */
export function Table({ label, columns, rows, id, first, empty, mark, most = MOST }) {
  const [order, setOrder] = useState(first ?? null);
  const [all, setAll] = useState(false);
  const [wide, setWide] = useState(false);
  const shown = sorted(rows, columns, order);
  const cut = all ? shown : shown.slice(0, most);
  const turn = (key) => setOrder((now) => [key, now?.[0] === key ? !now[1] : true]);
  return (
    <div class={wide ? "scroll every-column" : "scroll"} role="region" aria-label={`${label} table`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} order={order} turn={turn} />
            ))}
          </tr>
        </thead>
        <tbody>
          {cut.map((row) => (
            <tr key={id(row)} class={mark?.(row)}>
              {columns.map((column) => (
                <td key={column.key} class={kind(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="missing">{empty}</p>}
      {shown.length > cut.length && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          Show all {shown.length}
        </button>
      )}
      {rows.length > 0 && <Columns columns={columns} label={label} wide={wide} onTurn={() => setWide(!wide)} />}
    </div>
  );
}

/** On a screen that hides columns: shows them, too. The table is then moved sideways in its place. */
function Columns({ columns, label, wide, onTurn }) {
  const ranks = columns.map((column) => column.rank).filter(Boolean);
  if (ranks.length === 0) return null;
  return (
    <button type="button" class={`more hides${Math.max(...ranks)}`} aria-pressed={wide} aria-label={`All columns of ${label}`} onClick={onTurn}>
      {wide ? "Fewer columns" : "All columns"}
    </button>
  );
}

const kind = (column) => [column.num && "num", column.rank && `rank${column.rank}`, column.wide && "wide"].filter(Boolean).join(" ");

function Head({ column, order, turn }) {
  const chosen = order?.[0] === column.key;
  const way = chosen ? (order[1] ? "descending" : "ascending") : "none";
  if (!column.sort) {
    return (
      <th scope="col" class={kind(column)} title={column.title}>
        {column.label}
      </th>
    );
  }
  return (
    <th scope="col" class={kind(column)} aria-sort={way} title={column.title}>
      <button type="button" onClick={() => turn(column.key)}>
        {column.label}
        <span class="arrow" aria-hidden="true">
          {chosen ? (order[1] ? "▾" : "▴") : ""}
        </span>
      </button>
    </th>
  );
}

function sorted(rows, columns, order) {
  const column = order && columns.find((one) => one.key === order[0]);
  if (!column) return rows;
  const sign = order[1] ? -1 : 1;
  return [...rows].sort((a, b) => sign * compared(column.sort(a), column.sort(b), sign));
}

// What is absent comes last, whichever way.
function compared(a, b, sign) {
  const [left, right] = [a ?? null, b ?? null];
  if (left === right) return 0;
  if (left === null) return sign;
  if (right === null) return -sign;
  return left < right ? -1 : 1;
}
