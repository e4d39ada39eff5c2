/** The bakery: an order and what it needs, recipes; the board, tickets and the team have modules. */

import { ask, at, get } from "./api.js";
import { batches } from "./batches.js";
import { day, h, many, moment, say, sentence, words } from "./dom.js";
import { form } from "./forms.js";
import { ingredients, measure } from "./ingredients.js";
import { follow, orNull, table } from "./lists.js";
import { notified, orders, preview, ready, TONES } from "./orders.js";
import { action, badge, facts, live, nothing, orderStatus, section } from "./parts.js";
import { knows, may, taken } from "./spec.js";
import { team } from "./team.js";

export const tabs = [
  { name: "orders", title: "Orders", needs: ["GET", "/orders"], show: orders },
  { name: "cakes", title: "Cakes", needs: ["GET", "/cakes"], show: cakes },
  { name: "batches", title: "Shopping list", needs: ["GET", "/batches"], show: batches },
  { name: "team", title: "Employees", needs: ["GET", "/employees"], show: team },
  { name: "order", title: "Order", within: "orders", hidden: true, needs: ["GET", "/orders/{order_id}"], show: order },
];

function order([id = ""]) {
  let pending = false;
  const place = live(async () => {
    const found = await orNull(get(at`/orders/${id}`));
    pending = found?.notice?.state === "asked";
    return found;
  }, (each) => (each ? [
    h("h2", {}, `Order #${each.id} for ${each.customer}`, badge(orderStatus(each.status), TONES[each.status]), each.urgent && badge("Urgent", "warn")),
    each.status === "ready" && h("div", { class: "box good" }, notified(each, place.reload)),
    facts([
      ["Cake", `${each.quantity} × ${each.recipe_name || words(each.recipe)}, ${many(each.persons, "serving")} each`],
      ["Due", each.due_at && moment(each.due_at)],
      ["Note", each.note],
      ["Placed", moment(each.created_at)],
      ["Phone", each.phone && h("a", { href: `tel:${each.phone}` }, each.phone)],
      ["Email", each.email],
      ["Last change", each.reason && sentence(each.reason)],
      ["Batch", each.batch && h("a", { href: `#/bakery/batches/${each.batch}/${each.batch_number || 1}` }, day(each.batch))],
      ["Ticket", each.ticket && [each.ticket.key, words(each.ticket.state), each.ticket.reason].filter(Boolean).join(", ")],
    ]),
    ["open", "ticketed"].includes(each.status) && h("div", { class: "row" }, ready(each, place.reload), may("DELETE", "/orders/{order_id}") && cancel(each, place)),
    ["open", "ticketed"].includes(each.status) && section("When it is ready", preview(each)),
    section("Ingredients", table(many(each.ingredients.length, "ingredient"), [
      ["Ingredient", (need) => need.name],
      ["Total", (need) => measure(need.amount, need.unit), "number"],
    ], each.ingredients)),
    each.history && section("History", h("ol", { class: "timeline" }, each.history.map((step) => h("li", {}, h("strong", {}, orderStatus(step.status)), " ", moment(step.at), ` by ${step.by}: ${step.reason}`)))),
  ] : nothing(`There is no order #${id}.`, h("p", {}, h("a", { class: "button", href: "#/bakery/orders" }, "Orders")))));
  follow(place, () => pending, 5);
  return place;
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
    h("p", {}, "Per serving: ", Object.entries(each.ingredients).map(([name, amount]) => `${name} ${measure(amount)}`).join(", ")),
    knows("DELETE", "/cakes/{cake_id}") && action("Remove", async () => {
      await ask("DELETE", at`/cakes/${each.id}`);
      say(`${each.name} removed.`);
      await reload();
    }, { tone: "plain", "aria-label": `Remove ${each.name}`, question: { title: `Remove ${each.name}?`, text: "Existing orders keep their recipe.", yes: "Remove" } }));
}
