/** The device's part for other programs: `themis-bundle/fetch`. */
export { readTrustAnchors, type TrustAnchor } from "../trust/anchor.ts";
export { readCrls } from "../trust/crl-file.ts";
export { SignatureValidator } from "../trust/signature-validator.ts";
export type { Applied, PatchPlace } from "./apply-delta.ts";
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
export { AccessToken } from "./transfer/access-token.ts";
export type { GitHubAccess } from "./transfer/open-source.ts";
export {
  download,
  planOnly,
  type UpdateResult,
  update,
} from "./update.ts";
export type { UpdateProgress, UpdateRequest } from "./update-request.ts";
