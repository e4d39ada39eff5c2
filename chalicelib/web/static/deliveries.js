/** Packages: send one, see what became of it and why, and say who wants what. */

import { ask, get } from "./api.js";
import { count, h, moment, sentence, words } from "./dom.js";
import { form } from "./forms.js";
import { badge, facts, live, nothing, section, table } from "./parts.js";
import { choices, taken } from "./spec.js";

export const tabs = [
  { name: "send", title: "Send", needs: ["POST", "/packages"], show: sending },
  { name: "package", title: "Find a package", needs: ["GET", "/packages/{package_id}"], show: lookup },
  { name: "preferences", title: "Preferences", needs: ["GET", "/recipients/{recipient_id}/preferences"], show: preferences },
  { name: "statistics", title: "Statistics", needs: ["GET", "/statistics"], show: statistics },
];

function types() {
  return choices(taken("POST", "/packages").package_type);
}

function sending() {
  const property = taken("POST", "/packages");
  return section("Send a package", form({
    button: "Send",
    fields: [
      { name: "package_id", label: "Package ID", required: true, property: property.package_id, hint: "A package is sent at most once, however often you retry" },
      { name: "sender_id", label: "From", required: true, property: property.sender_id },
      { name: "recipient_id", label: "To", required: true, property: property.recipient_id },
      { name: "package_type", label: "Type", kind: "select", required: true, property: property.package_type },
    ],
    async send(said) {
      const { value } = await ask("POST", "/packages", { json: { ...said, timestamp: now() }, again: true });
      return became(value);
    },
  }));
}

function lookup([asked = ""]) {
  const place = h("div", {});
  const look = form({
    button: "Find",
    keep: true,
    fields: [{ name: "package_id", label: "Package ID", kind: "search", required: true, value: asked }],
    send: async ({ package_id }) => became(await get("/packages", { package_id })),
  });
  place.append(section("Find a package", look));
  if (asked) queueMicrotask(() => look.requestSubmit()); // once it is on the page
  return place;
}

function became(found) {
  const delivered = found.status === "delivered";
  return h("div", { class: delivered ? "box good" : "box" },
    h("h3", {}, `Package ${found.package_id} `, badge(delivered ? "Delivered" : "Not delivered", delivered ? "good" : "warn"), found.duplicate && badge("Sent before", "")),
    h("p", {}, sentence(found.reason)),
    facts([
      ["From", found.sender_id],
      ["To", found.recipient_id],
      ["Type", words(found.package_type)],
      ["Decided", moment(found.decided_at)],
      ["Preference", found.preference && [found.preference.wanted ? "Wanted, " : "Not wanted, ", moment(found.preference.timestamp)]],
    ]),
    found.attempts && table("Attempts", [
      ["Received", (each) => moment(each.received_at)],
      ["Outcome", (each) => words(each.outcome)],
      ["Differs in", (each) => Object.entries(each.differs || {}).map(([name, value]) => `${words(name)}: ${value}`).join("; ") || "–"],
    ], found.attempts));
}

function preferences([asked = ""]) {
  const place = h("div", { class: "answer" });
  const look = form({
    button: "Show",
    keep: true,
    fields: [{ name: "recipient_id", label: "Recipient", kind: "search", required: true, value: asked }],
    async send({ recipient_id }) {
      const found = await get("/preferences", { recipient_id });
      place.replaceChildren(wishes(found, place));
    },
  });
  if (asked) queueMicrotask(() => look.requestSubmit()); // once it is on the page
  return h("div", {}, section("Preferences", look), place);
}

function wishes(found, place) {
  const described = taken("PUT", "/preferences");
  const change = form({
    label: `Preferences of ${found.recipient_id}`,
    button: "Save",
    keep: true,
    fields: types().map((name) => ({
      name,
      label: words(name),
      kind: "check",
      role: "switch",
      value: found[name],
      aliases: [`preferences.${name}`],
      hint: described[name]?.description?.replace(/: wanted or not$/, ""),
    })),
    async send(preferences) {
      const said = { recipient_id: found.recipient_id, timestamp: now(), preferences };
      const { value } = await ask("PUT", "/preferences", { json: said });
      place.replaceChildren(wishes(await get("/preferences", { recipient_id: found.recipient_id }), place));
      place.querySelector(".result").append(h("p", { class: "box good" }, outcome(value)));
    },
  });
  return section(`Preferences of ${found.recipient_id}`, change, history(found));
}

function outcome(value) {
  if (value.applied) return "Saved.";
  return `Not everything was saved; a later choice is in force for ${value.overruled.map(words).join(", ")}.`;
}

function history({ history: said = [] }) {
  if (!said.length) return nothing("No preferences set: every type is delivered.");
  return table("History, newest first", [
    ["Set", (each) => moment(each.timestamp)],
    ["Change", (each) => Object.entries(each.preferences).map(([name, wanted]) => `${words(name)}: ${wanted ? "yes" : "no"}`).join(", ")],
    ["Received", (each) => moment(each.received_at)],
  ], said);
}

function statistics() {
  return live(() => get("/statistics"), (found) => [
    facts([
      ["Delivered", count(found.packages_delivered)],
      ["Dropped (opted out)", count(found.packages_dropped)],
      ["Malformed requests", count(found.requests_malformed)],
    ]),
    table("By type", [
      ["Type", ([name]) => words(name)],
      ["Delivered", ([, each]) => count(each.delivered), "number"],
      ["Dropped", ([, each]) => count(each.dropped), "number"],
    ], types().map((name) => [name, found.by_type[name] || { delivered: 0, dropped: 0 }])),
  ]);
}

function now() {
  return new Date().toISOString();
}
