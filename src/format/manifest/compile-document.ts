/**
 * A document's schema as a function.
 *
 * Run from sources, ajv makes it when it is first asked for. That takes longer than to read most documents, so the
 * build makes all of them beforehand and puts them in this file's place (scripts/compiled-schemas.ts).
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { DocumentKind } from "./document.ts";

export const DOCUMENT_OPTIONS = { strict: true, allErrors: false, ownProperties: true } as const;

const ajv = new Ajv2020(DOCUMENT_OPTIONS);

export function compileDocument<T>(kind: DocumentKind<T>): ValidateFunction {
  return ajv.compile(kind.schema);
}
