/** What screens are made of: loading, failure, nothing there; badges, questions. */

import { Problem } from "./api.js";
import { h, keepFocus, words } from "./dom.js";

/**
 * Returns a place that shows what `load` brings, as `render(value, reload)` makes it: says that it
 * is loading, says why when it fails, and lets one try again. `place.reload()` looks again.
 */
export function live(load, render) {
  const place = h("div", { class: "live" }, loading());
  let turn = 0;
  place.reload = async () => {
    turn += 1;
    const mine = turn;
    place.setAttribute("aria-busy", "true");
    try {
      const shown = render(await load(), place.reload);
      if (mine === turn) fill(place, shown);
    } catch (error) {
      if (mine === turn) place.replaceChildren(failure(error, place.reload));
    }
    if (mine === turn) place.removeAttribute("aria-busy");
  };
  place.reload();
  return place;
}

/** Puts elements and texts into a place, instead of what is there. */
export function fill(place, ...shown) {
  place.replaceChildren(...h("div", {}, shown).childNodes);
}

/** Returns the sign that something is on its way. */
export function loading() {
  return h("p", { class: "loading", role: "status" }, "Loading …");
}

/** Returns what went wrong and a button to try again. */
export function failure(error, again) {
  if (!(error instanceof Problem)) reportError(error);
  const known = error instanceof Problem;
  return h("div", { class: "box bad", role: "alert" },
    h("p", {}, h("strong", {}, known ? error.title : "Something went wrong on this page")),
    h("p", {}, known ? explained(error) : "Reload the page. If it happens again, contact your administrator."),
    again && h("button", { type: "button", onclick: again }, "Try again"));
}

/** Returns a problem in a sentence, with the faults that it names. */
export function explained(problem) {
  if (!problem.errors.length) return problem.message;
  return problem.errors.map((each) => `${words(each.field)}: ${each.detail}`).join("; ");
}

/** Returns what is shown where there is nothing yet, and what to do about it. */
export function nothing(text, ...more) {
  return h("div", { class: "nothing" }, h("p", {}, text), more);
}

/** Returns a word with a colour; the word alone says it all. */
export function badge(text, tone = "") {
  return h("span", { class: `badge ${tone}` }, text);
}

/** Returns what the status of an order is called: the name of its column on the board. */
export function orderStatus(status) {
  return { open: "To do", ticketed: "Ordered" }[status] || words(status);
}

/** Returns names and values, those without a value left out. */
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return h("dl", { class: "facts" }, told.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Does something once while a button is off; what goes wrong is shown in `place`. */
export async function busy(button, work, place = button.parentElement) {
  place.querySelector(":scope > .box.bad")?.remove();
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    place.append(failure(error));
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    if (button.isConnected) button.focus();
    keepFocus();
  }
}

/**
 * Returns a button that does `work`, after a question if there is one.
 *
 * @typedef {{title: string, text: any, yes: string, tone?: string}} Question
 * @param {string} label
 * @param {() => unknown} work
 * @param {{question?: Question, tone?: string, [attribute: string]: unknown}} [options]
 */
export function action(label, work, { question, tone = "", ...attributes } = {}) {
  const button = h("button", { type: "button", class: tone, ...attributes, onclick: async () => {
    if (!question || (await confirmed(question))) await busy(button, work);
  } }, label);
  return button;
}

/**
 * Asks a question in a dialog and returns whether the answer was yes.
 *
 * @param {Question} question
 */
export function confirmed({ title, text, yes, tone = "danger" }) {
  return new Promise((answer) => {
    const dialog = h("dialog", { "aria-labelledby": "question" },
      h("h2", { id: "question" }, title),
      h("div", {}, text),
      h("form", { method: "dialog", class: "row" },
        h("button", { value: "no", class: "plain", autofocus: true }, "Go back"),
        h("button", { value: "yes", class: tone }, yes)));
    // A question is about the screen that asks it, and ends with it.
    const gone = () => dialog.close("no");
    window.addEventListener("hashchange", gone);
    dialog.addEventListener("close", () => {
      window.removeEventListener("hashchange", gone);
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Returns a block with a heading. */
export function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), children);
}

/**
 * Does `look()` every `seconds` while the place is shown, and when one comes back to the tab; what goes
 * wrong is tried again later.
 */
export function watch(place, look, seconds = 15) {
  let shown = false;
  let looking = false;
  const once = async () => {
    if (looking || document.hidden || !navigator.onLine || place.querySelector("[aria-busy]")) return;
    looking = true;
    try {
      await look();
    } catch (error) {
      if (!(error instanceof Problem)) reportError(error);
    } finally {
      looking = false;
    }
  };
  const gone = () => {
    shown ||= place.isConnected;
    return shown && !place.isConnected;
  };
  const timer = setInterval(() => {
    if (!gone()) {
      once();
      return;
    }
    clearInterval(timer);
    document.removeEventListener("visibilitychange", once);
  }, seconds * 1000);
  document.addEventListener("visibilitychange", once);
}

