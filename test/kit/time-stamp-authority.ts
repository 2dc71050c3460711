/**
 * A time-stamp authority on loopback: `openssl ts -reply` behind HTTP, which can be told to misbehave.
 *
 *   const tsa = await startTimeStampAuthority({ identity, chain: [root] })
 *   ... POST to tsa.url ...
 *   await tsa.close()
 *
 * What no honest authority makes is made from what one made: `restamp` signs another TSTInfo, or by another
 * certificate, with `openssl cms -sign`.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDer } from "../../src/format/cms/der.ts";
import { encodeDer, encodeOid, encodeUnsigned } from "../../src/format/cms/encode-der.ts";
import type { Identity } from "./pki.ts";

export const TSA_EXTENSIONS = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=critical,timeStamping",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
];

export const TSA_POLICY = "1.3.6.1.4.1.55555.7.1";
export const OTHER_POLICY = "1.3.6.1.4.1.55555.7.2";

export type AuthorityRequest = {
  readonly identity: Identity;
  /** Sent along with its own certificate. */
  readonly chain?: readonly Identity[];
  /** What it stamps by; the honest ones accept SHA-2. */
  readonly digests?: string;
  readonly misbehaviour?: Misbehaviour;
};

export type Misbehaviour = {
  /** Of the first answers, one each; then it behaves. */
  readonly statuses?: readonly { readonly status: number; readonly retryAfter?: string }[];
  readonly body?: "endless" | "page" | "silent" | "cut";
  readonly query?: (query: Buffer) => Buffer;
  readonly reply?: (reply: Buffer) => Buffer;
};

export type RunningAuthority = {
  readonly url: URL;
  /** How often it was asked. */
  readonly asked: () => number;
  readonly close: () => Promise<void>;
};

export async function startTimeStampAuthority(request: AuthorityRequest): Promise<RunningAuthority> {
  const folder = mkdtempSync(join(tmpdir(), "themis-tsa-"));
  const { misbehaviour = {} } = request;
  const statuses = [...(misbehaviour.statuses ?? [])];
  let asked = 0;
  const server = createServer(async (incoming, outgoing) => {
    asked++;
    const query = await bodyOf(incoming);
    const first = statuses.shift();
    if (first !== undefined) {
      const { status, retryAfter } = first;
      outgoing.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter }).end("busy");
    } else if (
      incoming.headers["content-type"] !== "application/timestamp-query" ||
      incoming.method !== "POST"
    ) {
      outgoing.writeHead(400).end();
    } else answer(outgoing, request, folder, query);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}/tsa`),
    asked: () => asked,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function answer(outgoing: ServerResponse, request: AuthorityRequest, folder: string, query: Buffer): void {
  const { body, query: changeQuery = same, reply: changeReply = same } = request.misbehaviour ?? {};
  switch (body) {
    case "silent":
      return;
    case "page":
      outgoing.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>");
      return;
    case "endless": {
      outgoing.writeHead(200, { "content-type": "application/timestamp-reply" });
      const more = (): void => {
        while (!outgoing.destroyed && outgoing.write(Buffer.alloc(1 << 16)));
      };
      outgoing.on("drain", more).on("error", () => {});
      more();
      return;
    }
    case "cut":
      outgoing.writeHead(200, { "content-type": "application/timestamp-reply", "content-length": 1000 });
      outgoing.write("0", () => outgoing.destroy());
      return;
    default: {
      const reply = changeReply(makeReply({ ...request, folder, query: changeQuery(query) }));
      outgoing.writeHead(200, { "content-type": "application/timestamp-reply" }).end(reply);
    }
  }
}

function makeReply({
  identity,
  chain = [],
  digests = "sha256, sha384, sha512",
  folder,
  query,
}: AuthorityRequest & { readonly folder: string; readonly query: Buffer }): Buffer {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("serial"), "01\n");
  writeFileSync(at("chain.pem"), Buffer.concat(chain.map(({ pem }) => pem)));
  writeFileSync(
    at("tsa.cnf"),
    [
      ...["[tsa]", "default_tsa=t", "[t]", `serial=${at("serial")}`, "crypto_device=builtin"],
      ...[`signer_cert=${identity.certificatePath}`, `signer_key=${identity.keyPath}`],
      ...(chain.length > 0 ? [`certs=${at("chain.pem")}`] : []),
      ...["signer_digest=sha256", `default_policy=${TSA_POLICY}`, `other_policies=${OTHER_POLICY}`],
      ...[`digests=${digests}`, "accuracy=secs:1, millisecs:500, microsecs:100", "clock_precision_digits=3"],
      ...["ordering=yes", "tsa_name=yes", "ess_cert_id_chain=no", "ess_cert_id_alg=sha256", ""],
    ].join("\n"),
  );
  writeFileSync(at("query"), query);
  const words = ["-config", at("tsa.cnf"), "-queryfile", at("query"), "-out", at("reply")];
  execFileSync("openssl", ["ts", "-reply", ...words], { stdio: "pipe" });
  return readFileSync(at("reply"));
}

/** The token in an answer. */
export function tokenOf(reply: Buffer): Uint8Array {
  return readDer(reply).children[1]!.bytes;
}

/** The same answer with another token, or another status. */
export function replyWith(change: {
  readonly token?: Uint8Array;
  readonly status?: number;
}): (reply: Buffer) => Buffer {
  return (reply) => {
    const [status, token] = readDer(reply).children;
    const words =
      change.status === undefined
        ? status!.bytes
        : encodeDer(0x30, encodeDer(0x02, Uint8Array.of(change.status)));
    return Buffer.from(encodeDer(0x30, words, change.token ?? token!.bytes));
  };
}

/** TSTInfo of a token. */
export function infoOf(token: Uint8Array): Uint8Array {
  const signedData = readDer(token).children[1]!.children[0]!;
  return signedData.children[2]!.children[1]!.children[0]!.content;
}

/** A token over any TSTInfo by any certificate, as `openssl cms -sign` makes it. */
export function restamp(
  info: Uint8Array,
  identity: Identity,
  {
    chain = [],
    words = ["-cades"],
  }: { readonly chain?: readonly Identity[]; readonly words?: readonly string[] } = {},
): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "themis-restamp-"));
  const at = (name: string): string => join(folder, name);
  try {
    writeFileSync(at("info"), info);
    const others = chain.length > 0 ? ["-certfile", at("chain.pem")] : [];
    writeFileSync(at("chain.pem"), Buffer.concat(chain.map(({ pem }) => pem)));
    execFileSync(
      "openssl",
      [
        ...["cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-outform", "DER", "-md", "sha256"],
        ...["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-in", at("info"), "-out", at("token")],
        ...["-signer", identity.certificatePath, "-inkey", identity.keyPath, ...others, ...words],
      ],
      { stdio: "pipe" },
    );
    return readFileSync(at("token"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether `openssl ts -verify` accepts a token for what was stamped: a second opinion. */
export function opensslTsVerifies(
  root: Identity,
  token: Uint8Array,
  stamped: Uint8Array,
  now = new Date(),
): boolean {
  const folder = mkdtempSync(join(tmpdir(), "themis-ts-verify-"));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("token"), token);
  writeFileSync(at("data"), stamped);
  try {
    const words = ["-data", at("data"), "-in", at("token"), "-token_in", "-CAfile", root.certificatePath];
    const attime = ["-attime", String(Math.floor(now.getTime() / 1000))];
    execFileSync("openssl", ["ts", "-verify", ...words, ...attime], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/** A signature of one signer with these tokens and no others. */
export function withTokens(signature: Uint8Array, ...tokens: readonly Uint8Array[]): Uint8Array {
  const [type, content] = readDer(signature).children;
  const parts = [...content!.children[0]!.children];
  const [signer] = parts.pop()!.children;
  const fields = signer!.children.slice(0, 6).map(({ bytes }) => bytes);
  const attribute = encodeDer(0x30, encodeOid("1.2.840.113549.1.9.16.2.14"), encodeDer(0x31, ...tokens));
  const signers = encodeDer(0x31, encodeDer(0x30, ...fields, encodeDer(0xa1, attribute)));
  const signedData = encodeDer(0x30, ...parts.map(({ bytes }) => bytes), signers);
  return encodeDer(0x30, type!.bytes, encodeDer(0xa0, signedData));
}

/** TSTInfo in whatever shape; the honest one says when a digest of `stamped` was seen. */
export function makeInfo(stamped: Uint8Array, { time, parts = [], ...odd }: OddInfo): Uint8Array {
  const algorithm = encodeDer(0x30, encodeOid("2.16.840.1.101.3.4.2.1"));
  const digest = createHash("sha256").update(stamped).digest();
  const text = typeof time === "string" ? time : `${time.toISOString().replaceAll(/[-T:]|\.\d+/g, "")}`;
  return encodeDer(
    0x30,
    encodeUnsigned(Uint8Array.of(odd.version ?? 1)),
    encodeOid(TSA_POLICY),
    encodeDer(0x30, algorithm, encodeDer(0x04, odd.digest ?? digest)),
    encodeUnsigned(odd.serial ?? Uint8Array.of(7)),
    encodeDer(0x18, Buffer.from(text)),
    ...parts,
  );
}

export type OddInfo = {
  /** A text stands as it is. */
  readonly time: Date | string;
  readonly version?: number;
  readonly digest?: Uint8Array;
  readonly serial?: Uint8Array;
  /** What follows genTime: accuracy, ordering, nonce, tsa, extensions. */
  readonly parts?: readonly Uint8Array[];
};
