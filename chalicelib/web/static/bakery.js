/** The bakery: orders and what they need, recipes, what to buy, and the team. */

import { ask, at, get } from "./api.js";
import { count, day, h, many, moment, say, sentence, words } from "./dom.js";
import { form, row } from "./forms.js";
import { ingredients, measure } from "./ingredients.js";
import { action, badge, facts, list, live, nothing, section, table } from "./parts.js";
import { batches } from "./batches.js";
import { team } from "./team.js";
import { choices, knows, taken, takesKey } from "./spec.js";

export const tabs = [
  { name: "orders", title: "Orders", needs: ["GET", "/orders"], show: orders },
  { name: "cakes", title: "Cakes", needs: ["GET", "/cakes"], show: cakes },
  { name: "batches", title: "Shopping list", needs: ["GET", "/batches"], show: batches },
  { name: "team", title: "Employees", needs: ["GET", "/employees"], show: team },
  { name: "order", title: "Order", within: "orders", hidden: true, needs: ["GET", "/orders/{order_id}"], show: order },
];

const TONES = { open: "", ticketed: "warn", ready: "good", cancelled: "bad" };

function orders([status = ""]) {
  const shown = h("div", {}, listed(status));
  const select = h("select", { id: "status", onchange: () => { location.hash = `#/bakery/orders/${select.value}`; } },
    h("option", { value: "" }, "Active"),
    choices(taken("GET", "/orders").status).map((each) => h("option", { value: each, selected: each === status }, words(each))));
  return h("div", {},
    section("New order", live(() => get("/cakes"), (found) => placing(found, () => shown.replaceChildren(listed(status))))),
    section("Orders", h("p", { class: "filter" }, h("label", { for: "status" }, "Status"), select), shown));
}

function placing(found, placed) {
  if (!found.length) return nothing("No cakes yet.", h("p", {}, h("a", { class: "button", href: "#/bakery/cakes" }, "Add a cake")));
  const property = taken("POST", "/orders");
  return form({
    button: "Place order",
    label: "New order",
    fields: [
      { name: "customer", label: "Customer", required: true, property: property.customer },
      { name: "recipe", label: "Cake", kind: "select", required: true, options: found.map((each) => [each.id, each.name]) },
      row(
        { name: "persons", label: "Servings per cake", kind: "number", required: true, value: "1" },
        { name: "quantity", label: "Quantity", kind: "number", required: true, value: "1" },
      ),
      ingredients({ name: "extra_ingredients", label: "Extra ingredients for the whole order" }),
      { name: "email", label: "Email", kind: "email", hint: "Used when the customer is not on Slack" },
      { name: "urgent", label: "Urgent: order ingredients immediately", kind: "check" },
    ],
    async send({ email, ...said }, key) {
      const json = email ? { ...said, email } : said;
      const { value } = await ask("POST", "/orders", { json, key: takesKey("POST", "/orders") ? key : undefined });
      placed();
      return h("p", { class: "box good" }, "Order ", link(value), ` for ${value.customer} has been placed.`);
    },
  });
}

function listed(status) {
  return list({
    path: "/orders",
    query: { status, limit: 100 },
    caption: "Orders, newest first",
    empty: nothing("No orders yet."),
    columns: [
      ["Order", (each) => link(each)],
      ["Customer", (each) => each.customer],
      ["Cake", (each) => each.recipe_name || words(each.recipe)],
      ["Quantity", (each) => count(each.quantity), "number"],
      ["Servings", (each) => count(each.persons), "number"],
      ["Status", (each) => [badge(words(each.status), TONES[each.status]), each.urgent && badge("Urgent", "warn")]],
      ["Placed", (each) => moment(each.created_at)],
    ],
  });
}

function link(each) {
  return h("a", { href: `#/bakery/order/${each.id}` }, `#${each.id}`);
}

function order([id = ""]) {
  const place = live(() => get(at`/orders/${id}`), (each) => [
    h("h2", {}, `Order #${each.id} for ${each.customer}`, badge(words(each.status), TONES[each.status])),
    facts([
      ["Cake", `${each.quantity} × ${each.recipe_name || words(each.recipe)}, ${each.persons} servings each`],
      ["Placed", moment(each.created_at)],
      ["Reason", each.reason && sentence(each.reason)],
      ["Batch", each.batch && h("a", { href: `#/bakery/batches/${each.batch}` }, day(each.batch))],
      ["Ticket", each.ticket && [each.ticket.key, words(each.ticket.state), each.ticket.reason].filter(Boolean).join(", ")],
      ["Notified", each.notice && notified(each.notice)],
    ]),
    section("Ingredients", table(many(each.ingredients.length, "ingredient"), [
      ["Ingredient", (need) => need.name],
      ["Total", (need) => measure(need.amount, need.unit), "number"],
    ], each.ingredients)),
    each.history && section("History", h("ul", {}, each.history.map((step) => h("li", {}, words(step.status), " ", moment(step.at), ` by ${step.by}: ${step.reason}`)))),
    ["open", "ticketed"].includes(each.status) && h("div", { class: "row" }, ready(each, place), cancel(each, place)),
  ]);
  return place;
}

/** Returns how the customer was notified, or why not. */
function notified({ state, channel, reason }) {
  const how = { slack: "by Slack", mail: "by email" }[channel] || channel;
  return [[words(state), how].filter(Boolean).join(" "), reason].filter(Boolean).join(", ");
}

function ready(each, place) {
  return action("Mark as ready", async () => {
    await ask("POST", at`/orders/${each.id}/ready`, { again: true });
    say("Order marked as ready; the customer is being notified.");
    await place.reload();
  }, { question: { title: `Mark order #${each.id} as ready?`, text: `${each.customer} will be notified once.`, yes: "Mark as ready", tone: "" } });
}

function cancel(each, place) {
  return action("Cancel order", async () => {
    await ask("DELETE", at`/orders/${each.id}`);
    say("Order cancelled.");
    await place.reload();
  }, { tone: "danger", question: { title: `Cancel order #${each.id}?`, text: "This cannot be undone; the customer has to order again.", yes: "Cancel order" } });
}

function cakes() {
  const shown = live(() => get("/cakes"), (found, reload) => (found.length
    ? h("ul", { class: "cards" }, found.map((each) => cake(each, reload)))
    : nothing("No cakes yet.")));
  const add = form({
    button: "Add cake",
    fields: [
      { name: "name", label: "Name", required: true, property: taken("POST", "/cakes").name },
      ingredients({ name: "ingredients", label: "Ingredients per serving", required: true }),
    ],
    async send(said) {
      const { value } = await ask("POST", "/cakes", { json: said });
      await shown.reload();
      return h("p", { class: "box good" }, `${value.name} has been added.`);
    },
  });
  return h("div", {}, section("Cakes", shown), section("Add a cake", add));
}

function cake(each, reload) {
  return h("li", { class: "card" },
    h("h3", {}, each.name),
    h("p", { class: "hint" }, "Per serving"),
    facts(Object.entries(each.ingredients).map(([name, amount]) => [name, measure(amount)])),
    knows("DELETE", "/cakes/{cake_id}") && action("Remove", async () => {
      await ask("DELETE", at`/cakes/${each.id}`);
      say(`${each.name} removed.`);
      await reload();
    }, { tone: "plain", "aria-label": `Remove ${each.name}`, question: { title: `Remove ${each.name}?`, text: "Existing orders keep their recipe.", yes: "Remove" } }));
}
