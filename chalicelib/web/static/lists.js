/** Lists: tables that sort, that grow page by page, and that say when there is something new. */

import { address, ask, Problem } from "./api.js";
import { count, figure, h, many, say } from "./dom.js";
import { busy, live, watch } from "./parts.js";

/** Rows of a page of a list, where a screen does not choose. */
export const PAGE = 100;

/**
 * Returns a table. `columns` are [title, cell(row), "number" or "short"?, by(row)?]: a column with `by`
 * sorts the rows that are shown by those numbers or texts. On narrow screens each row becomes
 * a card, so the roles are spelled out. `attributes(row)` are those of its row; `sorting` remembers by
 * what it is sorted when it is made anew.
 *
 * @typedef {[title: string, cell: (row: any) => any, kind?: string, by?: (row: any) => any]} Column
 * @param {string} caption
 * @param {Column[]} columns
 * @param {any[]} rows
 * @param {(row: any) => Record<string, any>} [attributes]
 * @param {{by?: number, down?: boolean}} [sorting]
 */
export function table(caption, columns, rows, attributes = () => ({}), sorting = {}) {
  const lines = [];
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map(([title, , kind, by], place) => h("th", { role: "columnheader", scope: "col", class: kind },
    by ? h("button", { type: "button", class: "sort", onclick: () => sort(place) }, title) : title || h("span", { class: "unseen" }, "Actions")));
  const draw = () => {
    heads.forEach((head, place) => {
      if (place === sorting.by) head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const shown = sorting.by === undefined ? lines : sorted(lines, columns[sorting.by][3], sorting.down);
    body.append(...shown.map((each) => each.line));
  };
  const sort = (place) => {
    sorting.down = sorting.by === place ? !sorting.down : columns[place][2]?.includes("number") || false;
    sorting.by = place;
    draw();
  };
  const made = h("table", { role: "table" },
    h("caption", {}, caption), h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), body);
  made.add = (more) => {
    lines.push(...more.map((row) => ({ row, line: line(columns, row, attributes(row)) })));
    draw();
  };
  made.add(rows);
  return made;
}

function line(columns, row, attributes) {
  return h("tr", { role: "row", ...attributes },
    columns.map(([title, cell, kind]) => h("td", { role: "cell", class: kind, "data-title": title }, h("div", {}, cell(row)))));
}

/** Returns lines in the order of their values; those without one come last either way. */
function sorted(lines, by, down) {
  const known = (value) => value !== undefined && value !== null && value !== "";
  return lines.map((each) => [by(each.row), each]).sort(([one], [other]) => {
    if (!known(one) || !known(other)) return Number(!known(one)) - Number(!known(other));
    const order = typeof one === "string" ? one.localeCompare(other) : one < other ? -1 : Number(one > other);
    return down ? -order : order;
  }).map(([, each]) => each);
}

/**
 * Returns a list that grows page by page. `path` and `query` are of a bare array with a `Link` to
 * the next page; `empty` is shown when there is none. It looks for changes while it is shown: with
 * `key(row)`, its rows' identity, it says how many are new; `noun` is what a row is called. `brief`: on narrow screens its rows are lines,
 * not cards, and between a phone and a desk a table, which "lines" would not fit into.
 *
 * @param {{path: string, query?: object, caption: string, columns: Column[], empty: any, attributes?: (row: any) => Record<string, any>, key?: (row: any) => any, noun?: [string, string?], brief?: boolean | "lines"}} options
 */
export function list({ path, query = {}, caption, columns, empty, attributes, key, noun, brief }) {
  const sorting = {};
  return fresh({ load: (etag) => ask("GET", path, { query: counted(query, etag), etag }), key, noun }, (first, _, grown) => {
    if (!first.value.length && !first.next) return empty; // a page may leave out all that it reads
    const made = table(caption, columns, first.value, attributes, sorting);
    if (brief) made.classList.add("brief", ...(brief === "lines" ? ["lines"] : []));
    return [made, more(made, first.next, { shown: first.value.length, total: first.total, grown })];
  });
}

/**
 * Returns a table of rows that are all here, a page of them at a time; `name` is what the list is remembered by.
 *
 * @param {string} name
 * @param {string} caption
 * @param {Column[]} columns
 * @param {any[]} rows
 * @param {string[]} kinds
 */
export function paged(name, caption, columns, rows, ...kinds) {
  const made = table(caption, columns, rows.slice(0, PAGE));
  made.classList.add("brief", ...kinds);
  const total = { rows: rows.length, exact: true };
  return [made, more(made, null, { name, shown: Math.min(PAGE, rows.length), rest: rows.slice(PAGE), total })];
}

/** Returns a query that has the rows of all pages counted; a look for changes (by an `etag`) need not. */
export function counted(query, etag = null) {
  return etag ? query : { ...query, count: true };
}

/**
 * Returns a place with a page that `load` brings, as `render(page, reload, grown)` makes it. While it is shown it looks
 * whether the page has changed (`load(etag)` is then answered 304 or not) and says how many rows are new by their `key`; `of`
 * finds the rows in the answer. Somebody who works in it, or has shown more of it (`grown()`), is asked before it changes.
 *
 * @param {{load: (etag?: string | null) => Promise<any>, key?: (row: any) => any, of?: (value: any) => any[], noun?: [string, string?]}} of
 * @param {(page: any, reload: () => Promise<void>, grown: () => void) => any} render
 */
export function fresh({ load, key, of = (value) => value, noun = ["entry", "entries"] }, render) {
  let etag = null;
  let known = new Set();
  let more = false;
  const changed = h("p", { class: "news", role: "status", hidden: true });
  const rows = live(async () => {
    const page = await load();
    etag = page.etag;
    known = new Set(key && of(page.value).map(key));
    return page;
  }, (page, reload) => {
    changed.hidden = true;
    more = false;
    return render(page, reload, () => { more = true; });
  });
  const place = h("div", {}, changed, rows);
  place.reload = rows.reload;
  if (key) watch(rows, async () => {
    const page = await load(etag);
    if (page.status === 304) return;
    etag = page.etag;
    const added = of(page.value).filter((each) => !known.has(key(each))).length;
    const text = added ? `${many(added, ...noun)} new` : "The list has changed";
    if (more || rows.contains(document.activeElement) || document.querySelector("dialog[open]")) {
      changed.replaceChildren(`${text}. `, h("button", { type: "button", class: "plain", onclick: rows.reload }, "Show"));
      changed.hidden = false;
      return;
    }
    await rows.reload();
    say(`${text}.`);
  });
  return place;
}

/**
 * Returns a button that has `rows` grow by the page at `next`, and how many of them are shown. `of`
 * finds its rows in the answer, `total` is how many rows all pages have if that is known, `rest` are rows
 * that are here already and come first. Who comes back finds as many rows as there were, by `name`.
 *
 * @param {{add(rows: any[]): void}} rows
 * @param {string | null} next
 * @param {{shown: number, of?: (value: any) => any[], total?: import("./api.js").Total | null, rest?: any[], name?: string, grown?: () => void}} options
 */
export function more(rows, next, { shown, of = (value) => value, total, rest = [], name = next ? address(next).pathname : "here", grown = () => {} }) {
  const place = h("div", { class: "more" });
  const told = h("p", { class: "hint" });
  const tell = () => {
    const left = next || rest.length > 0;
    button.hidden = !left;
    told.hidden = !left && shown <= PAGE;
    told.textContent = left ? part(shown, total) : shown ? `All ${count(shown)} shown.` : "None found.";
  };
  const grow = async () => {
    let found = rest.splice(0, PAGE);
    if (!found.length) {
      const page = await ask("GET", next || "");
      found = of(page.value);
      next = page.next;
    }
    rows.add(found);
    grown();
    shown += found.length;
    tell();
    return found.length;
  };
  const button = h("button", { type: "button", onclick: () => busy(button, async () => {
    const added = await grow();
    remember(name, shown);
    say(`${added} more shown.`);
  }, place) }, "Show more");
  tell();
  place.append(told, button);
  const before = remembered(name);
  const again = async () => { while (shown < before && (next || rest.length)) await grow(); };
  again().catch(() => {}); // the button says what is wrong
  return place;
}

/** Returns how many rows of a list are shown, and of how many; rows may have been added since these were counted. */
function part(shown, total) {
  if (!total || shown > total.rows || (shown === total.rows && !total.exact)) return `${count(shown)} shown; there are more.`;
  return `${count(shown)} of ${figure(total)}`;
}

/** Returns how many rows a list has that goes on at `next`, null for one that does not. Throws Problem. */
export async function totalOf(next) {
  return next && (await ask("GET", next, { query: { count: true, limit: 1 } })).total;
}

/** Returns how many rows of a list had been shown when one was at this place of the history, else 0. */
export function remembered(list) {
  return history.state?.shown?.[list] || 0;
}

/** Has who comes back find so many rows of a list. */
export function remember(list, shown) {
  history.replaceState({ ...history.state, shown: { ...history.state?.shown, [list]: shown } }, "");
}

/** Returns what a part of an address filters by, such as "recipient=7&outcome=dropped". */
export function filtered(part = "") {
  return Object.fromEntries(new URLSearchParams(part));
}

/**
 * Returns a form of filters: it leads to `address` with what is chosen as its last part. `fields` are
 * texts, choices where there are `options` (pairs), or of the given `type`; `chosen` are their values now.
 *
 * @param {string} address
 * @param {{name: string, label: string, type?: string, options?: string[][]}[]} fields
 * @param {Record<string, string>} chosen
 */
export function filters(address, fields, chosen) {
  const inputs = fields.map(({ name, type = "search", options }) => (options
    ? h("select", { name }, options.map(([value, text]) => h("option", { value, selected: value === (chosen[name] || "") }, text)))
    : h("input", { name, type, autocomplete: "off", value: chosen[name] || "" })));
  return h("form", { role: "search", class: "search filters", onsubmit: (event) => {
    event.preventDefault();
    const wanted = inputs.map((each) => [each.name, each.value.trim()]).filter(([, value]) => value);
    location.hash = `${address}/${encodeURIComponent(String(new URLSearchParams(wanted)))}`;
  } }, fields.map(({ label }, place) => h("label", {}, label, inputs[place])),
  h("span", { class: "pair" }, h("button", { type: "submit" }, "Find"), Object.keys(chosen).length > 0 && h("a", { href: `${address}` }, "Clear")));
}

/** Returns the instant at which a local day begins, or the one so many days after it; none for no day. */
export function midnight(text, days = 0) {
  if (!/^\d{4}-\d\d-\d\d$/.test(text || "")) return "";
  const [year, month, date] = text.split("-").map(Number);
  return new Date(year, month - 1, date + days).toISOString();
}

/** Returns what is unfolded when it is wanted. */
export function folded(title, ...children) {
  return h("details", {}, h("summary", {}, title), children);
}

/** Returns the same for what is made only then, by `make()`. */
export function unfolding(title, make) {
  const made = h("details", { ontoggle: () => made.childElementCount === 1 && made.append(make()) }, h("summary", {}, title));
  return made;
}

/** Looks again every `seconds` while `pending()` and the place is shown, for some minutes. */
export function follow(place, pending, seconds = 2) {
  let left = 150;
  const look = async () => {
    if (!place.isConnected || left === 0) return;
    left -= 1;
    if (pending() && !document.hidden) await place.reload();
    setTimeout(look, seconds * 1000);
  };
  setTimeout(look, seconds * 1000);
}

/** Returns null where the API knows no such thing, else what `found` brings. Throws Problem. */
export async function orNull(found) {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}
