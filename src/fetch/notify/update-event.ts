/** What is told about an update, whatever the way it goes out. */
export type UpdateEvent = {
  /**
   * "rolled-back": the new release was there, failed its checks and is gone again. "offered": it is there to be
   * installed, and nobody does so by themselves.
   */
  readonly kind: "updated" | "failed" | "rolled-back" | "offered";
  readonly product: string;
  /** "" where nothing was installed. */
  readonly from: string;
  readonly to: string;
  /** Which device. */
  readonly host: string;
  readonly at: Date;
  /** One sentence: what happened, and why. */
  readonly message: string;
};

/** A request that tells it: one POST of JSON. The URL and the headers may hold secrets. */
export type Notice = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const HEADLINES = {
  updated: "updated",
  failed: "update failed",
  "rolled-back": "update rolled back",
  offered: "update offered",
} as const;

/** "app on db-1: update failed, 1.4.0 -> 1.5.0: the disk is full" */
export function headline({ kind, product, from, to, host, message }: UpdateEvent): string {
  const versions = from === "" ? to : `${from} -> ${to}`;
  return `${product} on ${host}: ${HEADLINES[kind]}, ${versions}${message === "" ? "" : `: ${message}`}`;
}
