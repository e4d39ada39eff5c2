/** The technicians of the machines, and where machines stand. */

import { all, ask, at } from "./api.js";
import { h, many, say } from "./dom.js";
import { form } from "./forms.js";
import { counted, folded, more, paged, table } from "./lists.js";
import { live, nothing, section } from "./parts.js";
import { taken } from "./spec.js";

function machines(page, technicians, sites) {
  if (!page.value.length) return nothing("No machines yet.");
  const people = new Map(technicians.map((each) => [each.technician_id, each.name]));
  const places = new Map(sites.map((each) => [each.site_id, each.name]));
  const who = (each) => people.get(each.technician) || each.technician;
  const where = (each) => places.get(each.site) || each.site;
  const rows = table(page.next ? "Machines, most urgent first" : many(page.value.length, "machine"), [
    ["Machine", (each) => h("a", { href: `#/fleet/machine/${each.serial}` }, each.serial), "", (each) => each.serial],
    ["Technician", (each) => who(each) || "No technician", "", who],
    ["Site", (each) => where(each) || "No site", "", where],
  ], page.value);
  rows.classList.add("brief");
  return [rows, more(rows, page.next, { shown: page.value.length, total: page.total })];
}

export function people() {
  return live(
    () => Promise.all([all("/technicians"), all("/sites"), ask("GET", "/machines", { query: counted({ limit: 100 }) })]),
    ([technicians, sites, page], reload) => [
      section("Technicians",
        technicians.length ? paged("technicians", many(technicians.length, "technician"), [
          ["Name", (each) => each.name, "", (each) => each.name],
          ["Number", (each) => each.technician_id, "short", (each) => each.technician_id],
          ["Machines", (each) => each.machines.map((serial) => [h("a", { href: `#/fleet/machine/${serial}` }, serial), " "]), "last"],
        ], technicians) : nothing("No technicians yet."),
        folded("Add or change a technician", technician(reload))),
      section("Sites",
        sites.length ? paged("sites", many(sites.length, "site"), [
          ["Name", (each) => each.name, "", (each) => each.name],
          ["ID", (each) => each.site_id, "", (each) => each.site_id],
          ["Time zone", (each) => each.time_zone, "", (each) => each.time_zone],
          ["Address", (each) => each.address],
        ], sites) : nothing("No sites yet."),
        folded("Add or change a site", site(reload))),
      section("Machines",
        folded("Add or change a machine", machineForm(technicians, sites, reload)),
        machines(page, technicians, sites)),
    ],
  );
}

function technician(reload) {
  const { name } = taken("PUT", "/technicians/{technician_id}");
  return form({
    button: "Save technician",
    fields: [{ name: "technician_id", label: "Number", required: true, hint: "Such as 1 or T0001" }, { name: "name", label: "Name", required: true, property: name }],
    async send({ technician_id: id, name: called }) {
      await ask("PUT", at`/technicians/${id}`, { json: { name: called } });
      say(`${called} saved.`);
      await reload();
    },
  });
}

function machineForm(technicians, sites, reload) {
  return form({
    button: "Save machine",
    fields: [
      { name: "serial", label: "Machine", required: true, hint: "GM and three digits or more, such as GM005" },
      { name: "technician", label: "Technician", kind: "select", options: [["", "No technician"], ...technicians.map((each) => [each.technician_id, `${each.name} (${each.technician_id})`])] },
      { name: "site", label: "Site", kind: "select", options: [["", "No site"], ...sites.map((each) => [each.site_id, each.name])] },
      { name: "capacity", label: "Capacity", kind: "number", hint: "How many gumballs it holds" },
      { name: "retired", label: "Retired after", kind: "date", hint: "Leave empty while it is in service" },
    ],
    async send({ serial, technician: who, site: where, retired, capacity }) {
      await ask("PUT", at`/machines/${serial}`, { json: { technician: who || null, site: where || null, retired: retired || null, capacity: capacity || null } });
      say(`${serial} saved.`);
      await reload();
    },
  });
}

function site(reload) {
  const { name, address } = taken("PUT", "/sites/{site_id}");
  const zones = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
  return h("div", {},
    h("datalist", { id: "zones" }, zones.map((each) => h("option", { value: each }))),
    form({
      button: "Save site",
      fields: [
        { name: "site_id", label: "ID", required: true, hint: "Letters, digits and hyphens, such as mall" },
        { name: "name", label: "Name", required: true, property: name },
        { name: "time_zone", label: "Time zone", required: true, value: Intl.DateTimeFormat().resolvedOptions().timeZone, list: "zones" },
        { name: "address", label: "Address", property: address },
        { name: "closed", label: "Closed on", hint: "Dates without trade, such as 2026-12-25, and weekdays, such as Sunday" },
      ],
      async send({ site_id: id, closed, ...said }) {
        await ask("PUT", at`/sites/${id}`, { json: { ...said, ...closingDays(closed) } });
        say(`${said.name} saved.`);
        await reload();
      },
    }));
}

function closingDays(text) {
  const days = (text || "").toLowerCase().split(/[\s,;]+/).filter(Boolean);
  const weekday = (each) => each.endsWith("day");
  return { closed: days.filter((each) => !weekday(each)), closed_weekly: days.filter(weekday) };
}
