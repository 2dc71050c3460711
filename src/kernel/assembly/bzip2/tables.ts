/**
 * Huffman tables of a block: two to six, each group of 50 symbols on the one that suits it best.
 *
 * To begin with each table likes its own part of the alphabet, cut by equal frequency; then tables and
 * choices refine each other in rounds, until nothing changes. The costs of a symbol in all tables are the
 * lanes of one vector, so one addition for a symbol prices it in all of them.
 */
import { get, set } from "../cells";
import { codeLengths } from "./code-lengths";
import {
  CODE_WORK_AT,
  COSTS_AT,
  GROUP_SYMBOLS,
  LENGTHS_AT,
  MAX_TABLES,
  ORDERS_AT,
  SELECTORS_AT,
  SYMBOLS_AT,
  WEIGHTS_AT,
} from "./encoder";

const ROUNDS: u32 = 10;
export const MAX_CODE_BITS: u32 = 17;

// @ts-ignore: decorator
@inline
export function lengthsOf(shared: usize, table: u32): usize {
  return shared + LENGTHS_AT + <usize>table * 272;
}
// @ts-ignore: decorator
@inline
function weightsOf(shared: usize, table: u32): usize {
  return shared + WEIGHTS_AT + <usize>table * 1056;
}
// @ts-ignore: decorator
@inline
function orderOf(shared: usize, table: u32): usize {
  return shared + ORDERS_AT + <usize>table * 528;
}

/** How many tables there are; lengths and selectors are in the work space. */
export function chooseTables(shared: usize, count: u32, alphabetSize: u32): u32 {
  const tables: u32 = count < 200 ? 2 : count < 600 ? 3 : count < 1200 ? 4 : count < 2400 ? 5 : 6;
  firstTables(shared, count, alphabetSize, tables);
  memory.fill(shared + SELECTORS_AT, 255, (count + GROUP_SYMBOLS - 1) / GROUP_SYMBOLS);
  for (let round: u32 = 0; round < ROUNDS; round++) {
    spreadCosts(shared, alphabetSize, tables);
    memory.fill(shared + WEIGHTS_AT, 0, MAX_TABLES * 1056);
    if (!selectTables(shared, count, tables)) break;
    for (let table: u32 = 0; table < tables; table++) {
      const order = orderOf(shared, table);
      const lengths = lengthsOf(shared, table);
      codeLengths(weightsOf(shared, table), alphabetSize, MAX_CODE_BITS, order, lengths, shared + CODE_WORK_AT);
    }
  }
  return tables;
}

function firstTables(shared: usize, count: u32, alphabetSize: u32, tables: u32): void {
  const frequency = weightsOf(shared, 0);
  memory.fill(frequency, 0, 4 * alphabetSize);
  for (let i: u32 = 0; i < count; i++) {
    const symbol = load<u16>(shared + SYMBOLS_AT + (<usize>i << 1));
    set(frequency, symbol, get(frequency, symbol) + 1);
  }
  let start: u32 = 0;
  let left = count;
  for (let table: u32 = 0; table < tables; table++) {
    const wanted = <f64>left / <f64>(tables - table);
    let end = start;
    let sum: u32 = 0;
    while (end < alphabetSize && (<f64>sum < wanted || end == start)) sum += get(frequency, end++);
    if (table == tables - 1) end = alphabetSize;
    memory.fill(lengthsOf(shared, table), 15, alphabetSize);
    memory.fill(lengthsOf(shared, table) + start, 0, end - start);
    for (let i: u32 = 0; i < alphabetSize; i++) store<u16>(orderOf(shared, table) + (<usize>i << 1), <u16>i);
    start = end;
    left -= sum;
  }
}

/** Lanes of tables that are not there cost the most that 50 symbols can. */
function spreadCosts(shared: usize, alphabetSize: u32, tables: u32): void {
  for (let symbol: u32 = 0; symbol < alphabetSize; symbol++) {
    const costs = shared + COSTS_AT + (<usize>symbol << 4);
    v128.store(costs, v128.splat<u16>(1000));
    for (let table: u32 = 0; table < tables; table++) {
      store<u16>(costs + (<usize>table << 1), load<u8>(lengthsOf(shared, table) + symbol));
    }
  }
}

/** Chooses for each group, and counts its symbols for the table chosen; says whether any choice changed. */
function selectTables(shared: usize, count: u32, tables: u32): bool {
  let changed = false;
  let selector = shared + SELECTORS_AT;
  for (let start: u32 = 0; start < count; start += GROUP_SYMBOLS, selector++) {
    const best = selectTable(shared, start, min(count, start + GROUP_SYMBOLS), tables);
    if (load<u8>(selector) != best) changed = true;
    store<u8>(selector, <u8>best);
  }
  return changed;
}

export function selectTable(shared: usize, start: u32, end: u32, tables: u32): u32 {
  const from = shared + SYMBOLS_AT + (<usize>start << 1);
  const to = shared + SYMBOLS_AT + (<usize>end << 1);
  const costs = shared + COSTS_AT;
  let total = v128.splat<u16>(0);
  for (let at = from; at < to; at += 2) {
    total = i16x8.add(total, v128.load(costs + (<usize>load<u16>(at) << 4)));
  }
  v128.store(shared + CODE_WORK_AT, total);
  let best: u32 = 0;
  let least: u32 = load<u16>(shared + CODE_WORK_AT);
  for (let table: u32 = 1; table < tables; table++) {
    const bits = <u32>load<u16>(shared + CODE_WORK_AT + (<usize>table << 1));
    if (bits >= least) continue;
    least = bits;
    best = table;
  }
  const weights = weightsOf(shared, best);
  for (let at = from; at < to; at += 2) {
    const symbol = load<u16>(at);
    set(weights, symbol, get(weights, symbol) + 1);
  }
  return best;
}
