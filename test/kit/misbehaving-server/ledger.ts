/** What a server was asked and what it sent: the figures for cost, and every head for questions about credentials. */
import type { Request } from "./request.ts";

export type Entry = Request & {
  /** Which connection, counted from 0. */
  readonly connection: number;
  readonly asset: string;
  /** As it was sent: `bytes=0-499`. */
  readonly range: string | undefined;
  /** What the script chose to happen; undefined is right service. */
  fault: { readonly number: number; readonly way: string } | undefined;
  /** Of this answer's body so far, as sent: encoded, without framing. */
  bodyBytes: number;
};

export class Ledger {
  /** In the order in which the heads were complete. */
  readonly entries: Entry[] = [];
  connectionsOpened = 0;
  connectionsOpen = 0;
  /** TCP connections at once. A client that closes one and opens another may be seen with both. */
  mostOpen = 0;
  /** Exchanges at once, which is what parallel means to a server. */
  mostBusy = 0;
  #busy = 0;

  requests(asset?: string): readonly Entry[] {
    return asset === undefined ? this.entries : this.entries.filter((entry) => entry.asset === asset);
  }

  bodyBytes(asset?: string): number {
    return sum(this.requests(asset));
  }

  connectionBodyBytes(connection: number): number {
    return sum(this.entries.filter((entry) => entry.connection === connection));
  }

  /** Counts a connection and says its number. */
  open(): number {
    this.connectionsOpen++;
    this.mostOpen = Math.max(this.mostOpen, this.connectionsOpen);
    return this.connectionsOpened++;
  }

  close(): void {
    this.connectionsOpen--;
  }

  begin(entry: Entry): void {
    this.entries.push(entry);
    this.#busy++;
    this.mostBusy = Math.max(this.mostBusy, this.#busy);
  }

  finish(): void {
    this.#busy--;
  }
}

function sum(entries: readonly Entry[]): number {
  return entries.reduce((total, { bodyBytes }) => total + bodyBytes, 0);
}
