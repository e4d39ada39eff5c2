/** The fleet: where to send somebody and why, every machine, and who looks after it. */

import { ask, at, get } from "./api.js";
import { count, dollars, h, many, moment, say, sentence, words } from "./dom.js";
import { form } from "./forms.js";
import { machine } from "./machine.js";
import { badge, facts, follow, list, live, nothing, table } from "./parts.js";
import { people } from "./people.js";
import { may, taken } from "./spec.js";

export const tabs = [
  { name: "worklist", title: "Worklist", show: worklist },
  { name: "machines", title: "Machines", show: machines },
  { name: "visits", title: "Visits", needs: ["GET", "/dispatches"], show: visits },
  { name: "people", title: "Technicians and sites", needs: ["PUT", "/technicians/{technician_id}"], show: people },
  { name: "machine", title: "Machine", within: "machines", hidden: true, show: machine },
];

export const TONES = { healthy: "good", degraded: "warn", out_of_service: "bad" };

const CAUSES = {
  under: "Takes money, gives nothing",
  over: "Gives too many gumballs",
  lost_log: "Sales missing from the log",
  corrupt_data: "Unreadable lines in the log",
  overdue: "Log overdue",
};

function worklist([chosen = ""]) {
  const place = live(
    () => Promise.all([get("/worklist", { technician: chosen }), may("GET", "/technicians") ? get("/technicians") : []]),
    ([items, technicians], reload) => [
      whose(technicians, chosen),
      items.length
        ? h("ul", { class: "cards" }, items.map((item) => job(item, reload)))
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

function job(item, reload) {
  return h("li", { class: "card" },
    h("h2", {}, h("a", { href: `#/fleet/machine/${item.machine}` }, item.machine), badge(words(item.state), TONES[item.state])),
    h("ul", { class: "causes" }, item.causes.map((cause) => h("li", {},
      h("strong", {}, CAUSES[cause.kind] || words(cause.kind)), h("p", {}, sentence(cause.why)),
      h("p", { class: "hint" }, "Clears when: ", sentence(cause.clears_when))))),
    facts([
      ["Parts", item.parts.join(", ")],
      ["Site", item.site],
      ["Technician", item.technician],
      ["Since", item.since && moment(item.since)],
    ]),
    item.dispatch ? onTheWay(item.dispatch, reload) : sending(item, reload));
}

/** Returns the form that sends a machine's technician to it. */
export function sending(item, reload) {
  if (!may("POST", "/dispatches")) return h("p", { class: "hint" }, "No technician has been sent yet.");
  const { note } = taken("POST", "/dispatches");
  if (!item.technician) {
    return h("p", { class: "hint" }, "No technician is assigned. ", h("a", { href: `#/fleet/machine/${item.machine}` }, "Assign one"), " to send them.");
  }
  return form({
    label: `Send ${item.technician} to ${item.machine}`,
    button: "Send technician",
    compact: true,
    fields: [{ name: "note", label: "Note", property: note, hint: "For the technician" }],
    async send({ note: text }) {
      await ask("POST", "/dispatches", { json: { machine: item.machine ?? item.serial, note: text }, again: true });
      say(`Technician ${item.technician} has been sent to ${item.machine}.`);
      await reload();
    },
  });
}

/** Returns a visit that is open, and the form that closes it. */
export function onTheWay(dispatch, reload) {
  return h("div", { class: "visit" },
    h("p", {}, badge("On the way", "good"), ` ${dispatch.technician ? `Technician ${dispatch.technician}` : "A technician"} was sent `, moment(dispatch.opened_at), dispatch.note && `: ${dispatch.note}`),
    may("POST", "/dispatches/{dispatch_id}/close") && closing(dispatch, reload));
}

function closing(dispatch, reload) {
  return form({
    label: `Close visit ${dispatch.id}`,
    button: "Close visit",
    compact: true,
    fields: [{ name: "note", label: "Outcome", property: taken("POST", "/dispatches/{dispatch_id}/close").note }],
    question: () => ({
      title: `Close the visit to ${dispatch.machine}?`,
      text: "The machine's faults so far count as resolved. A clean log closes a visit automatically.",
      yes: "Close visit",
    }),
    async send({ note }) {
      await ask("POST", at`/dispatches/${dispatch.id}/close`, { json: { note }, again: true });
      say("Visit closed.");
      await reload();
    },
  });
}

function machines() {
  let current = { up_to_date: true };
  if (!may("GET", "/fleet")) return live(() => get("/machines"), own);
  const place = live(async () => (current = await get("/fleet")), report);
  follow(place, () => !current.up_to_date);
  return place;
}

function own(found) {
  return found.length ? every("Your machines, most urgent first", found) : nothing("No machine is assigned to you yet.");
}

function report(fleet) {
  if (!fleet.machines.length) {
    return nothing("No logs yet.", h("p", {}, h("a", { class: "button", href: "#/files/imports" }, "Import a log")));
  }
  const { totals } = fleet;
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
    every(`Every machine, most urgent first, over the last ${many(fleet.window_days, "day")} of its log`, fleet.machines),
  ].flat().filter(Boolean);
}

function every(caption, found) {
  return table(caption, [
    ["Machine", (each) => h("a", { href: `#/fleet/machine/${each.serial}` }, each.serial), "short"],
    ["State", (each) => [badge(words(each.state), TONES[each.state]), each.overdue && badge("Overdue", "warn")]],
    ["Causes", (each) => each.verdicts.map((verdict) => CAUSES[verdict.kind] || words(verdict.kind)).join("; ") || "–"],
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
