/**
 * What strace wrote, as values. With -f, -y and -xx a line is
 *
 *   5375  pwrite64(23<\x2f\x72\x2f\x61>, "\x53\x51", 2, 4096) = 2
 *   5383  fsync(38<\x2f\x72\x2f\x62> <unfinished ...>           another thread's line came between
 *   5383  <... fsync resumed>)              = 0
 */
export type SystemCall = {
  readonly name: string;
  readonly thread: number;
  /** As strace shows them, strings without their quotes. */
  readonly args: readonly Argument[];
  /** -1 when it failed. */
  readonly result: number;
  /** Below the root, "." for the root itself: of descriptors and of names, in their order. */
  readonly paths: readonly string[];
  /** Whether it did something to what is below the root, or made it last. */
  readonly changes: boolean;
};

export type Argument =
  | { readonly kind: "string"; readonly bytes: Buffer }
  | { readonly kind: "descriptor"; readonly number: number; readonly path: string }
  | { readonly kind: "other"; readonly text: string };

/** Only calls that name something below the root; failed ones too, because strace counts them. */
export function parseRecording(text: string, root: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined || rest === undefined) continue;
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (begun) {
      open.set(thread, begun[1]!);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const call = parseCall(resumed ? `${open.get(thread)}${resumed[1]}` : rest, Number(thread), root);
    if (call) calls.push(call);
  }
  return calls;
}

function parseCall(text: string, thread: number, root: string): SystemCall | undefined {
  const [, name, inside, result] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(text) ?? [];
  if (name === undefined || inside === undefined) return undefined;
  const args = parseArguments(inside);
  const paths = args.flatMap((argument, index) => pathOf(name, argument, index, root));
  if (paths.length === 0) return undefined;
  const isCreating = !name.startsWith("open") || /O_CREAT|O_TRUNC/.test(inside);
  const changes = Number(result) >= 0 && isCreating;
  return { name, thread, args, result: Number(result), paths, changes };
}

function parseArguments(inside: string): Argument[] {
  const found = inside.matchAll(
    /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?|(AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>[^,]*|[^,\s][^,]*/g,
  );
  return [...found].map(([all, string, cut, number, path]): Argument => {
    if (cut !== undefined) throw new Error("strace cut a string");
    if (string !== undefined) return { kind: "string", bytes: unhex(string) };
    if (path !== undefined)
      return {
        kind: "descriptor",
        number: number === "AT_FDCWD" ? -1 : Number(number),
        path: unhex(path).toString(),
      };
    return { kind: "other", text: all };
  });
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}

/** The text of a link and the bytes of a write are no paths. */
function pathOf(name: string, argument: Argument, index: number, root: string): string[] {
  if (argument.kind === "other") return [];
  const isText = name === "symlink" && index === 0;
  if (argument.kind === "string" && (isText || /write/.test(name))) return [];
  const path = argument.kind === "string" ? argument.bytes.toString() : argument.path;
  if (path === root) return ["."];
  return path.startsWith(`${root}/`) ? [path.slice(root.length + 1)] : [];
}
