/** The fleet: where to send somebody and why, every machine, and its technician. */

import { all, ask } from "./api.js";
import { board, STATES } from "./board.js";
import { sparkline } from "./charts.js";
import { ago, count, dollars, h, many, moment, sentence, words } from "./dom.js";
import { machine } from "./machine.js";
import { counted, folded, follow, fresh, list, more, PAGE, table } from "./lists.js";
import { badge, facts, fill, nothing } from "./parts.js";
import { people } from "./people.js";
import { route } from "./route.js";
import { may } from "./spec.js";
import { CAUSES, TONES } from "./visits.js";

export const tabs = [
  { name: "worklist", title: "Worklist", show: board },
  { name: "machines", title: "Machines", show: machines },
  { name: "visits", title: "Visits", needs: ["GET", "/dispatches"], show: visits },
  { name: "people", title: "Technicians and sites", needs: ["PUT", "/technicians/{technician_id}"], show: people },
  { name: "machine", title: "Machine", within: "machines", hidden: true, show: machine },
  { name: "route", title: "Route", within: "worklist", hidden: true, show: route },
];

/** @type {[string]} */
const MACHINE = ["machine"];

function machines() {
  let current = { up_to_date: true };
  const sorting = {};
  const shared = { key: (each) => each.serial, noun: MACHINE };
  if (!may("GET", "/fleet")) return fresh({ ...shared, load: (etag) => ask("GET", "/machines", { query: counted({ limit: PAGE }, etag), etag }) }, (page, _, grown) => own(page, sorting, grown));
  const place = fresh({ ...shared, of: (value) => value.machines, load: (etag) => ask("GET", "/fleet", { query: { limit: PAGE }, etag }) }, (page, _, grown) => {
    current = page.value;
    return report(page, sorting, grown);
  });
  follow(place, () => !current.up_to_date);
  return place;
}

function own(page, sorting, grown) {
  if (!page.value.length) return nothing("No machine is assigned to you yet.");
  const rows = every("Your machines, most urgent first", page.value, sorting);
  return [rows, more(rows, page.next, { shown: page.value.length, total: page.total, grown })];
}

function report({ value: fleet, next }, sorting, grown) {
  if (!fleet.machines.length) {
    return nothing("No logs yet.", h("p", {}, h("a", { class: "button", href: "#/files/imports" }, "Import a log")));
  }
  const { totals } = fleet;
  const rows = every(`Every machine, most urgent first, over the last ${many(fleet.window_days, "day")} of its log`, fleet.machines, sorting);
  return [
    !fleet.up_to_date && h("p", { class: "box", role: "status" }, "Files are being processed; this page updates automatically."),
    facts([
      ["Machines", count(totals.machines)],
      ["Sales", dollars(totals.credits_cents)],
      ["Lost: paid, nothing given", dollars(totals.unserved_cents)],
      ["Given away", dollars(totals.given_away_cents)],
    ]),
    shared("No machine reported: a case for IT", fleet.fleet_gaps),
    shared("Many machines were silent at once: a case for IT", fleet.partial_silences || []),
    rows,
    more(rows, next, { of: (page) => page.machines, shown: fleet.machines.length, total: { rows: totals.machines, exact: true }, grown }),
  ].flat().filter(Boolean);
}

/** Returns silences of many machines in one box, the latest first. */
function shared(title, silences) {
  if (!silences.length) return null;
  return h("div", { class: "box" }, h("strong", {}, title),
    h("ul", {}, [...silences].reverse().map((each) => h("li", {}, moment(each.from), " to ", moment(each.to), ": ", sentence(each.why),
      Array.isArray(each.machines) && folded(many(each.machines.length, "machine"), each.machines.join(", "))))));
}

function every(caption, found, sorting) {
  const last = found.map((each) => each.daily_sales?.last || "").sort().at(-1) || "";
  const rows = table(caption, [
    ["Machine", (each) => h("a", { href: `#/fleet/machine/${each.serial}` }, each.serial), "short", (each) => each.serial],
    ["State", (each) => [badge(words(each.state), TONES[each.state]), each.overdue && badge("Overdue", "warn")], "", (each) => STATES.indexOf(each.state)],
    ["Causes", (each) => [...new Set(each.verdicts.map((verdict) => CAUSES[verdict.kind] || words(verdict.kind)))].join("; ") || "–"],
    ["Last 30 days", (each) => sparkline(each.daily_sales, last) || "–"],
    ["Sold", (each) => count(each.transactions), "number", (each) => each.transactions],
    ["Nothing given", (each) => count(each.under), "number wide", (each) => each.under],
    ["Too much", (each) => count(each.over), "number wide", (each) => each.over],
    ["Last sale", (each) => (each.last_at ? [h("span", { class: "narrow" }, "Last sale "), ago(each.last_at)] : "–"), "", (each) => each.last_at],
  ], found, undefined, sorting);
  rows.classList.add("machines");
  return rows;
}

function visits() {
  const names = (may("GET", "/technicians") ? all("/technicians") : Promise.resolve([]))
    .then((found) => new Map(found.map((each) => [each.technician_id, each.name])), () => new Map());
  const technician = (id) => {
    const place = h("span", { title: id }, id || "–");
    names.then((found) => found.has(id) && fill(place, found.get(id)));
    return place;
  };
  return list({
    path: "/dispatches",
    query: { limit: 100 },
    caption: "Visits, newest first",
    empty: nothing("No visits yet.", h("p", {}, h("a", { href: "#/fleet" }, "Worklist"))),
    key: (each) => each.id,
    noun: ["visit"],
    brief: "lines",
    columns: [
      ["Machine", (each) => h("a", { href: `#/fleet/machine/${each.machine}` }, each.machine), "short", (each) => each.machine],
      ["Technician", (each) => technician(each.technician), "", (each) => each.technician],
      ["State", (each) => badge(words(each.state), each.state === "open" ? "warn" : "good"), "short", (each) => each.state],
      ["Sent", (each) => ago(each.opened_at), "", (each) => each.opened_at],
      ["Note", (each) => each.note || ""],
      ["Closed", (each) => each.closed_at && [ago(each.closed_at), each.closing_note && h("div", {}, each.closing_note)], "labelled", (each) => each.closed_at],
    ],
  });
}
