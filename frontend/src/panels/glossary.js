// Twenty words of this page, each in a line.

export const GLOSSARY = [
  ["bid, ask", "best price to sell to, and to buy from, in cents a YES contract"],
  ["book", "resting orders of a market by price; a NO bid at q is a YES ask at 100 − q"],
  ["cash", "dollars not bound in positions"],
  ["circuit breaker", "stops entries by rule, until a time or until Resume"],
  ["cycle", "one pass: fetch, analyse, trade, mark, publish"],
  ["drawdown", "how far the account fell below its peak"],
  ["drift", "how far today's inputs are from those the model was trained on"],
  ["edge", "what an entry is expected to earn after spread and fees, cents a contract"],
  ["equity", "cash, and what closing everything now would fetch"],
  ["exposure", "the most that can still be lost"],
  ["kill switch", "no order opens or adds to a position; exits continue"],
  ["leader, standby", "the process that trades; those that look on and take over"],
  ["mark", "what closing a position now would fetch; ▲ if no fresh book tells"],
  ["markout", "how far the price moved after an event, net of costs"],
  ["no opinion", "the model cannot judge this book: it holds, it never exits for that"],
  ["position", "contracts held; below 0 they are NO contracts"],
  ["regime", "calm, trending or chaotic: how the watched markets move together"],
  ["score", "probability that the YES mid rises over the model's horizon"],
  ["settlement", "payment of a decided market, 0 to 1 dollar a contract"],
  ["whale", "an unusually large order, sweep or lean by rule; a suspected spoof is a suspicion, never more"],
];
