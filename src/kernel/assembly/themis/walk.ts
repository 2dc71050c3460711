/**
 * The walk through the target: literal bytes, and copies whose predictable fields are predicted.
 *
 * Both sides take it in the same steps; in each it is known what the source has, what was made and what was
 * learned, and nothing else is asked.
 */
import { chargeTo, encoding, finishDecoding, finishEncoding } from "./coder";
import { coverCount, coverLength, coverSource, coverTarget } from "./covers";
import { ARM64, findOld, oldEnd, oldKind, WORDS, X86 } from "./ranges";
import { codeLiteral, openLiterals } from "./literals";
import { copyArm64, openArm64 } from "./arm64";
import { copyPlain, openPlain } from "./plain";
import { copyWord, openWords } from "./words";
import { copyX86, openCode } from "./code";
import { at, jumpTo, nextPiece, out, PIECE_BYTES, pieceLength, stepBoth, targetSize, there } from "./state";

let cover: u32 = 0;
let copyEnd: u32 = 0;
let copyBegin: u32 = 0;
let gapEnd: u32 = 0;

export function openWalk(): void {
  cover = 0;
  copyBegin = 0;
  copyEnd = 0;
  gapEnd = coverCount() > 0 ? coverTarget(0) : targetSize;
  openWords();
  openCode();
  openLiterals();
  openPlain();
  openArm64();
}

/** How many bytes the next piece has; 0 at the end. */
export function walk(): u32 {
  nextPiece();
  while (pieceLength() < PIECE_BYTES && at < targetSize) {
    if (at < copyEnd) copy();
    else if (at < gapEnd) codeLiteral(gapEnd - at);
    else {
      jumpTo(coverSource(cover));
      copyBegin = at;
      copyEnd = at + coverLength(cover);
      cover++;
      gapEnd = cover < coverCount() ? coverTarget(cover) : targetSize;
    }
  }
  if (pieceLength() == 0) {
    if (encoding) finishEncoding();
    else finishDecoding();
  }
  return pieceLength();
}

function copy(): void {
  findOld(there);
  const left = copyEnd - at;
  const end = oldEnd() - there;
  const length = min(left, end);
  const kind = oldKind();
  if (kind == X86) copyX86(length, at - copyBegin);
  else if (kind == ARM64) copyArm64(length, at - copyBegin);
  else if (kind == WORDS) copyWord(length, at - copyBegin);
  else copyPlain(length, at - copyBegin);
}
