/** What to buy: a day's ticket for all waiting orders. */

import { ask, at, get, Problem } from "./api.js";
import { day, h, many, moment, say, words } from "./dom.js";
import { measure } from "./ingredients.js";
import { action, badge, facts, list, live, nothing, section, table } from "./parts.js";

export function batches([asked]) {
  const today = new Date().toISOString().slice(0, 10);
  const shown = asked || today;
  const place = live(() => batch(shown), (found) => (found ? told(found) : nothing(
    shown === today ? "Today's ticket is not written yet; it is at 06:00 UTC." : "There is no ticket of that day.",
    shown === today && run(place),
  )));
  return h("div", {},
    h("section", {}, h("h2", {}, "Ticket of ", day(shown)), place),
    asked && h("p", {}, h("a", { href: "#/bakery/batches" }, "Today's ticket")),
    section("All days", list({
      path: "/batches",
      query: { limit: 30 },
      caption: "Tickets, newest first",
      empty: nothing("No ticket was written yet."),
      columns: [
        ["Day", (each) => h("a", { href: `#/bakery/batches/${each.date}` }, day(each.date))],
        ["Orders", (each) => (Array.isArray(each.orders) ? each.orders.length : String(each.orders)), "number"],
        ["Written", (each) => moment(each.sealed_at)],
        ["Ticket", (each) => each.ticket && badge(each.ticket.key || words(each.ticket.state))],
      ],
    })));
}

async function batch(shown) {
  try {
    return await get(at`/batches/${shown}`);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

function run(place) {
  return action("Write it now", async () => {
    const { value } = await ask("POST", "/batches", { again: true });
    say(value.status === "empty" ? "No order is waiting, so there is no ticket." : "The ticket is written.");
    await place.reload();
    if (value.status === "empty") place.append(h("p", { class: "box" }, "No order is waiting, so there is nothing to buy."));
  }, { question: { title: "Write today's ticket now?", text: "All waiting orders go on it; later ones are tomorrow's.", yes: "Write it", tone: "" } });
}

function told(found) {
  return [
    facts([
      ["Orders", many(found.orders.length, "order")],
      ["Written", moment(found.sealed_at)],
      ["Ticket", found.ticket && [found.ticket.key, words(found.ticket.state), found.ticket.reason].filter(Boolean).join(", ")],
    ]),
    table("Everything that the orders need", [
      ["Ingredient", (each) => each.name],
      ["In all", (each) => measure(each.amount, each.unit), "number"],
      ["For", (each) => each.orders.map((share) => [h("a", { href: `#/bakery/order/${share.order}` }, `#${share.order}`), ` ${measure(share.amount, each.unit)} `])],
    ], found.lines),
  ];
}
