/** The team: who works here, and who may see the code. */

import { ask, at, get } from "./api.js";
import { h, say, sentence, words } from "./dom.js";
import { form, row } from "./forms.js";
import { action, badge, live, nothing, section } from "./parts.js";
import { taken } from "./spec.js";

const ACCESS = {
  none: ["No repository access", ""],
  needs_username: ["Waiting for GitHub username", "warn"],
  pending: ["Access pending", "warn"],
  invited: ["Invited", "warn"],
  granted: ["Repository access", "good"],
  failed: ["Access failed", "bad"],
  removing: ["Removing access", "warn"],
};

export function team() {
  const shown = live(() => get("/employees"), (found, reload) => (found.length
    ? h("ul", { class: "cards" }, found.map((each) => person(each, reload)))
    : nothing("No employees yet.")));
  const property = taken("POST", "/employees");
  const hire = form({
    button: "Add employee",
    fields: [
      row(
        { name: "firstName", label: "First name", required: true, property: property.firstName },
        { name: "lastName", label: "Last name", required: true, property: property.lastName },
      ),
      { name: "developer", label: "Developer: repository access", kind: "check", aliases: ["permissions"] },
      { name: "githubUsername", label: "GitHub username", hint: "Required for repository access", property: property.githubUsername },
    ],
    async send({ developer, githubUsername, ...name }) {
      const said = { ...name, permissions: { developer }, ...(githubUsername && { githubUsername }) };
      const { value } = await ask("POST", "/employees", { json: said });
      await shown.reload();
      return h("p", { class: "box good" }, `${value.firstName} ${value.lastName} has been added.`);
    },
  });
  return h("div", {}, section("Employees", shown), section("Add an employee", hire));
}

function person(each, reload) {
  const name = `${each.firstName} ${each.lastName}`;
  const [text, tone] = ACCESS[each.access] || [words(each.access), ""];
  return h("li", { class: "card" },
    h("h3", {}, name, badge(text, tone)),
    h("p", {}, each.permissions.developer ? "Developer" : "Not a developer", each.githubUsername && `, ${each.githubUsername} on GitHub`, each.accessReason && `. ${sentence(each.accessReason)}`),
    each.permissions.developer && !each.githubUsername && naming(each, name, reload),
    action("Remove", async () => {
      await ask("DELETE", at`/employees/${each.id}`);
      say(`${name} removed.`);
      await reload();
    }, { tone: "danger", "aria-label": `Remove ${name}`, question: {
      title: `Remove ${name}?`,
      text: "This removes their repository access and any open invitation. GitHub then deletes their forks of a private repository, with all work that is only there.",
      yes: "Remove",
    } }));
}

function naming(each, name, reload) {
  return form({
    label: `GitHub username of ${name}`,
    button: "Save",
    compact: true,
    fields: [{ name: "githubUsername", label: "GitHub username", required: true }],
    async send(said) {
      await ask("PATCH", at`/employees/${each.id}`, { json: said });
      say("Saved.");
      await reload();
    },
  });
}
