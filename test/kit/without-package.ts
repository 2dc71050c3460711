/**
 * Brought by `--import` into a process that has to do without a package:
 *
 *   THEMIS_WITHOUT=graphene-pk11 node --import ./without-package.ts …
 */
import { registerHooks } from "node:module";

registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier !== process.env.THEMIS_WITHOUT) return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: "ERR_MODULE_NOT_FOUND" });
  },
});
