/** An account: its statement of a span, the line of its balance, its balance on a day, its name. */

import { ask, at, get, save } from "./api.js";
import { count, day, h, LOCALE, moment, shape } from "./dom.js";
import { form, row } from "./forms.js";
import { counted, filtered, filters, folded, fresh, midnight, more, orNull, PAGE, table } from "./lists.js";
import { action, facts, nothing, section } from "./parts.js";
import { may, taken } from "./spec.js";

const MOST = 1_000;
const CSV = { format: "csv", limit: 10_000 };
const [WIDTH, HEIGHT] = [1_000, 100];
const SHORT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" });
const EXACT = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

/**
 * Returns an amount as its account reads: 12345 with two decimals is 123.45. `signed`: with a plus.
 *
 * @param {number | bigint | string} number
 * @param {{unit?: string | null, decimals?: number | null}} [account]
 */
export function amount(number, { unit, decimals } = {}, signed = false) {
  const whole = BigInt(number);
  const size = whole < 0n ? -whole : whole;
  const scale = 10n ** BigInt(decimals || 0);
  const part = decimals ? `.${String(size % scale).padStart(decimals, "0")}` : "";
  const sign = whole < 0n ? "-" : signed && whole > 0n ? "+" : "";
  return `${sign}${count(size / scale)}${part}${unit ? ` ${unit}` : ""}`;
}

/** Returns a link to an account, by its name if that is known. */
export function link(id, name = "") {
  return h("a", { class: name ? "" : "id", href: `#/ledger/account/${id}`, title: name && id }, name || id);
}

/** Returns the statement of an account between two days, if the address names them. */
export function account([id = "", part]) {
  const days = filtered(part);
  const span = { from: midnight(days.from), to: midnight(days.to, 1) };
  const sorting = {};
  const load = async (etag) => {
    const page = await ask("GET", at`/accounts/${id}/statement`, { query: counted({ ...span, limit: MOST }, etag), etag });
    if (page.status === 304) return page;
    const now = await ask("GET", at`/accounts/${id}`);
    return { ...page, value: { now: now.value, sequence: now.headers.get("Ledger-Sequence"), page } };
  };
  const place = fresh({ load, of: ({ page }) => page.value.entries, key: (each) => each.transaction_id },
    ({ value: { now, sequence, page } }, _, grown) => [
      h("h2", { class: now.name ? "" : "id" }, now.name || id),
      now.name && h("p", { class: "id" }, id),
      facts([
        ["Balance", h("span", { class: now.balance < 0 ? "negative" : "" }, amount(now.balance, now))],
        ["Entries", count(sequence ?? 0)],
      ]),
      h("div", { class: "row" }, onDay(now), may("PUT", "/accounts/{account_id}") && describing(now, () => place.reload())),
      section("Statement", filters(`#/ledger/account/${encodeURIComponent(id)}`, [{ name: "from", label: "From", type: "date" }, { name: "to", label: "To", type: "date" }], days), entries(page, now, span, { sorting, grown })),
    ]);
  return place;
}

function onDay(now) {
  return folded("Balance on a date", form({
    label: "Balance on a date",
    button: "Show",
    keep: true,
    compact: true,
    fields: [{ name: "day", label: "At the end of", kind: "date", required: true }],
    async send({ day: asked }) {
      const then = await orNull(get(at`/accounts/${now.account_id}`, { at: midnight(asked, 1) })); // null before the first entry
      return h("p", { class: "box" }, "At the end of ", day(asked), ": ", h("strong", {}, amount(then?.balance ?? 0, now)));
    },
  }));
}

function describing(now, reload) {
  const property = taken("PUT", "/accounts/{account_id}");
  return folded("Name, unit and decimals", form({
    label: "Name, unit and decimals",
    button: "Save",
    compact: true,
    fields: [
      { name: "name", label: "Name", property: property.name, value: now.name || "" },
      row(
        { name: "unit", label: "Unit", property: property.unit, value: now.unit || "", hint: "Such as USD" },
        { name: "decimals", label: "Decimals", kind: "number", value: String(now.decimals ?? ""), hint: "2: 12345 reads 123.45" },
      ),
    ],
    async send(said) {
      await ask("PUT", at`/accounts/${now.account_id}`, { json: Object.fromEntries(Object.entries(said).map(([name, value]) => [name, value === "" ? null : value])) });
      await reload();
    },
  }));
}

function entries({ value, next, total }, now, span, { sorting, grown }) {
  const found = value.entries;
  if (!found.length) return nothing(span.from || span.to ? "No entries in this span." : "No entries.");
  const rows = table("Newest first", [
    ["When", (each) => h("a", { href: `#/ledger/transaction/${each.transaction_id}` }, moment(each.created_at)), "", (each) => each.created_at],
    ["For", (each) => purpose(each)],
    ["Amount", (each) => amount(each.amount, now, true), "number", (each) => each.amount],
    ["Balance", (each) => amount(each.balance, now), "number labelled", (each) => each.balance],
    ["No.", (each) => count(each.sequence), "number wide", (each) => each.sequence],
  ], found.slice(0, PAGE), undefined, sorting);
  rows.classList.add("brief");
  return [
    facts([
      ["Opening balance", amount(value.opening_balance, now)],
      ["Closing balance", amount(value.closing_balance, now)],
      ["Change", amount(BigInt(value.closing_balance) - BigInt(value.opening_balance), now, true)],
    ]),
    curve(found, now, next && `The line shows the newest ${count(found.length)} entries.`),
    h("p", { class: "unprinted" }, action("Download CSV", () => save(at`/accounts/${now.account_id}/statement`, { ...span, ...CSV }, `${now.name || now.account_id}.csv`), { tone: "plain" })),
    rows,
    more(rows, next, { shown: Math.min(PAGE, found.length), rest: found.slice(PAGE), of: (page) => page.entries, total, grown }),
  ];
}

function purpose(each) {
  if (each.reverses) return h("a", { href: `#/ledger/transaction/${each.reverses}` }, "Reversal");
  if (!each.counterpart_account_id) return each.amount < 0 ? "Withdrawal" : "Deposit";
  return [each.amount < 0 ? "Transfer to " : "Transfer from ", link(each.counterpart_account_id)];
}

/** Returns the balance over the time of entries (newest first) as a line with a note; the table below tells the same. */
function curve(found, now, note) {
  const oldest = found[found.length - 1];
  const first = Date.parse(oldest.created_at);
  const last = Math.max(Date.parse(found[0].created_at), first + 1);
  const balances = [Number(BigInt(oldest.balance) - BigInt(oldest.amount)), ...found.map((each) => Number(each.balance))];
  const [low, high] = [Math.min(...balances), Math.max(...balances)];
  const x = (each) => (((Date.parse(each.created_at) - first) / (last - first)) * WIDTH).toFixed(1);
  const y = (balance) => (HEIGHT - ((balance - low) / (high - low || 1)) * HEIGHT).toFixed(1);
  const zero = Math.min(Math.max(0, low), high); // the line of zero, or the edge that is nearest to it
  const steps = [...found].reverse().map((each) => `H${x(each)}V${y(Number(each.balance))}`).join("");
  const ends = SHORT.format(first) === SHORT.format(last) ? EXACT : SHORT;
  const told = `Balance from ${ends.format(first)} to ${ends.format(last)}: between ${amount(whole(low), now)} and ${amount(whole(high), now)}`;
  return h("figure", { class: "unprinted" },
    h("div", { class: "plot" },
      h("span", { class: "scale" }, h("span", {}, amount(whole(high), now)), h("span", {}, amount(whole(low), now))),
      shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "curve", role: "img", "aria-label": told },
        shape("line", { x1: 0, x2: WIDTH, y1: y(zero), y2: y(zero) }),
        shape("path", { d: `M0 ${y(balances[0])}${steps}H${WIDTH}` })),
      h("span", {}), h("div", { class: "ends" }, h("span", {}, ends.format(first)), h("span", {}, ends.format(last)))),
    note && h("figcaption", { class: "hint" }, note));
}

function whole(number) {
  return BigInt(Math.round(number));
}
