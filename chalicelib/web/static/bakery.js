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
  { name: "batches", title: "What to buy", needs: ["GET", "/batches"], show: batches },
  { name: "team", title: "Team", needs: ["GET", "/employees"], show: team },
  { name: "order", title: "Order", within: "orders", hidden: true, needs: ["GET", "/orders/{order_id}"], show: order },
];

const TONES = { open: "", ticketed: "warn", ready: "good", cancelled: "bad" };

function orders([status = ""]) {
  const shown = h("div", {}, listed(status));
  const select = h("select", { id: "status", onchange: () => { location.hash = `#/bakery/orders/${select.value}`; } },
    h("option", { value: "" }, "Not cancelled"),
    choices(taken("GET", "/orders").status).map((each) => h("option", { value: each, selected: each === status }, words(each))));
  return h("div", {},
    section("Place an order", live(() => get("/cakes"), (found) => placing(found, () => shown.replaceChildren(listed(status))))),
    section("Orders", h("p", { class: "filter" }, h("label", { for: "status" }, "Which"), select), shown));
}

function placing(found, placed) {
  if (!found.length) return nothing("There is no cake to order yet.", h("p", {}, h("a", { class: "button", href: "#/bakery/cakes" }, "Add a cake")));
  const property = taken("POST", "/orders");
  return form({
    button: "Order",
    label: "Place an order",
    fields: [
      { name: "customer", label: "Customer", required: true, property: property.customer },
      { name: "recipe", label: "Cake", kind: "select", required: true, options: found.map((each) => [each.id, each.name]) },
      row(
        { name: "persons", label: "Eaters of each", kind: "number", required: true, value: "1" },
        { name: "quantity", label: "How many cakes", kind: "number", required: true, value: "1" },
      ),
      ingredients({ name: "extra_ingredients", label: "Extra ingredients for the whole order" }),
      { name: "email", label: "Email", kind: "email", hint: "For when they cannot be found on Slack" },
      { name: "urgent", label: "Urgent: ask the provider right away", kind: "check" },
    ],
    async send({ email, ...said }, key) {
      const json = email ? { ...said, email } : said;
      const { value } = await ask("POST", "/orders", { json, key: takesKey("POST", "/orders") ? key : undefined });
      placed();
      return h("p", { class: "box good" }, "Order ", link(value), ` for ${value.customer} is placed.`);
    },
  });
}

function listed(status) {
  return list({
    path: "/orders",
    query: { status, limit: 100 },
    caption: "Orders, newest first",
    empty: nothing("There is no such order."),
    columns: [
      ["Order", (each) => link(each)],
      ["Customer", (each) => each.customer],
      ["Cake", (each) => each.recipe_name || words(each.recipe)],
      ["Cakes", (each) => count(each.quantity), "number"],
      ["Eaters", (each) => count(each.persons), "number"],
      ["State", (each) => [badge(words(each.status), TONES[each.status]), each.urgent && badge("Urgent", "warn")]],
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
      ["Cake", `${each.quantity} × ${each.recipe_name || words(each.recipe)}, each for ${each.persons}`],
      ["Placed", moment(each.created_at)],
      ["Where it stands", each.reason && sentence(each.reason)],
      ["On the ticket of", each.batch && h("a", { href: `#/bakery/batches/${each.batch}` }, day(each.batch))],
      ["Ticket", each.ticket && [each.ticket.key, words(each.ticket.state), each.ticket.reason].filter(Boolean).join(", ")],
      ["Customer told", each.notice && [words(each.notice.state), each.notice.channel, each.notice.reason].filter(Boolean).join(", ")],
    ]),
    section("What it needs", table(many(each.ingredients.length, "ingredient"), [
      ["Ingredient", (need) => need.name],
      ["In all", (need) => measure(need.amount, need.unit), "number"],
    ], each.ingredients)),
    each.history && section("What happened", h("ul", {}, each.history.map((step) => h("li", {}, words(step.status), " ", moment(step.at), ` by ${step.by}: ${step.reason}`)))),
    ["open", "ticketed"].includes(each.status) && h("div", { class: "row" }, ready(each, place), cancel(each, place)),
  ]);
  return place;
}

function ready(each, place) {
  return action("It is ready", async () => {
    await ask("POST", at`/orders/${each.id}/ready`, { again: true });
    say("The customer is being told.");
    await place.reload();
  }, { question: { title: `Is order #${each.id} ready?`, text: `${each.customer} will be told, once.`, yes: "Yes, tell them", tone: "" } });
}

function cancel(each, place) {
  return action("Cancel it", async () => {
    await ask("DELETE", at`/orders/${each.id}`);
    say("The order is cancelled.");
    await place.reload();
  }, { tone: "danger", question: { title: `Cancel order #${each.id}?`, text: "It cannot be taken up again; the customer has to order anew.", yes: "Cancel the order" } });
}

function cakes() {
  const shown = live(() => get("/cakes"), (found, reload) => (found.length
    ? h("ul", { class: "cards" }, found.map((each) => cake(each, reload)))
    : nothing("There is no cake yet.")));
  const add = form({
    button: "Add the cake",
    fields: [
      { name: "name", label: "Name", required: true, property: taken("POST", "/cakes").name },
      ingredients({ name: "ingredients", label: "Ingredients for one eater", required: true }),
    ],
    async send(said) {
      const { value } = await ask("POST", "/cakes", { json: said });
      await shown.reload();
      return h("p", { class: "box good" }, `${value.name} is on the list.`);
    },
  });
  return h("div", {}, section("Cakes", shown), section("Add a cake", add));
}

function cake(each, reload) {
  return h("li", { class: "card" },
    h("h3", {}, each.name),
    h("p", { class: "hint" }, "For one eater"),
    facts(Object.entries(each.ingredients).map(([name, amount]) => [name, measure(amount)])),
    knows("DELETE", "/cakes/{cake_id}") && action("Remove", async () => {
      await ask("DELETE", at`/cakes/${each.id}`);
      say(`${each.name} is removed.`);
      await reload();
    }, { tone: "plain", "aria-label": `Remove ${each.name}`, question: { title: `Remove ${each.name}?`, text: "Orders that were placed stay, with their recipe.", yes: "Remove it" } }));
}
