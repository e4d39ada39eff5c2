/** Warranties: what one costs for an item, who has one, and the prices behind it. */

import { ask, at, get, save } from "./api.js";
import { ago, count, h, many, moment, say, sentence, words } from "./dom.js";
import { form, row } from "./forms.js";
import { filtered, filters, list, table } from "./lists.js";
import { action, badge, facts, live, nothing, section } from "./parts.js";
import { knows, taken, takesKey } from "./spec.js";

export const tabs = [
  { name: "sell", title: "Sell", needs: ["POST", "/warranties"], show: selling },
  { name: "list", title: "Find", needs: ["GET", "/warranties"], show: finding },
  { name: "plans", title: "Prices", needs: ["GET", "/plans"], show: plans },
  { name: "warranty", title: "Warranty", within: "list", hidden: true, needs: ["GET", "/warranties/{warranty_id}"], show: warranty },
];

/** Returns the types of items that are known, which fields offer. */
function kinds() {
  const options = h("datalist", { id: "kinds" });
  get("/plans").then(({ item_types: types }) => options.replaceChildren(...types.map((each) => h("option", { value: each.item_type }))), () => {});
  return options;
}

function selling() {
  const property = taken("POST", "/warranties");
  return section("Warranties for an item", kinds(), form({
    button: "Sell",
    label: "Sell warranties",
    question: (said) => ({
      title: "Sell the warranties for this item?",
      text: `${said.item_title}, ${said.item_cost}. All matching plans are sold; see “Prices”.`,
      yes: "Sell",
      tone: "",
    }),
    fields: [
      { name: "item_title", label: "Item", required: true, property: property.item_title, hint: "As on the receipt" },
      row(
        { name: "item_type", label: "Item type", required: true, property: property.item_type, list: "kinds" },
        { name: "item_sku", label: "SKU", required: true, property: property.item_sku },
      ),
      row(
        { name: "item_cost", label: "Cost", kind: "number", required: true, hint: "Such as 150.00" },
        { name: "store_uuid", label: "Store", required: true, property: property.store_uuid },
      ),
    ],
    async send(said, key) {
      const { value } = await ask("POST", "/warranties", { json: said, key: takesKey("POST", "/warranties") ? key : undefined });
      if (!value.warranties.length) return h("p", { class: "box" }, h("strong", {}, "No warranty: "), sentence(value.reason || "no plan matches"));
      return h("div", { class: "box good" }, h("h3", {}, many(value.warranties.length, "warranty", "warranties")),
        h("ul", {}, value.warranties.map((each) => h("li", {}, `${money(each.warranty_price, each)} for ${months(each)}: `, link(each, each.number || "Show warranty")))));
    },
  }));
}

/** Returns the warranties that the address filters by. */
function finding([part]) {
  const chosen = filtered(part);
  const { number, ...rest } = chosen;
  const query = number ? { number } : Object.keys(rest).length ? { ...rest, match: "any-given" } : {};
  const store = chosen.store_uuid;
  return section("Find warranties",
    filters("#/warranties/list", [{ name: "number", label: "Number" }, { name: "store_uuid", label: "Store" }, { name: "item_type", label: "Item type" }, { name: "sku", label: "SKU" }], chosen),
    list({
      path: "/warranties",
      query: { ...query, limit: 100 },
      caption: "By item type, SKU and time",
      empty: Object.keys(chosen).length ? nothing("No warranty matches.") : nothing("No warranties yet.", h("p", {}, h("a", { class: "button", href: "#/warranties/sell" }, "Sell a warranty"))),
      key: (each) => each.id,
      noun: ["warranty", "warranties"],
      brief: true,
      columns: [
        ["Item", (each) => [link(each, each.item_title || each.item_sku), " ", each.cancelled_at && badge("Cancelled", "warn")], "", (each) => each.item_title],
        ["Number", (each) => each.number || "–", "", (each) => each.number],
        ["Item type", (each) => each.item_type, "wide short", (each) => each.item_type],
        ["SKU", (each) => each.item_sku, "wide", (each) => each.item_sku],
        ["Store", (each) => each.store_uuid, "wide", (each) => each.store_uuid],
        ["Price", (each) => money(each.warranty_price, each), "number", (each) => Number(each.warranty_price)],
        ["Term", months, "short", (each) => each.warranty_duration_months],
        ["Sold", (each) => ago(each.created_at), "", (each) => each.created_at],
      ],
    }),
    store && knows("GET", "/stores/{store_uuid}/warranties.csv") && h("p", {}, action("Download the store's CSV", () => save(at`/stores/${store}/warranties.csv`, { limit: 1000 }, `warranties-${store}.csv`), { tone: "plain" })));
}

const STATUSES = { active: "good", cancelled: "warn", expired: "" };

function warranty([id = ""]) {
  const place = live(() => get(at`/warranties/${id}`), (each) => [
    h("h2", {}, each.item_title || each.item_sku, badge(words(each.status), STATUSES[each.status])),
    facts([
      ["Number", each.number],
      ["Price", money(each.warranty_price, each)],
      ["Term", months(each)],
      ["Covered until", moment(each.covered_until)],
      ["Price rule", each.price_rule],
      ["Calculation", each.calculation],
      ["Item cost", each.item_cost && amount(each.item_cost)],
      ["Item type", each.item_type],
      ["SKU", each.item_sku],
      ["Store", each.store_uuid],
      ["Rate card", each.rate_card],
      ["Sold", moment(each.created_at)],
      ["Archive", each.archive && badge({ done: "Archived", pending: "Pending", dead: "Failed" }[each.archive.state] || words(each.archive.state), each.archive.state === "dead" ? "bad" : "good")],
      ["Reason", each.archive?.why],
    ]),
    each.cancellation && section("Cancellation", facts([
      ["Cancelled", moment(each.cancellation.cancelled_at)],
      ["Refund", money(each.cancellation.refund, each.cancellation)],
      ["Calculation", each.cancellation.calculation],
      ["Reason", each.cancellation.reason],
    ])),
    each.status === "active" && each.refund_now && knows("POST", "/warranties/{warranty_id}/cancellation") && section("Cancel", cancelling(each, place)),
  ]);
  return place;
}

function cancelling(each, place) {
  const { refund, calculation, refund_rule: rule } = each.refund_now;
  return h("div", {},
    h("p", {}, "Refund today: ", h("strong", {}, money(refund, each)), ` (${calculation}).`),
    h("p", { class: "hint" }, sentence(rule)),
    form({
      label: "Cancel this warranty",
      button: "Cancel warranty",
      compact: true,
      attributes: { class: "danger" },
      fields: [{ name: "reason", label: "Reason", property: taken("POST", "/warranties/{warranty_id}/cancellation").reason }],
      question: () => ({ title: "Cancel this warranty?", text: `${money(refund, each)} is refunded. This cannot be undone.`, yes: "Cancel warranty" }),
      async send({ reason }) {
        const { value } = await ask("POST", at`/warranties/${each.id}/cancellation`, { json: reason ? { reason } : {}, again: true });
        say(`The warranty is cancelled; refund ${money(value.refund, value)}.`);
        await place.reload();
      },
    }));
}

/** Returns the form that prices an item without a sale. */
function quoting() {
  return form({
    button: "Check price",
    keep: true,
    fields: [row(
      { name: "item_type", label: "Item type", required: true, list: "kinds" },
      { name: "item_cost", label: "Cost", required: true, inputmode: "decimal", hint: "Such as 150.00" },
    )],
    async send(said) {
      const found = await get("/plans/quote", said);
      if (!found.offers.length) return h("p", { class: "box" }, h("strong", {}, "No warranty: "), sentence(found.reason || "no plan matches"));
      return table(`Prices by rate card ${found.rate_card}; nothing has been sold`, [
        ["Term", months],
        ["Price", (each) => money(each.warranty_price, found), "number"],
        ["Calculation", (each) => each.calculation],
      ], found.offers);
    },
  });
}

function plans() {
  const refused = knows("GET", "/plans/refusals") && section("Sales without a warranty", list({
    path: "/plans/refusals",
    query: { limit: 100 },
    caption: "Sales without a matching plan",
    empty: nothing("None: every sale had a matching plan."),
    columns: [
      ["Item type", (each) => each.item_type],
      ["Reason", (each) => sentence(each.reason)],
      ["Count", (each) => String(each.count), "number"],
      ["Last item cost", (each) => amount(each.last_cost), "number"],
    ],
  }));
  const quote = knows("GET", "/plans/quote") && section("Check a price", kinds(), quoting());
  return h("div", {}, quote, live(() => get("/plans"), (card) => section("Prices", prices(card))), refused);
}

/** Returns the prices of a rate card: a row for each type and span of costs, a column for each term. */
function prices(card) {
  const rows = card.item_types.flatMap(({ item_type: type, bands }) => bands.map((band, place) => ({ ...band, type, first: place === 0 })));
  const terms = [...new Set(rows.flatMap((each) => each.plans.map((plan) => plan.warranty_duration_months)))].sort((one, other) => one - other);
  const unit = card.currency ? ` in ${card.currency}` : "";
  const made = table(`Rate card ${card.rate_card}; amounts${unit}, percentages of the item's cost, ${card.rounding || "rounded to cents"}`, [
    ["Item type", (each) => h("span", { class: each.first ? "" : "again unseen" }, words(each.type))],
    ["Item costs", (each) => `${amount(each.cost_from)} to ${amount(each.cost_to)}`, "short"],
    ...terms.map((term) => /** @type {import("./lists.js").Column} */ ([many(term, "month"),
      (each) => each.plans.find((plan) => plan.warranty_duration_months === term)?.price_rule.replace(/ of the cost$/, ""), "short"])),
  ], rows);
  made.classList.add("prices");
  return made;
}

function money(price, { currency }) {
  return [currency, amount(price)].filter(Boolean).join(" ");
}

/** Returns an amount with its thousands apart. */
function amount(price) {
  const [whole, ...cents] = String(price).split(".");
  return [count(whole), ...cents].join(".");
}

function months(each) {
  return many(each.warranty_duration_months, "month");
}

function link(each, text) {
  return h("a", { href: `#/warranties/warranty/${each.id}` }, text);
}
