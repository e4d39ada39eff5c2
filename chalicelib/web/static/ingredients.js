/** A field of ingredients: names and amounts, each with its unit, as many as there are. */

import { Decimal, number } from "./exact.js";
import { count, h, visible } from "./dom.js";

const UNITS = [["g", "grams"], ["unit", "pieces"]];

/** Returns the field; its value is {name: {amount, unit}}, so that no unit is ever guessed. */
export function ingredients({ name, label, required = false }) {
  const lines = h("div", { class: "lines" });
  const error = h("p", { class: "error", hidden: true });
  const more = h("button", { type: "button", class: "plain", onclick: () => add().focus() }, "Add ingredient");
  const place = h("fieldset", { class: "field ingredients" },
    h("legend", {}, label, !required && h("span", { class: "optional" }, " (optional)")), lines, more, error);

  function add() {
    const called = h("input", { "aria-label": "Ingredient", placeholder: "flour", autocomplete: "off" });
    const amount = h("input", { "aria-label": "Amount", inputmode: "decimal", placeholder: "120", autocomplete: "off" });
    const unit = h("select", { "aria-label": "Unit" }, UNITS.map(([value, text]) => h("option", { value }, text)));
    const line = h("div", { class: "line" }, called, amount, unit,
      h("button", { type: "button", class: "plain", "aria-label": "Remove ingredient", onclick: () => { line.remove(); if (!lines.children.length) add(); more.focus(); } }, "✕"));
    line.read = () => [called.value.trim(), { amount: number(amount.value.trim()), unit: unit.value }];
    line.named = () => called.value.trim();
    line.inputs = [called, amount];
    lines.append(line);
    return called;
  }

  add();
  return {
    name,
    required,
    place,
    value: () => Object.fromEntries([...lines.children].filter((line) => line.named()).map((line) => line.read())),
    filled: () => [...lines.children].some((line) => line.named()),
    reset: () => { lines.replaceChildren(); add(); },
    focus: () => (lines.querySelector("[aria-invalid]") || lines.querySelector("input")).focus(),
    answersFor: (path) => path === name || path.startsWith(`${name}.`),
    refuse(text) {
      error.textContent = visible(text);
      error.hidden = !text;
      for (const line of lines.children) {
        const meant = text && line.named() && text.toLowerCase().includes(line.named().toLowerCase());
        line.inputs.forEach((input) => (meant ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid")));
      }
    },
  };
}

/** Returns an amount of the API as people say it: grams have a point there, pieces have none. */
export function measure(amount, unit) {
  const grams = unit ? unit === "g" : amount instanceof Decimal;
  const [whole, part = ""] = String(amount).replace(/\.0+$/, "").split(".");
  return `${count(whole)}${part && `.${part}`}${grams ? " g" : ""}`;
}
