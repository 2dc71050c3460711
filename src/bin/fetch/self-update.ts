import type { Command } from "commander";
import { ThemisError } from "../../base/error.ts";
import {
  planSelfUpdate,
  type SelfUpdateRequest,
  type SelfUpdateResult,
  selfRollBack,
  selfUpdate,
} from "../../fetch/self-update/self-update.ts";
import { type ClientIdentity, compiledIn } from "../client/compiled-in.ts";
import { ownFile } from "../client/own-file.ts";
import { EXIT } from "../exit-status.ts";
import { command, type Tools } from "../program.ts";
import { loadTrustPolicy, type TrustOptions, withTrustOptions } from "../trust-options.ts";
import { saved, size } from "../units.ts";
import { version } from "../version.ts";
import { SOURCE, type TransferOptions, transferOf, withTransferOptions } from "./place-options.ts";
import { updateTools } from "./update.ts";

type Options = TransferOptions &
  TrustOptions & {
    readonly source?: string;
    readonly version: string;
    readonly rollback?: boolean;
    readonly dryRun?: boolean;
    readonly exitCode?: boolean;
  };

/** Of a client that has an anchor compiled in, and of no other. */
export function selfUpdateCommand({ say, signal }: Tools): Command {
  return withTransferOptions(
    withTrustOptions(
      command("self-update", "put a newer client into the place of this one, proven by its own anchor", [
        "themis-fetch self-update",
        "themis-fetch self-update --rollback",
      ])
        .option("--source <place>", `${SOURCE} (default: the one compiled in)`)
        .option("--version <version>", "this release of the client and no other", "")
        .option("--rollback", "go back to the client before")
        .option("--dry-run", "say what would be done")
        .option("--exit-code", "exit with 5 when there is nothing to do"),
    ),
  ).action(async (options: Options) => {
    const request = await toRequest(options, signal);
    const tools = updateTools(say);
    if (options.dryRun) {
      const { from, to, bytesToFetch, upToDate } = await planSelfUpdate(request, tools);
      say.result(
        { schema: "themis-fetch/self-update-plan/1", from, to, bytesToFetch, upToDate },
        upToDate
          ? `client ${to} is here; nothing to do`
          : `client ${to} is offered; ${size(bytesToFetch)} to fetch`,
      );
      return;
    }
    const result = options.rollback ? await selfRollBack(request, tools) : await selfUpdate(request, tools);
    say.result({ schema: "themis-fetch/self-update/1", ...result }, resultText(result, options.rollback));
    if (!result.switched && options.exitCode) process.exitCode = EXIT.nothingToDo;
  });
}

/** @throws ThemisError CLIENT_SOURCE_MISSING, USAGE */
async function toRequest(options: Options, signal: AbortSignal): Promise<SelfUpdateRequest> {
  const own = compiledIn();
  const self = ownFile();
  if (!own || !self)
    throw new ThemisError("USAGE", "usage", "only a client with an anchor compiled in updates itself");
  const source = options.source ?? (own.client_source === "" ? undefined : own.client_source);
  if (source === undefined && !options.rollback) {
    throw new ThemisError("CLIENT_SOURCE_MISSING", "usage", "no place for newer clients is compiled in", {
      hint: "name it by --source, or make the client with --client-source",
    });
  }
  const transfer = await transferOf({ ...options, source: source ?? own.source });
  return {
    file: self.file,
    path: own.client_path,
    starter: self.starter,
    running: runningClient(own),
    release: {
      ...{ source, mirrors: options.mirror, version: options.version, signal },
      ...transfer,
      ...(await loadTrustPolicy(options, undefined)),
      product: own.client_product,
    },
  };
}

function runningClient({ product, client_product, trustAnchors }: ClientIdentity) {
  return {
    ...{ version: version(), product, clientProduct: client_product },
    anchors: trustAnchors.map(({ fingerprintSha256 }) => fingerprintSha256),
  };
}

function resultText({ switched, from, to, bytesFetched, bytesFull }: SelfUpdateResult, back = false): string {
  if (back) return switched ? "the client before is back" : "the file is the client before already";
  if (!switched) return `client ${to} is here; nothing to do`;
  const cost = `${size(bytesFetched)} fetched, ${saved(bytesFetched, bytesFull)} saved`;
  return `client ${from || "as it was made"} -> ${to}: ${cost}, back: themis-fetch self-update --rollback`;
}
