/**
 * Points on logarithmic axes, as SVG.
 *
 * Every colour has about the same distance from white and from black, so that the picture can be read on any
 * page; the series differ in their marks too.
 */
export type Panel = {
  readonly title: string;
  readonly yLabel: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
};

export type LogPlot = {
  readonly xLabel: string;
  readonly panels: readonly Panel[];
  /** Names the dashed line on which y grows as x does. */
  readonly guide: string;
  readonly caption: string;
};

type Box = { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number };
/** From a value to a place in the picture. */
type Scale = (value: number) => number;

const PANEL = { width: 430, height: 390 };
const MARGIN = { left: 78, right: 24, top: 44, bottom: 58 };
const LEGEND_HEIGHT = 34;
const CAPTION_HEIGHT = 26;
const INK = "#7a7a7a";
const COLOURS = ["#2f7fd6", "#d0661c", "#2b9348", "#a45ad0"];
const MARKS: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `<circle cx="${f(x)}" cy="${f(y)}" r="4.5"/>`,
  (x, y) => `<rect x="${f(x - 4)}" y="${f(y - 4)}" width="8" height="8"/>`,
  (x, y) => `<path d="M${f(x)} ${f(y - 5.5)}l5.5 9.5h-11z"/>`,
  (x, y) => `<path d="M${f(x)} ${f(y - 6)}l6 6l-6 6l-6 -6z"/>`,
];

export function logPlot({ xLabel, panels, guide, caption }: LogPlot): string {
  const width = PANEL.width * panels.length;
  const height = LEGEND_HEIGHT + PANEL.height + (caption ? CAPTION_HEIGHT : 0);
  const label = panels.map(({ title }) => title).join("; ");
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${text(label)}" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="${INK}">`,
    ...legend(panels[0]?.series.map(({ name }) => name) ?? [], guide),
    ...panels.flatMap((panel, i) => drawPanel(panel, i * PANEL.width, xLabel)),
    ...(caption ? [write(MARGIN.left, height - 10, caption)] : []),
    "</svg>",
  ].join("\n")}\n`;
}

function legend(names: readonly string[], guide: string): string[] {
  const step = 136;
  return [
    ...names.flatMap((name, i) => {
      const x = MARGIN.left + i * step;
      return [
        `<g fill="${colour(i)}" stroke="${colour(i)}"><path d="M${x} 20h26" stroke-width="2"/>${mark(i)(x + 13, 20)}</g>`,
        write(x + 34, 24.5, name),
      ];
    }),
    `<path d="M${MARGIN.left + names.length * step} 20h26" ${DASHED}/>`,
    write(MARGIN.left + names.length * step + 34, 24.5, guide),
  ];
}

const DASHED = `stroke="${INK}" stroke-width="1.5" stroke-dasharray="6 5" fill="none"`;

function drawPanel({ title, yLabel, series }: Panel, left: number, xLabel: string): string[] {
  const box: Box = {
    left: left + MARGIN.left,
    right: left + PANEL.width - MARGIN.right,
    top: LEGEND_HEIGHT + MARGIN.top,
    bottom: LEGEND_HEIGHT + PANEL.height - MARGIN.bottom,
  };
  const points = series.flatMap((each) => each.points);
  if (points.length === 0) return [write(box.left, box.top, `${title}: nothing measured`)];
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const ys = points.map(([, y]) => y);
  const [low, high] = [
    10 ** Math.floor(Math.log10(Math.min(...ys))),
    10 ** Math.ceil(Math.log10(Math.max(...ys))),
  ];
  // Half a step of air on both sides of what was measured.
  const x = scale(xs[0]! / 2, xs.at(-1)! * 2, box.left, box.right);
  const y = scale(low, low === high ? high * 10 : high, box.bottom, box.top);
  return [
    write(box.left, box.top - 16, title, 'font-weight="600"'),
    ...xs.flatMap((value) => [
      `<path d="M${f(x(value))} ${box.bottom}v5" stroke="${INK}"/>`,
      write(x(value), box.bottom + 20, String(value), 'text-anchor="middle"'),
    ]),
    ...decades(low, high).flatMap((value) => [
      `<path d="M${box.left} ${f(y(value))}H${box.right}" stroke="${INK}" stroke-opacity="0.3"/>`,
      write(box.left - 8, y(value) + 4.5, String(value), 'text-anchor="end"'),
    ]),
    `<path d="M${box.left} ${box.top}V${box.bottom}H${box.right}" stroke="${INK}" fill="none"/>`,
    write((box.left + box.right) / 2, box.bottom + 42, xLabel, 'text-anchor="middle"'),
    write(
      0,
      0,
      yLabel,
      `text-anchor="middle" transform="translate(${left + 16} ${(box.top + box.bottom) / 2}) rotate(-90)"`,
    ),
    guideLine(points, box, x, y),
    ...series.flatMap((each, i) => drawSeries(each.points, i, x, y)),
  ];
}

/** Through the middle of the right half, where what every run costs hides nothing, as far as it stays inside. */
function guideLine(points: readonly (readonly [number, number])[], box: Box, x: Scale, y: Scale): string {
  const centre = Math.sqrt(
    Math.min(...points.map((point) => point[0])) * Math.max(...points.map((point) => point[0])),
  );
  const right = points.filter((point) => point[0] >= centre);
  const middle = right.reduce((sum, point) => sum + Math.log(point[1] / point[0]), 0) / right.length;
  const inside = Array.from({ length: 401 }, (_, i) => 2 ** (i / 10 - 20)).filter((value) => {
    const [px, py] = [x(value), y(value * Math.exp(middle))];
    return px >= box.left && px <= box.right && py >= box.top && py <= box.bottom;
  });
  const ends = [inside[0], inside.at(-1)].filter((value) => value !== undefined);
  const way = ends.map((value) => `${f(x(value))} ${f(y(value * Math.exp(middle)))}`).join("L");
  return way ? `<path d="M${way}" ${DASHED}/>` : "";
}

function drawSeries(points: readonly (readonly [number, number])[], i: number, x: Scale, y: Scale): string[] {
  const places = points.map((point) => [x(point[0]), y(point[1])] as const);
  const way = places.map((place) => place.map(f).join(" ")).join("L");
  return [
    `<g fill="${colour(i)}" stroke="${colour(i)}">`,
    ...(way ? [`<path d="M${way}" fill="none" stroke-width="2"/>`] : []),
    ...places.map(([px, py]) => mark(i)(px, py)),
    "</g>",
  ];
}

function scale(low: number, high: number, from: number, to: number): Scale {
  return (value) => from + ((to - from) * Math.log(value / low)) / Math.log(high / low);
}

function decades(low: number, high: number): number[] {
  const first = Math.round(Math.log10(low));
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, i) => Number(`1e${first + i}`));
}

function write(x: number, y: number, words: string, more = ""): string {
  return `<text x="${f(x)}" y="${f(y)}"${more && ` ${more}`}>${text(words)}</text>`;
}

function colour(i: number): string {
  return COLOURS[i % COLOURS.length]!;
}

function mark(i: number): (x: number, y: number) => string {
  return MARKS[i % MARKS.length]!;
}

function f(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function text(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
