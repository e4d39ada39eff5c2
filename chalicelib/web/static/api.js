/** Talks to the API that served this file, wherever that is. */

import { bearer, refused } from "./auth.js";
import { parse, write } from "./exact.js";

const BASE = new URL(".", document.baseURI);
const TRIES = 4;
const LONGEST_WAIT_S = 8;

/** What the API refused, and why; `errors` name fields. Status 0: it could not be reached. */
export class Problem extends Error {
  constructor(status, document = {}) {
    super(document.detail || document.title || `The service answered ${status}.`);
    this.status = status;
    this.title = document.title || "Something went wrong";
    this.errors = document.errors || [];
    this.facts = document;
  }
}

/**
 * Asks the API, and asks again while it is busy if that does no harm: reads, changes that are the
 * same however often they come, and what `again` or a `key` (Idempotency-Key) makes safe.
 *
 * `via` does for `fetch`.
 *
 * Returns { status, value, headers, next, total, etag }: `next` is the address of the next page, if there is
 * one, `total` how many rows all pages have where the query said `count`. With the `etag` of an earlier answer the status is 304, without a value, when nothing has
 * changed. Throws Problem.
 *
 * @param {string} method
 * @param {string} path
 * @param {{query?: object, json?: unknown, bytes?: BodyInit, type?: string, key?: string, again?: boolean, etag?: string | null, via?: typeof fetch}} [options]
 * @typedef {{rows: number, exact: boolean}} Total
 * @returns {Promise<{status: number, value: any, headers: Headers, next: string | null, total: Total | null, etag: string | null}>}
 */
export async function ask(method, path, { query = {}, json, bytes, type, key, again, etag, via } = {}) {
  const headers = { Accept: "application/json" };
  if (etag) headers["If-None-Match"] = etag;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (type) headers["Content-Type"] = type;
  if (key) headers["Idempotency-Key"] = key;
  const body = json === undefined ? bytes : write(json);
  const safe = again || key || method !== "POST";
  const wanted = { method, headers, body, cache: "no-store" };
  for (let attempt = 1; ; attempt += 1) {
    const token = await bearer();
    if (token) headers.Authorization = `Bearer ${token}`;
    const answer = await reached(address(path, query), wanted, via);
    if (answer.status === 401) refused();
    const busy = answer.status === 503 || answer.status === 429;
    if (!busy || !safe || attempt === TRIES) return read(answer);
    await pause(Number(answer.headers.get("Retry-After")) || attempt);
  }
}

/**
 * Returns the value at a path. Throws Problem.
 *
 * @param {string} path
 * @param {object} [query]
 * @returns {Promise<any>}
 */
export async function get(path, query) {
  return (await ask("GET", path, { query })).value;
}

/** Sends bytes to where the API said that they go (`upload` of an answer). Throws Problem. */
export async function deliver({ method, url, headers }, bytes, via = fetch) {
  const answer = await reached(url, { method, headers, body: bytes, cache: "no-store" }, via);
  if (answer.ok) return;
  throw new Problem(answer.status, answer.status === 412
    ? { title: "Already uploaded", detail: "The file is in the share already; delete it first." }
    : { title: "Upload refused", detail: "The share refused the file; upload it again." });
}

/**
 * Returns a list with all its pages. Throws Problem.
 *
 * @param {string} path
 * @param {object} [query]
 * @returns {Promise<any[]>}
 */
export async function all(path, query) {
  const found = [];
  let page = await ask("GET", path, { query });
  found.push(...page.value);
  while (page.next) {
    page = await ask("GET", page.next);
    found.push(...page.value);
  }
  return found;
}

/** Returns the address of a path of the API. */
export function address(path, query = {}) {
  const found = new URL(path.replace(/^\//, ""), BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) found.searchParams.set(name, value);
  }
  return found;
}

/** Has the browser save the CSV at a path with all its pages as a file; a link would go without a token. */
export async function save(path, query, name) {
  let page = await ask("GET", path, { query });
  let value = page.value;
  while (page.next) {
    page = await ask("GET", page.next);
    value += page.value.slice(page.value.indexOf("\n") + 1); // each page names the columns
  }
  // Reading a text takes its byte order mark away, by which Excel knows UTF-8.
  const made = URL.createObjectURL(new Blob(["\ufeff", value]));
  const link = document.createElement("a");
  link.href = made;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(made), 60_000);
}

/** Returns a path with values in it: at`/files/${1}`. */
export function at(texts, ...values) {
  return String.raw({ raw: texts }, ...values.map(encodeURIComponent));
}

/** Returns a key under which a request can be repeated without harm. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function reached(url, wanted, via = fetch) {
  try {
    return await via(url, wanted);
  } catch {
    throw unreachable();
  }
}

/** Returns that nothing was reached, and which end of the line is to blame. */
export function unreachable() {
  if (!navigator.onLine) return new Problem(0, { title: "You are offline", detail: "This device has no connection. Changes are not saved." });
  return new Problem(0, { title: "No answer", detail: "This device is online, but the service is unreachable. Changes are not saved." });
}

async function read(answer) {
  const text = await answer.text();
  const value = text && /json/.test(answer.headers.get("Content-Type")) ? readable(text) : text;
  const same = answer.status === 304;
  if (!answer.ok && !same) throw new Problem(answer.status, typeof value === "object" ? value : {});
  return { status: answer.status, value, headers: answer.headers, next: following(answer), total: counted(answer), etag: answer.headers.get("ETag") };
}

function readable(text) {
  try {
    return parse(text);
  } catch {
    return {};
  }
}

function counted({ headers }) {
  const exact = headers.get("Total-Count");
  const rows = exact ?? headers.get("Total-Count-At-Least");
  return rows === null ? null : { rows: Number(rows), exact: exact !== null };
}

function following(answer) {
  const found = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("Link") || "");
  return found ? found[1] : null;
}

function pause(seconds) {
  const wait = Math.min(seconds, LONGEST_WAIT_S) * (0.75 + Math.random() / 2);
  return new Promise((resume) => setTimeout(resume, wait * 1000));
}
