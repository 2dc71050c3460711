/** The table is the specification's. */
import { expect, it } from "vitest";
import { fault, faults } from "./faults.ts";

it("names all 73 faults, and says of each how it is made", () => {
  expect(faults.map(({ number }) => number)).toEqual(Array.from({ length: 73 }, (_, index) => index + 1));
  for (const { number, name, ways, byTest } of faults) {
    expect(name.length).toBeGreaterThan(5);
    expect(ways.length > 0 || byTest.length > 0, `fault ${number}`).toBe(true);
    expect(new Set(ways.map(({ way }) => way)).size).toBe(ways.length);
  }
});

it("says so when a fault is not one of the server's", () => {
  expect(() => fault(72)).toThrow("the server knows no fault 72");
  expect(() => fault(13, "three lengths")).toThrow("the server knows no fault 13 by three lengths");
});
