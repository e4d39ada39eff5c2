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

/** Has a screen reader say something. */
export function say(text) {
  document.getElementById("said").textContent = visible(text);
}

/** Moves the focus to the content if what had it is gone, so that nobody starts at the top again. */
export function keepFocus() {
  const nowhere = !document.activeElement || document.activeElement === document.body;
  if (nowhere) document.getElementById("main").focus({ preventScroll: true });
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

/** Returns an instant in the viewer's zone; its title is UTC. */
export function moment(instant) {
  if (!instant) return "–";
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return String(instant);
  const utc = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return h("time", { datetime: at.toISOString(), title: utc }, MOMENT.format(at));
}

/** Returns a day without a time. */
export function day(text) {
  return h("time", { datetime: text }, DAY.format(new Date(`${text}T00:00:00Z`)));
}

/** Returns the wall time of now, or of `at`, as date inputs want it. */
export function wall(at = new Date()) {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Returns whole cents as dollars, without a detour through fractions. */
export function dollars(cents) {
  const whole = BigInt(cents);
  const [sign, size] = whole < 0n ? ["−", -whole] : ["", whole];
  return `${sign}$${(size / 100n).toLocaleString()}.${String(size % 100n).padStart(2, "0")}`;
}

/** Returns a whole number with its thousands apart. */
export function count(number) {
  return BigInt(number).toLocaleString();
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
