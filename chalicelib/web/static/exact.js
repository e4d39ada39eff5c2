/**
 * JSON whose numbers keep their digits. JavaScript alone would round a large balance and forget
 * whether an amount was 33 (units) or 33.0 (grams).
 *
 * Read: whole numbers are numbers, or BigInts where a number would lose digits; those with a point
 * are `Decimal`s. Written: `Decimal`s stand as the digits that they were made of.
 */

const MARK = "\u0000exact";
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = /"\\u0000exact(-?\d+(?:\.\d+)?)"/g;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** A number as it was written. */
export class Decimal {
  constructor(digits) {
    this.digits = digits;
  }

  toString() {
    return this.digits;
  }

  valueOf() {
    return Number(this.digits);
  }

  toJSON() {
    return MARK + this.digits;
  }
}

/** Returns the value of JSON text. Throws SyntaxError. */
export function parse(text) {
  const marked = text.replace(TOKEN, (token) => (isPlain(token) ? token : `"\\u0000exact${token}"`));
  return JSON.parse(marked, (_, value) => (isMarked(value) ? exact(value.slice(MARK.length)) : value));
}

/** Returns JSON text. */
export function write(value) {
  return JSON.stringify(value).replace(MARKED, "$1");
}

/** Returns what somebody typed as a number, or as it is if it is none: the API will say so. */
export function number(text) {
  return NUMBER.test(text) ? new Decimal(text) : text;
}

/** Returns dollars that somebody typed as whole cents, or the text as it is: the API will say so. */
export function cents(text) {
  const [, whole, part = ""] = /^\$?\s*(\d+)(?:[.,](\d{1,2}))?$/.exec(text) || [];
  return whole === undefined ? text : new Decimal(String(BigInt(whole + part.padEnd(2, "0"))));
}

function isPlain(token) {
  return token[0] === '"' || (/^-?\d+$/.test(token) && Number.isSafeInteger(Number(token)));
}

function isMarked(value) {
  return typeof value === "string" && value.startsWith(MARK);
}

function exact(digits) {
  return /^-?\d+$/.test(digits) ? BigInt(digits) : new Decimal(digits);
}
