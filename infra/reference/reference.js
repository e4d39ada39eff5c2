/** The reference: has RapiDoc show the document of the API that serves this page. */

const DOCUMENT = new URL("openapi.json", location.href);

/** Returns the OpenAPI document as the reader takes it: absolute servers, bodies with named examples. */
async function read() {
  const response = await fetch(DOCUMENT);
  const told = await response.json();
  if (!response.ok) throw new Error(`${told.title}: ${told.detail}`);
  const servers = told.servers.map(({ url, ...rest }) =>
    ({ ...rest, url: new URL(url, DOCUMENT).href.replace(/\/$/, "") }));
  Object.values(told.paths).flatMap(Object.values).forEach(nameExamples);
  return { ...told, servers };
}

/** Gives the examples of an operation names: RapiDoc passes over those without. */
function nameExamples({ requestBody = {}, responses }) {
  for (const { content = {} } of [requestBody, ...Object.values(responses)]) {
    for (const shown of Object.values(content)) {
      if ("example" in shown) shown.examples = { example: { value: shown.example } };
    }
  }
}

/** Says why there is nothing to show. */
function complain(error) {
  const place = document.querySelector("[role=alert]");
  place.textContent = `The document cannot be read: ${error.message}`;
  place.removeAttribute("hidden");
}

const reader = /** @type {HTMLElement & { loadSpec(told: object): void }} */ (document.querySelector("rapi-doc"));
read().then((told) => reader.loadSpec(told)).catch(complain);
