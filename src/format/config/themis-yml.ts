/**
 * themis.yml: what a device is told once and not with every command.
 *
 *   checker        where releases come from, who vouches for them, how often to look
 *   autoUpdate     how they are fetched, and what is kept
 *   hotReload      the tree, what runs from it, and how a release proves that it works
 *   notifications  who is told
 *   advanced       the rest
 *
 * Secrets never stand in it; it names the file or the variable that holds one. schemas/themis-yml.md is the
 * whole of it for people.
 */
import {
  argv,
  duration,
  exactlyOne,
  type Holds,
  list,
  named,
  record,
  type Schema,
  size,
  text,
  whole,
  word,
  yesOrNo,
} from "./schema-of.ts";

/** Somebody may take it for the secret itself: that would end up in messages about a missing file. */
const NO_SECRET = "^(?!https?://|whsec_|gh[a-z]_|github_pat_)";

function secretFile(of: string): Schema<string> {
  return text(`a file with ${of}, one line`, { title: "the name of a file", pattern: NO_SECRET });
}

function secretVariable(of: string): Schema<string> {
  const pattern = "^[A-Za-z_][A-Za-z0-9_]{0,255}$";
  return text(`an environment variable with ${of}`, {
    title: "the name of an environment variable",
    pattern,
  });
}

/** Credentials would stand in the file, and in messages. */
function publicUrl(description: string): Schema<string> {
  const title = "an http(s) URL without a name or a password";
  return text(description, { title, pattern: "^https?://[^/?#@\\s]+([/?#]\\S*)?$" });
}

const checker = record(
  {},
  {
    source: text("a bundle or release page: a folder, an http(s) URL or github:OWNER/REPO"),
    mirrors: list("where the same releases lie besides", text("as source"), [0, 64]),
    api: yesOrNo("reach github:OWNER/REPO by GitHub's API, not by plain URLs"),
    tokenFile: secretFile("a token for GitHub's API"),
    version: text("this release and no other", { title: 'a version in quotes, such as "1.5.0"' }),
    channel: text("the line of releases that is followed, by its document where there is one", {
      title: "the name of a channel",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    }),
    requireChannel: yesOrNo("refuse what comes without a signed document of the channel"),
    trustAnchor: text("the pinned certificate, a PEM file"),
    logKey: list(
      "a release must be in one of these transparency logs",
      text("the log's key, NAME+ID+KEY, or a file with keys"),
      [1, 16],
    ),
    threshold: whole("so many distinct signers, by key and by subject, must have signed; default 1", 1, 16),
    trustRoot: text(
      'a trust root document, pinned in place of trustAnchor; "source" for the first one there',
    ),
    interval: duration("between two looks for a newer release"),
    jitter: duration(
      "at most so much is added to the interval by chance, so that a fleet does not ask at once",
    ),
    deadline: duration(
      "after so long a release that was seen must be installed; no two looks are further apart",
    ),
  },
);

const autoUpdate = record(
  {},
  {
    enabled: yesOrNo("themis-fetch watch installs what is offered; else it only says so"),
    connections: whole("ranges fetched at once from one source", 1, 64),
    limitRate: size("fetch at most so much a second"),
    applyMemory: size("take whole what needs more to rebuild"),
    ca: text("authorities that are believed for TLS besides Node's own, a PEM file"),
    keep: list(
      "paths and patterns of files that are the operator's own",
      text("such as etc/*.conf"),
      [0, 1000],
    ),
    restorePoints: record(
      {},
      {
        count: whole("how many ways back are kept; default 10", 1, 1000),
        age: duration("older ones are removed"),
        bytes: size("of all together"),
      },
      { description: "the ways back; the newest always stays" },
    ),
    store: text("a folder where targets are kept by digest, for all versions, products and roots"),
    strategy: word("how a release takes the place of the one before", ["in-place", "slots"]),
  },
);

const check = record(
  { name: text("for reports", { maxLength: 256 }) },
  {
    kind: word("what it tells", ["smoke", "integration", "performance", "schema-compatibility"]),
    timeout: duration("for all attempts together; default 10s, at most 1h"),
    attempts: whole("how often it is tried until it passes; default 1", 1, 100_000),
    interval: duration("between two attempts; default 500ms"),
    command: argv("a program that runs in the root"),
    http: publicUrl("what is asked"),
    expectStatus: whole("exit status, default 0; of HTTP, default 200", 0, 599),
    expectOutput: text("what the program's output must contain"),
    expectBody: text("what the body must contain, in its first 64 KiB"),
    maxLatency: duration("from the request to the last byte; default: the timeout"),
    ca: text("authorities that are believed for this URL besides Node's own, a PEM file"),
  },
  {
    ...exactlyOne("command", "http"),
    dependentRequired: {
      expectOutput: ["command"],
      expectBody: ["http"],
      maxLatency: ["http"],
      ca: ["http"],
    },
  },
);

const service = {
  ...record(
    {},
    {
      systemd: record(
        { units: list("such as app.service", text("a unit", { maxLength: 256 }), [1, 64]) },
        {},
      ),
      command: record(
        { start: argv("starts it"), stop: argv("ends it"), status: argv("0 it runs, 1 to 3 it does not") },
        {},
      ),
    },
    { minProperties: 1, maxProperties: 1 },
  ),
  type: ["object", "string"],
  pattern: "^(none|supervised)$",
  title: '"none", "supervised", or a mapping with systemd or command',
  description: "what runs from the tree: it is stopped before the switch and started after it",
} satisfies Schema;

const hook = record({ command: argv("runs in the root") }, { timeout: duration("default 1m, at most 1h") });

const hotReload = record(
  {},
  {
    root: text("the installed tree"),
    service: service as Schema<
      | "none"
      | "supervised"
      | { readonly systemd: { readonly units: readonly string[] } }
      | { readonly command: Readonly<Record<"start" | "stop" | "status", readonly string[]>> }
    >,
    drain: duration("how long the service may take to end by itself"),
    ready: { ...check, description: "when the service counts as started" } as typeof check,
    checks: list("what must hold after a switch, in this order", check, [0, 100]),
    confirm: record(
      { by: word("who says that the new release stays", ["checks", "operator"]) },
      { within: duration("the operator's time, after which the release before comes back") },
    ),
    preflight: record(
      {},
      {
        dependencies: named(
          "what must be on the device",
          "^@?[A-Za-z0-9][A-Za-z0-9._/-]*$",
          record({ command: argv("prints its version") }, { range: text("such as >=1.4.0,<2.0.0") }),
        ),
        memory: size("that must be available"),
      },
    ),
    hooks: record(
      {},
      {
        before: { ...hook, description: "may refuse the update" } as typeof hook,
        after: { ...hook, description: "hears how it ended" } as typeof hook,
      },
    ),
  },
);

const notifications = record(
  {},
  {
    slack: record(
      {},
      { urlFile: secretFile("the webhook's URL"), urlEnv: secretVariable("the webhook's URL") },
      exactlyOne("urlFile", "urlEnv"),
    ),
    pagerduty: record(
      {},
      {
        routingKeyFile: secretFile("the routing key"),
        routingKeyEnv: secretVariable("the routing key"),
        url: publicUrl("where events go, such as https://events.eu.pagerduty.com/v2/enqueue"),
      },
      exactlyOne("routingKeyFile", "routingKeyEnv"),
    ),
    webhook: record(
      { url: publicUrl("what is told, as schemas/notification.md says") },
      {
        secretFile: secretFile("the key of the signature"),
        secretEnv: secretVariable("the key of the signature"),
      },
      exactlyOne("secretFile", "secretEnv"),
    ),
  },
);

const advanced = record(
  {},
  { logLevel: word("quiet is --quiet, debug is --debug", ["quiet", "normal", "debug"]) },
);

export const themisYmlSchema = record({}, { checker, autoUpdate, hotReload, notifications, advanced });

/** What a file may hold; every part may be absent. */
export type ThemisYml = Holds<typeof themisYmlSchema>;
export type CheckYml = Holds<typeof check>;

/** Nobody writes as much by hand. */
export const MAX_THEMIS_YML_BYTES = 256 << 10;
