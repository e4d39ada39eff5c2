/** One machine: its state with the evidence, who looks after it, its visits and its rows. */

import { address, ask, at, get, save } from "./api.js";
import { person } from "./auth.js";
import { chart } from "./days.js";
import { count, day, dollars, h, moment, say, sentence, words } from "./dom.js";
import { form } from "./forms.js";
import { badge, facts, folded, list, live, nothing, section } from "./parts.js";
import { may, taken } from "./spec.js";
import { onTheWay, sending, TONES } from "./visits.js";

const CSV = { format: "csv", limit: 10000 };

export function machine([serial = ""]) {
  return live(
    () => Promise.all([
      get(at`/machines/${serial}`),
      may("GET", "/technicians") ? get("/technicians") : [],
      get("/sites"),
      may("GET", "/dispatches") ? get("/dispatches", { machine: serial, state: "open" }) : [],
    ]),
    ([found, technicians, sites, [visit]], reload) => [
      h("h2", {}, found.serial, badge(words(found.state), TONES[found.state]), found.overdue && badge("Overdue", "warn")),
      facts([
        ["Sold", count(found.transactions)],
        ["Sales", dollars(found.credits_cents)],
        ["Paid, nothing given", `${count(found.under)} (${dollars(found.unserved_cents)})`],
        ["Gave too much", `${count(found.over)} (${dollars(found.given_away_cents)})`],
        ["Unreadable lines", count(found.corrupt_lines)],
        ["Last sale", moment(found.last_at)],
        ["Last download", moment(found.last_download_at)],
        ["Next log due", moment(found.due_at)],
        ["Gumballs left", found.stock && `${count(found.stock.left)} of ${count(found.stock.capacity)}`],
        ["Empty on", found.stock?.empty_on && [day(found.stock.empty_on), " (", day(found.stock.empty_from), " to ", day(found.stock.empty_to), ")"]],
        ["Cash", found.cash && `${dollars(found.cash.counted_cents)} counted, ${dollars(found.cash.expected_cents)} expected. ${found.cash.why}`],
      ]),
      found.transactions > 0 && section("Days", live(() => get(at`/machines/${serial}/days`), chart)),
      section("Causes", found.causes.length ? h("ul", { class: "cards" }, found.causes.map((each) => cause(each, found))) : nothing("No open causes.")),
      found.notes.length > 0 && section("Notes", h("ul", {}, found.notes.map((each) => h("li", {}, sentence(each.why))))),
      (visit || may("POST", "/dispatches")) && section("Visit", visit ? onTheWay(visit, reload) : sending({ ...found, machine: found.serial }, reload)),
      may("PUT", "/machines/{serial}") && section("Assignment", keeping(found, technicians, sites, reload)),
      may("POST", "/machines/{serial}/visits") && section("Stock and cash", reporting(found.serial, reload)),
      section("Transactions", folded("Show transactions", rows(found.serial))),
    ],
  );
}

function cause(each, found) {
  const parts = found.verdicts.filter((verdict) => verdict.kind === each.kind).flatMap((verdict) => verdict.parts);
  const how = each.how_we_know;
  return h("li", { class: "card" },
    h("p", {}, h("strong", {}, sentence(each.why))),
    facts([
      ["Since", each.since && moment(each.since)],
      ["Parts", [...new Set(parts)].join(", ")],
    ]),
    h("p", { class: "hint" }, "Clears when: ", sentence(each.clears_when)),
    how && folded("How we know", facts([
      ["Figures", sentence(how.figures)],
      ["Method", sentence(how.method)],
      ["Threshold", sentence(how.threshold)],
      ["May also be", sentence(how.may_also_be)],
    ])));
}

function reporting(serial, reload) {
  const property = taken("POST", "/machines/{serial}/visits");
  return folded("Report a visit", form({
    label: `Report a visit to ${serial}`,
    button: "Report visit",
    fields: [
      { name: "full", label: "Filled up", kind: "check" },
      { name: "filled", label: "Gumballs filled in", kind: "number", property: property.filled },
      { name: "cash_cents", label: "Cash taken out, in cents", kind: "number", property: property.cash_cents },
    ],
    async send({ full, filled, cash_cents }) {
      const done = { at: new Date().toISOString(), full, filled: filled || null, cash_cents: cash_cents || null };
      await ask("POST", at`/machines/${serial}/visits`, { json: done });
      say("Visit reported.");
      await reload();
    },
  }));
}

function keeping(found, technicians, sites, reload) {
  const nobody = ["", "No technician"];
  return form({
    label: `Assignment of ${found.serial}`,
    button: "Save",
    keep: true,
    fields: [
      { name: "technician", label: "Technician", kind: "select", value: found.technician || "",
        options: [nobody, ...technicians.map((each) => [each.technician_id, `${each.name} (${each.technician_id})`])] },
      { name: "site", label: "Site", kind: "select", value: found.site || "",
        options: [["", "No site"], ...sites.map((each) => [each.site_id, each.name])] },
    ],
    async send({ technician, site }) {
      await ask("PUT", at`/machines/${found.serial}`, { json: { technician: technician || null, site: site || null, retired: found.retired || null, capacity: found.capacity ?? null } });
      say("Saved.");
      await reload();
    },
  });
}

function rows(serial) {
  const path = at`/machines/${serial}/transactions`;
  return [
    list({
      path,
      query: { limit: 50 },
      caption: "Transactions in time order",
      empty: nothing("No transactions yet."),
      columns: [
        ["No.", (each) => count(each.id), "number"],
        ["When", (each) => moment(each.at)],
        ["Gumballs", (each) => count(each.gumballs), "number"],
        ["Paid", (each) => dollars(each.credit_cents), "number"],
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
