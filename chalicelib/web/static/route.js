/** The route of a technician: where to go, what is wrong there, what to carry; to print or to share. */

import { all, at, get } from "./api.js";
import { count, dollars, h, LOCALE, many, say, sentence } from "./dom.js";
import { action, live, nothing } from "./parts.js";
import { CAUSES } from "./visits.js";

const TODAY = new Intl.DateTimeFormat(LOCALE, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export function route([id = ""]) {
  return live(async () => {
    const [technician, items] = await Promise.all([get(at`/technicians/${id}`), all("/worklist", { technician: id })]);
    const ids = [...new Set(items.map((item) => item.site).filter(Boolean))];
    const sites = await Promise.all(ids.map((site) => get(at`/sites/${site}`)));
    return { technician, stops: stops(items, new Map(sites.map((site) => [site.site_id, site]))) };
  }, ({ technician, stops: found }) => {
    if (!found.length) return nothing(`No machine of ${technician.name} needs a visit.`);
    const machines = found.flatMap((stop) => stop.items);
    return [
      h("h2", {}, `Route of ${technician.name}`),
      h("p", { class: "hint" }, `${TODAY.format(new Date())}: ${many(machines.length, "machine")} at ${many(found.length, "stop")}`),
      h("div", { class: "row unprinted" },
        h("button", { type: "button", onclick: () => window.print() }, "Print"),
        action("Share", () => share(technician, found), { tone: "plain" })),
      h("p", {}, h("strong", {}, "Carry: "), parts(machines) || "nothing special"),
      h("ol", { class: "stops" }, found.map(({ site, items }) => h("li", {},
        h("h3", {}, site ? site.name : "No site"), site?.address && h("p", {}, site.address),
        h("ul", {}, items.map((item) => h("li", {}, h("a", { href: `#/fleet/machine/${item.machine}` }, item.machine), `: ${wrong(item)}`, item.dispatch?.note && h("div", {}, `Note: ${item.dispatch.note}`))))))),
    ];
  });
}

/** Returns the machines by site, the site with the most urgent one first. */
function stops(items, sites) {
  const found = new Map();
  for (const item of items) {
    const key = item.site || "";
    if (!found.has(key)) found.set(key, { site: sites.get(key), items: [] });
    found.get(key).items.push(item);
  }
  return [...found.values()];
}

function wrong(item) {
  const causes = item.causes.map((each) => CAUSES[each.kind] || each.kind);
  const lost = item.unserved_cents + item.given_away_cents;
  const empty = item.stock && item.stock.left_at_least === 0 && "bring gumballs";
  return sentence([causes.join("; ") || "Nothing known to be wrong", lost > 0 && `${dollars(lost)} lost`, empty].filter(Boolean).join(", "));
}

/** Returns the parts of all machines, each with how many. */
function parts(items) {
  const found = new Map();
  for (const part of items.flatMap((item) => item.parts)) found.set(part, (found.get(part) || 0) + 1);
  return [...found].map(([part, number]) => `${count(number)} × ${part}`).join(", ");
}

/** Hands the route as text to another app, else to the clipboard. */
async function share(technician, found) {
  const text = [
    `Route of ${technician.name}, ${TODAY.format(new Date())}`,
    `Carry: ${parts(found.flatMap((stop) => stop.items)) || "nothing special"}`,
    ...found.flatMap(({ site, items }, place) => [
      "", `${place + 1}. ${site ? [site.name, site.address].filter(Boolean).join(", ") : "No site"}`,
      ...items.map((item) => `   ${item.machine}: ${wrong(item)}`),
    ]),
  ].join("\n");
  if (navigator.share) {
    try {
      await navigator.share({ title: `Route of ${technician.name}`, text });
      return;
    } catch (error) {
      if (error.name === "AbortError") return;
    }
  }
  await navigator.clipboard.writeText(text);
  say("The route has been copied.");
}
