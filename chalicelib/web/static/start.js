/** Where one begins: is it well, what is here, what to do next. */

import { ask, get } from "./api.js";
import { count, h, many, words } from "./dom.js";
import { badge, live, nothing, section } from "./parts.js";
import { may } from "./spec.js";

export const tabs = [{ name: "now", title: "Overview", show }];

const ABOUT = {
  fleet: "The state of the vending machines, and which need a visit.",
  files: "Upload machine logs and see how they were processed.",
  deliveries: "Send a package, find one, and set preferences.",
  ledger: "Post transactions and see balances.",
  warranties: "Sell and find warranties, and see prices.",
  bakery: "Orders, recipes, the shopping list, and employees.",
};

function show(_, areas, closed) {
  const has = (name) => areas.some((each) => each.name === name);
  return h("div", {},
    live(health, ({ tone, text, wrong }) => [
      h("p", { class: "health" }, badge(text, tone)),
      wrong.length > 0 && h("ul", {}, wrong.map(([title, why]) => h("li", {}, h("strong", {}, title), `: ${why}`))),
    ]),
    section("Next", live(() => steps(has), next)),
    h("ul", { class: "tiles" }, areas.slice(1).map(({ name, title }) =>
      h("li", {}, h("a", { href: `#/${name}` }, title), h("p", {}, ABOUT[name])))),
    closed.length ? section("No access", h("p", {}, "Your account has no access to these. Ask an administrator."),
      h("ul", {}, closed.map(({ title, scopes }) => h("li", {}, `${title}: requires ${scopes.join(" or ")}.`)))) : null);
}

async function health() {
  const watched = may("GET", "/integrations");
  const [, wrong] = await Promise.all([get("/health"), watched ? troubles() : []]);
  if (wrong.length) return { tone: "bad", text: `${many(wrong.length, "integration")} not working`, wrong };
  return { tone: "good", text: watched ? "Everything works" : "The service works", wrong };
}

/** Returns the vendors that cannot be reached or refuse us, and the effects that wait for them. */
async function troubles() {
  const [checks, kinds] = await Promise.all([get("/integrations"), may("GET", "/outbox/kinds") ? get("/outbox/kinds") : []]);
  const down = checks.filter((each) => ["unreachable", "denied"].includes(each.state));
  const paused = kinds.filter((each) => each.state === "paused");
  return [
    ...down.map((each) => [words(each.integration), each.detail]),
    ...paused.map((each) => [`${words(each.kind)} tasks are paused`, each.reason || "they are tried again"]),
  ];
}

async function steps(has) {
  const found = await Promise.all([has("fleet") && work(), has("deliveries") && may("GET", "/statistics") && packages()]);
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
  return [[`${most}${many(waiting.length, "machine")} ${waiting.length === 1 ? "needs" : "need"} a visit, ${waiting[0].machine} first.`, "#/fleet", "Send technician"]];
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
