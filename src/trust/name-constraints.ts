/**
 * Which names the certificates below a CA may have (RFC 5280, 4.2.1.10, and 6.1.3 (b), (c)).
 *
 *   permitted dns:example.org, excluded dns:test.example.org     ->   a.example.org yes, x.test.example.org no
 *
 * A name must lie within every CA's permitted names of its form, and within no CA's excluded ones. A name
 * that cannot be understood lies within neither, and where its form is constrained at all it is refused. So
 * is a form we have no rule for. The addresses in a subject's emailAddress are constrained like alternative
 * names, always: the RFC asks for it only where there is no alternative name, which is a way around.
 */
import type { Certificate } from "../format/cms/certificate.ts";
import type { NameConstraints } from "../format/cms/certificate-extensions.ts";
import { equalBytes } from "../format/cms/der.ts";
import type { GeneralName } from "../format/cms/general-name.ts";
import type { Name } from "../format/cms/name.ts";

/** RFC 9598, 6: an address too, which constraints on addresses are about. */
const SMTP_UTF8_MAILBOX = "1.3.6.1.5.5.7.8.9";

export class NameConstraintState {
  /** One list for each CA and form. */
  readonly #permitted: (readonly GeneralName[])[] = [];
  readonly #excluded: GeneralName[] = [];
  readonly #counted: (comparisons: number) => void;

  /** @param counted told of comparisons before they are made; it may throw */
  constructor(counted: (comparisons: number) => void = () => {}) {
    this.#counted = counted;
  }

  add({ permitted, excluded }: NameConstraints): void {
    this.#permitted.push(...Map.groupBy(permitted, formOf).values());
    this.#excluded.push(...excluded);
  }

  /** @returns the first name that is not allowed and why, for a message */
  refusal(certificate: Certificate): string | undefined {
    if (this.#permitted.length === 0 && this.#excluded.length === 0) return undefined;
    const names = namesOf(certificate);
    const bases = this.#permitted.reduce((sum, { length }) => sum + length, this.#excluded.length);
    this.#counted(names.length * bases);
    for (const name of names) {
      const why = this.#refusalOf(name);
      if (why !== undefined) return `${nameText(name)} ${why}`;
    }
    return undefined;
  }

  #refusalOf(name: GeneralName): string | undefined {
    const form = formOf(name);
    const permitted = this.#permitted.filter(([first]) => formOf(first!) === form);
    const excluded = this.#excluded.filter((base) => formOf(base) === form);
    if (permitted.length === 0 && excluded.length === 0) return undefined;
    if (!isUnderstood(name)) return "is of a form that cannot be held against the constraints";
    if (excluded.some((base) => isWithin(name, base, "excluded"))) return "is excluded";
    const within = permitted.every((bases) => bases.some((base) => isWithin(name, base, "permitted")));
    return within ? undefined : "is not among the permitted names";
  }
}

/** RFC 5280, 6.1.3 (b): the subject when there is one, its addresses, and all alternative names. */
function namesOf({ subject, alternativeNames }: Certificate): readonly GeneralName[] {
  const directory: GeneralName[] = subject.parts.length === 0 ? [] : [{ kind: "directory", name: subject }];
  const emails = subject.emails.map((text): GeneralName => ({ kind: "email", text }));
  return [...directory, ...emails, ...alternativeNames];
}

function formOf(name: GeneralName): string {
  if (name.kind !== "other") return name.kind;
  return name.form === SMTP_UTF8_MAILBOX ? "email" : `other ${name.form}`;
}

function isUnderstood(name: GeneralName): boolean {
  switch (name.kind) {
    case "directory":
      return true;
    case "dns":
      return isDnsName(name.text.replace(/^\*\./, ""));
    case "email":
      return readMailbox(name.text) !== undefined;
    case "uri":
      return readUriHost(name.text) !== undefined;
    case "ip":
      return name.bytes.length === 4 || name.bytes.length === 16;
    case "other":
      return false;
  }
}

/** Whether the name lies in the subtree that `base` begins; both are of one form, and the name is understood. */
function isWithin(name: GeneralName, base: GeneralName, list: "permitted" | "excluded"): boolean {
  // A constraint that says nothing must not permit, and must not let slip what it excludes.
  const doubtful = list === "excluded";
  if (name.kind === "directory" && base.kind === "directory") return isBelow(name.name, base.name);
  if (name.kind === "dns" && base.kind === "dns") return isInDomain(name.text, base.text, doubtful);
  if (name.kind === "email" && base.kind === "email") return isInMailboxes(name.text, base.text, doubtful);
  if (name.kind === "uri" && base.kind === "uri") return isHost(readUriHost(name.text)!, base.text);
  if (name.kind === "ip" && base.kind === "ip") return isInNetwork(name.bytes, base.bytes, doubtful);
  return doubtful;
}

function isBelow(name: Name, base: Name): boolean {
  return base.parts.every((part, index) => name.parts[index] === part);
}

/**
 * "example.org" is itself and everything below; ".example.org" only what is below. A wildcard stands for any
 * name in its place, so it is excluded together with each of them.
 */
function isInDomain(text: string, base: string, excluded: boolean): boolean {
  const name = text.toLowerCase();
  const domain = base.toLowerCase();
  if (domain === "" || name === domain) return true;
  if (excluded && name.startsWith("*.")) {
    const parent = name.slice(1);
    if (domain.endsWith(parent) && domain.length > parent.length) return true;
  }
  return name.endsWith(domain.startsWith(".") ? domain : `.${domain}`);
}

/**
 * A mailbox, every mailbox of a host, or with a leading dot every mailbox below a domain. Local parts have two
 * cases (RFC 5280, 7.5), but no host that we know tells them apart: what is excluded is so in either.
 */
function isInMailboxes(text: string, base: string, excluded: boolean): boolean {
  const { local, host } = readMailbox(text)!;
  if (!base.includes("@")) return isHost(host, base);
  const wanted = readMailbox(base);
  if (wanted === undefined) return excluded;
  const same = excluded ? wanted.local.toLowerCase() === local.toLowerCase() : wanted.local === local;
  return same && wanted.host === host;
}

/** For addresses and URIs a host is itself alone, a leading dot means what is below, and nothing means all. */
function isHost(host: string, base: string): boolean {
  const wanted = base.toLowerCase();
  if (wanted === "") return true;
  return wanted.startsWith(".") ? host.endsWith(wanted) && host.length > wanted.length : host === wanted;
}

/** An address and a mask of ones before zeros (RFC 4632); IPv4 lies in no network of IPv6. */
function isInNetwork(address: Uint8Array, network: Uint8Array, doubtful: boolean): boolean {
  const { length } = address;
  if (network.length !== 8 && network.length !== 32) return doubtful;
  if (network.length !== 2 * length) return false;
  const mask = network.subarray(length);
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  if (!/^1*0*$/.test(bits)) return doubtful;
  const masked = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => byte & mask[index]!);
  return equalBytes(masked(address), masked(network.subarray(0, length)));
}

/** RFC 5321, 4.1.2, without quoted local parts, whose many spellings nobody compares well. */
function readMailbox(text: string): { readonly local: string; readonly host: string } | undefined {
  const match = /^([^@"\\\s<>()[\],:;]{1,64})@([^@]+)$/.exec(text);
  if (match === null) return undefined;
  const [, local, host] = match as unknown as [string, string, string];
  return isDnsName(host) ? { local, host: host.toLowerCase() } : undefined;
}

/** RFC 3986, 3.2.2: the host, when there is one and it is a name; addresses are refused (RFC 5280, 4.2.1.10). */
function readUriHost(text: string): string | undefined {
  const match = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#\\]*@)?([^@:/?#\\]+)(?::\d*)?(?:[/?#]|$)/i.exec(text);
  const host = match?.[1]?.toLowerCase();
  return host !== undefined && isDnsName(host) && !/(^|\.)\d+$/.test(host) ? host : undefined;
}

function isDnsName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*$/i.test(text);
}

function nameText(name: GeneralName): string {
  switch (name.kind) {
    case "directory":
      return `the name ${name.name.text}`;
    case "ip":
      return `the address ${Buffer.from(name.bytes).toString("hex")}`;
    case "other":
      return `a name of the form ${name.form}`;
    default:
      return `the name ${name.text}`;
  }
}
