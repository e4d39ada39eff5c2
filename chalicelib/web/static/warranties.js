/** Warranties: what one costs for an item, who has one, and the prices behind it. */

import { ask, at, get } from "./api.js";
import { h, many, moment, sentence, words } from "./dom.js";
import { form, row } from "./forms.js";
import { badge, facts, list, live, nothing, section, table } from "./parts.js";
import { knows, taken, takesKey } from "./spec.js";

export const tabs = [
  { name: "sell", title: "Sell", needs: ["POST", "/warranties"], show: selling },
  { name: "list", title: "Find", needs: ["GET", "/warranties"], show: finding },
  { name: "plans", title: "Prices", needs: ["GET", "/plans"], show: plans },
  { name: "warranty", title: "Warranty", within: "list", hidden: true, needs: ["GET", "/warranties/{warranty_id}"], show: warranty },
];

function selling() {
  const property = taken("POST", "/warranties");
  const kinds = h("datalist", { id: "kinds" });
  get("/plans").then(({ item_types: types }) => kinds.replaceChildren(...types.map((each) => h("option", { value: each.item_type }))), () => {});
  return section("Warranties for an item", kinds, form({
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
        h("ul", {}, value.warranties.map((each) => h("li", {}, `${each.warranty_price} for ${months(each)}: `, link(each)))));
    },
  }));
}

function finding() {
  const place = h("div", {}, found({}));
  return h("div", {}, section("Find warranties", form({
    button: "Find",
    keep: true,
    fields: [row({ name: "store_uuid", label: "Store", kind: "search" }, { name: "item_type", label: "Item type", kind: "search" }, { name: "sku", label: "SKU", kind: "search" })],
    async send(said) {
      const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value));
      const query = Object.keys(given).length ? { ...given, match: "any-given" } : {};
      await get("/warranties", { ...query, limit: 1 });
      place.replaceChildren(found(query));
    },
  })), place);
}

function found(query) {
  return list({
    path: "/warranties",
    query: { ...query, limit: 100 },
    caption: "Warranties by item type, SKU and time",
    empty: nothing("No warranties yet."),
    columns: [
      ["Item", (each) => link(each, each.item_title || each.item_sku)],
      ["Item type", (each) => each.item_type],
      ["SKU", (each) => each.item_sku],
      ["Store", (each) => each.store_uuid],
      ["Price", (each) => String(each.warranty_price), "number"],
      ["Term", months],
      ["Sold", (each) => moment(each.created_at)],
    ],
  });
}

function warranty([id = ""]) {
  return live(() => get(at`/warranties/${id}`), (each) => [
    h("h2", {}, each.item_title || each.item_sku),
    facts([
      ["Price", String(each.warranty_price)],
      ["Term", months(each)],
      ["Price rule", each.price_rule],
      ["Item cost", each.item_cost && String(each.item_cost)],
      ["Item type", each.item_type],
      ["SKU", each.item_sku],
      ["Store", each.store_uuid],
      ["Rate card", each.rate_card],
      ["Sold", moment(each.created_at)],
      ["Archive", each.archive && badge({ done: "Archived", pending: "Pending", dead: "Failed" }[each.archive.state] || words(each.archive.state), each.archive.state === "dead" ? "bad" : "good")],
      ["Reason", each.archive?.why],
    ]),
  ]);
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
      ["Last item cost", (each) => String(each.last_cost), "number"],
    ],
  }));
  return h("div", {}, live(() => get("/plans"), (card) => [
    h("p", {}, `Prices of ${card.rate_card}; ${card.rounding || "rounded to cents"}.`),
    card.item_types.map((type) => section(words(type.item_type), table(`Plans for ${type.item_type}`, [
      ["Item costs", (each) => `${each.band.cost_from} to ${each.band.cost_to}`],
      ["Term", (each) => months(each.plan)],
      ["Price", (each) => each.plan.price_rule],
    ], type.bands.flatMap((band) => band.plans.map((plan) => ({ band, plan })))))),
  ]), refused);
}

function months(each) {
  return many(each.warranty_duration_months, "month");
}

function link(each, text = "see it") {
  return h("a", { href: `#/warranties/warranty/${each.id}` }, text);
}
