/** What to buy: what the next ticket would order now, and the tickets of the days. */

import { ask, at, get } from "./api.js";
import { ago, count, day, h, many, moment, say, words } from "./dom.js";
import { measure } from "./ingredients.js";
import { list, orNull, table } from "./lists.js";
import { action, badge, facts, live, nothing, section } from "./parts.js";
import { may } from "./spec.js";

const FEW = 6;

/** Returns what to buy next, or the ticket of the day and number that the address names. */
export function batches([asked = "", number = "1"]) {
  return h("div", {},
    asked ? ticket(asked, number) : may("GET", "/batches/next") && section("What to buy", next()),
    section("Tickets", list({
      path: "/batches",
      query: { limit: 30 },
      caption: "Newest first",
      empty: nothing("No tickets yet."),
      key: (each) => `${each.date}/${each.number}`,
      noun: ["ticket"],
      brief: true,
      columns: [
        ["Day", (each) => h("a", { href: `#/bakery/batches/${each.date}/${each.number || 1}` }, day(each.date), each.number > 1 && ` (no. ${each.number})`)],
        ["Orders", (each) => count(each.orders), "number labelled", (each) => each.orders],
        ["Created", (each) => ago(each.sealed_at)],
        ["Ticket", (each) => each.ticket && badge(each.ticket.key || words(each.ticket.state), each.ticket.state === "failed" ? "bad" : "")],
      ],
    })));
}

function next() {
  const place = live(() => get("/batches/next"), (found) => (found.orders.length ? [
    facts([
      ["Orders", found.waiting > found.orders.length ? `${count(found.orders.length)} of ${count(found.waiting)}; the others go on further tickets of the day` : count(found.waiting)],
      ["Ordered automatically", moment(found.cutoff)],
    ]),
    h("div", { class: "row unprinted" }, may("POST", "/batches") && run(place), printing()),
    lines("Shopping list of the next ticket", found.lines),
  ] : nothing("No orders are waiting, so there is nothing to buy.")));
  return place;
}

function printing() {
  return h("button", { type: "button", class: "plain", onclick: () => window.print() }, "Print");
}

function ticket(asked, number) {
  const title = h("h2", {}, "Ticket for ", day(asked), Number(number) > 1 && ` (no. ${number})`);
  const place = live(() => orNull(get(at`/batches/${asked}`, { ticket: number })), (found) => (found ? [
    facts([
      ["Orders", count(found.orders.length)],
      ["Created", moment(found.sealed_at)],
      ["Ticket", found.ticket && [found.ticket.key, words(found.ticket.state), found.ticket.reason].filter(Boolean).join(", ")],
    ]),
    h("div", { class: "row unprinted" }, printing()),
    lines("Shopping list", found.lines),
  ] : nothing("No ticket for that day.")));
  return h("div", {}, h("p", { class: "unprinted" }, h("a", { href: "#/bakery/batches" }, "What to buy next")), h("section", {}, title, place));
}

/** Returns what a request for a ticket came to, as a sentence. */
export function outcome({ status, orders }) {
  return status === "empty" ? "No orders are waiting, so no ticket was created." : `The ticket is created with ${many(orders.length, "order")}.`;
}

/** Returns the button that orders now: on today's ticket, or on an extra one if that has been created before. */
function run(place) {
  return action("Create ticket now", async () => {
    let { value } = await ask("POST", "/batches", { again: true });
    if (value.next_ticket) ({ value } = await ask("POST", "/batches", { query: { ticket: value.next_ticket }, again: true }));
    say(outcome(value));
    if (value.status === "empty") await place.reload();
    else location.hash = `#/bakery/batches/${value.date}/${value.number || 1}`;
  }, { question: { title: "Create the ticket now?", text: "It includes all waiting orders; later orders go on the next one.", yes: "Create ticket", tone: "" } });
}

function lines(caption, found) {
  return table(caption, [
    ["Ingredient", (each) => each.name, "", (each) => each.name],
    ["Total", (each) => measure(each.amount, each.unit), "number", (each) => Number(each.amount)],
    ["For", (each) => shares(each)],
  ], found);
}

/** Returns which orders an ingredient is for; the first of many, the others unfolded. */
function shares(each) {
  const links = each.orders.map((share) => [h("a", { href: `#/bakery/order/${share.order}` }, `#${share.order}`), ` ${measure(share.amount, each.unit)} `]);
  if (links.length <= FEW) return links;
  return h("details", { class: "unprinted" }, h("summary", {}, many(links.length, "order")), links);
}
