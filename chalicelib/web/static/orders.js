/** The orders board: what to bake, what is ordered, what is ready; a new order is placed beside it. */

import { ask, at, get } from "./api.js";
import { ago, count, figure, h, keepFocus, LOCALE, many, say, sentence, words } from "./dom.js";
import { form, row } from "./forms.js";
import { ingredients } from "./ingredients.js";
import { folded, list, remember, remembered, totalOf } from "./lists.js";
import { badge, busy, fill, live, nothing, orderStatus, section, watch } from "./parts.js";
import { choices, may, taken, takesKey } from "./spec.js";

/** How a status looks. */
export const TONES = { open: "", ticketed: "warn", ready: "good", cancelled: "bad" };

const MOST = 500;
// Fewer where the columns are below each other.
const STEP = window.matchMedia("(max-width: 60rem)").matches ? 8 : 25;
const WHEN = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const SHORTEST_FIRST = (each) => [each.urgent ? 0 : 1, each.due_at ? Date.parse(each.due_at) : Infinity, each.id];
const LATEST_FIRST = (each) => [-Date.parse(each.ready_at || each.ticketed_at || each.created_at), -each.id];

const COLUMNS = [
  { status: "open", title: "To do", empty: "No orders to do.", order: SHORTEST_FIRST },
  { status: "ticketed", title: "Ordered", empty: "No ingredients on order.", order: SHORTEST_FIRST },
  { status: "ready", title: "Ready", empty: "No orders ready yet.", order: LATEST_FIRST },
];

/** @type {import("./lists.js").Column} */
const CUSTOMER = ["Customer", (each) => each.customer, "", (each) => each.customer];

/** Returns the board, or the orders that the address asks for: a status, or "find" with a customer and a due day. */
export function orders([view = "", customer = "", due = ""]) {
  if (view === "find") return found({ customer, due, status: "all" }, [customer && `of ${customer}`, due && `due on ${due}`].filter(Boolean).join(", "));
  if (choices(taken("GET", "/orders").status).includes(view)) return found({ status: view }, `with the status “${orderStatus(view)}”`);
  return board();
}

function board() {
  const columns = COLUMNS.map((each) => new Column(each, () => Promise.all(columns.map((one) => one.place.reload()))));
  const reload = () => Promise.all(columns.map((each) => each.place.reload()));
  const beside = h("div", { class: "beside", id: "new-order", hidden: true });
  const opener = may("POST", "/orders") && h("button", { type: "button", "aria-expanded": "false", "aria-controls": "new-order", onclick: () => {
    if (!beside.childElementCount) beside.append(section("New order", live(() => get("/cakes"), (cakes) => placing(cakes, reload))));
    beside.hidden = !beside.hidden;
    opener.setAttribute("aria-expanded", String(!beside.hidden));
    if (!beside.hidden) /** @type {HTMLElement | null} */ (beside.querySelector("input"))?.focus();
  } }, "New order");
  return h("div", { class: "expanse" },
    h("div", { class: "tools unprinted" }, opener, searching((text) => columns.forEach((each) => each.filter(text))),
      h("button", { type: "button", class: "plain", onclick: () => window.print() }, "Print"),
      h("a", { href: "#/bakery/orders/cancelled" }, "Cancelled orders")),
    may("GET", "/batches/next") && next(),
    h("div", { class: "kanban" }, beside, columns.map((each) => each.section)));
}

/** Returns a near instant with its weekday. */
function when(instant) {
  return h("time", { datetime: instant }, WHEN.format(new Date(instant)));
}

/** Returns what the next ticket would order. */
function next() {
  const place = live(() => get("/batches/next"), ({ orders: waiting, cutoff }) => h("p", { class: "sum" },
    waiting.length ? [h("strong", {}, many(waiting.length, "order")), " on the next ticket, ", when(cutoff), ". "] : "No order waits for a ticket. ",
    h("a", { href: "#/bakery/batches" }, "What to buy")));
  watch(place, () => place.reload(), 60);
  return place;
}

/** Returns the search: filters the board while one types, and finds a number, a customer or a due day. */
function searching(filter) {
  const text = h("input", { type: "search", name: "search", "aria-label": "Customer or number", placeholder: "Customer or number", oninput: () => filter(text.value) });
  const due = h("input", { type: "date", name: "due" });
  return h("form", { role: "search", class: "search", onsubmit: (event) => {
    event.preventDefault();
    const [said, day] = [text.value.trim(), due.value];
    const number = /^#?(\d{1,15})$/.exec(said)?.[1];
    if (number && !day) location.hash = `#/bakery/order/${number}`;
    else if (said || day) location.hash = `#/bakery/orders/find/${encodeURIComponent(said)}/${day}`;
  } }, text, h("label", {}, "Due", due), h("button", { type: "submit", class: "plain" }, "Find"));
}

/** A column of the board: the orders of one status, a few at a time. */
class Column {
  #made = new Map();
  #orders = [];
  #text = "";
  #shown = STEP;
  #etag = null;
  #next = null;
  #total = null;
  #pages = 1;

  /**
   * @param {{status: string, title: string, empty: string, order: (each: any) => number[]}} of
   * @param {() => Promise<any>} changed
   */
  constructor(of, changed) {
    this.of = of;
    this.changed = changed;
    this.number = h("span", { class: "badge" });
    this.cards = h("ul", { class: "column" });
    this.rest = h("div", { class: "more unprinted" });
    this.place = live(() => this.#load(), () => { this.#draw(); return [this.cards, this.rest]; });
    this.#shown = remembered(of.status) || STEP;
    this.section = h("section", {}, h("h2", {}, of.title, " ", this.number), this.place);
    watch(this.place, async () => {
      const before = new Set(this.#orders.map((each) => each.id));
      if (!(await this.#load(this.#etag))) return;
      this.#draw();
      const fresh = this.#orders.filter((each) => !before.has(each.id)).length;
      if (fresh) say(`${many(fresh, "new order")} in “${of.title}”.`);
    });
  }

  /** Shows the orders whose customer, cake, note or number has a text. */
  filter(text) {
    this.#text = text.trim().toLowerCase().replace(/^#/, "");
    this.#shown = STEP;
    this.#draw();
  }

  /** Looks at the orders; returns whether there is anything new. */
  async #load(etag = null) {
    const page = await ask("GET", "/orders", { query: { status: this.of.status, limit: MOST }, etag });
    if (page.status === 304) return false;
    this.#etag = page.etag;
    this.#next = page.next;
    const found = [...page.value];
    for (let pages = 1; pages < this.#pages && this.#next; pages += 1) found.push(...(await this.#further()));
    this.#total = await totalOf(this.#next);
    this.#take(found);
    return true;
  }

  /** Returns the orders of the next page, which are older. */
  async #further() {
    const page = await ask("GET", this.#next);
    this.#next = page.next;
    return page.value;
  }

  #take(found) {
    this.#orders = found.sort((one, other) => compared(this.of.order(one), this.of.order(other)));
  }

  #draw() {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const wanted = this.#text ? this.#orders.filter((each) => [each.id, each.customer, each.recipe_name, each.note].some((value) => String(value ?? "").toLowerCase().includes(this.#text))) : this.#orders;
    this.number.textContent = this.#next && !this.#text ? figure(this.#total) : `${count(wanted.length)}${this.#next ? "+" : ""}`;
    const shown = wanted.slice(0, this.#shown);
    this.#made = new Map(shown.map((each) => [each.id, this.#card(each)]));
    this.cards.replaceChildren(...[...this.#made.values()].map((each) => each.card));
    fill(this.rest,
      !wanted.length && nothing(this.#text ? "No match." : this.of.empty),
      shown.length < wanted.length && [
        h("p", { class: "hint" }, `${count(shown.length)} of ${count(wanted.length)}`),
        h("button", { type: "button", class: "plain", onclick: () => { this.#shown += 4 * STEP; remember(this.of.status, this.#shown); this.#draw(); } }, "Show more"),
      ],
      this.#next && [h("p", { class: "hint" }, `The newest ${count(this.#orders.length)} of ${figure(this.#total)} are here.`), this.#older()]);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  #older() {
    const button = h("button", { type: "button", class: "plain", onclick: () => busy(button, async () => {
      this.#take([...this.#orders, ...(await this.#further())]);
      this.#pages += 1;
      this.#draw();
    }) }, "Load older orders");
    return button;
  }

  #card(each) {
    const text = JSON.stringify(each, (_, value) => (typeof value === "bigint" ? String(value) : value));
    const before = this.#made.get(each.id);
    return before?.text === text ? before : { text, card: card(each, this.changed) };
  }
}

function compared(one, other) {
  const place = one.findIndex((value, index) => value !== other[index]);
  return place < 0 ? 0 : one[place] - other[place];
}

function card(each, changed) {
  const told = h("div", {});
  return h("li", { class: each.urgent ? "urgent" : "" }, h("div", {},
    h("p", {}, link(each), " ", h("strong", {}, each.customer), " ", each.urgent && badge("Urgent", "warn")),
    h("p", {}, `${count(each.quantity)} × ${each.recipe_name || words(each.recipe)}, ${many(each.persons, "serving")}`),
    each.due_at && each.status !== "ready" && h("p", { class: Date.parse(each.due_at) < Date.now() ? "error" : "" }, "Due ", when(each.due_at), " (", ago(each.due_at), ")"),
    each.note && h("p", { class: "hint" }, each.note),
    each.status === "ready" && notified(each, changed), told),
    each.status !== "ready" && ready(each, changed, told));
}

/** Returns a link to an order. */
export function link(each) {
  return h("a", { href: `#/bakery/order/${each.id}` }, `#${each.id}`);
}

const PLAN_MS = 60_000;
const plans = new Map();

/** Returns how the notice of an order goes, as the API decides it when it sends it; asked for once a minute. Throws Problem. */
function plan({ id }) {
  const known = plans.get(id);
  if (known && Date.now() - known.at < PLAN_MS) return known.found;
  const found = get(at`/orders/${id}/notice`);
  plans.set(id, { at: Date.now(), found });
  found.catch(() => plans.delete(id));
  return found;
}

function knowsPlans() {
  return may("GET", "/orders/{order_id}/notice");
}

/** Returns by what the customer of an order is notified, and where: "By Slack to Keisha". */
function way({ customer, phone }, { channel, to, guessed, reason }) {
  if (channel === "slack") return [`By Slack to ${customer}`];
  if (channel === "mail") return [h("span", { title: reason && sentence(reason) }, `By email to ${to}`), " ", guessed && badge("Guessed address: check", "warn")];
  return [badge("Cannot be notified now", "bad"), " ", reason && sentence(reason), phone && ` Phone: ${phone}.`];
}

/** Returns a place that says how the customer is notified, with the message, before it is sent. */
export function preview(each) {
  return knowsPlans() && live(() => plan(each), (found) => [
    h("p", {}, way(each, found)),
    folded("Message", h("p", { class: "message" }, found.text)),
  ]);
}

/**
 * Returns the button that marks an order as ready; it can be undone, so it does not ask. How the customer is
 * notified stands in `told` as soon as one points at the button or has the focus on it.
 */
export function ready(each, changed, told = h("div", {})) {
  if (!may("POST", "/orders/{order_id}/ready")) return null;
  const tell = async () => {
    if (knowsPlans() && !told.childElementCount) fill(told, h("p", { class: "hint" }, way(each, await plan(each))));
  };
  const look = () => tell().catch(() => {}); // the notice says later why it does not go
  const button = h("button", { type: "button", class: "unprinted", "aria-label": `Mark order #${each.id} as ready`, onpointerenter: look, onfocus: look, onclick: () => busy(button, async () => {
    await ask("POST", at`/orders/${each.id}/ready`, { again: true });
    const [found] = await Promise.all([knowsPlans() && plan(each).catch(() => null), changed()]);
    const following = button.closest("li")?.nextElementSibling?.querySelector("button");
    const how = found?.channel === "slack" ? ` by Slack to ${each.customer}` : found?.channel === "mail" ? ` by email to ${found.to}${found.guessed ? ", a guessed address" : ""}` : "";
    say(`Order #${each.id} is ready. The notice goes${how} in ${found ? many(Math.ceil(found.delay_s), "second") : "a minute"}.`, ["Undo", () => undo(each, changed)]);
    following?.focus();
  }) }, "Ready");
  return button;
}

async function undo(each, changed) {
  await ask("DELETE", at`/orders/${each.id}/ready`, {});
  await changed();
  say(`Order #${each.id} is not ready; nobody has been notified.`);
  keepFocus();
}

/** Returns how the customer of a ready order is notified, by what, and an undo while nobody has been. */
export function notified(each, changed) {
  const { state, channel, to, reason } = each.notice || {};
  const address = channel === "mail" && [to, " ", !each.email && badge("Guessed address: check", "warn")];
  const how = channel === "slack" ? `by Slack to ${each.customer}` : channel === "mail" ? "by email to " : "";
  const told = {
    asked: channel ? ["Being notified ", how, address] : `${each.customer} will be notified shortly`,
    sent: ["Notified ", how, address],
    unreachable: [badge("Not notified", "bad"), each.phone ? `Call ${each.phone}. ` : "Call the customer. ", reason && sentence(reason)],
    failed: [badge("Not notified", "bad"), each.phone ? `Call ${each.phone}. ` : "Call the customer. ", reason && sentence(reason)],
  }[state];
  const waiting = state === "asked" && !channel;
  const button = waiting && may("DELETE", "/orders/{order_id}/ready")
    && h("button", { type: "button", class: "plain unprinted", "aria-label": `Undo: order #${each.id} is not ready`, onclick: () => busy(button, () => undo(each, changed)) }, "Undo");
  return h("div", {}, h("p", {}, "Ready ", ago(each.ready_at), told && [". ", told]), waiting && preview(each), button);
}

function placing(cakes, placed) {
  if (!cakes.length) return nothing("No cakes yet.", h("p", {}, h("a", { class: "button", href: "#/bakery/cakes" }, "Add a cake")));
  const property = taken("POST", "/orders");
  return form({
    button: "Place order",
    label: "New order",
    fields: [
      { name: "customer", label: "Customer", required: true, property: property.customer },
      { name: "recipe", label: "Cake", kind: "select", required: true, options: cakes.map((each) => [each.id, each.name]) },
      row(
        { name: "quantity", label: "Quantity", kind: "number", required: true, value: "1" },
        { name: "persons", label: "Servings per cake", kind: "number", required: true, value: "1" },
      ),
      { name: "due_at", label: "Due", kind: "datetime-local" },
      { name: "note", label: "Note", property: property.note, hint: "Such as what to write on the cake" },
      row(
        { name: "email", label: "Email", kind: "email", property: property.email },
        { name: "phone", label: "Phone", kind: "tel", property: property.phone },
      ),
      ingredients({ name: "extra_ingredients", label: "Extra ingredients for the whole order" }),
      { name: "urgent", label: "Urgent: order ingredients immediately", kind: "check" },
    ],
    async send({ due_at, ...said }, key) {
      const json = Object.fromEntries(Object.entries({ ...said, due_at: due_at && new Date(due_at).toISOString() }).filter(([, value]) => value !== ""));
      const { value } = await ask("POST", "/orders", { json, key: takesKey("POST", "/orders") ? key : undefined });
      await placed();
      return h("p", { class: "box good" }, "Order ", link(value), ` for ${value.customer} has been placed.`);
    },
  });
}

function found(query, which) {
  return h("div", {},
    h("p", {}, h("a", { href: "#/bakery/orders" }, "Orders board")),
    section(`Orders ${which}`, list({
      path: "/orders",
      query: { ...query, limit: 100 },
      caption: "Newest first",
      empty: nothing("No orders found."),
      key: (each) => each.id,
      noun: ["order"],
      brief: true,
      columns: [
        ["Order", link, "short", (each) => each.id],
        ...(query.customer ? [] : [CUSTOMER]),
        ["Cake", (each) => `${count(each.quantity)} × ${each.recipe_name || words(each.recipe)}`, "", (each) => each.recipe_name],
        ["Status", (each) => [badge(orderStatus(each.status), TONES[each.status]), each.urgent && badge("Urgent", "warn")], "", (each) => each.status],
        ["Due", (each) => each.due_at && when(each.due_at), "short labelled", (each) => each.due_at],
        ["Placed", (each) => ago(each.created_at), "wide", (each) => each.created_at],
      ],
    })));
}
