/** What other programs build on; `themis-bundle/fetch` is the device's part alone. */
export { ThemisError } from "./base/error.ts";
export { DeltaUpdateEngine } from "./delta-update-engine.ts";
export type { Applied, PatchPlace } from "./fetch/apply-delta.ts";
export type {
  ApplyDeltaRequest,
  ApplyRequest,
  DeltaEngineOptions,
  DeltaProgress,
  PatchResult,
  VerifyRequest,
} from "./fetch/delta-update-engine.ts";
export type { DeltaSearch, FoundDelta } from "./fetch/find-delta.ts";
export {
  type DownloaderOptions,
  type DownloadRequest,
  type DownloadResult,
  ParallelDownloader,
} from "./fetch/parallel-downloader.ts";
export {
  type Delta,
  type DeltaManifest,
  decodeDeltaManifest,
  encodeDeltaManifest,
} from "./format/manifest/delta-manifest.ts";
export {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type Pack,
  type Target,
} from "./format/manifest/manifest.ts";
export { type BuildResult, build } from "./publish/build.ts";
export type { BuildRequest } from "./publish/build-request.ts";
export { checkPacks, type OpenBundle, openBundle } from "./publish/bundle.ts";
export type { Candidate } from "./publish/diff/diff-file.ts";
export type { GeneratedPatch, GenerateRequest } from "./publish/diff/generate.ts";
export { openSigner, signManifest } from "./publish/sign/sign.ts";
export { publishToFolder } from "./publish/upload/folder-page.ts";
export { readTrustAnchors, type TrustAnchor } from "./trust/anchor.ts";
export { readCrls } from "./trust/crl-file.ts";
export { SignatureValidator } from "./trust/signature-validator.ts";
export { type SignatureReport, verifySignature } from "./trust/verify-signature.ts";
