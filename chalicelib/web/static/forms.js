/** Forms: what is wrong stands at its field, nothing goes twice, and no typing is lost. */

import { newKey, Problem } from "./api.js";
import { cents, number } from "./exact.js";
import { h, keepFocus, many, say, sentence, visible, words } from "./dom.js";
import { confirmed, explained, failure, fill } from "./parts.js";
import { choices, limits } from "./spec.js";

let ids = 0;

/**
 * Returns a form. `fields` are what `field` takes, or fields already; `send(values, key)` gets what was typed by name,
 * and a key that stays the same as long as a try of the same values has not come through. What it
 * returns (elements or text) is shown below. `question(values)` is asked first, see `confirmed`;
 * `keep`: what was typed stays.
 *
 * @typedef {import("./parts.js").Question} Question
 * @param {{
 *   fields: any[],
 *   button: string,
 *   send: (values: any, key: string) => any,
 *   question?: (values: any) => Question,
 *   keep?: boolean,
 *   label?: string,
 *   compact?: boolean,
 *   attributes?: Record<string, any>,
 * }} options
 */
export function form({ fields, button, send, question, keep = false, label, compact, attributes = {} }) {
  const inputs = fields.map((each) => (each.row || each.place ? each : field(each)));
  const all = inputs.flatMap((each) => each.row || [each]);
  const submit = h("button", { type: "submit", ...attributes }, button);
  const wrong = h("div", { class: "wrong", tabindex: "-1" });
  const result = h("div", { class: "result", role: "status" });
  const set = h("fieldset", { class: "bare" }, wrong,
    h("div", { class: compact ? "fields compact" : "fields" },
      inputs.map((each) => (each.row ? h("div", { class: "row" }, each.row.map((one) => one.place)) : each.place))),
    h("div", { class: "row" }, submit));
  const made = h("form", { novalidate: true, "aria-label": label || button }, set, result);
  let pending = { said: null, key: null };

  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (set.disabled) return;
    clear(all, wrong);
    result.replaceChildren();
    const missing = all.filter((each) => each.required && !each.filled());
    if (missing.length) {
      missing.forEach((each) => each.refuse("Required."));
      missing[0].focus();
      return;
    }
    const values = Object.fromEntries(all.map((each) => [each.name, each.value()]));
    const said = JSON.stringify(values);
    if (question && !(await confirmed(question(values)))) return;
    if (pending.said !== said) pending = { said, key: newKey() };
    set.disabled = true;
    set.setAttribute("aria-busy", "true");
    try {
      const shown = await send(values, pending.key);
      pending = { said: null, key: null };
      set.disabled = false;
      fill(result, shown);
      if (!keep) all.forEach((each) => each.reset());
      if (made.isConnected) (keep ? submit : all[0] || submit).focus();
    } catch (error) {
      set.disabled = false;
      refuse(error, all, wrong);
    } finally {
      set.removeAttribute("aria-busy");
      keepFocus();
    }
  });
  made.fields = Object.fromEntries(all.map((each) => [each.name, each]));
  return made;
}

/** Returns fields beside each other. */
export function row(...fields) {
  return { row: fields.map(field) };
}

/**
 * Returns a field with its label, hint and place for what is wrong. `kind` is that of an input, or
 * "number" (exact digits), "money" (dollars, of which cents are made), "select", "area", "check"; `property` is its schema, which gives limits and
 * choices.
 */
export function field({ name, label, hint, kind = "text", property, required = false, value, options, aliases = [], ...more }) {
  ids += 1;
  const id = `field-${ids}`;
  const attributes = { id, name, ...limits(property), ...more };
  const input = control(kind, attributes, options || choices(property).map((each) => [each, words(each)]));
  if (value !== undefined) set(input, value);
  const first = value ?? (kind === "check" ? false : "");
  const note = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  const error = h("p", { class: "error", id: `${id}-error`, hidden: true });
  const caption = h("label", { for: id }, label, !required && kind !== "check" && h("span", { class: "optional" }, " (optional)"));
  if (required) input.setAttribute("aria-required", "true");
  describe(input, note, error);
  return {
    name,
    input,
    required,
    place: h("div", { class: `field ${kind}` }, kind === "check" ? [input, caption] : [caption, input], note, error),
    value: () => read(kind, input),
    filled: () => (kind === "file" ? input.files.length > 0 : input.value.trim() !== ""),
    reset: () => kind === "select" || set(input, first),
    focus: () => input.focus(),
    answersFor: (path) => [name, ...aliases].some((each) => path === each || path.startsWith(`${each}.`)),
    refuse(text) {
      error.textContent = visible(text);
      error.hidden = !text;
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      describe(input, note, error);
    },
    offer(pairs) {
      input.replaceChildren(...pairs.map(([each, text]) => h("option", { value: each }, text)));
    },
  };
}

function control(kind, attributes, options) {
  if (kind === "area") return h("textarea", { rows: 3, ...attributes });
  if (kind === "select") {
    return h("select", attributes, options.map(([value, text]) => h("option", { value }, text)));
  }
  if (kind === "check") return h("input", { type: "checkbox", ...attributes });
  if (kind === "number" || kind === "money") return h("input", { type: "text", inputmode: "decimal", autocomplete: "off", ...attributes });
  return h("input", { type: kind, autocomplete: "off", ...attributes });
}

function set(input, value) {
  if (input.type === "checkbox") input.checked = value;
  else input.value = value;
}

function read(kind, input) {
  if (kind === "check") return input.checked;
  if (kind === "file") return input.files[0];
  if (kind === "number") return number(input.value.trim());
  if (kind === "money") return cents(input.value.trim());
  return input.value.trim();
}

function describe(input, note, error) {
  const told = [note?.id, !error.hidden && error.id].filter(Boolean).join(" ");
  if (told) input.setAttribute("aria-describedby", told);
  else input.removeAttribute("aria-describedby");
}

function clear(fields, wrong) {
  fields.forEach((each) => each.refuse(""));
  wrong.replaceChildren();
}

/** Puts every fault at the field that it names, and what names none above them all. */
function refuse(error, fields, wrong) {
  const faults = error instanceof Problem ? error.errors : [];
  const byField = new Map();
  const rest = [];
  for (const fault of faults) {
    const found = fields.find((each) => each.answersFor(fault.field));
    if (found) byField.set(found, [...(byField.get(found) || []), told(fault, found)]);
    else rest.push(fault);
  }
  byField.forEach((texts, found) => found.refuse(texts.join(" ")));
  const first = fields.find((each) => byField.has(each));
  if (first && !rest.length) {
    first.focus();
    say(`${many(byField.size, "field")} to correct.`);
    return;
  }
  const shown = rest.length ? explained({ errors: rest, message: "" }) : null;
  wrong.replaceChildren(shown ? h("p", { class: "box bad", role: "alert" }, shown) : failure(error));
  wrong.focus();
}

function told(fault, found) {
  const inner = fault.field.slice(found.name.length + 1);
  return sentence(inner ? `${inner} ${fault.detail}` : fault.detail);
}
