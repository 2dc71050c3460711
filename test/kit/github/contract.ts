/**
 * GitHub's own description of its API, as a judge of both sides: requests that come in, answers that go out.
 *
 * The slices are the part about releases of the package @octokit/openapi 23.0.2 (generated/api.github.com.json and
 * ghes-3.19.json, MIT, see openapi-slice.LICENSE), cut out with two repairs: a request's body may have no key that the
 * description does not name, and an asset's state may be `starter`, which the endpoint's own text says and its schema
 * does not.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";

type Json = { readonly [key: string]: unknown };
type Parameter = { readonly name: string; readonly in: string; readonly schema: Json };
type Described = { readonly content?: Json } | { readonly $ref: string };
type Operation = {
  readonly parameters?: readonly (Parameter | { readonly $ref: string })[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Json };
  readonly responses: Readonly<Record<string, Described>>;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly examples: Readonly<Record<string, { readonly value: Json }>>;
  };
};

const FILES = { dotcom: "openapi-slice.json", ghes: "openapi-slice-ghes-3.19.json" } as const;
export type Edition = keyof typeof FILES;

export type Asked = {
  readonly method: string;
  /** Below the base, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed; undefined without one. */
  readonly body?: unknown;
};

const JSON_CONTENT = "application/json";
const contracts = new Map<Edition, Contract>();

/** Read once for each edition. */
export function contractOf(edition: Edition): Contract {
  const known = contracts.get(edition);
  if (known) return known;
  const made = new Contract(edition);
  contracts.set(edition, made);
  return made;
}

/** An answer as GitHub's documentation shows it, to be filled in. */
export function example(name: string): Json {
  return structuredClone(contractOf("dotcom").document.components.examples[name]!.value);
}

export class Contract {
  readonly document: Document;
  // Formats are annotations: what a date or a URL looks like is not what is tested here.
  readonly #ajv = new Ajv({
    strict: false,
    validateFormats: false,
    validateSchema: false,
    coerceTypes: false,
  });

  constructor(edition: Edition) {
    this.document = JSON.parse(readFileSync(join(import.meta.dirname, FILES[edition]), "utf8")) as Document;
    this.#ajv.addSchema(this.document, "github");
  }

  /** The operation that a request names: `GET /repos/{owner}/{repo}/releases/latest`; undefined for none. */
  operationOf(method: string, path: string): string | undefined {
    const { paths } = this.document;
    const fits = Object.keys(paths).filter((template) => matcher(template).test(path));
    // A literal segment is meant before one that stands for anything.
    const [template] = fits.sort((a, b) => a.split("{").length - b.split("{").length);
    if (template === undefined || !(method.toLowerCase() in paths[template]!)) return undefined;
    return `${method} ${template}`;
  }

  /** What is wrong with a request, in words; "" when nothing is. */
  requestFault(operation: string, { query, headers, body }: Asked): string {
    const [method, template] = split(operation);
    const described = this.document.paths[template]![method]!;
    const allowed = this.#parametersOf(described);
    for (const [name, value] of query) {
      const parameter = allowed.find((each) => each.in === "query" && each.name === name);
      if (!parameter) return `it has no parameter ${name}`;
      if (parameter.schema.type === "integer" && !/^\d+$/.test(value)) return `${name} is no number`;
    }
    if (!headers["user-agent"]) return "it has no User-Agent";
    if (headers["x-github-api-version"] !== "2022-11-28") return "it names no version of the API";
    if (!/^application\/(vnd\.github\+json|octet-stream)$/.test(String(headers.accept)))
      return `it accepts ${headers.accept}`;
    const kinds = Object.keys(described.requestBody?.content ?? {});
    if (kinds.length === 0) return body === undefined ? "" : "it has a body";
    const [type] = String(headers["content-type"] ?? "").split(";");
    if (!kinds.includes(JSON_CONTENT)) return this.#uploadFault(kinds, type!, headers);
    if (body === undefined) return described.requestBody?.required ? "it has no body" : "";
    if (type !== JSON_CONTENT) return `it brings ${type}`;
    return this.#faultOf(`${pointer(template)}/${method}/requestBody/content/application~1json/schema`, body);
  }

  /** What is wrong with an answer in JSON, in words; "" when nothing is. An error may be one that nobody described. */
  answerFault(operation: string, status: number, body: unknown): string {
    const [method, template] = split(operation);
    const described = this.document.paths[template]![method]!.responses[status];
    if (described === undefined) return status < 400 ? `${status} is no answer of it` : "";
    if (body === undefined)
      return "content" in described && status < 300 ? `${status} has something to say` : "";
    if ("$ref" in described) {
      const reference = `${described.$ref.slice(1)}/content/application~1json/schema`;
      return this.#faultOf(reference, body);
    }
    if (!described.content) return status < 400 ? `${status} has nothing to say` : "";
    return this.#faultOf(
      `${pointer(template)}/${method}/responses/${status}/content/application~1json/schema`,
      body,
    );
  }

  #uploadFault(kinds: readonly string[], type: string, headers: Asked["headers"]): string {
    if (!kinds.includes(type)) return `it brings ${type}`;
    return /^\d+$/.test(String(headers["content-length"])) ? "" : "it does not say how long it is";
  }

  #faultOf(reference: string, value: unknown): string {
    const validate = this.#ajv.getSchema(`github#${reference}`) as ValidateFunction | undefined;
    if (!validate) return `the description knows nothing at ${reference}`;
    return validate(value) ? "" : this.#ajv.errorsText(validate.errors);
  }

  #parametersOf({ parameters = [] }: Operation): readonly Parameter[] {
    return parameters.map((each) =>
      "$ref" in each ? this.document.components.parameters[each.$ref.split("/").at(-1)!]! : each,
    );
  }
}

function pointer(template: string): string {
  return `/paths/${encodeURIComponent(template.replaceAll("~", "~0").replaceAll("/", "~1"))}`;
}

function split(operation: string): [method: string, template: string] {
  const [method, template] = operation.split(" ") as [string, string];
  return [method.toLowerCase(), template];
}

function matcher(template: string): RegExp {
  const escaped = template.replace(/[.+*?^$()[\]\\]/g, "\\$&");
  return new RegExp(
    `^${escaped.replace(/\{(\w+)\}/g, (_, name) => (/_id$/.test(name) ? "\\d+" : "[^/]+"))}$`,
  );
}
