/** The fleet: where to send somebody and why, every machine, and who looks after it. */

import { ask, get } from "./api.js";
import { count, dollars, h, many, moment, sentence, words } from "./dom.js";
import { machine } from "./machine.js";
import { badge, facts, folded, follow, list, live, more, nothing, table } from "./parts.js";
import { people } from "./people.js";
import { may } from "./spec.js";
import { onTheWay, sending, TONES } from "./visits.js";

export const tabs = [
  { name: "worklist", title: "Worklist", show: worklist },
  { name: "machines", title: "Machines", show: machines },
  { name: "visits", title: "Visits", needs: ["GET", "/dispatches"], show: visits },
  { name: "people", title: "Technicians and sites", needs: ["PUT", "/technicians/{technician_id}"], show: people },
  { name: "machine", title: "Machine", within: "machines", hidden: true, show: machine },
];

const PAGE = 100;

const CAUSES = {
  under: "Takes money, gives nothing",
  over: "Gives too many gumballs",
  lost_log: "Sales missing from the log",
  corrupt_data: "Unreadable lines in the log",
  clock: "Wrong clock",
  stuck_sensor: "Too many sales for one day",
  overdue: "Log overdue",
};

function worklist([chosen = ""]) {
  const place = live(
    () => Promise.all([ask("GET", "/worklist", { query: { technician: chosen, limit: PAGE } }), may("GET", "/technicians") ? get("/technicians") : []]),
    ([page, technicians], reload) => [
      whose(technicians, chosen),
      page.value.length
        ? jobs(page, reload)
        : nothing("No machine needs a visit.", h("p", {}, h("a", { href: "#/fleet/machines" }, "All machines"))),
    ],
  );
  return place;
}

function whose(technicians, chosen) {
  if (!technicians.length) return null;
  const select = h("select", { id: "whose", onchange: () => { location.hash = `#/fleet/worklist/${encodeURIComponent(select.value)}`; } },
    h("option", { value: "" }, "All technicians"),
    technicians.map((each) => h("option", { value: each.technician_id, selected: each.technician_id === chosen }, `${each.name} (${each.technician_id})`)));
  return h("p", { class: "filter" }, h("label", { for: "whose" }, "Technician"), select);
}

function jobs(page, reload) {
  const cards = h("ul", { class: "cards" });
  cards.add = (items) => cards.append(...items.map((item) => job(item, reload)));
  cards.add(page.value);
  return [cards, more(cards, page.next)];
}

function job(item, reload) {
  return h("li", { class: "card" },
    h("h2", {}, h("a", { href: `#/fleet/machine/${item.machine}` }, item.machine), badge(words(item.state), TONES[item.state])),
    h("ul", { class: "causes" }, item.causes.map((cause) => h("li", {},
      h("strong", {}, CAUSES[cause.kind] || words(cause.kind)), h("p", {}, sentence(cause.why)),
      h("p", { class: "hint" }, "Clears when: ", sentence(cause.clears_when)),
      cause.how_we_know && folded("How we know", howWeKnow(cause.how_we_know))))),
    facts([
      ["Parts", item.parts.join(", ")],
      ["Site", item.site],
      ["Technician", item.technician],
      ["Since", item.since && moment(item.since)],
    ]),
    item.dispatch ? onTheWay(item.dispatch, reload) : sending(item, reload));
}

function howWeKnow(how) {
  return facts([
    ["Figures", sentence(how.figures)],
    ["Method", sentence(how.method)],
    ["Threshold", sentence(how.threshold)],
    ["May also be", sentence(how.may_also_be)],
  ]);
}

function machines() {
  let current = { up_to_date: true };
  if (!may("GET", "/fleet")) return live(() => ask("GET", "/machines", { query: { limit: PAGE } }), own);
  const place = live(async () => {
    const page = await ask("GET", "/fleet", { query: { limit: PAGE } });
    current = page.value;
    return page;
  }, report);
  follow(place, () => !current.up_to_date);
  return place;
}

function own(page) {
  if (!page.value.length) return nothing("No machine is assigned to you yet.");
  const rows = every("Your machines, most urgent first", page.value);
  return [rows, more(rows, page.next)];
}

function report({ value: fleet, next }) {
  if (!fleet.machines.length) {
    return nothing("No logs yet.", h("p", {}, h("a", { class: "button", href: "#/files/imports" }, "Import a log")));
  }
  const { totals } = fleet;
  const rows = every(`Every machine, most urgent first, over the last ${many(fleet.window_days, "day")} of its log`, fleet.machines);
  return [
    !fleet.up_to_date && h("p", { class: "box", role: "status" }, "Files are being processed; this page updates automatically."),
    facts([
      ["Machines", count(totals.machines)],
      ["Sales", dollars(totals.credits_cents)],
      ["Lost: paid, nothing given", dollars(totals.unserved_cents)],
      ["Given away", dollars(totals.given_away_cents)],
    ]),
    fleet.fleet_gaps.map((gap) => h("div", { class: "box" },
      h("strong", {}, "No machine reported: a case for IT"), h("p", {}, sentence(gap.why)),
      h("p", {}, moment(gap.from), " to ", moment(gap.to)))),
    (fleet.partial_silences || []).map((each) => h("div", { class: "box" },
      h("strong", {}, "Many machines were silent at once"), h("p", {}, sentence(each.why)),
      h("p", {}, moment(each.from), " to ", moment(each.to), ": ", each.machines.join(", ")))),
    rows,
    more(rows, next, (page) => page.machines),
  ].flat().filter(Boolean);
}

function every(caption, found) {
  return table(caption, [
    ["Machine", (each) => h("a", { href: `#/fleet/machine/${each.serial}` }, each.serial), "short"],
    ["State", (each) => [badge(words(each.state), TONES[each.state]), each.overdue && badge("Overdue", "warn")]],
    ["Causes", (each) => [...new Set(each.verdicts.map((verdict) => CAUSES[verdict.kind] || words(verdict.kind)))].join("; ") || "–"],
    ["Sold", (each) => count(each.transactions), "number"],
    ["Nothing given", (each) => count(each.under), "number"],
    ["Too much", (each) => count(each.over), "number"],
    ["Last sale", (each) => moment(each.last_at)],
  ], found);
}

function visits() {
  return list({
    path: "/dispatches",
    query: { limit: 100 },
    caption: "Visits, newest first",
    empty: nothing("No visits yet.", h("p", {}, h("a", { href: "#/fleet" }, "Worklist"))),
    columns: [
      ["Machine", (each) => h("a", { href: `#/fleet/machine/${each.machine}` }, each.machine)],
      ["Technician", (each) => each.technician || "–"],
      ["State", (each) => badge(words(each.state), each.state === "open" ? "warn" : "good")],
      ["Sent", (each) => moment(each.opened_at)],
      ["Note", (each) => each.note || "–"],
      ["Closed", (each) => [moment(each.closed_at), each.closing_note && h("div", {}, each.closing_note)]],
    ],
  });
}
