/** A machine's days as bars: sales, faults among them in red, silences in grey, visits as marks. */

import { count, h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, MARK] = [8, 100, 8];

/** Returns a chart of days as `GET /machines/{serial}/days` answers them, oldest first. */
export function chart(days) {
  const highest = Math.max(1, ...days.map((each) => each.sales));
  const picture = shape("svg", { viewBox: `0 0 ${Math.max(days.length, 1) * WIDTH} ${HEIGHT + MARK}`, class: "days", role: "img", "aria-label": summary(days) });
  days.forEach((each, place) => picture.append(...bar(each, place * WIDTH, highest)));
  return h("figure", { class: "days" }, picture,
    h("figcaption", { class: "hint" }, days.length ? `${days[0].day} to ${days.at(-1).day}; the highest bar is ${count(highest)} sales. Red: faults. Grey: no sales where some were expected. Marks: downloads.` : "No days."));
}

function summary(days) {
  const sum = (of) => days.reduce((total, each) => total + of(each), 0);
  const silent = days.filter((each) => each.silences.length).length;
  return `${count(sum((each) => each.sales))} sales on ${count(days.length)} days, ${count(sum(faults))} faults, ${count(silent)} days with missing sales`;
}

function faults(each) {
  return each.under + each.over;
}

function bar(each, x, highest) {
  const [all, bad] = [each.sales, faults(each)].map((amount) => (amount / highest) * HEIGHT);
  const title = shape("title", {});
  title.textContent = `${each.day}: ${each.sales} sales, ${faults(each)} faults${each.silences.length ? ", sales missing" : ""}`;
  const group = shape("g", {});
  group.append(title);
  if (each.silences.length) group.append(shape("rect", { class: "silence", x, y: 0, width: WIDTH - 1, height: HEIGHT }));
  group.append(
    shape("rect", { class: "sales", x, y: HEIGHT - all, width: WIDTH - 1, height: all }),
    shape("rect", { class: "faults", x, y: HEIGHT - bad, width: WIDTH - 1, height: bad }));
  if (each.visits.length) group.append(shape("rect", { class: "visit", x, y: HEIGHT + 2, width: WIDTH - 1, height: MARK - 2 }));
  return [group];
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
