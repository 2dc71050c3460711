/** Why a device gets what it gets: everything that the decision was made of, and the decision; writes nothing. */
import type { ChannelRelease, Recall } from "../format/channel/channel.ts";
import { policyOf } from "../trust/trust-policy.ts";
import type { SignerReport } from "../trust/verify-signature.ts";
import { readRecords } from "./damaged-records.ts";
import { newsOf } from "./explain-channel.ts";
import { type Followed, followChannel } from "./follow-channel.ts";
import { findPlace } from "./place.ts";
import { offeredFor, settleTrustFor, withSources } from "./prepare.ts";
import { planOnly } from "./update.ts";
import type { ChannelNews, Offer } from "./update-report.ts";
import type { UpdateRequest, UpdateTools } from "./update-request.ts";

export type Explanation = {
  readonly product: string;
  /** "" for nothing. */
  readonly installed: string;
  readonly platform: string;
  readonly architecture: string;
  /** undefined where no document of a channel is obeyed. */
  readonly channel: (ChannelNews & ChannelFacts) | undefined;
  /** What an update would do; "refuse" with the code, without what a source would be asked for it. */
  readonly outcome: "install" | "stay" | "refuse";
  readonly to: string;
  readonly code: string;
  readonly bytesToFetch: number;
  readonly sentences: readonly string[];
};

export type ChannelFacts = {
  readonly signers: readonly SignerReport[];
  /** "" when nothing is held. */
  readonly hold: string;
  readonly newest: ChannelRelease | undefined;
  /** Of 10,000, for the newest; undefined as long as the device has drawn none. */
  readonly bucket: number | undefined;
  readonly percentage: number | undefined;
  /** Of what is installed. */
  readonly recall: Recall | undefined;
  /** The release that must be passed first; "" for none. */
  readonly step: string;
};

/** @throws what update would throw before the document of the channel is believed, or for the release that it names */
export async function explain(request: UpdateRequest, tools: UpdateTools): Promise<Explanation> {
  const place = await findPlace(request.root);
  const state = readRecords(place.themis, request.rebuildRecords);
  try {
    return await withSources(request, tools, async (sources) => {
      const trust = await settleTrustFor(request, sources, state, { now: tools.now }, undefined);
      const asked = offeredFor(request, trust, sources, state, tools.now(), "");
      const { device } = asked;
      const { installed, platform, architecture } = device;
      const followed = await followChannel({ ...asked, ...policyOf(asked.channelTrust ?? asked) });
      const channel = followed && { ...newsOf(followed, device), ...factsOf(followed) };
      const about = { installed: installed.version, platform, architecture, channel };
      const answer = followed?.decision.answer;
      if (channel && answer && (answer.kind === "refuse" || answer.kind === "stay")) {
        const code = answer.kind === "refuse" ? answer.code : "";
        const outcome = { outcome: answer.kind, to: installed.version, code, bytesToFetch: 0 };
        return { ...about, ...outcome, product: followed.document.product, sentences: channel.why };
      }
      const offer = await planOnly(request, tools);
      const { product, to, upToDate, bytesToFetch } = offer;
      const outcome = upToDate ? "stay" : "install";
      const sentences = channel?.why ?? withoutDocument(offer);
      return { ...about, product, outcome, to, code: "", bytesToFetch, sentences };
    });
  } finally {
    state?.close();
  }
}

function factsOf({ document, decision, report }: Followed): ChannelFacts {
  const { newest, bucket, recall, answer } = decision;
  const isStep = answer.kind === "install" && answer.release !== answer.goal;
  return {
    signers: report.signers,
    hold: document.hold,
    newest,
    bucket,
    percentage: newest && newest.rollout / 100,
    recall,
    step: isStep ? answer.release.version : "",
  };
}

function withoutDocument({ from, to, upToDate }: Offer): string[] {
  return [
    "no document of a channel is obeyed, so what the source offers counts",
    from === "" ? "nothing is installed" : `${from} is installed`,
    upToDate ? "there is nothing to do" : `an update brings ${to}`,
  ];
}
