/** The team: who works here, and who may see the code. */

import { ask, at, get } from "./api.js";
import { h, say, words } from "./dom.js";
import { form, row } from "./forms.js";
import { action, badge, facts, live, nothing, section } from "./parts.js";
import { taken } from "./spec.js";

const ACCESS = {
  none: ["No access to the code", ""],
  needs_username: ["Access waits for the GitHub name", "warn"],
  pending: ["Access on its way", "warn"],
  invited: ["Invited", "warn"],
  granted: ["Has access to the code", "good"],
  failed: ["Access failed", "bad"],
  removing: ["Access is being removed", "warn"],
};

export function team() {
  const shown = live(() => get("/employees"), (found, reload) => (found.length
    ? h("ul", { class: "cards" }, found.map((each) => person(each, reload)))
    : nothing("Nobody works here yet.")));
  const property = taken("POST", "/employees");
  const hire = form({
    button: "Hire",
    fields: [
      row(
        { name: "firstName", label: "First name", required: true, property: property.firstName },
        { name: "lastName", label: "Last name", required: true, property: property.lastName },
      ),
      { name: "developer", label: "Developer: may see the code", kind: "check", aliases: ["permissions"] },
      { name: "githubUsername", label: "Name at GitHub", hint: "A developer gets access once it is known", property: property.githubUsername },
    ],
    async send({ developer, githubUsername, ...name }) {
      const said = { ...name, permissions: { developer }, ...(githubUsername && { githubUsername }) };
      const { value } = await ask("POST", "/employees", { json: said });
      await shown.reload();
      return h("p", { class: "box good" }, `${value.firstName} ${value.lastName} is in the team.`);
    },
  });
  return h("div", {}, section("The team", shown), section("Hire somebody", hire));
}

function person(each, reload) {
  const name = `${each.firstName} ${each.lastName}`;
  const [text, tone] = ACCESS[each.access] || [words(each.access), ""];
  return h("li", { class: "card" },
    h("h3", {}, name, badge(text, tone)),
    facts([["Developer", each.permissions.developer ? "Yes" : "No"], ["At GitHub", each.githubUsername], ["Why", each.accessReason]]),
    each.permissions.developer && !each.githubUsername && naming(each, name, reload),
    action("Let go", async () => {
      await ask("DELETE", at`/employees/${each.id}`);
      say(`${name} left.`);
      await reload();
    }, { tone: "danger", "aria-label": `Let ${name} go`, question: {
      title: `Let ${name} go?`,
      text: "Their access to the repository and any open invitation are taken away. GitHub then deletes their forks of a private repository: what is only there is lost.",
      yes: "Let them go",
    } }));
}

function naming(each, name, reload) {
  return form({
    label: `GitHub name of ${name}`,
    button: "Save",
    compact: true,
    fields: [{ name: "githubUsername", label: "Name at GitHub", required: true }],
    async send(said) {
      await ask("PATCH", at`/employees/${each.id}`, { json: said });
      say("Saved.");
      await reload();
    },
  });
}
