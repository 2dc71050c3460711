import { constants } from "node:os";
import { expect, it } from "vitest";
import { systemCode, ThemisError } from "../../src/base/error.ts";

it.each([
  { what: "a system error", error: failure({ code: "ENOSPC", errno: -28 }), code: "ENOSPC" },
  {
    what: "a quota, for which libuv has no name",
    error: failure({ code: "Unknown system error -122", errno: -constants.errno.EDQUOT }),
    code: "EDQUOT",
  },
  { what: "one of our own", error: new ThemisError("NO_SPACE", "failed", "full"), code: undefined },
  {
    what: "one of SQLite's",
    error: failure({ code: "ERR_SQLITE_ERROR", errcode: 13 }),
    code: "ERR_SQLITE_ERROR",
  },
  { what: "a bug", error: new TypeError("undefined is not a function"), code: undefined },
])("names $what", ({ error, code }) => {
  expect(systemCode(error)).toBe(code);
});

function failure(facts: object): Error {
  return Object.assign(new Error("as Node makes it"), facts);
}
