/**
 * Certificate policies along a path (RFC 5280, section 6.1, with the graph of RFC 9618 in place of its tree).
 *
 *   depth 0     anyPolicy
 *   a CA        gold -> {gold}     silver -> {bronze}     a mapping: "our silver is their bronze"
 *   the signer  gold, bronze       both hold
 *
 * The tree of RFC 5280 has a node for every way to a policy, which a few mappings make exponential. Ways to one
 * policy at one depth never part again, so a node for each policy is enough. Only the deepest level is kept:
 * whether a graph is empty shows there, and each node remembers what the policy is called in the anchor's world.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import { ANY_POLICY, type PolicyMapping } from "../format/cms/certificate-extensions.ts";

export type PolicyInputs = {
  /** What the caller accepts; ANY_POLICY among them accepts all. */
  readonly acceptable: ReadonlySet<string>;
  readonly requireExplicitPolicy: boolean;
  readonly inhibitPolicyMapping: boolean;
  readonly inhibitAnyPolicy: boolean;
};

export const noPolicyInputs: PolicyInputs = {
  acceptable: new Set([ANY_POLICY]),
  requireExplicitPolicy: false,
  inhibitPolicyMapping: false,
  inhibitAnyPolicy: false,
};

export type PolicyOutcome = {
  /** That hold from the anchor to the end, in the anchor's names. */
  readonly authority: readonly string[];
  /** Those of them that the caller accepts. */
  readonly user: readonly string[];
};

type Node = {
  /** What certificates of the next depth call this policy. */
  expected: ReadonlySet<string>;
  /** What the first CA that named it called it; ANY_POLICY while nobody has. */
  readonly names: ReadonlySet<string>;
};

export class PolicyGraph {
  readonly #acceptable: ReadonlySet<string>;
  #level: Map<string, Node> | undefined = new Map([
    [ANY_POLICY, { expected: new Set([ANY_POLICY]), names: new Set([ANY_POLICY]) }],
  ]);
  /** How many certificates may still come before each rule holds (6.1.2 (d) to (f)). */
  #explicitPolicy: number;
  #policyMapping: number;
  #inhibitAnyPolicy: number;

  /** @param length of the path, without the anchor */
  constructor(inputs: PolicyInputs, length: number) {
    this.#acceptable = inputs.acceptable;
    this.#explicitPolicy = inputs.requireExplicitPolicy ? 0 : length + 1;
    this.#policyMapping = inputs.inhibitPolicyMapping ? 0 : length + 1;
    this.#inhibitAnyPolicy = inputs.inhibitAnyPolicy ? 0 : length + 1;
  }

  /**
   * RFC 5280, 6.1.3 (d) to (f).
   *
   * @param mayBeAny a self-issued CA, for which anyPolicy counts even where it is inhibited
   * @returns whether the path may go on
   */
  enter({ policies }: Certificate, mayBeAny: boolean): boolean {
    if (policies === undefined) this.#level = undefined;
    else if (this.#level !== undefined) {
      const anyCounts = policies.includes(ANY_POLICY) && (this.#inhibitAnyPolicy > 0 || mayBeAny);
      this.#level = nextLevel(this.#level, policies, anyCounts);
    }
    return this.#explicitPolicy > 0 || this.#level !== undefined;
  }

  /** RFC 5280, 6.1.4 (b) and (h) to (j): what a CA says of the certificates below. */
  leave(certificate: Certificate, isSelfIssued: boolean): void {
    const { policyMappings, policyConstraints, inhibitAnyPolicy } = certificate;
    this.#map(policyMappings);
    if (!isSelfIssued) {
      this.#explicitPolicy = Math.max(0, this.#explicitPolicy - 1);
      this.#policyMapping = Math.max(0, this.#policyMapping - 1);
      this.#inhibitAnyPolicy = Math.max(0, this.#inhibitAnyPolicy - 1);
    }
    this.#explicitPolicy = Math.min(
      this.#explicitPolicy,
      policyConstraints?.requireExplicitPolicy ?? Infinity,
    );
    this.#policyMapping = Math.min(this.#policyMapping, policyConstraints?.inhibitPolicyMapping ?? Infinity);
    this.#inhibitAnyPolicy = Math.min(this.#inhibitAnyPolicy, inhibitAnyPolicy ?? Infinity);
  }

  /** RFC 5280, 6.1.5 (a), (b) and (g). @returns undefined when a policy is required and none is acceptable */
  end({ policyConstraints }: Certificate): PolicyOutcome | undefined {
    this.#explicitPolicy = Math.max(0, this.#explicitPolicy - 1);
    if (policyConstraints?.requireExplicitPolicy === 0) this.#explicitPolicy = 0;
    const authority = new Set([...(this.#level?.values() ?? [])].flatMap(({ names }) => [...names]));
    const user = this.#acceptable.has(ANY_POLICY)
      ? authority
      : authority.has(ANY_POLICY)
        ? this.#acceptable
        : new Set([...authority].filter((policy) => this.#acceptable.has(policy)));
    if (this.#explicitPolicy === 0 && user.size === 0) return undefined;
    return { authority: [...authority].sort(), user: [...user].sort() };
  }

  /** RFC 5280, 6.1.4 (b). */
  #map(mappings: readonly PolicyMapping[]): void {
    const level = this.#level;
    if (level === undefined) return;
    for (const [issuer, same] of Map.groupBy(mappings, (mapping) => mapping.issuer)) {
      const expected = new Set(same.map(({ subject }) => subject));
      const node = level.get(issuer);
      if (this.#policyMapping === 0) level.delete(issuer);
      else if (node !== undefined) node.expected = expected;
      else if (level.has(ANY_POLICY)) level.set(issuer, { expected, names: new Set([issuer]) });
    }
    if (level.size === 0) this.#level = undefined;
  }
}

/** RFC 9618, 5.2: the nodes for a certificate's policies below those of its issuer; undefined when none is left. */
function nextLevel(
  above: ReadonlyMap<string, Node>,
  policies: readonly string[],
  anyCounts: boolean,
): Map<string, Node> | undefined {
  const byExpected = new Map<string, Set<string>>();
  for (const { expected, names } of above.values()) {
    for (const policy of expected)
      byExpected.set(policy, new Set([...(byExpected.get(policy) ?? []), ...names]));
  }
  const level = new Map<string, Node>();
  const add = (policy: string, names: ReadonlySet<string>): void => {
    level.set(policy, { expected: new Set([policy]), names });
  };
  for (const policy of policies) {
    if (policy === ANY_POLICY) continue;
    const names = byExpected.get(policy);
    if (names !== undefined) add(policy, names);
    else if (above.has(ANY_POLICY)) add(policy, new Set([policy]));
  }
  if (anyCounts) {
    for (const [policy, names] of byExpected) if (!level.has(policy)) add(policy, names);
  }
  return level.size === 0 ? undefined : level;
}
