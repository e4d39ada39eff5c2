/** Where one begins: is it well, what is here, what to do next. */

import { get } from "./api.js";
import { count, h, many } from "./dom.js";
import { badge, live, nothing, section } from "./parts.js";
import { may } from "./spec.js";

export const tabs = [{ name: "now", title: "Start", show }];

const ABOUT = {
  fleet: "How the vending machines are, where to send somebody, and why.",
  files: "Upload the logs of machines, and see what was kept of them.",
  deliveries: "Send a package, see what became of one, and say who wants what.",
  ledger: "Post amounts to accounts; the balances always add up.",
  warranties: "What a warranty costs for an item, and who has one.",
  bakery: "Orders, recipes, what to buy today, and the team.",
};

function show(_, areas, closed) {
  const has = (name) => areas.some((each) => each.name === name);
  return h("div", {},
    live(health, ([tone, text]) => h("p", { class: "health" }, badge(text, tone))),
    section("Next", live(() => steps(has), next)),
    section("What is here", h("ul", { class: "tiles" }, areas.slice(1).map(({ name, title }) =>
      h("li", {}, h("a", { href: `#/${name}` }, title), h("p", {}, ABOUT[name]))))),
    closed.length ? section("Not for you", h("p", {}, "Your sign-in does not open these. Whoever gives out rights can change that."),
      h("ul", {}, closed.map(({ title, scopes }) => h("li", {}, `${title}: it takes ${scopes.join(" or ")}.`)))) : null);
}

async function health() {
  await get("/health");
  return ["good", "Everything works"];
}

async function steps(has) {
  const found = await Promise.all([has("fleet") && work(), has("deliveries") && may("GET", "/statistics") && packages()]);
  return found.flat().filter(Boolean);
}

async function work() {
  const [list, machines] = await Promise.all([get("/worklist"), get("/machines")]);
  if (!machines.length) {
    if (!may("POST", "/imports")) return [["You look after no machine yet.", "#/fleet", "See your work"]];
    return [["No machine is known yet.", "#/files/imports", "Import a log"], ["Tell who looks after which machine.", "#/fleet/people", "People and places"]];
  }
  const waiting = list.filter((each) => !each.dispatch);
  if (!waiting.length) return [[`All ${many(machines.length, "machine")} are fine or somebody is on the way.`, "#/fleet", "See the fleet"]];
  return [[`${many(waiting.length, "machine")} ${waiting.length === 1 ? "needs" : "need"} somebody, ${waiting[0].machine} first.`, "#/fleet", "Send somebody"]];
}

async function packages() {
  const { packages_delivered: delivered, packages_dropped: dropped } = await get("/statistics");
  if (!delivered && !dropped) return [["No package was sent yet.", "#/deliveries", "Send a package"]];
  return [[`${many(delivered, "package")} delivered, ${count(dropped)} not wanted.`, "#/deliveries/statistics", "See the counts"]];
}

function next(found) {
  if (!found.length) return nothing("There is nothing to do.");
  return h("ul", { class: "steps" }, found.map(([text, href, label]) => h("li", {}, h("span", {}, text), h("a", { class: "button", href }, label))));
}
