/** What to do next, by code, where the place that failed could not know better. */
const HINTS: Readonly<Record<string, string>> = {
  TREE_UNSUPPORTED:
    "rename or leave out that entry: a release holds files, folders and symlinks inside of it",
  PATH_UNSAFE: "rename that entry: names must mean the same on every system that may install them",
  TREE_CHANGED: "build again when nothing writes to the trees",
  JSON_MALFORMED: "the file is not what a build wrote; build or fetch it again",
  DOCUMENT_INVALID: "the file is not what a build wrote; build or fetch it again",
  BUNDLE_INCOMPLETE: "copy the bundle again from where it was built, or build it again",
  DIGEST_MISMATCH: "signature and manifest are of two releases, or one of them was changed; fetch both again",
  SIGNATURE_INVALID: "do not install this; ask the publisher by another way",
  CHAIN_EXPIRED:
    "look at this device's clock; if it is right, the publisher must sign with newer certificates",
  SIGNATURE_MALFORMED:
    "the source may have answered with another page; look at what it serves as manifest.json.p7s",
  TRUST_ROOT_MALFORMED: "the file or the source holds something else than themis-bundle root create wrote",
  TRUST_ROOT_OLDER:
    "the source, or a cache on the way, has an old document under a new name; nothing was changed",
  TRUST_ROOT_WEAKER: "create it anew from the one before it: themis-bundle root create --previous FILE",
  PRODUCT_MISMATCH: "check --source; each product has a page of its own",
  SOURCE_STATUS: "open the address in a browser: the page may have moved, or want a login",
  SOURCE_ANSWER_INVALID: "look at GITHUB_API_URL, and at what a proxy on the way answers instead",
  SOURCE_REDIRECT: "the address leads nowhere; look at it in a browser, and name where it should lead",
  TLS_UNTRUSTED: "name the authority by --ca, if it is one of yours; nothing was changed",
  CA_UNREADABLE: "--ca takes a file of certificates in PEM",
  OUTPUT_INVALID: "name a file in a folder that is there",
  SOURCE_UNREACHABLE: "check the address and the network; nothing was changed",
  TRANSFER_INTERRUPTED: "run it again: what has come and was proven is kept",
  TRANSFER_DIGEST_MISMATCH: "the source or a proxy holds other bytes than were signed; nothing was changed",
  ARCHIVE_MALFORMED: "make it with themis-fetch bundle; nothing was changed",
  ARCHIVE_TRUNCATED: "copy it again, or make it again with themis-fetch bundle; nothing was changed",
  CRL_MALFORMED: "--crl takes a certificate revocation list, PEM or DER",
  LOG_PROOF_MALFORMED: "look at what the source serves as manifest.json.tlog-proof",
  LOG_PROOF_INVALID: "do not install this; the publisher must publish the proof of this very manifest",
  LOG_KEY_UNKNOWN: "look at --log-key: it must be the key of the log that the publisher keeps",
  LOG_CHECKPOINT_INVALID: "do not install this; ask the publisher by another way",
  LOG_ROLLED_BACK:
    "the source, or a cache on the way, has an older state of the log; to go back to an older release, the publisher proves it anew: themis-bundle log prove, then publish",
  FILE_UNREADABLE: "check the name and the rights",
  ROOT_UNSAFE: "put a real folder in its place",
  STATE_CORRUPT:
    "bring ROOT/.themis back from a backup, or make the records anew: themis-fetch repair --rebuild-records --version V; they forget the ways back, the highest release and the newest trust root that were believed",
  STATE_UNREADABLE: "run as the user that installed",
  DIFF_TOO_LARGE: "allow more with --memory, or use --algorithm zstd-dict",
  APPLY_MEMORY: "take the whole file, or allow more with --apply-memory",
  DELTA_NONE: "a patch may need more: --memory to make it, --apply-memory and --apply-time to apply it",
  SOURCE_DIGEST_MISMATCH: "a patch is made for one source, byte for byte; name that file",
  OUTPUT_FAILED: "free the disk or name another folder",
};

export function hintFor(code: string): string | undefined {
  return HINTS[code];
}
