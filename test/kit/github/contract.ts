/**
 * GitHub's own description of its API, as a judge of both sides: requests that come in, answers that go out.
 *
 * `openapi-slice.json` is the part about releases of the package @octokit/openapi 23.0.2 (generated/api.github.com.json,
 * MIT, see openapi-slice.LICENSE), cut out with two repairs: a request's body may have no key that the description
 * does not name, and an asset's state may be `starter`, which the endpoint's own text says and its schema does not.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";

type Json = { readonly [key: string]: unknown };
type Parameter = { readonly name: string; readonly in: string; readonly schema: Json };
type Operation = { readonly parameters?: readonly (Parameter | { readonly $ref: string })[] };
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly examples: Readonly<Record<string, { readonly value: Json }>>;
  };
};

const document = JSON.parse(
  readFileSync(join(import.meta.dirname, "openapi-slice.json"), "utf8"),
) as Document;
// Formats are annotations: what a date or a URL looks like is not what is tested here.
const ajv = new Ajv({ strict: false, validateFormats: false, validateSchema: false, coerceTypes: false });
ajv.addSchema(document, "github");

/** An answer as GitHub's documentation shows it, to be filled in. */
export function example(name: string): Json {
  return structuredClone(document.components.examples[name]!.value);
}

export type Asked = {
  readonly method: string;
  /** Below the base, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed; undefined without one. */
  readonly body?: unknown;
};

/** The operation that a request names: `GET /repos/{owner}/{repo}/releases/latest`; undefined for none. */
export function operationOf(method: string, path: string): string | undefined {
  const fits = Object.keys(document.paths).filter((template) => matcher(template).test(path));
  // A literal segment is meant before one that stands for anything.
  const [template] = fits.sort((a, b) => a.split("{").length - b.split("{").length);
  if (template === undefined || !(method.toLowerCase() in document.paths[template]!)) return undefined;
  return `${method} ${template}`;
}

/** What is wrong with a request, in words; "" when nothing is. */
export function requestFault(operation: string, { query, headers, body }: Asked): string {
  const [method, template] = split(operation);
  const allowed = parametersOf(document.paths[template]![method]!);
  for (const [name, value] of query) {
    const parameter = allowed.find((each) => each.in === "query" && each.name === name);
    if (!parameter) return `it has no parameter ${name}`;
    if (parameter.schema.type === "integer" && !/^\d+$/.test(value)) return `${name} is no number`;
  }
  if (!headers["user-agent"]) return "it has no User-Agent";
  if (headers["x-github-api-version"] !== "2022-11-28") return "it names no version of the API";
  if (!/^application\/(vnd\.github\+json|octet-stream)$/.test(String(headers.accept)))
    return `it accepts ${headers.accept}`;
  if (body === undefined) return "";
  return faultOf(`${pointer(template)}/${method}/requestBody/content/application~1json/schema`, body);
}

/** What is wrong with an answer in JSON, in words; "" when nothing is. */
export function answerFault(operation: string, status: number, body: unknown): string {
  const [method, template] = split(operation);
  return faultOf(`${pointer(template)}/${method}/responses/${status}/content/application~1json/schema`, body);
}

function faultOf(reference: string, value: unknown): string {
  const validate = ajv.getSchema(`github#${reference}`) as ValidateFunction | undefined;
  if (!validate) return `the description knows nothing at ${reference}`;
  return validate(value) ? "" : ajv.errorsText(validate.errors);
}

function pointer(template: string): string {
  return `/paths/${encodeURIComponent(template.replaceAll("~", "~0").replaceAll("/", "~1"))}`;
}

function split(operation: string): [method: string, template: string] {
  const [method, template] = operation.split(" ") as [string, string];
  return [method.toLowerCase(), template];
}

function parametersOf({ parameters = [] }: Operation): readonly Parameter[] {
  return parameters.map((each) =>
    "$ref" in each ? document.components.parameters[each.$ref.split("/").at(-1)!]! : each,
  );
}

function matcher(template: string): RegExp {
  const escaped = template.replace(/[.+*?^$()[\]\\]/g, "\\$&");
  return new RegExp(
    `^${escaped.replace(/\{(\w+)\}/g, (_, name) => (/_id$/.test(name) ? "\\d+" : "[^/]+"))}$`,
  );
}
