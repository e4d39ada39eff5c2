/** Elements and text. Whatever was typed in by somebody becomes text, never markup. */

// They turn the order of the letters around them about, so that a name reads as another one.
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// What is read, and not sent back: the value of a field stays as it is.
const READ = new Set(["alt", "aria-label", "placeholder", "title"]);

/** Returns a text with the characters that turn its direction spelled out: "\u202e". */
export function visible(text) {
  return String(text).replace(DIRECTIONS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Returns an element. Attributes whose names begin with "on" are listeners, true and false set and
 * leave out; children are elements, texts, or lists of them, and nothing where null or false.
 *
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...any} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, READ.has(name) ? visible(value) : value);
  }
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  made.append(...shown.map((child) => (child instanceof Node ? child : visible(child))));
  return made;
}

const SAID_MS = 8_000;
const SVG = "http://www.w3.org/2000/svg";

/**
 * Returns an element of a picture.
 *
 * @param {string} name
 * @param {Record<string, string | number | boolean>} [attributes]
 * @param {...(Node | string)} children
 */
export function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

let saying = 0;

/**
 * Says something at the bottom of the screen for some seconds, also to a screen reader; `offer` is
 * the name of a button beside it and what it does, which may fail: then it says why.
 *
 * @param {string} text
 * @param {[string, () => Promise<any>]} [offer]
 */
export function say(text, offer) {
  const place = document.getElementById("said");
  const button = offer && h("button", { type: "button", onclick: () => {
    place.replaceChildren();
    offer[1]().catch((error) => say(error.message));
  } }, offer[0]);
  place.replaceChildren(visible(text), ...(button ? [button] : []));
  clearTimeout(saying);
  saying = setTimeout(() => place.replaceChildren(), button ? 3 * SAID_MS : SAID_MS);
}

/** Moves the focus to the content if what had it is gone, so that nobody starts at the top again. */
export function keepFocus() {
  const nowhere = !document.activeElement || document.activeElement === document.body;
  if (nowhere) document.getElementById("main").focus({ preventScroll: true });
}

/** The one locale of words and numbers: the page is in English, so only the viewer's English counts. */
export const LOCALE = navigator.languages.find((each) => /^en\b/i.test(each)) || "en-GB";

const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeZone: "UTC" });
const SHORT_DAY = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });
const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const [MINUTE_S, HOUR_S, DAY_S] = [60, 3_600, 86_400];
const RELATIVE_DAYS = 14;

/** Returns an instant in the viewer's zone; its title is UTC. */
export function moment(instant) {
  if (!instant) return "–";
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return String(instant);
  return h("time", { datetime: at.toISOString(), title: utc(at) }, MOMENT.format(at));
}

/** Returns how long ago an instant is, or how far ahead; its title is the exact time, here and in UTC. */
export function ago(instant) {
  if (!instant) return "–";
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return String(instant);
  const title = `${MOMENT.format(at)} (${utc(at)})`;
  return h("time", { datetime: at.toISOString(), title, "data-relative": true }, relative(at));
}

setInterval(() => {
  for (const each of document.getElementsByTagName("time")) if ("relative" in each.dataset) each.textContent = relative(new Date(each.dateTime));
}, MINUTE_S * 1_000);

function relative(at) {
  const seconds = (at.getTime() - Date.now()) / 1_000;
  const size = Math.abs(seconds);
  if (size < MINUTE_S) return "now";
  if (size < HOUR_S) return RELATIVE.format(Math.trunc(seconds / MINUTE_S), "minute");
  if (size < DAY_S) return RELATIVE.format(Math.trunc(seconds / HOUR_S), "hour");
  if (size < RELATIVE_DAYS * DAY_S) return RELATIVE.format(Math.trunc(seconds / DAY_S), "day");
  return new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" }).format(at);
}

function utc(at) {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Returns a day without a time. */
export function day(text) {
  return h("time", { datetime: text }, DAY.format(new Date(`${text}T00:00:00Z`)));
}

/** Returns a day and its month, such as "3 Sept", as text. */
export function shortDay(text) {
  return SHORT_DAY.format(new Date(`${text}T00:00:00Z`));
}

/** Returns the wall time of now, or of `at`, as date inputs want it. */
export function wall(at = new Date()) {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Returns whole cents as dollars, without a detour through fractions. */
export function dollars(cents) {
  const whole = BigInt(cents);
  const [sign, size] = whole < 0n ? ["−", -whole] : ["", whole];
  return `${sign}$${(size / 100n).toLocaleString(LOCALE)}.${String(size % 100n).padStart(2, "0")}`;
}

/** Returns a whole number with its thousands apart. */
export function count(number) {
  return BigInt(number).toLocaleString(LOCALE);
}

/**
 * Returns how many rows a list has, in words.
 *
 * @param {import("./api.js").Total | null} total
 */
export function figure(total) {
  return total ? `${total.exact ? "" : "at least "}${count(total.rows)}` : "many";
}

/** Returns "1 machine", "2 machines". */
export function many(number, one, more = `${one}s`) {
  return `${count(number)} ${Number(number) === 1 ? one : more}`;
}

/** Returns a word of the API as people write it: "out_of_service" is "Out of service". */
export function words(name) {
  const text = String(name).replaceAll(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Returns a text with a capital and a full stop. */
export function sentence(text) {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
