/** A machine's days as pictures: bars by day, the hours of its week, a line for lists. */

import { ago, count, dollars, h, LOCALE, many, moment, shape, shortDay } from "./dom.js";
import { table, unfolding } from "./lists.js";

const [WIDTH, GAP, HEIGHT, LANE] = [8, 1, 100, 10];
const HOURS = 24;
const LEVELS = 5;
// 4 January 2021 was a Monday.
const WEEKDAYS = Array.from({ length: 7 }, (_, place) => new Date(Date.UTC(2021, 0, 4 + place)));
const SHORT = new Intl.DateTimeFormat(LOCALE, { weekday: "short", timeZone: "UTC" });
const LONG = new Intl.DateTimeFormat(LOCALE, { weekday: "long", timeZone: "UTC" });
const DECIMAL = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });

/** @type {[title: string, kind: string, of: (day: any) => any[]][]} */
const LANES = [
  ["Downloads", "download", (each) => each.visits],
  ["Dispatches", "dispatch", (each) => each.dispatches],
  ["Visits", "report", (each) => each.service_visits],
];

/** Returns bars of days as `GET /machines/{serial}/days` answers them, oldest first. */
export function bars(days) {
  const highest = Math.max(1, ...days.map((each) => each.sales));
  const width = days.length * WIDTH;
  const picture = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", class: "days", role: "img", "aria-label": summary(days) },
    ...days.map((each, place) => bar(each, place * WIDTH, highest)));
  return h("figure", { class: "days" },
    h("div", { class: "plot" },
      h("span", { class: "scale" }, h("span", {}, many(highest, "sale")), h("span", {}, "0")), picture,
      LANES.filter(([, , of]) => days.some((each) => of(each).length)).map(([title, kind, of]) => [
        h("span", { class: "lane" }, title),
        shape("svg", { viewBox: `0 0 ${width} ${LANE}`, preserveAspectRatio: "none", class: `lane ${kind}`, "aria-hidden": true },
          ...days.flatMap((each, place) => (of(each).length ? [mark(each.day, of(each), place * WIDTH, title)] : []))),
      ]),
      h("span", {}), axis(days)),
    h("figcaption", {}, h("ul", { class: "legend" },
      h("li", { class: "sales" }, "Sales"), h("li", { class: "faults" }, "Faults"),
      h("li", { class: "silence" }, "Sales missing"), h("li", { class: "unknown" }, "No log"))),
    unfolding("Days as a table", () => listed(days)));
}

function summary(days) {
  const sum = (of) => days.reduce((total, each) => total + of(each), 0);
  const silent = days.filter((each) => each.silences.length).length;
  return `${count(sum((each) => each.sales))} sales on ${many(days.length, "day")}, ${many(sum(faults), "fault")}, ${many(silent, "day")} with missing sales`;
}

function faults(each) {
  return each.under + each.over;
}

function bar(each, x, highest) {
  const [all, bad] = [each.sales, faults(each)].map((amount) => (amount / highest) * HEIGHT);
  const width = WIDTH - GAP;
  const ground = each.silences.length ? "silence" : each.covered_hours === 0 && each.sales === 0 ? "unknown" : "nothing";
  const title = [shortDay(each.day), many(each.sales, "sale"), faults(each) > 0 && many(faults(each), "fault"), each.silences.length > 0 && "sales missing", ground === "unknown" && "no log"];
  return shape("g", {}, shape("title", {}, title.filter(Boolean).join(", ")),
    shape("rect", { class: ground, x, y: 0, width, height: HEIGHT }),
    shape("rect", { class: "sales", x, y: HEIGHT - all, width, height: all }),
    shape("rect", { class: "faults", x, y: HEIGHT - bad, width, height: bad }));
}

function mark(day, found, x, title) {
  return shape("g", {}, shape("title", {}, `${shortDay(day)}: ${title} (${found.length})`),
    shape("rect", { x: x - 1, y: 1, width: WIDTH + 1, height: LANE - 2 }));
}

/** Returns the names of months below their first days. */
function axis(days) {
  const place = h("div", { class: "axis", "aria-hidden": "true" });
  const months = days.map((each, index) => [each.day, index]).filter(([each, index]) => index === 0 || each.endsWith("-01"));
  months.forEach(([each, index], number) => {
    const following = months[number + 1]?.[1] ?? days.length;
    if (following - index < days.length / 12) return; // too narrow for its name
    const label = h("span", {}, shortDay(each));
    label.style.left = `${(index / days.length) * 100}%`;
    place.append(label);
  });
  return place;
}

/** Returns days as rows, newest first: what the bars show, for whoever reads rather than looks. */
function listed(days) {
  const events = (each) => [
    each.visits.map((one) => h("div", {}, "Log downloaded by ", one.technician, " ", ago(one.at))),
    each.dispatches.map((one) => h("div", {}, one.technician || "A technician", " sent ", moment(one.opened_at), one.note && `: ${one.note}`)),
    each.service_visits.map((one) => h("div", {}, reported(one))),
  ];
  return table(many(days.length, "day"), [
    ["Day", (each) => h("time", { datetime: each.day }, shortDay(each.day)), "short"],
    ["Sales", (each) => count(each.sales), "number"],
    ["Nothing given", (each) => count(each.under), "number"],
    ["Too much", (each) => count(each.over), "number"],
    ["Missing", (each) => each.silences.map((one) => h("div", {}, one.why))],
    ["Who was there", events],
  ], [...days].reverse());
}

function reported({ full, filled, cash_cents: cash, at }) {
  const done = [full ? "filled up" : filled ? `${count(filled)} filled in` : null, cash !== undefined && cash !== null ? `${dollars(cash)} taken out` : null];
  return ["Visit: ", done.filter(Boolean).join(", "), " ", ago(at)];
}

/** Returns the hours of the week, darker where more is sold; hours without a log do not count. */
export function heat(days) {
  const cells = means(days);
  const known = cells.flat().filter((mean) => mean !== null);
  if (!known.length) return null;
  const highest = Math.max(...known);
  return h("figure", { class: "heat" },
    h("div", { class: "week", role: "img", "aria-label": busiest(cells, highest) },
      h("span", {}), Array.from({ length: HOURS }, (_, hour) => h("span", { class: "hour" }, hour % 6 === 0 ? `${hour}:00` : "")),
      cells.map((hours, weekday) => [
        h("span", { class: "weekday" }, SHORT.format(WEEKDAYS[weekday])),
        hours.map((mean, hour) => h("span", { class: mean === null ? "cell unknown" : `cell level${level(mean, highest)}`, title: told(weekday, hour, mean) })),
      ])),
    h("figcaption", { class: "hint" }, `Sales an hour by the site's clock: from 0 to ${DECIMAL.format(highest)}.`));
}

/** Returns the mean sales by weekday (Monday first) and hour, null where no log shows any hour. */
function means(days) {
  const sales = WEEKDAYS.map(() => new Array(HOURS).fill(0));
  const hours = WEEKDAYS.map(() => new Array(HOURS).fill(0));
  for (const each of days) {
    const weekday = (new Date(`${each.day}T00:00:00Z`).getUTCDay() + 6) % 7;
    each.sales_by_hour.forEach((sold, hour) => {
      if (!sold && !each.covered_by_hour[hour]) return;
      sales[weekday][hour] += sold;
      hours[weekday][hour] += 1;
    });
  }
  return sales.map((row, weekday) => row.map((sold, hour) => (hours[weekday][hour] ? sold / hours[weekday][hour] : null)));
}

function level(mean, highest) {
  return mean === 0 ? 0 : Math.max(1, Math.ceil((mean / highest) * LEVELS));
}

function told(weekday, hour, mean) {
  const when = `${LONG.format(WEEKDAYS[weekday])}, ${hour}:00 to ${hour + 1}:00`;
  return mean === null ? `${when}: no log` : `${when}: ${DECIMAL.format(mean)} sales an hour`;
}

function busiest(cells, highest) {
  const weekday = cells.findIndex((hours) => hours.includes(highest));
  return `Sales by the hour of the week. Busiest: ${told(weekday, cells[weekday].indexOf(highest), highest)}`;
}

/** Returns the sales of a machine's last days as a small picture that ends on the day `last`. */
export function sparkline(daily, last) {
  if (!daily) return null;
  const behind = Math.round((Date.parse(last) - Date.parse(daily.last)) / 86_400_000);
  const shown = [...daily.sales, ...new Array(Math.min(Math.max(behind, 0), daily.sales.length)).fill(0)].slice(-daily.sales.length);
  const highest = Math.max(1, ...daily.sales);
  const sold = shown.reduce((total, each) => total + each, 0);
  return [
    shape("svg", { viewBox: `0 0 ${shown.length * 4} 20`, class: "spark", "aria-hidden": true },
      ...shown.map((each, place) => shape("rect", { x: place * 4, y: 20 - Math.max((each / highest) * 20, 1), width: 3, height: Math.max((each / highest) * 20, 1) }))),
    h("span", { class: "unseen" }, `${many(sold, "sale")} in ${many(shown.length, "day")}`),
  ];
}
