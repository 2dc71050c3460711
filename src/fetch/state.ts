/**
 * What a device knows of itself: `.themis/state.db`, SQLite with synchronous=EXTRA.
 *
 * FULL leaves a commit that a power cut may undo: the name of SQLite's own journal is gone, and not yet for good.
 * The switch would have begun by then, and nobody would know of it.
 *
 * One journal entry at the most is open: its presence means that a switch began and must be finished or
 * undone before anything else happens.
 *
 * Damaged records are refused: to take them for none would be to forget what was believed.
 */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { sha256 } from "../base/digest.ts";
import {
  type EntryRecord,
  type InstalledRelease,
  NOTHING_INSTALLED,
} from "../format/record/restore-point.ts";
import { NOTHING_TRUSTED, type TrustedState } from "../trust/verify-release.ts";
import { type Deployment, type HistoryRecord, IDLE, type RestorePointRecord } from "./device-records.ts";
import { Facts } from "./facts.ts";
import { FetchError } from "./fetch-error.ts";
import type { JournalEntry, JournalGate, WarrantedEntry } from "./install/journal-entry.ts";
import { type InstallState, mayFollow } from "./install/state-machine.ts";
import type { StrategyName } from "./install/strategy.ts";
import type { KeptRelease, ProvenRelease } from "./read-release.ts";
import { RECORDS_ROLLBACK, sqliteExtendedCode } from "./records-failure.ts";
import { guard, isThere, makeRecords, openProven, SETTINGS } from "./state-file.ts";
import { seal } from "./state-seal.ts";
import type { TransferState } from "./transfer-record.ts";

export class DeviceState {
  readonly #database: DatabaseSync;
  readonly #facts: Facts;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#facts = new Facts(database);
  }

  /** Made when there is none. @throws FetchError STATE_CORRUPT, STATE_UNREADABLE, NO_SPACE */
  static open(themis: string): DeviceState {
    const path = join(themis, "state.db");
    if (!isThere(path)) makeRecords(path);
    const state = new DeviceState(openProven(path, false));
    guard(() => state.#database.exec(SETTINGS));
    return state;
  }

  /** For commands that write nothing; undefined when there is no state. @throws FetchError STATE_CORRUPT, STATE_UNREADABLE */
  static read(themis: string): DeviceState | undefined {
    const path = join(themis, "state.db");
    if (!isThere(path)) return undefined;
    try {
      return new DeviceState(openProven(path, true));
    } catch (error) {
      if (!(error instanceof FetchError) || sqliteExtendedCode(error.cause) !== RECORDS_ROLLBACK) throw error;
      // A write was cut, and SQLite puts back what was before it.
      return new DeviceState(openProven(path, false));
    }
  }

  close(): void {
    this.#database.close();
  }

  installed(): InstalledRelease {
    return this.#facts.get<InstalledRelease>("installed") ?? NOTHING_INSTALLED;
  }

  files(): readonly EntryRecord[] {
    return this.#facts.get<EntryRecord[]>("files") ?? [];
  }

  trusted(): TrustedState {
    // Earlier builds knew of no channel documents.
    return { ...NOTHING_TRUSTED, ...this.#facts.get<TrustedState>("trusted") };
  }

  trust(state: TrustedState): void {
    this.#transaction(() => this.#facts.set("trusted", state));
  }

  /** The newest one that was believed, byte for byte; undefined as long as none was. */
  trustRoot(): Uint8Array | undefined {
    const text = this.#facts.get<string>("trust_root");
    return text === undefined ? undefined : Buffer.from(text);
  }

  /** SHA-256 of the pinned anchors by which this device came to it; none for a document that was pinned. */
  trustRootOrigin(): readonly string[] {
    return this.#facts.get<readonly string[]>("trust_root_origin") ?? [];
  }

  /** @param content canonical JSON, and so a text */
  rememberTrustRoot(content: Uint8Array, origin: readonly string[]): void {
    this.#transaction(() => {
      this.#facts.set("trust_root", Buffer.from(content).toString());
      this.#facts.set("trust_root_origin", origin);
    });
  }

  /** Which share of the devices this one is in follows from it; "" as long as none was made. Hex. */
  deviceId(): string {
    return this.#facts.get<string>("device") ?? "";
  }

  /** Once, and for good: another one would be another device. @returns the one that holds */
  makeDeviceId(id: string): string {
    const made = this.deviceId();
    if (made !== "") return made;
    this.#transaction(() => this.#facts.set("device", id));
    return id;
  }

  /** What somebody allowed, besides what was done. */
  note(entry: HistoryRecord): void {
    this.#transaction(() => this.#addHistory(entry));
  }

  /** undefined when there is none, or not whole: it is fetched again then, and proven in any case. */
  keptRelease(): KeptRelease | undefined {
    const row = this.#one("SELECT * FROM kept_release");
    if (!row) return undefined;
    const { manifest, signature } = row as Record<"manifest" | "signature", Uint8Array>;
    if (digestOfBoth(manifest, signature) !== row.sha256) return undefined;
    const { source, folder, etag } = row as Record<"source" | "folder" | "etag", string>;
    return { manifest, signature, source, folder, etag };
  }

  keepRelease({ manifest, signature, source, folder, etag }: ProvenRelease): void {
    const digest = digestOfBoth(manifest, signature);
    const same = this.#one("SELECT source, folder, etag FROM kept_release WHERE sha256 = ?", digest);
    if (same && same.source === source && same.folder === folder && same.etag === etag) return;
    guard(() =>
      this.#database
        .prepare("INSERT OR REPLACE INTO kept_release VALUES (1, ?, ?, ?, ?, ?, ?)")
        .run(digest, manifest, signature, source, folder, etag),
    );
  }

  /** undefined when none is under way, or its record is not whole. */
  transfer(): TransferState | undefined {
    const row = this.#one("SELECT sha256, body FROM transfer");
    if (!row || sha256(Buffer.from(String(row.body))) !== row.sha256) return undefined;
    return JSON.parse(String(row.body)) as TransferState;
  }

  recordTransfer(transfer: TransferState): void {
    const body = JSON.stringify(transfer);
    guard(() =>
      this.#database
        .prepare("INSERT OR REPLACE INTO transfer VALUES (1, ?, ?)")
        .run(sha256(Buffer.from(body)), body),
    );
  }

  endTransfer(): void {
    guard(() => this.#database.exec("DELETE FROM transfer"));
  }

  /** Globs of the operator's own files, as they were last given; undefined as long as none were. */
  keep(): readonly string[] | undefined {
    return this.#facts.get<readonly string[]>("keep");
  }

  rememberKeep(globs: readonly string[]): void {
    if (JSON.stringify(globs) !== JSON.stringify(this.keep()))
      this.#transaction(() => this.#facts.set("keep", globs));
  }

  deployment(): Deployment {
    return this.#facts.get<Deployment>("deployment") ?? IDLE;
  }

  /** A new one, from its first state on. */
  begin(deployment: Pick<Deployment, "action" | "from" | "to" | "since">): void {
    const state = deployment.action === "rollback" ? "rolling-back" : "downloading";
    this.#transaction(() => this.#move({ ...deployment, state, why: "" }));
  }

  /** Before what the state names is done. */
  advance(state: InstallState, why = ""): void {
    this.#transaction(() => this.#move({ ...this.deployment(), state, why }));
  }

  /** Of what has ended already. */
  explain(why: string): void {
    this.#transaction(() => this.#facts.set("deployment", { ...this.deployment(), why }));
  }

  journal(): WarrantedEntry | undefined {
    const row = this.#one("SELECT body FROM journal WHERE id = 1");
    if (!row) return undefined;
    const entry = JSON.parse(String(row.body)) as JournalEntry;
    // Earlier builds had no slots, and nothing to say of a tree. Only what was warranted was ever written down.
    return { ...entry, tree: entry.tree ?? "" } as WarrantedEntry;
  }

  /** The tree that is current, below the root; "" is the root itself. */
  slot(): string {
    return this.#facts.get<string>("slot") ?? "";
  }

  /** undefined as long as nothing is installed, and any will do. */
  strategy(): StrategyName | undefined {
    const journal = this.journal();
    if (!journal && this.installed().version === "") return undefined;
    return (journal?.tree ?? this.slot()) === "" ? "in-place" : "slots";
  }

  /** From this moment on the switch will be finished or undone, whatever happens. */
  openJournal(entry: WarrantedEntry, restorePoint: RestorePointRecord | undefined): void {
    this.#transaction(() => {
      if (restorePoint) this.#addRestorePoint(restorePoint);
      if (entry.action === "update") this.#move({ ...this.deployment(), state: "switching" });
      this.#database.prepare("INSERT INTO journal (id, body) VALUES (1, ?)").run(JSON.stringify(entry));
    });
  }

  /** How the open switch is to be judged; what it does stays as it was begun. */
  updateGate(gate: JournalGate): void {
    this.#transaction(() =>
      this.#database
        .prepare("UPDATE journal SET body = ? WHERE id = 1")
        .run(JSON.stringify({ ...this.journal(), gate })),
    );
  }

  /** The switch is whole: what is installed, what was done, and no journal, in one transaction. */
  closeJournal(outcome: {
    readonly release: InstalledRelease;
    readonly files: readonly EntryRecord[];
    readonly tree: string;
    readonly history: HistoryRecord;
    readonly removeRestorePoints: readonly string[];
  }): void {
    this.#transaction(() => {
      const { state, ...deployment } = this.deployment();
      const end = state === "verifying" ? "confirmed" : "rolled-back";
      this.#move({ ...deployment, state: end, why: end === "confirmed" ? "" : outcome.history.result });
      this.#facts.set("installed", outcome.release);
      this.#facts.set("files", outcome.files);
      this.#facts.set("slot", outcome.tree);
      this.#deleteRestorePoints(outcome.removeRestorePoints);
      this.#addHistory(outcome.history);
      this.#database.exec("DELETE FROM journal");
    });
  }

  /** Newest first. */
  restorePoints(): readonly RestorePointRecord[] {
    return this.#all("SELECT * FROM restore_points ORDER BY rowid DESC").map((row) => ({
      id: String(row.id),
      created: String(row.created),
      fromVersion: String(row.from_version),
      toVersion: String(row.to_version),
      sha256: String(row.sha256),
      folder: String(row.folder),
      kind: String(row.kind) as RestorePointRecord["kind"],
      bytes: Number(row.bytes),
      slot: String(row.slot),
    }));
  }

  /** The same way back, kept otherwise. */
  replaceRestorePoint({ id, sha256, folder, kind, bytes }: RestorePointRecord): void {
    this.#transaction(() =>
      this.#database
        .prepare("UPDATE restore_points SET sha256 = ?, folder = ?, kind = ?, bytes = ? WHERE id = ?")
        .run(sha256, folder, kind, bytes, id),
    );
  }

  removeRestorePoints(ids: readonly string[]): void {
    this.#transaction(() => this.#deleteRestorePoints(ids));
  }

  /** Newest first. */
  history(): readonly HistoryRecord[] {
    return this.#all("SELECT * FROM history ORDER BY id DESC LIMIT 1000").map((row) => ({
      at: String(row.at),
      who: String(row.who),
      action: String(row.action),
      fromVersion: String(row.from_version),
      toVersion: String(row.to_version),
      result: String(row.result),
    }));
  }

  #addRestorePoint(record: RestorePointRecord): void {
    const { id, created, fromVersion, toVersion, sha256, folder, kind, bytes, slot } = record;
    this.#database
      .prepare("INSERT INTO restore_points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(id, created, fromVersion, toVersion, sha256, folder, kind, bytes, slot);
  }

  #deleteRestorePoints(ids: readonly string[]): void {
    for (const id of ids) this.#database.prepare("DELETE FROM restore_points WHERE id = ?").run(id);
  }

  #move(deployment: Deployment): void {
    const { state: before } = this.deployment();
    if (before !== deployment.state && !mayFollow(before, deployment.state))
      throw new Error(`a device that is ${before} cannot become ${deployment.state}`);
    this.#facts.set("deployment", deployment);
  }

  #addHistory({ at, who, action, fromVersion, toVersion, result }: HistoryRecord): void {
    this.#database
      .prepare(
        "INSERT INTO history (at, who, action, from_version, to_version, result) VALUES (?, ?, ?, ?, ?, ?)",
      )
      .run(at, who, action, fromVersion, toVersion, result);
  }

  #one(sql: string, ...values: string[]): Record<string, unknown> | undefined {
    return guard(() => this.#database.prepare(sql).get(...values) as Record<string, unknown> | undefined);
  }

  #all(sql: string): Record<string, unknown>[] {
    return guard(() => this.#database.prepare(sql).all() as Record<string, unknown>[]);
  }

  #transaction(act: () => void): void {
    guard(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        act();
        seal(this.#database);
        this.#database.exec("COMMIT");
      } catch (error) {
        this.#facts.forget();
        // SQLite has done it itself when the disk was full.
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }
}

function digestOfBoth(manifest: Uint8Array, signature: Uint8Array): string {
  return sha256(Buffer.concat([manifest, signature]));
}
