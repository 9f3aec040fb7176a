// The page: a bar in sight at all times, the account, then one tab at a time.

import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { start } from "./data/feed.js";
import { freshness } from "./data/status.js";
import { serverNow } from "./data/api.js";
import { Figures, LimitsPanel } from "./panels/account.jsx";
import { EquityPanel } from "./panels/equity.jsx";
import { FirstRun } from "./panels/first.jsx";
import { FunnelPanel } from "./panels/funnel.jsx";
import { Header, ReadTokenDialog } from "./panels/header.jsx";
import { LogTab } from "./panels/log.jsx";
import { MarketView } from "./panels/market.jsx";
import { MarketsTab } from "./panels/markets.jsx";
import { ModelTab } from "./panels/model.jsx";
import { OrdersTab } from "./panels/orders.jsx";
import { PositionsPanel } from "./panels/positions.jsx";
import { SettingsTab } from "./panels/settings.jsx";
import { TradesTab } from "./panels/trades.jsx";
import { WhalesTab } from "./panels/whales.jsx";
import { useKnown, usePlace } from "./ui/hooks.js";

const TABS = [
  ["markets", "Markets", MarketsTab],
  ["trades", "Trades", TradesTab],
  ["orders", "Orders", OrdersTab],
  ["whales", "Whales", WhalesTab],
  ["model", "Model", ModelTab],
  ["log", "Log", LogTab],
  ["settings", "Settings", SettingsTab],
];

function Page() {
  const known = useKnown();
  const { state, bot, feed, wants } = known;
  document.title = title(state, bot, feed);
  if (wants) return <Locked known={known} />;
  const level = freshness(bot, serverNow(), feed).level;
  return (
    <>
      <Header known={known} />
      <main class={`figures-${level}`}>{state ? <Panels state={state} bot={bot} /> : <Unread feed={feed} />}</main>
    </>
  );
}

function Locked({ known }) {
  return (
    <>
      <Header known={known} />
      <ReadTokenDialog failure={known.feed.failure} />
    </>
  );
}

function title(state, bot, feed) {
  if (feed.failure) return "✕ no data · KalshiProto";
  if (!state) return "KalshiProto";
  const mode = bot.mode === "live" ? "LIVE " : "";
  return `${mode}${state.overview.equity.toFixed(2)} · KalshiProto`;
}

const Unread = ({ feed }) => (
  <p class="boot">{feed.failure ? `✕ Nothing can be shown: the service cannot be read (${feed.failure.message}).` : "Reading the state of the bot…"}</p>
);

function Panels({ state, bot }) {
  const [place, rest] = usePlace();
  if (place === "market" && rest) return <MarketView ticker={rest} state={state} key={rest} />;
  return (
    <>
      <FirstRun bot={bot} />
      <Figures state={state} />
      <div class="grid">
        <LimitsPanel />
        <EquityPanel />
        <FunnelPanel />
      </div>
      <PositionsPanel bot={bot} />
      <Tabs place={place} rest={rest} state={state} bot={bot} />
    </>
  );
}

function Tabs({ place, rest, state, bot }) {
  const [name, , Tab] = TABS.find(([one]) => one === place) ?? TABS[0];
  const box = useInSight(place, rest);
  return (
    <section class="panel tabs" aria-label="Panels by theme" ref={box}>
      <nav aria-label="Panels">
        {TABS.map(([one, text]) => (
          <a key={one} href={`#${one}`} aria-current={one === name ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
      <div class="tab" key={name}>
        <Tab state={state} bot={bot} rest={rest} />
      </div>
    </section>
  );
}

/** A link elsewhere on the page that opens a tab brings it into sight. */
function useInSight(place, rest) {
  const box = useRef(null);
  const before = useRef(`${place} ${rest}`);
  useEffect(() => {
    const here = `${place} ${rest}`;
    const below = box.current.getBoundingClientRect().top > innerHeight / 2;
    if (here !== before.current && below) box.current.scrollIntoView();
    before.current = here;
  }, [place, rest]);
  return box;
}

const theme = localStorage.getItem("kalshiproto.theme");
if (theme) document.documentElement.dataset.theme = theme;
const page = document.getElementById("page");
page.textContent = "";
render(<Page />, page);
start();
