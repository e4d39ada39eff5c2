/** Where one begins: is it well, what is here, what to do next. */

import { ask, get } from "./api.js";
import { count, figure, h, many } from "./dom.js";
import { look, problems } from "./health.js";
import { badge, live, nothing, section, watch } from "./parts.js";
import { may } from "./spec.js";

export const tabs = [{ name: "now", title: "Overview", show }];

const ABOUT = {
  fleet: "The state of the vending machines, and which need a visit.",
  files: "Upload machine logs and see how they were processed.",
  deliveries: "Send a package, find one, and set preferences.",
  ledger: "Post transactions and see balances.",
  warranties: "Sell and find warranties, and see prices.",
  bakery: "Orders, recipes, the shopping list, and employees.",
  operations: "Vendors, effects that wait, dead letters, and the runbook.",
};

function show(_, areas, closed) {
  const has = (name) => areas.some((each) => each.name === name);
  return h("div", {},
    health(has),
    section("Next", live(() => steps(has), next)),
    h("ul", { class: "tiles" }, areas.slice(1).map(({ name, title }) =>
      h("li", {}, h("a", { href: `#/${name}` }, title), h("p", {}, ABOUT[name])))),
    h("p", {}, h("a", { href: "docs" }, "API reference")),
    closed.length ? section("No access", h("p", {}, "Your account has no access to these. Ask an administrator."),
      h("ul", {}, closed.map(({ title, scopes }) => h("li", {}, `${title}: requires ${scopes.join(" or ")}.`)))) : null);
}

/** Returns what is wrong with the service; it looks again while it is shown. */
function health(has) {
  const place = live(look, (found) => {
    const wrong = problems(found);
    const worst = wrong.some((each) => each.tone === "bad") ? "bad" : "warn";
    if (!wrong.length) return h("p", { class: "health" }, badge(found.known ? "Everything works" : "The service works", "good"));
    return [
      h("p", { class: "health" }, badge(many(wrong.length, "problem"), worst), has("operations") && h("a", { href: "#/operations" }, "Operations")),
      h("ul", {}, wrong.map(({ title, text }) => h("li", {}, h("strong", {}, title), text && `: ${text}`))),
    ];
  });
  watch(place, () => place.reload(), 60);
  return place;
}

async function steps(has) {
  const found = await Promise.all([
    has("fleet") && work(),
    has("bakery") && may("GET", "/orders") && orders(),
    has("deliveries") && may("GET", "/statistics") && packages(),
  ]);
  return found.flat().filter(Boolean);
}

/** Returns how many machines there are: of the fleet, or of a technician. */
async function known() {
  if (may("GET", "/fleet")) return (await get("/fleet", { limit: 1 })).totals.machines;
  return (await get("/machines")).length;
}

async function work() {
  const [page, machines] = await Promise.all([ask("GET", "/worklist", { query: { limit: 250 } }), known()]);
  if (!machines) {
    if (!may("POST", "/imports")) return [["No machine is assigned to you yet.", "#/fleet", "Worklist"]];
    return [["No machines yet.", "#/files/imports", "Import a log"], ["Assign technicians to machines.", "#/fleet/people", "Technicians and sites"]];
  }
  const waiting = page.value.filter((each) => !each.dispatch);
  if (!waiting.length) return [[`All ${many(machines, "machine")} are healthy or have a visit under way.`, "#/fleet", "Fleet"]];
  const most = page.next ? "More than " : "";
  const first = waiting[0].machine;
  const text = waiting.length === 1 ? `${first} needs a visit.` : `${most}${count(waiting.length)} machines need a visit, ${first} first.`;
  return [[text, "#/fleet", may("POST", "/dispatches") ? "Send technician" : "Worklist"]];
}

async function orders() {
  const { value, total } = await ask("GET", "/orders", { query: { status: "open", limit: 1, count: true } });
  if (!value.length) return [["No orders wait for ingredients.", "#/bakery", "Orders"]];
  return [[`Orders waiting for ingredients: ${total ? figure(total) : value.length}.`, "#/bakery", "Orders"]];
}

async function packages() {
  const { packages_delivered: delivered, packages_dropped: dropped } = await get("/statistics");
  if (!delivered && !dropped) return [["No packages yet.", "#/deliveries", "Send a package"]];
  return [[`${many(delivered, "package")} delivered, ${count(dropped)} dropped (opted out).`, "#/deliveries/statistics", "Statistics"]];
}

function next(found) {
  if (!found.length) return nothing("Nothing to do.");
  return h("ul", { class: "steps" }, found.map(([text, href, label]) => h("li", {}, h("span", {}, text), h("a", { class: "button", href }, label))));
}
