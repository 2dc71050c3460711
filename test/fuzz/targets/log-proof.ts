/**
 * Proofs of a transparency log. One that is believed leads from this very manifest to the checkpoint that the log's key
 * signed; what may differ is what proves nothing: signatures by unknown keys, how far its end of the log reaches back.
 */
import { decodeNoteKey } from "../../../src/format/log/note-key.ts";
import { decodeManifest } from "../../../src/format/manifest/manifest.ts";
import { checkGrown, type Logged, proveLogged } from "../../../src/trust/transparency.ts";
import { TransparencyError } from "../../../src/trust/transparency-error.ts";
import { pick, type Roll } from "../../format/delta/fuzz/dice.ts";
import { mutateBytes } from "../../format/delta/fuzz/mutate.ts";
import { type FuzzTarget, violation } from "../engine/target.ts";
import { bytesOf, seeds } from "../seeds.ts";

const manifestBytes = bytesOf(seeds.documents["manifest.json"]!);
const manifest = decodeManifest(manifestBytes);
const keys = [decodeNoteKey(seeds.log.key.trim())];
const honest = bytesOf(seeds.log.proof);
const earlier = bytesOf(seeds.log.before);
const { seen } = proveLogged({ proofBytes: honest, keys, manifest, manifestBytes });
/** What a device saw when the log had one entry. */
const before = { ...seen, size: 1, root: rootLineOf(earlier) };

function rootLineOf(proof: Uint8Array): string {
  const note = Buffer.from(proof).toString("latin1").split("\n\n")[1]!;
  return note.split("\n")[2]!;
}

export const target: FuzzTarget = {
  seeds: [
    { name: "of 1.1.0", bytes: honest },
    { name: "of 1.0.0", bytes: earlier },
  ],
  refusals: ["LogError", "TransparencyError"],
  mutate: ({ bytes, other, roll }) =>
    roll(3) ? mutateLines(bytes, other, roll) : mutateBytes(bytes, [other], roll),
  act: (proofBytes) => {
    const logged = proveLogged({ proofBytes, keys, manifest, manifestBytes });
    const { origin, size, root } = logged.seen;
    if (origin !== seen.origin || size !== seen.size || root !== seen.root)
      violation("a checkpoint is believed that nobody signed");
    return `included, ${grown(logged)}`;
  },
};

function grown(logged: Logged): string {
  try {
    checkGrown(logged, [before]);
    return "and grown";
  } catch (error) {
    if (!(error instanceof TransparencyError)) throw error;
    return error.code === "LOG_FORKED"
      ? violation("an honest log is said to have two histories")
      : error.code;
  }
}

const NUMBERS = ["0", "1", "2", "00", "-1", "9007199254740992", "1e3", "+1", ""];

/** Lines go, come twice, change places, come from elsewhere, and what is base64 in them is changed inside. */
function mutateLines(bytes: Uint8Array, other: Uint8Array, roll: Roll): Uint8Array {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const at = roll(lines.length);
  const line = lines[at]!;
  const words = line.split(" ");
  switch (roll(6)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(at, 0, line);
      break;
    case 2:
      lines.splice(at, roll(2), pick(Buffer.from(other).toString("latin1").split("\n"), roll));
      break;
    case 3:
      words[words.length - 1] = pick(NUMBERS, roll);
      lines[at] = words.join(" ");
      break;
    case 4:
      lines[at] = line.replace(/=*$/, pick(["=", "==", " ", "\r", "A", "\u00a0"], roll));
      break;
    default: {
      const inside = Buffer.from(words.at(-1)!, "base64");
      words[words.length - 1] = Buffer.from(mutateBytes(inside, [inside], roll)).toString("base64");
      lines[at] = words.join(" ");
    }
  }
  return Buffer.from(lines.join("\n"), "latin1");
}
