/** What a message may cost before it is refused: whoever made it chose its certificates, lists and names. */
import { expect, it } from "vitest";
import type { Certificate } from "../../src/format/cms/certificate.ts";
import type { GeneralName } from "../../src/format/cms/general-name.ts";
import { NameConstraintState } from "../../src/trust/name-constraints.ts";
import { SignatureChecks } from "../../src/trust/signature-checks.ts";

const names = (count: number): readonly GeneralName[] =>
  Array.from({ length: count }, (_, i) => ({ kind: "dns", text: `a${i}.example.org` }) as GeneralName);
const certificate = (count: number): Certificate =>
  ({ subject: { parts: [], emails: [] }, alternativeNames: names(count) }) as unknown as Certificate;
const tooComplex = expect.objectContaining({ code: "CHAIN_TOO_COMPLEX", kind: "refused" });

it("counts names that are held against constraints, over all paths of a message", () => {
  const checks = new SignatureChecks();
  const path = (): NameConstraintState => {
    const state = new NameConstraintState((comparisons) => checks.names(comparisons));
    state.add({ permitted: [], excluded: names(256) });
    return state;
  };
  expect(path().refusal(certificate(128))).toMatch(/is excluded/);
  expect(path().refusal(certificate(120))).toMatch(/is excluded/);
  expect(() => path().refusal(certificate(128))).toThrow(tooComplex);
});

it("counts steps", () => {
  const checks = new SignatureChecks();
  for (let i = 0; i < 4096; i++) checks.step();
  expect(() => checks.step()).toThrow(tooComplex);
});
