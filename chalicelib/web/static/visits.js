/** A visit to a machine: sending its technician, the visit on its way, closing it. */

import { ask, at } from "./api.js";
import { h, moment, say } from "./dom.js";
import { form } from "./forms.js";
import { badge } from "./parts.js";
import { may, taken } from "./spec.js";

/** How a machine's state looks. */
export const TONES = { healthy: "good", needs_attention: "warn", degraded: "warn", out_of_service: "bad" };

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
