/**
 * What each model of THEMIS is worth: `npm run bench -- themis [PAIR]`.
 *
 * Each pair is made as it is and once without each model; what is left tells what the model saves. The second
 * table says what the bytes of the whole are spent on. Sizes only: they are the same on every machine.
 */
import { openFileSource } from "../src/base/byte-source.ts";
import { createThemis, type Model } from "../src/format/delta/themis/create.ts";
import { corpora } from "./corpora.ts";
import { table } from "./measure.ts";
import { finish } from "./results.ts";

const MODELS: readonly Model[] = ["masks", "bases", "executables"];
/** As in chargeTo() of src/kernel/assembly/themis/. */
const ACCOUNTS: readonly (readonly [string, readonly number[]])[] = [
  ["covers", [0, 1, 2]],
  ["literals", [8, 9, 10, 11]],
  ["plain", [16, 20]],
  ["code", [17, 18]],
  ["addresses in code", [19, 21]],
  ["words", [22, 23, 24]],
];

const [wanted = ""] = process.argv.slice(3);
const sizes: string[][] = [];
const spending: string[][] = [];
for (const { name, source, target } of corpora(wanted)) {
  const files = { source: openFileSource(source), target: openFileSource(target) };
  let spent: readonly number[] = [];
  const make = (without?: Model): number =>
    createThemis({
      ...files,
      memoryLimit: Number.POSITIVE_INFINITY,
      without,
      account: (bits) => {
        if (without === undefined) spent = bits;
      },
    }).length;
  const whole = make();
  sizes.push([name, String(whole), ...MODELS.map((model) => String(make(model)))]);
  const sum = (accounts: readonly number[]): number =>
    Math.round(accounts.reduce((bits, account) => bits + spent[account]!, 0) / 8);
  spending.push([name, ...ACCOUNTS.map(([, accounts]) => String(sum(accounts)))]);
  for (const file of Object.values(files)) file.close();
  console.error(`${name}: ${whole} B`);
}
const text = [
  "# What the models of THEMIS are worth",
  "",
  "Printed by `npm run bench -- themis`, in bytes; they are the same on every machine.",
  "",
  "Patches, whole and without each model:",
  "",
  ...table(["pair", "THEMIS", ...MODELS.map((model) => `without ${model}`)], sizes),
  "",
  "What the bytes of the whole are spent on:",
  "",
  ...table(["pair", ...ACCOUNTS.map(([name]) => name)], spending),
  "",
].join("\n");
console.log(text);
if (wanted === "") finish("themis", { md: text });
