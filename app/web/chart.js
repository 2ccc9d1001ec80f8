// Lines over the last three minutes, one a replica; the newest values as text.
import {h, svg} from './dom.js';

export const WINDOW_MS = 180000;
const WIDTH = 300;
const HEIGHT = 100;

const number = new Intl.NumberFormat('en', {maximumSignificantDigits: 3});
const shown = (value) => (value === null || value === undefined ? '–' : number.format(value));

/** The least of 1, 2, 5 times a power of ten that is as large: the axis does not jump with each value. */
function roof(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((it) => it * power).find((it) => it >= value);
}

/** [{at, value}] → a path; where a value is missing it has a gap. */
function path(points, now, top) {
  let pen = 'M';
  let drawn = '';
  for (const {at, value} of points) {
    if (value === null) {
      pen = 'M';
    } else {
      const x = WIDTH * (1 - (now - at) / WINDOW_MS);
      drawn += `${pen}${x.toFixed(1)} ${(HEIGHT - 2 - (HEIGHT - 4) * value / top).toFixed(1)}`;
      pen = 'L';
    }
  }
  return drawn;
}

const swatch = (tone, dashed) =>
  svg('svg', {viewBox: '0 0 20 6', 'aria-hidden': 'true'}, svg('path', {class: `tone-${tone}${dashed ? ' dashed' : ''}`, d: 'M0 3H20'}));

/** draw([{name, tone, dashed, points}], now): points are {at, value}, the oldest first; value null: not known. */
export function chart(title, unit) {
  const scale = h('span', {class: 'quiet'});
  const lines = svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'});
  const legend = h('ul', {class: 'legend'});
  const node = h('figure', {'data-chart': title}, h('figcaption', {}, title, scale), lines, legend);
  return {
    node,
    draw(series, now) {
      const top = roof(Math.max(1e-3, ...series.flatMap(({points}) => points.map(({value}) => value ?? 0))));
      scale.textContent = `0 to ${shown(top)} ${unit}`;
      lines.replaceChildren(...series.map(({tone, dashed, points}) =>
        svg('path', {class: `tone-${tone}${dashed ? ' dashed' : ''}`, d: path(points, now, top)})));
      legend.replaceChildren(...series.map(({name, tone, dashed, points}) =>
        h('li', {}, swatch(tone, dashed), `${name} ${shown(points.at(-1)?.value)}`)));
    },
  };
}
