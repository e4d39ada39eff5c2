/** What is wrong with the service, and what follows from it: for the overview and for operators. */

import { get } from "./api.js";
import { LOCALE, many, sentence, shortDay, words } from "./dom.js";
import { may } from "./spec.js";

const CLOCK = new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" });
const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const LONG_MS = 3_600_000;
const MOST = 200;

/** What the effects of each kind are called, and whose vendor does them. */
const KINDS = {
  jira: { noun: ["ticket"], vendors: ["jira"] },
  notify: { noun: ["notification"], vendors: ["slack", "mail"] },
  google: { noun: ["record"], vendors: ["google"] },
  github: { noun: ["access change"], vendors: ["github"] },
  archive: { noun: ["archive copy", "archive copies"], vendors: [] },
  announce: { noun: ["announcement"], vendors: ["slack"] },
};

/** Returns "2 tickets" for two effects of the kind "jira". */
export function effects(number, kind) {
  return many(number, ...(KINDS[kind]?.noun || [`${words(kind).toLowerCase()} effect`]));
}

/**
 * Returns how the service is, as far as whoever is here may know: the vendors' checks, the kinds of effects, those
 * that wait or are dead (`more` says that there may be more of them), the queues of dead letters. Throws Problem when it is down.
 */
export async function look() {
  const wanted = (path, query) => (may("GET", path) ? get(path, query) : []);
  const [, vendors, kinds, queues, ...found] = await Promise.all([
    get("/health"), wanted("/integrations"), wanted("/outbox/kinds"), wanted("/dlq"),
    ...["pending", "unsure", "dead"].map((state) => wanted("/outbox", { state, limit: MOST })),
  ]);
  const [pending, unsure, dead] = found;
  return { vendors, kinds, queues, waiting: [...pending, ...unsure], dead, more: found.some((each) => each.length === MOST), known: may("GET", "/integrations") };
}

/**
 * Returns what is wrong, the worst first. `alarm` is the name of the one that goes off, if any does, `runbook` the section on it.
 *
 * @param {any} state what `look` returns, with `schedules` and the last `batch` where they are known
 * @returns {{tone: string, label: string, title: string, text: string, alarm: string, runbook: string, effects?: any[], queue?: string, ordering?: boolean}[]}
 */
export function problems({ vendors, kinds, queues, waiting, dead, schedules = [], batch }) {
  const down = vendors.filter((each) => ["unreachable", "denied"].includes(each.state));
  const told = new Set();
  const found = down.map((each) => {
    const theirs = Object.keys(KINDS).filter((kind) => KINDS[kind].vendors.includes(each.integration));
    const held = theirs.filter((kind) => !told.has(kind) && (kinds.find((one) => one.kind === kind)?.state === "paused" || late(waiting, kind).length));
    for (const kind of held) told.add(kind);
    const first = earliest(held.flatMap((kind) => [kinds.find((one) => one.kind === kind)?.since, ...late(waiting, kind).map((one) => one.asked_at)]));
    const left = held.map((kind) => wait(waiting, kind)).filter(Boolean).join(", ");
    return {
      tone: "bad",
      title: `${vendor(each.integration)} ${each.state === "denied" ? "refuses the credentials" : "unreachable"}${first ? ` since ${clock(first)}` : ""}${left ? `; ${left}` : ""}`,
      text: [each.detail, each.next_step].filter(Boolean).map(sentence).join(" "),
      label: words(each.state),
      alarm: held.some((kind) => kinds.find((one) => one.kind === kind)?.state === "paused") ? "KindStandsStill" : aged(first),
      runbook: "kinds-that-stand-still",
      effects: waiting.filter((one) => held.includes(one.kind)),
    };
  });
  for (const { kind, since, reason } of kinds.filter((each) => each.state === "paused" && !told.has(each.kind))) {
    told.add(kind);
    found.push({ tone: "bad", label: "Paused", title: `${words(kind)} is paused since ${clock(since)}${wait(waiting, kind) && `; ${wait(waiting, kind)}`}`, text: reason ? sentence(reason) : "", alarm: "KindStandsStill", runbook: "kinds-that-stand-still", effects: waiting.filter((each) => each.kind === kind) });
  }
  for (const kind of new Set(waiting.map((each) => each.kind))) {
    const theirs = late(waiting, kind);
    if (told.has(kind) || !theirs.length) continue;
    const first = earliest(theirs.map((each) => each.asked_at));
    found.push({ tone: aged(first) ? "bad" : "warn", label: "Waiting", title: `${wait(theirs, kind)} since ${clock(first)}`, text: sentence(theirs[0].last_error), alarm: aged(first), runbook: "effects-that-wait", effects: theirs });
  }
  for (const kind of new Set(dead.map((each) => each.kind))) {
    const theirs = dead.filter((each) => each.kind === kind);
    found.push({ tone: "bad", label: "Failed", title: `${effects(theirs.length, kind)} failed for good`, text: theirs[0].last_error ? sentence(theirs[0].last_error) : "", alarm: "EffectDead", runbook: "dead-effects", effects: theirs });
  }
  for (const { queue, depth } of queues.filter((each) => each.depth > 0)) {
    found.push({ tone: "bad", label: "Dead letters", title: `${many(depth, "dead letter")} of ${queue}`, text: "", alarm: "DeadLetters", runbook: "dead-letters", queue });
  }
  for (const { name, ran_at } of schedules.filter((each) => each.overdue)) {
    const ordering = name === "bakery_daily_batch";
    found.push({ tone: "bad", label: "Overdue", title: `${words(name)} has not run since ${clock(ran_at)}`, text: "", alarm: ordering ? "BatchTicketMissing" : "", runbook: ordering ? "the-batch-ticket-is-missing" : "failing-events", ordering });
  }
  if (batch?.ticket?.state === "failed") {
    found.push({ tone: "bad", label: "Failed", title: `The ticket of ${shortDay(batch.date)} is not in Jira`, text: batch.ticket.reason ? sentence(batch.ticket.reason) : "", alarm: "BatchTicketMissing", runbook: "the-batch-ticket-is-missing" });
  }
  return found;
}

/** Returns a time of today as "15:16", any other with its day. */
export function clock(instant) {
  const at = new Date(instant);
  return (at.toDateString() === new Date().toDateString() ? CLOCK : MOMENT).format(at);
}

/** Returns the effects of a kind that were tried in vain. */
function late(waiting, kind) {
  return waiting.filter((each) => each.kind === kind && each.last_error);
}

function wait(waiting, kind) {
  const number = waiting.filter((each) => each.kind === kind).length;
  return number ? `${effects(number, kind)} ${number === 1 ? "waits" : "wait"}` : "";
}

/** Returns the alarm of what waits since then, if it goes off already. */
function aged(first) {
  return first && Date.now() - Date.parse(first) > LONG_MS ? "EffectTooOld" : "";
}

function earliest(instants) {
  return instants.filter(Boolean).sort()[0];
}

/** Returns what a vendor is called. */
export function vendor(integration) {
  return { github: "GitHub", mail: "Mail server" }[integration] || words(integration);
}
