/**
 * What runs from the tree that an update changes: it is stopped before the switch and started after it.
 *
 *   SystemdService     units of the machine's service manager
 *   CommandService     three commands, such as an init script's
 *   Supervisor         a child of ours, whose listening sockets stay open between two runs
 *
 * Stopping and starting are not interrupted half way: both have an end of their own.
 */
export type Stopped = {
  /** It ended by itself; false when it had to be killed at the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
};

export type Service = {
  /** For messages. */
  readonly name: string;
  /** Also while it starts or stops. @throws FetchError SERVICE_FAILED, SERVICE_MANAGER_MISSING when nobody knows */
  isRunning(): Promise<boolean>;
  /** Asks it to end and gives it so long; nothing of it runs afterwards. @throws FetchError SERVICE_FAILED */
  stop(drainMs: number): Promise<Stopped>;
  /** Returns when it was started, not when it is ready. @throws FetchError SERVICE_FAILED */
  start(): Promise<void>;
};
