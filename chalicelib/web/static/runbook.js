/** The runbook, docs/operations.md: all of it, or the section that the address names. */

import { Problem, unreachable } from "./api.js";
import { h } from "./dom.js";
import { table } from "./lists.js";
import { live, nothing } from "./parts.js";

const HEADING = /^(#{1,4}) (.*)$/;
const FENCE = "\x60\x60\x60";
const INLINE = /`([^\x60]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)]+)\)/g;

export function runbook([wanted = ""]) {
  return live(async () => {
    const answer = await fetch(new URL("./runbook.md", import.meta.url)).catch(() => { throw unreachable(); });
    if (!answer.ok) throw new Problem(answer.status);
    return answer.text();
  }, (text) => {
    const lines = cut(text.split("\n"), wanted);
    if (!lines.length) return nothing(`The runbook has no section ${wanted}.`, h("p", {}, h("a", { href: "#/operations/runbook" }, "The whole runbook")));
    return [wanted ? h("p", {}, h("a", { href: "#/operations/runbook" }, "The whole runbook")) : contents(lines), h("article", {}, blocks(lines, wanted ? level(lines[0]) - 2 : 0))];
  });
}

/** Returns links to the sections. */
function contents(lines) {
  const titles = lines.map((line) => HEADING.exec(line)).filter((found) => found?.[1].length === 2).map((found) => found?.[2] || "");
  return h("nav", { "aria-label": "Sections of the runbook" }, titles.map((title) => h("a", { href: `#/operations/runbook/${anchor(title)}` }, inline(title))));
}

/** Returns the lines of a section with those below it, or all without a name. */
function cut(lines, wanted) {
  if (!wanted) return lines.slice(1); // the area's name
  const start = lines.findIndex((line) => anchor(HEADING.exec(line)?.[2] || "") === wanted);
  if (start < 0) return [];
  const length = lines.slice(start + 1).findIndex((line) => level(line) <= level(lines[start]));
  return lines.slice(start, length < 0 ? undefined : start + 1 + length);
}

/** Returns the level of a heading, infinite for any other line. */
function level(line) {
  return HEADING.exec(line)?.[1].length || Infinity;
}

function anchor(title) {
  return title.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
}

/** Returns the elements of Markdown as docs/operations.md uses it, its headings raised by so many levels. */
function blocks(lines, raised) {
  const made = [];
  for (let place = 0; place < lines.length; place += 1) {
    const line = lines[place];
    const heading = HEADING.exec(line);
    const taken = (goesOn) => {
      const first = place;
      while (place + 1 < lines.length && goesOn(lines[place + 1])) place += 1;
      return lines.slice(first, place + 1);
    };
    if (heading) made.push(h(`h${Math.max(2, Math.min(heading[1].length - raised, 4))}`, {}, inline(heading[2])));
    else if (line.startsWith(FENCE)) {
      made.push(h("pre", { tabindex: "0" }, taken((each) => !each.startsWith(FENCE)).slice(1).join("\n")));
      place += 1; // the fence that closes it
    }
    else if (line.startsWith("|")) made.push(grid(taken((each) => each.startsWith("|"))));
    else if (line.startsWith("- ")) made.push(h("ul", {}, taken((each) => /^(- | {2})/.test(each)).join("\n").split(/\n- |^- /).filter(Boolean).map((each) => h("li", {}, inline(each)))));
    else if (line.trim()) made.push(h("p", {}, inline(taken((each) => each.trim() && !each.startsWith(FENCE) && !/^(\||- |#)/.test(each)).join(" "))));
  }
  return made;
}

function grid(lines) {
  const [head, , ...rows] = lines.map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
  return table(head.filter(Boolean).join(", "), head.map((title, place) => [title, (row) => inline(row[place] || "")]), rows);
}

function inline(text) {
  const made = [];
  let last = 0;
  for (const found of text.matchAll(INLINE)) {
    made.push(text.slice(last, found.index));
    const [whole, code, strong, emphasis, label, target] = found;
    if (code) made.push(h("code", {}, code));
    else if (strong) made.push(h("strong", {}, strong));
    else if (emphasis) made.push(h("em", {}, emphasis));
    else made.push(target.startsWith("#") ? h("a", { href: `#/operations/runbook/${target.slice(1)}` }, label) : label);
    last = found.index + whole.length;
  }
  return [...made, text.slice(last)];
}
