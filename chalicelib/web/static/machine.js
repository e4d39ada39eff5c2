/** One machine: what is wrong with it, its days and hours, stock and cash, its technician. */

import { address, all, ask, at, get, save } from "./api.js";
import { person } from "./auth.js";
import { bars, heat } from "./charts.js";
import { ago, count, day, dollars, h, moment, say, sentence, words } from "./dom.js";
import { form } from "./forms.js";
import { folded, list, unfolding } from "./lists.js";
import { badge, facts, live, nothing, section } from "./parts.js";
import { may, taken } from "./spec.js";
import { howWeKnow, onTheWay, sending, TONES } from "./visits.js";

const CSV = { format: "csv", limit: 10000 };
const WINDOW_DAYS = 90;
const DAY_MS = 86_400_000;

export function machine([serial = ""]) {
  return live(
    async () => {
      const found = await get(at`/machines/${serial}`);
      const [open, technician, site] = await Promise.all([
        may("GET", "/dispatches") ? get("/dispatches", { machine: found.serial, state: "open" }) : [],
        found.technician && get(at`/technicians/${found.technician}`),
        found.site && get(at`/sites/${found.site}`),
      ]);
      return { found, visit: open[0], technician, site };
    },
    ({ found, visit, technician, site }, reload) => [
      title(found, technician, site),
      verdicts(found),
      (visit || may("POST", "/dispatches")) && section("Visit",
        visit ? onTheWay(visit, reload, visit.technician === technician?.technician_id && technician.name) : sending({ ...found, machine: found.serial, technician_name: technician?.name }, reload)),
      found.transactions > 0 && section("Last 90 days", live(() => get(at`/machines/${found.serial}/days`, span(found)), (days) => h("div", { class: "pictures" }, bars(days), heat(days)))),
      section("Stock and cash", stock(found), may("POST", "/machines/{serial}/visits") && reporting(found.serial, reload)),
      section("Figures", figures(found)),
      may("PUT", "/machines/{serial}") && section("Assignment", unfolding("Change technician, site or capacity", () => keeping(found, reload))),
      section("Transactions", unfolding("Show transactions", () => h("div", {}, rows(found)))),
    ],
  );
}

function title(found, technician, site) {
  return [
    h("h2", {}, found.serial, badge(words(found.state), TONES[found.state]), found.overdue && found.state !== "needs_attention" && badge("Overdue", "warn")),
    h("p", { class: "where" },
      site ? h("span", { title: found.site }, site.name) : "No site", " · ",
      technician ? h("span", { title: found.technician }, technician.name) : "No technician",
      site?.address && ` · ${site.address}`),
  ];
}

/** Returns what is wrong, a sentence a cause, with the evidence behind it. */
function verdicts(found) {
  const notes = found.notes.length > 0 && h("ul", { class: "notes" }, found.notes.map((each) => h("li", {}, sentence(each.why))));
  if (!found.causes.length) return h("div", { class: "box good" }, h("p", {}, found.transactions ? "Nothing is wrong with this machine." : "No log of this machine has arrived yet."), notes);
  return [found.causes.map((each) => cause(each, found)), notes && h("div", { class: "box" }, notes)];
}

function cause(each, found) {
  const own = found.verdicts.filter((verdict) => verdict.kind === each.kind);
  const parts = [...new Set(own.flatMap((verdict) => verdict.parts))];
  const tone = own.some((verdict) => verdict.level === "out_of_service") ? "bad" : "warn";
  return h("div", { class: `box verdict ${tone}` },
    h("p", {}, h("strong", {}, sentence(each.why))),
    (each.since || parts.length > 0) && h("p", {}, each.since && ["Since: ", ago(each.since), ". "], parts.length > 0 && `Carry: ${parts.join(", ")}.`),
    folded("How we know", howWeKnow(each)));
}

/** Returns the days to ask for: up to today while the machine's log is fresh, else up to its end. */
function span(found) {
  const age = Date.now() - Date.parse(found.last_at || "");
  if (!(age < WINDOW_DAYS * DAY_MS)) return {};
  const [first, last] = [Date.now() - (WINDOW_DAYS - 1) * DAY_MS, Date.now()].map((each) => new Date(each).toISOString().slice(0, 10));
  return { from: first, to: last };
}

function stock({ stock: left, cash, capacity }) {
  const known = facts([
    ["Gumballs left", left && `${count(left.left)} of ${count(left.capacity)}`],
    ["At least, with missing sales", left && left.left_at_least < left.left && count(left.left_at_least)],
    [left?.left === 0 ? "Empty since" : "Empty on", left?.empty_on && day(left.empty_on)],
    ["Between", left?.empty_on && left.left > 0 && [day(left.empty_from), " and ", day(left.empty_to)]],
    ["Filled up", left && ago(left.filled_at)],
    ["Cash counted", cash && dollars(cash.counted_cents)],
    ["Cash expected", cash && dollars(cash.expected_cents)],
    ["Counted", cash && ago(cash.until)],
  ]);
  const hint = !left && h("p", { class: "hint" }, capacity ? "The stock is known after a visit that fills the machine up." : "The stock is known once the machine has a capacity and a visit has filled it up.");
  return [(left || cash) && known, cash && h("p", {}, sentence(cash.why)), hint];
}

function figures(found) {
  return facts([
    ["Sold", count(found.transactions)],
    ["Sales", dollars(found.credits_cents)],
    ["Paid, nothing given", `${count(found.under)} (${dollars(found.unserved_cents)})`],
    ["Gave too much", `${count(found.over)} (${dollars(found.given_away_cents)})`],
    ["Unreadable lines", count(found.corrupt_lines)],
    ["Last sale", ago(found.last_at)],
    ["Last download", ago(found.last_download_at)],
    ["Next log due", ago(found.due_at)],
    ["Capacity", found.capacity && count(found.capacity)],
    ["Retired after", found.retired && day(found.retired)],
  ]);
}

function reporting(serial, reload) {
  const property = taken("POST", "/machines/{serial}/visits");
  return folded("Report a visit", form({
    label: `Report a visit to ${serial}`,
    button: "Report visit",
    compact: true,
    fields: [
      { name: "full", label: "Filled up", kind: "check" },
      { name: "filled", label: "Gumballs filled in", kind: "number", property: property.filled },
      { name: "cash_cents", label: "Cash taken out", kind: "money", hint: "In dollars, such as 12.50" },
      { name: "note", label: "Note", property: property.note },
    ],
    async send({ full, filled, cash_cents: cash, note }) {
      const done = { at: new Date().toISOString(), full, filled: filled === "" ? null : filled, cash_cents: cash === "" ? null : cash, note };
      await ask("POST", at`/machines/${serial}/visits`, { json: done });
      say("Visit reported.");
      await reload();
    },
  }));
}

function keeping(found, reload) {
  return live(() => Promise.all([may("GET", "/technicians") ? all("/technicians") : [], all("/sites")]), ([technicians, sites]) => form({
    label: `Assignment of ${found.serial}`,
    button: "Save",
    keep: true,
    compact: true,
    fields: [
      { name: "technician", label: "Technician", kind: "select", value: found.technician || "",
        options: [["", "No technician"], ...technicians.map((each) => [each.technician_id, `${each.name} (${each.technician_id})`])] },
      { name: "site", label: "Site", kind: "select", value: found.site || "",
        options: [["", "No site"], ...sites.map((each) => [each.site_id, each.name])] },
      { name: "capacity", label: "Capacity", kind: "number", value: found.capacity ?? "", hint: "How many gumballs it holds" },
    ],
    async send({ technician, site, capacity }) {
      await ask("PUT", at`/machines/${found.serial}`, { json: { technician: technician || null, site: site || null, retired: found.retired || null, capacity: capacity === "" ? null : capacity } });
      say("Saved.");
      await reload();
    },
  }));
}

function rows({ serial }) {
  const path = at`/machines/${serial}/transactions`;
  return [
    list({
      path,
      query: { limit: 50 },
      caption: "Transactions in time order",
      empty: nothing("No transactions yet."),
      columns: [
        ["No.", (each) => count(each.id), "number", (each) => each.id],
        ["When", (each) => moment(each.at), "", (each) => each.at],
        ["Gumballs", (each) => count(each.gumballs), "number", (each) => each.gumballs],
        ["Paid", (each) => dollars(each.credit_cents), "number", (each) => each.credit_cents],
        ["Note", (each) => (each.suspected_duplicate ? badge("Possible duplicate", "warn") : each.gumballs === 0 ? badge("Nothing given", "bad") : "–")],
      ],
    }),
    h("p", {}, h("a", { href: address(path, CSV), download: `${serial}.csv`, onclick: (event) => {
      if (!person()) return;
      event.preventDefault();
      save(path, CSV, `${serial}.csv`).catch((error) => say(error.message));
    } }, "Download as CSV")),
  ];
}
