/**
 * Signatures are proven in a thread, one after the other, and never for longer than a limit.
 *
 *   verifyInThread(request)   ->   the report of `verifySignature`, or its TrustError
 *
 * The mathematics are bounded by `SignatureChecks`, so the limits here are for what nobody foresaw: a thread that hangs,
 * or whose memory ends, is ended, and the signature is refused. Starting the thread takes most of a first proof:
 * who knows that a signature will come calls `prewarmVerification` while the network is asked.
 */
import { systemCode } from "../base/error.ts";
import { type Thread, Threads } from "../base/threads.ts";
import { isWithin } from "../base/within.ts";
import { TrustError } from "./trust-error.ts";
import { refuseOversize, type SignatureReport } from "./verify-signature.ts";
import type { VerifyAnswer, VerifyRequest } from "./verify-worker.ts";

/** An honest signature takes a millisecond, and the slowest that passes the bounds below a second; a device may be busy. */
const TIME_LIMIT_MS = 30_000;

/** The largest document and signature there may be, and what is read out of them, take a part of it. */
const MEMORY_LIMIT = { maxOldGenerationSizeMb: 256 };

export type VerifyThreads = Threads<VerifyRequest, VerifyAnswer>;

export class VerifyThread {
  readonly #threads: VerifyThreads;
  readonly #limitMs: number;
  /** Never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #asked = 0;

  constructor(threads: VerifyThreads, limitMs: number) {
    this.#threads = threads;
    this.#limitMs = limitMs;
  }

  /** A thread is started that waits for work a while; it does not hold the process. */
  prewarm(): void {
    if (this.#asked === 0) void this.#threads.giveBack(this.#threads.take());
  }

  /** @throws TrustError, as verifySignature, and VERIFICATION_ABANDONED */
  async verify(request: VerifyRequest): Promise<SignatureReport> {
    // Before anything is copied for the thread.
    refuseOversize(request);
    this.#asked++;
    const before = this.#last;
    const mine = before.then(() => this.#ask(request));
    this.#last = mine.catch(() => {});
    try {
      return await mine;
    } finally {
      this.#asked--;
    }
  }

  async #ask(request: VerifyRequest): Promise<SignatureReport> {
    const thread = this.#threads.take();
    try {
      return reportOf(await this.#answerOf(thread, request));
    } finally {
      void this.#threads.giveBack(thread);
    }
  }

  async #answerOf(
    thread: Thread<VerifyRequest, VerifyAnswer>,
    request: VerifyRequest,
  ): Promise<VerifyAnswer> {
    const answer = thread.ask(request);
    try {
      if (await isWithin(answer, this.#limitMs)) return await answer;
    } catch (cause) {
      if (systemCode(cause) === "ERR_WORKER_OUT_OF_MEMORY") throw abandoned("memory than it may", cause);
      throw cause;
    }
    throw abandoned(`time than ${this.#limitMs / 1000} s`);
  }
}

/** Of this process. */
const VERIFIER = new VerifyThread(new Threads("verify-worker", import.meta.url, MEMORY_LIMIT), TIME_LIMIT_MS);

/** @throws TrustError, with any code but ANCHOR_MALFORMED and CRL_MALFORMED */
export function verifyInThread(request: VerifyRequest): Promise<SignatureReport> {
  return VERIFIER.verify(request);
}

export function prewarmVerification(): void {
  VERIFIER.prewarm();
}

function reportOf(answer: VerifyAnswer): SignatureReport {
  if ("report" in answer) return answer.report;
  const { code, message, facts, hint } = answer.refusal;
  throw new TrustError(code, message, { facts, ...(hint !== undefined && { hint }) });
}

function abandoned(more: string, cause?: unknown): TrustError {
  return new TrustError("VERIFICATION_ABANDONED", `proving the signature takes more ${more}`, {
    cause,
    hint: "do not install this; an honest signature is proven in milliseconds",
  });
}
