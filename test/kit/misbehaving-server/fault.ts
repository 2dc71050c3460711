/**
 * A fault is a value: what it is called, which requests it can happen to, and what the server does instead of
 * answering rightly. A script says which of them happens when.
 */
import type { Answer } from "./answer.ts";
import type { Asset } from "./asset.ts";
import type { Request } from "./request.ts";
import type { Settings } from "./settings.ts";
import type { SignedStorage } from "./signed-storage.ts";
import type { Wire } from "./wire.ts";

export type Fault = {
  /** Of the specification, 1 to 69. */
  readonly number: number;
  /** The words of the specification. */
  readonly name: string;
  /** Which of the things that these words cover. */
  readonly way: string;
  /** Other requests are answered rightly, though the script chose this fault for them. */
  readonly concerns: (asked: Asked) => boolean;
  readonly behave: (exchange: Exchange) => Promise<void>;
};

/** A fault as its room writes it: the name comes from the table, and most concern every request. */
export type Behaviour = Omit<Fault, "name" | "concerns"> & Partial<Pick<Fault, "concerns">>;

/** A request, and what is known before it is decided what happens to it. */
export type Asked = {
  readonly request: Request;
  /** Empty when there is none of that name. */
  readonly asset: Asset;
  /** How often this asset was asked for before, by whatever method. */
  readonly before: number;
  readonly right: Answer;
  readonly connection: {
    readonly number: number;
    readonly requestsBefore: number;
    /** Among those that are open: the oldest is 1. */
    readonly rank: number;
  };
  readonly origin: Origin;
};

export type Exchange = Asked & {
  readonly settings: Settings;
  readonly wire: Wire;
  /** Sends an answer whole, framed as said. */
  readonly send: (answer: Answer, framing?: Framing) => Promise<void>;
};

/** How a client knows the end of a body (RFC 9112, section 6.3). */
export type Framing = "length" | "chunked" | "close";

/** The server that was asked. */
export type Origin = {
  /** Without a slash at the end. */
  readonly url: string;
  /** Where redirects of faults 63 to 68 lead. */
  readonly storage: SignedStorage | undefined;
  /** For a while nobody listens; connections that are open stay. */
  readonly refuse: (ms: number) => void;
  /** Resets every connection. */
  readonly resetAll: () => void;
};

/** What happens to one request. */
export type Turn = { readonly fault: Fault; readonly settings: Partial<Settings> };

/** Asked once for each request; undefined is right service. */
export type Script = (asked: Asked) => Turn | undefined;
