/** The device's part for other programs: `themis-bundle/fetch`. */
export { readTrustAnchors, type TrustAnchor } from "../trust/anchor.ts";
export { readCrls } from "../trust/crl-file.ts";
export { SignatureValidator } from "../trust/signature-validator.ts";
export type { TrustPolicy, TrustRootPin } from "../trust/trust-policy.ts";
export type { Verified } from "../trust/verified.ts";
export {
  NOTHING_TRUSTED,
  type ReleaseRequest,
  type TrustedState,
  type VerifiedRelease,
  verifyRelease,
} from "../trust/verify-release.ts";
export type { Applied, PatchPlace } from "./apply-delta.ts";
export type { UpdateFacts } from "./command-environment.ts";
export type { Configuration } from "./config/configuration.ts";
export { type ServiceChoice, serviceOf } from "./config/hot-reload.ts";
export { type ConfigRequest, type FlagValue, type LoadedConfig, loadConfig } from "./config/load-config.ts";
export { type NotificationChoice, notificationTargets } from "./config/notifications.ts";
export {
  type ApplyDeltaRequest,
  type ApplyRequest,
  type DeltaEngineOptions,
  type DeltaProgress,
  DeltaUpdateEngine,
  type PatchResult,
  type VerifyRequest,
} from "./delta-update-engine.ts";
export { FetchError } from "./fetch-error.ts";
export type { DeltaSearch, FoundDelta } from "./find-delta.ts";
export type {
  Check,
  CheckKind,
  CheckReport,
  CommandRun,
  FunctionRun,
  HttpRun,
  Verdict,
} from "./health/check.ts";
export {
  type Dependency,
  HealthCheck,
  type HealthCheckOptions,
  type HealthFinding,
  type HealthReport,
} from "./health/health-check.ts";
export {
  UpdateVerifier,
  type UpdateVerifierOptions,
  type VerificationReport,
  type VerifyUpdateRequest,
} from "./health/update-verifier.ts";
export { type Hook, runAfterHook, runBeforeHook, type UpdateOutcome } from "./hooks.ts";
export {
  DownloadEngine,
  type EngineCall,
  type EngineRequest,
  type EngineTools,
  HotReloadEngine,
} from "./hot-reload-engine.ts";
export type { Confirmation, Gate, ServiceGate } from "./install/gate.ts";
export type { StrategyName } from "./install/strategy.ts";
export type { Send, SendAnswer } from "./notify/deliver.ts";
export {
  type NotificationTarget,
  NotificationWebhook,
  type NotificationWebhookOptions,
} from "./notify/notification-webhook.ts";
export type { Notice, UpdateEvent } from "./notify/update-event.ts";
export type { DeltaChoice } from "./offline/choose-assets.ts";
export {
  makeOfflineBundle,
  type OfflineBundle,
  type OfflineBundleRequest,
  type OfflineBundleTools,
} from "./offline/make-bundle.ts";
export {
  type DownloaderOptions,
  type DownloadRequest,
  type DownloadResult,
  ParallelDownloader,
} from "./parallel-downloader.ts";
export { type RollbackResult, readStatus, rollBack, type Status } from "./rollback.ts";
export { CommandService, type CommandServiceOptions } from "./service/command-service.ts";
export { type Restart, type Restarted, type RestartRequest, restartAround } from "./service/restart.ts";
export type { Service, Stopped } from "./service/service.ts";
export { type SuperviseEvent, type SuperviseRequest, supervise } from "./service/supervise.ts";
export { SupervisedService, type SupervisedServiceOptions } from "./service/supervised-service.ts";
export { Supervisor, type SupervisorOptions } from "./service/supervisor.ts";
export { SystemdService, type SystemdServiceOptions } from "./service/systemd-service.ts";
export { checkStore, collectGarbage, type FsckReport, type GcReport } from "./store/tend.ts";
export { AccessToken } from "./transfer/access-token.ts";
export type { GitHubAccess } from "./transfer/open-source.ts";
export {
  download,
  planOnly,
  update,
} from "./update.ts";
export type { Offer, UpdateResult } from "./update-report.ts";
export type { UpdateProgress, UpdateRequest } from "./update-request.ts";
