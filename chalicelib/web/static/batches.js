/** What to buy: a day's ticket for all waiting orders. */

import { ask, at, get, Problem } from "./api.js";
import { day, h, many, moment, say, words } from "./dom.js";
import { measure } from "./ingredients.js";
import { action, badge, facts, list, live, nothing, section, table } from "./parts.js";

export function batches([asked]) {
  const today = new Date().toISOString().slice(0, 10);
  const shown = asked || today;
  const place = live(() => batch(shown), (found) => (found ? told(found) : nothing(
    shown === today ? "Today's ticket is created at 06:00 UTC." : "No ticket for that day.",
    shown === today && run(place),
  )));
  return h("div", {},
    h("section", {}, h("h2", {}, "Ticket for ", day(shown)), place),
    asked && h("p", {}, h("a", { href: "#/bakery/batches" }, "Today's ticket")),
    section("All days", list({
      path: "/batches",
      query: { limit: 30 },
      caption: "Tickets, newest first",
      empty: nothing("No tickets yet."),
      columns: [
        ["Day", (each) => h("a", { href: `#/bakery/batches/${each.date}` }, day(each.date))],
        ["Orders", (each) => (Array.isArray(each.orders) ? each.orders.length : String(each.orders)), "number"],
        ["Created", (each) => moment(each.sealed_at)],
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
  return action("Create ticket now", async () => {
    const { value } = await ask("POST", "/batches", { again: true });
    const left = value.waiting ? ` ${many(value.waiting, "order")} will be on tomorrow's ticket.` : "";
    say(value.status === "empty" ? "No orders are waiting, so no ticket was created." : `Today's ticket is created.${left}`);
    await place.reload();
    if (left) place.append(h("p", { class: "box" }, left));
    if (value.status === "empty") place.append(h("p", { class: "box" }, "No orders are waiting, so there is nothing to buy."));
  }, { question: { title: "Create today's ticket now?", text: "It includes all waiting orders; later orders go on tomorrow's.", yes: "Create ticket", tone: "" } });
}

function told(found) {
  return [
    facts([
      ["Orders", many(found.orders.length, "order")],
      ["Created", moment(found.sealed_at)],
      ["Ticket", found.ticket && [found.ticket.key, words(found.ticket.state), found.ticket.reason].filter(Boolean).join(", ")],
    ]),
    table("Shopping list", [
      ["Ingredient", (each) => each.name],
      ["Total", (each) => measure(each.amount, each.unit), "number"],
      ["For", (each) => each.orders.map((share) => [h("a", { href: `#/bakery/order/${share.order}` }, `#${share.order}`), ` ${measure(share.amount, each.unit)} `])],
    ], found.lines),
  ];
}
