/** What the API takes, from its own OpenAPI document: a type that is added there is added here. */

import { get } from "./api.js";
import { allowed } from "./auth.js";

let document = { paths: {}, components: { schemas: {} } };

/** Reads the document; everything else here is of no use before. Throws Problem. */
export async function learn() {
  document = await get("/openapi.json");
}

/** Returns whether the API has this route. */
export function knows(method, path) {
  return Boolean(document.paths[path]?.[method.toLowerCase()]);
}

/** Returns whether the API has this route and whoever is here may call it. */
export function may(method, path) {
  return knows(method, path) && allowed(scopes(method, path));
}

/** Returns the scopes of which any one would open a route. */
export function scopes(method, path) {
  const security = document.paths[path]?.[method.toLowerCase()]?.security || [];
  return security.flatMap((each) => each.bearer || []);
}

/** Returns whether a route takes an Idempotency-Key. */
export function takesKey(method, path) {
  return parameters(method, path).some((each) => each.name === "Idempotency-Key");
}

/** Returns the properties of a route's body, or of its query, by name. */
export function taken(method, path) {
  const operation = document.paths[path]?.[method.toLowerCase()] || {};
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const asked = parameters(method, path).map((each) => [each.name, plain(each.schema)]);
  return { ...Object.fromEntries(asked), ...properties(body) };
}

/** Returns the values that a property may have, if they are listed. */
export function choices(property) {
  return property?.enum || property?.anyOf?.map(plain).find((each) => each.enum)?.enum || [];
}

/** Returns the attributes that a property asks of an input. */
export function limits(property) {
  const schemas = [property, ...(property?.anyOf || [])].map(plain);
  const longest = schemas.find((each) => each?.maxLength)?.maxLength;
  return longest ? { maxlength: longest } : {};
}

function parameters(method, path) {
  return document.paths[path]?.[method.toLowerCase()]?.parameters || [];
}

function properties(schema) {
  const found = plain(schema)?.properties || {};
  return Object.fromEntries(Object.entries(found).map(([name, each]) => [name, plain(each)]));
}

function plain(schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? document.components.schemas[name] : schema;
}
