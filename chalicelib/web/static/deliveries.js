/** Packages: send one, see what became of it and why, and say who wants what. */

import { ask, get, save } from "./api.js";
import { ago, count, h, moment, words } from "./dom.js";
import { form } from "./forms.js";
import { filtered, filters, list, midnight, table } from "./lists.js";
import { action, badge, facts, live, nothing, section } from "./parts.js";
import { choices, taken } from "./spec.js";

export const tabs = [
  { name: "send", title: "Send", needs: ["POST", "/packages"], show: sending },
  { name: "packages", title: "Packages", needs: ["GET", "/packages"], show: packages },
  { name: "preferences", title: "Preferences", needs: ["GET", "/recipients/{recipient_id}/preferences"], show: preferences },
  { name: "statistics", title: "Statistics", needs: ["GET", "/statistics"], show: statistics },
  { name: "package", title: "Package", within: "packages", hidden: true, needs: ["GET", "/packages"], show: shown },
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

/** Returns the packages that the address filters by, newest first. */
function packages([part]) {
  const chosen = filtered(part);
  const { package_id: id, from, to, ...rest } = chosen;
  const query = { ...rest, package_id: id, from: midnight(from), to: midnight(to, 1) };
  const any = (values) => [["", "Any"], ...values.map((each) => [each, words(each)])];
  const fields = [
    { name: "package_id", label: "Package ID" },
    { name: "recipient", label: "To" },
    { name: "sender", label: "From" },
    { name: "outcome", label: "Outcome", options: any(choices(taken("GET", "/packages").outcome)) },
    { name: "type", label: "Type", options: any(types()) },
    { name: "from", label: "Since", type: "date" },
    { name: "to", label: "Until", type: "date" },
  ];
  return h("div", {}, section("Packages", filters("#/deliveries/packages", fields, chosen), id ? live(() => get("/packages", { package_id: id }), (found) => became(found)) : [
    list({
      path: "/packages",
      query: { ...query, limit: 100 },
      caption: "Newest decision first",
      empty: Object.keys(chosen).length ? nothing("No package matches.") : nothing("No packages yet.", h("p", {}, h("a", { class: "button", href: "#/deliveries/send" }, "Send a package"))),
      key: (each) => each.package_id,
      noun: ["package"],
      brief: true,
      columns: [
        ["Package", (each) => link(each.package_id), "", (each) => each.package_id],
        ["Outcome", (each) => outcome(each), "", (each) => each.status],
        ["Reason", (each) => (each.preference ? [each.preference.wanted ? "Opted in " : "Opted out ", ago(each.preference.timestamp)] : "No preference set")],
        ["From", (each) => each.sender_id, "wide", (each) => each.sender_id],
        ["To", (each) => each.recipient_id, "", (each) => each.recipient_id],
        ["Type", (each) => words(each.package_type), "wide short", (each) => each.package_type],
        ["Decided", (each) => ago(each.decided_at), "", (each) => each.decided_at],
      ],
    }),
    h("p", {}, action("Download CSV", () => save("/packages", { ...query, format: "csv", limit: 1000 }, "packages.csv"), { tone: "plain" })),
  ]));
}

function link(id) {
  return h("a", { href: `#/deliveries/package/${encodeURIComponent(id)}` }, id);
}

function outcome({ status }) {
  return status === "delivered" ? badge("Delivered", "good") : badge("Dropped", "warn");
}

function shown([id = ""]) {
  return live(() => get("/packages", { package_id: id }), (found) => became(found, "h2"));
}

function became(found, heading = "h3") {
  return h("div", { class: found.status === "delivered" ? "box good" : "box" },
    h(heading, {}, "Package ", link(found.package_id), " ", outcome(found), found.duplicate && badge("Sent before", "")),
    h("p", {}, because(found)),
    facts([
      ["From", found.sender_id],
      ["To", h("a", { href: `#/deliveries/preferences/${encodeURIComponent(found.recipient_id)}` }, found.recipient_id)],
      ["Type", words(found.package_type)],
      ["Decided", moment(found.decided_at)],
    ]),
    found.attempts && [h("h3", {}, "Attempts"), h("ol", { class: "timeline" }, found.attempts.map(attempt))]);
}

/** Returns why a package is delivered or dropped, in a sentence. */
function because({ preference, package_type: type }) {
  if (!preference) return `The recipient has set no preference for ${type} packages, so they are delivered.`;
  return [`The recipient opted ${preference.wanted ? "in to" : "out of"} ${type} packages on `, moment(preference.timestamp), "."];
}

const ATTEMPTS = { decided: ["Decided", "good"], duplicate: ["Sent again: same answer", ""], refused: ["Refused: another package has this ID", "bad"] };

function attempt(each) {
  const [text, tone] = ATTEMPTS[each.outcome] || [words(each.outcome), ""];
  const differs = Object.entries(each.differs || {}).map(([name, value]) => `${words(name)}: ${value}`).join("; ");
  return h("li", { class: tone }, h("p", {}, h("strong", {}, text), " ", moment(each.received_at)), differs && h("p", { class: "hint" }, `Differs in ${differs}`));
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
      place.querySelector(".result").append(h("p", { class: "box good" }, saved(value)));
    },
  });
  return section(`Preferences of ${found.recipient_id}`, change, history(found));
}

function saved(value) {
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
