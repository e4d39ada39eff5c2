/** Operations: what is wrong and what to do, the vendors, effects, dead letters, the runbook. */

import { ask, at, get } from "./api.js";
import { outcome } from "./batches.js";
import { ago, count, day, h, many, moment, say, sentence, words } from "./dom.js";
import { clock, effects as named, look, problems, vendor } from "./health.js";
import { filtered, filters, list, midnight, table, unfolding } from "./lists.js";
import { action, badge, facts, fill, live, nothing, section, watch } from "./parts.js";
import { runbook } from "./runbook.js";
import { choices, may, taken } from "./spec.js";

export const tabs = [
  { name: "status", title: "Status", show: status },
  { name: "effects", title: "Effects", needs: ["GET", "/outbox"], show: effects },
  { name: "audit", title: "Audit trail", needs: ["GET", "/audit"], show: audit },
  { name: "runbook", title: "Runbook", show: runbook },
  { name: "effect", title: "Effect", within: "effects", hidden: true, needs: ["GET", "/outbox/effect"], show: effect },
];

const TONES = { ok: "good", off: "", unreachable: "bad", denied: "bad", working: "good", paused: "bad", disabled: "", done: "good", dead: "bad", unsure: "warn", pending: "warn", sending: "warn" };

function status() {
  const place = live(async () => {
    const wanted = (path, query) => (may("GET", path) ? get(path, query) : []);
    const [found, batches, schedules] = await Promise.all([look(), wanted("/batches", { limit: 1 }), wanted("/schedules")]);
    return { ...found, batch: batches[0], schedules };
  }, (found, reload) => [
    section("Problems", trouble(problems(found), reload)),
    section("Alarms", unfolding("All alarms", () => alarms(problems(found)))),
    section("Vendors", vendors(found.vendors)),
    section("Effects", kinds(found)),
    section("Dead letters", letters(found.queues, reload)),
    section("Schedules", schedules(found.schedules)),
    found.batch && section("Last ticket", facts([
      ["Ticket", [h("a", { href: `#/bakery/batches/${found.batch.date}/${found.batch.number || 1}` }, day(found.batch.date)), ` by ${found.batch.by}`]],
      ["Created", ago(found.batch.sealed_at)],
      ["In Jira", badge(found.batch.ticket.key || words(found.batch.ticket.state), found.batch.ticket.state === "failed" ? "bad" : "")],
    ])),
  ]);
  watch(place, async () => { if (!place.contains(document.activeElement) && !document.querySelector("dialog[open]")) await place.reload(); }, 30);
  return place;
}

/** The alarms, by the names that they have in Prometheus: what each means, its section of the runbook, whether this screen sees it. */
const ALARMS = [
  ["KindStandsStill", "A vendor refuses our credentials", "kinds-that-stand-still", true],
  ["EffectTooOld", "An effect has waited for an hour", "effects-that-wait", true],
  ["EffectDead", "An effect failed for good", "dead-effects", true],
  ["DeadLetters", "A message was given up", "dead-letters", true],
  ["BatchTicketMissing", "Today's ingredients are not ordered", "the-batch-ticket-is-missing", true],
  ["MachineFilesOverdue", "Logs of machines are overdue", "overdue-machines", false],
  ["ErrorRateHigh", "Over 2 % of the answers are errors of ours", "errors-answered", false],
  ["AnswersSlow", "One answer in a hundred takes 2.5 seconds or longer", "slow-answers", false],
  ["EventsFail", "An event function fails repeatedly", "failing-events", false],
  ["MessagesWait", "A message has waited for 15 minutes", "messages-that-wait", false],
  ["ExporterSilent", "The exporter cannot read the stack", "the-exporter-is-silent", false],
];

function alarms(found) {
  const state = ([name, , , seen]) => {
    if (found.some((each) => each.alarm === name)) return badge("Goes off", "bad");
    return seen ? badge("Quiet", "good") : badge("Only in monitoring");
  };
  const rows = table("Prometheus or CloudWatch raise them; those that this screen can see have a state", [
    ["Alarm", ([name]) => name, "short"],
    ["Meaning", ([, meaning]) => meaning],
    ["State", state],
    ["Runbook", ([name, , section]) => h("a", { href: `#/operations/runbook/${section}`, "aria-label": `Runbook of ${name}` }, "Runbook")],
  ], ALARMS);
  rows.classList.add("brief");
  return rows;
}

function trouble(found, reload) {
  if (!found.length) return h("p", { class: "health" }, badge("Everything works", "good"));
  return h("ul", { class: "troubles" }, found.map((each) => h("li", {},
    h("p", {}, badge(each.label, each.tone), " ", h("strong", {}, each.title), each.alarm && h("span", { class: "hint" }, ` Alarm: ${each.alarm}`)),
    each.text && h("p", {}, each.text),
    h("div", { class: "row" }, h("a", { class: "button plain", href: `#/operations/runbook/${each.runbook}` }, "Runbook"),
      each.effects?.length && may("POST", "/outbox/retry") && action("Retry", () => again(each.effects, reload), { "aria-label": `Retry: ${each.title}` }),
      each.ordering && may("POST", "/batches") && action("Retry", async () => {
        const { value } = await ask("POST", "/batches", { again: true });
        say(outcome(value));
        await reload();
      }, { "aria-label": `Retry: ${each.title}` }),
      each.queue && redriving(each.queue, reload)))));
}

/** Has effects tried now, one after the other: the same vendor does them. */
async function again(found, reload) {
  for (const each of found) await retry(each.id);
  say(`${many(found.length, "effect")} will be tried now.`);
  await reload();
}

function retry(id) {
  return ask("POST", "/outbox/retry", { json: { id }, again: true });
}

function vendors(found) {
  if (!found.length) return nothing("Your account may not check the vendors.");
  const rows = table("The current answer of each vendor", [
    ["Vendor", (each) => vendor(each.integration), "short"],
    ["State", (each) => badge(each.state === "ok" ? "Works" : words(each.state), TONES[each.state])],
    ["Detail", (each) => [each.detail, each.next_step && h("div", {}, h("strong", {}, "Next: "), each.next_step)]],
  ], found);
  rows.classList.add("brief");
  return rows;
}

function schedules(found) {
  if (!found.length) return nothing("Your account may not see the schedules.");
  const rows = table("Jobs that run daily or every few minutes", [
    ["Schedule", (each) => words(each.name), "short"],
    ["State", (each) => (each.overdue ? badge("Overdue", "bad") : each.ran_at ? badge("On time", "good") : badge("Not run yet"))],
    ["Last run", (each) => (each.ran_at ? ago(each.ran_at) : "")],
  ], found);
  rows.classList.add("brief");
  return rows;
}

function kinds({ kinds: found, waiting, dead, more }) {
  const oldest = [...waiting].sort((one, other) => one.asked_at.localeCompare(other.asked_at))[0];
  const of = (all, kind) => all.filter((each) => each.kind === kind).length;
  const rows = table("By kind", [
    ["Kind", (each) => vendor(each.kind), "short"],
    ["State", (each) => [each.state === "working" && waiting.some((one) => one.kind === each.kind && one.last_error) ? badge("Retrying", "warn") : badge(words(each.state), TONES[each.state]), each.since && ` since ${clock(each.since)}`, each.reason && h("div", {}, each.reason)]],
    ["Waiting", (each) => count(of(waiting, each.kind)), "number labelled"],
    ["Dead", (each) => count(of(dead, each.kind)), "number labelled"],
  ], found);
  rows.classList.add("brief", "kinds");
  return [
    facts([
      ["Waiting", h("a", { href: "#/operations/effects/state%3Dpending" }, `${count(waiting.length)}${more ? "+" : ""}`)],
      ["Oldest", oldest ? h("a", { href: address(oldest.id) }, ago(oldest.asked_at)) : "–"],
      ["Dead", h("a", { href: "#/operations/effects/state%3Ddead" }, count(dead.length))],
    ]),
    rows,
  ];
}

function letters(queues, reload) {
  const full = queues.filter((each) => each.depth > 0);
  if (!full.length) return nothing(`No dead letters in ${many(queues.length, "queue")}.`);
  return table(many(full.length, "queue"), [
    ["Queue", (each) => each.queue],
    ["Letters", (each) => count(each.depth), "number"],
    ["Content", (each) => unfolding("Show", () => h("ul", {}, each.letters.map((letter) => h("li", {}, moment(letter.sent_at), ": ", h("code", {}, letter.body)))))],
    ["", (each) => redriving(each.queue, reload, each.redrivable)],
  ], full);
}

function redriving(queue, reload, redrivable = true) {
  if (!redrivable || !may("POST", "/dlq/{queue}/redrive")) return null;
  return action("Send back", async () => {
    const { value } = await ask("POST", at`/dlq/${queue}/redrive`, { again: true });
    say(`${many(value.moved, "message")} sent back${value.left ? `, ${count(value.left)} left` : ""}.`);
    await reload();
  }, { "aria-label": `Send back the dead letters of ${queue}`, question: { title: `Send the dead letters of ${queue} back?`, text: "They are processed again. Mend their cause first.", yes: "Send back", tone: "" } });
}

/** Returns the effects that the address filters by. */
function effects([part]) {
  const chosen = filtered(part);
  const kind = h("div", {});
  const fields = (names) => [
    { name: "state", label: "State", options: [["", "Any"], ...choices(taken("GET", "/outbox").state).map((each) => [each, words(each)])] },
    { name: "kind", label: "Kind", options: [["", "Any"], ...names.map((each) => [each, words(each)])] },
  ];
  get("/outbox/kinds").then((found) => fill(kind, filters("#/operations/effects", fields(found.map((each) => each.kind)), chosen)), () => {});
  return section("Effects", kind, list({
    path: "/outbox",
    query: { ...chosen, limit: 100 },
    caption: "By kind, newest first",
    empty: nothing("No effects."),
    key: (each) => each.id,
    noun: ["effect"],
    brief: true,
    columns: [
      ["Effect", (each) => h("a", { class: "id", href: address(each.id) }, each.id), "", (each) => each.id],
      ["Kind", (each) => words(each.kind), "wide", (each) => each.kind],
      ["State", (each) => badge(words(each.state), TONES[each.state]), "", (each) => each.state],
      ["Attempts", (each) => count(each.attempts), "number wide", (each) => each.attempts],
      ["Requested", (each) => ago(each.asked_at), "", (each) => each.asked_at],
      ["Last error", (each) => (each.state !== "done" && each.last_error) || ""],
    ],
  }));
}

function address(id) {
  return `#/operations/effect/${encodeURIComponent(id)}`;
}

function effect([id = ""]) {
  const place = live(() => get("/outbox/effect", { id }), (found) => [
    h("h2", {}, h("span", { class: "id" }, found.id), badge(words(found.state), TONES[found.state])),
    found.stands_still && h("p", { class: "box warn" }, sentence(found.stands_still)),
    found.state !== "done" && found.last_error && h("p", { class: found.state === "dead" ? "box bad" : "box warn" }, sentence(found.last_error)),
    facts([
      ["Kind", words(found.kind)],
      ["Attempts", count(found.attempts)],
      ["Requested", moment(found.asked_at)],
      ["Next attempt", found.due_at && moment(found.due_at)],
      ["Ended", found.concluded_at && moment(found.concluded_at)],
      ["Reference", found.reference],
      ["Answer", found.answer],
    ]),
    h("div", { class: "row" },
      found.state !== "done" && may("POST", "/outbox/retry") && action("Retry", async () => {
        await retry(found.id);
        say(`${named(1, found.kind)} will be tried now.`);
        await place.reload();
      }),
      h("a", { class: "button plain", href: `#/operations/runbook/${found.state === "dead" ? "dead-effects" : "effects-that-wait"}` }, "Runbook")),
    section("Content", h("pre", {}, JSON.stringify(found.payload, (_, value) => (typeof value === "bigint" ? String(value) : value), 2))),
  ]);
  return place;
}

/** Where the page shows a thing of the audit trail, by its kind. */
const SCREENS = { accounts: "ledger/account", machines: "fleet/machine", orders: "bakery/order", packages: "deliveries/package", transactions: "ledger/transaction", transfers: "ledger/transfer", warranties: "warranties/warranty" };

/** Returns what was changed, such as "orders/7", with a link to its screen if it has one. */
function changed(what) {
  const [, kind, id] = /^([^/]*)\/(.*)$/.exec(what) || [];
  return kind in SCREENS ? h("a", { class: "id", href: `#/${SCREENS[kind]}/${encodeURIComponent(id)}` }, what) : h("span", { class: "id" }, what);
}

/** Returns who changed what, as the address filters it. */
function audit([part]) {
  const chosen = filtered(part);
  const { from, to, ...rest } = chosen;
  return section("Audit trail",
    filters("#/operations/audit", [
      { name: "what", label: "What" },
      { name: "who", label: "Who" },
      { name: "from", label: "Since", type: "date" },
      { name: "to", label: "Until", type: "date" },
    ], chosen),
    list({
      path: "/audit",
      query: { ...rest, from: midnight(from), to: midnight(to, 1), limit: 100 },
      caption: "Newest first; “What” is a kind such as orders, or a thing such as orders/7",
      empty: nothing(Object.keys(chosen).length ? "No entry matches." : "No entries: a stage without sign-in keeps none."),
      key: (each) => each.id,
      brief: true,
      columns: [
        ["When", (each) => ago(each.at), "", (each) => each.at],
        ["Who", (each) => each.who || "A signed webhook", "", (each) => each.who],
        ["What", (each) => each.changes.map((one) => h("div", {}, `${words(one.change)} `, changed(one.what), one.status && ` (${words(one.status).toLowerCase()})`, one.items !== undefined && `, ${many(one.items, "item")}`))],
        ["Request", (each) => h("code", {}, `${each.method} ${each.route}`), "wide", (each) => each.route],
      ],
    }));
}
