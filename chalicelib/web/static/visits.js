/** A visit to a machine: sending its technician, the visit on its way, closing it. */

import { ask, at } from "./api.js";
import { ago, h, say, sentence } from "./dom.js";
import { form } from "./forms.js";
import { badge, facts } from "./parts.js";
import { may, taken } from "./spec.js";

/** How a machine's state looks. */
export const TONES = { healthy: "good", needs_attention: "warn", degraded: "warn", out_of_service: "bad" };

/** Kinds of causes in words. */
export const CAUSES = {
  under: "Takes money, gives nothing",
  over: "Gives too many gumballs",
  lost_log: "Sales missing from the log",
  corrupt_data: "Unreadable lines in the log",
  clock: "Wrong clock",
  stuck_sensor: "Too many sales for one day",
  overdue: "Log overdue",
};

/** Returns the evidence of a cause. */
export function howWeKnow({ how_we_know: how, clears_when: clears }) {
  return facts([
    ["Figures", how && sentence(how.figures)],
    ["Method", how && sentence(how.method)],
    ["Threshold", how && sentence(how.threshold)],
    ["May also be", how && sentence(how.may_also_be)],
    ["Clears when", sentence(clears)],
  ]);
}

/** Sends a machine's technician to it; again is the same. Throws Problem. */
export async function send(serial, note = "") {
  return (await ask("POST", "/dispatches", { json: { machine: serial, note }, again: true })).value;
}

/** Returns the form that sends a machine's technician to it. */
export function sending(item, reload) {
  if (!may("POST", "/dispatches")) return h("p", { class: "hint" }, "No technician has been sent yet.");
  const { note } = taken("POST", "/dispatches");
  if (!item.technician) {
    return h("p", { class: "hint" }, "No technician is assigned. ", h("a", { href: `#/fleet/machine/${item.machine}` }, "Assign one"), " to send them.");
  }
  const name = item.technician_name || `Technician ${item.technician}`;
  return form({
    label: `Send ${name} to ${item.machine}`,
    button: "Send technician",
    compact: true,
    fields: [{ name: "note", label: `Note for ${name}`, property: note }],
    async send({ note: text }) {
      await send(item.machine, text);
      say(`${name} has been sent to ${item.machine}.`);
      await reload();
    },
  });
}

/** Returns a visit that is open, by whom if the name is known, and the form that closes it. */
export function onTheWay(dispatch, reload, name = "") {
  return h("div", { class: "visit" },
    h("p", {}, badge("On the way", "good"), ` ${name || (dispatch.technician ? `Technician ${dispatch.technician}` : "A technician")} was sent `, ago(dispatch.opened_at), dispatch.note && `: ${dispatch.note}`),
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
