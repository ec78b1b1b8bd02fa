// A drawing that is as wide as its place, drawn again when that changes.
import { el, put, svg } from './element.js';

let counted = 0;

export class Plot {
  // label names the drawing for who does not see it; describe gives its text then.
  constructor(height, label, draw) {
    this.height = height;
    this.id = `plot${++counted}`;
    this.label = label;
    this.svg = svg('svg', { class: 'plot', role: 'img', 'aria-label': label, height });
    this.box = el('div', { class: 'plotted' }, this.svg);
    this.redraw = draw;
    this.width = 0;
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry.contentRect.width);
      if (width === this.width || width === 0) return;
      this.width = width;
      this.svg.setAttribute('viewBox', `0 0 ${width} ${this.height}`);
      this.redraw();
    }).observe(this.box);
  }

  // show replaces what is drawn.
  show(description, ...nodes) {
    const text = `${this.label}. ${description}`;
    if (this.svg.getAttribute('aria-label') !== text) this.svg.setAttribute('aria-label', text);
    this.svg.replaceChildren(...nodes.flat(3).filter(Boolean));
  }
}

// ceiling is a round number not below the highest value.
export function ceiling(highest) {
  if (highest <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((n) => n * power).find((n) => n >= highest);
}

// minutes are the lines under a time axis of the last seconds.
export function minutes(x, seconds, top, bottom) {
  const marks = [];
  const apart = x(0) - x(-60) < 64 ? 120 : 60;
  for (let back = 0; back <= seconds; back += apart) {
    const text = back === 0 ? 'now' : `−${back / 60} min`;
    const at = x(-back);
    marks.push(svg('line', { class: 'grid', x1: at, x2: at, y1: top, y2: bottom }));
    marks.push(svg('text', { class: 'tick', x: at, y: bottom + 13, 'text-anchor': back === 0 ? 'end' : back === seconds ? 'start' : 'middle' }, text));
  }
  return marks;
}

// legend is a list of signs with names and values; set gives the values.
export function legend(entries) {
  const values = new Map();
  const list = el('ul', { class: 'legend' }, entries.map(([kind, text]) => {
    const value = el('b', {});
    values.set(kind, value);
    return el('li', {}, swatch(kind), el('span', {}, text), ' ', value);
  }));
  return { list, set: (kind, text) => put(values.get(kind), text) };
}

export const swatch = (kind) => svg('svg', { class: 'swatch', width: 12, height: 12, 'aria-hidden': 'true' }, svg('rect', { class: `area ${kind}`, width: 12, height: 12, rx: 2 }), hatched[kind] ? svg('rect', { fill: `url(#${hatched[kind]})`, width: 12, height: 12, rx: 2 }) : false);

// What lies over a colour so that it is told apart without it.
export const hatched = { evaluations: 'hatch-lines', evaluate: 'hatch-lines', reads: 'hatch-dots', read: 'hatch-dots', frames: 'hatch-lines', caches: 'hatch-dots', source: 'hatch-lines', keys: 'hatch-dots' };

// hatches are what url(#hatch-…) names; once in the page.
export const hatches = () => svg('svg', { class: 'unseen', width: 0, height: 0, 'aria-hidden': 'true' }, svg('defs', {},
  svg('pattern', { id: 'hatch-lines', width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, svg('rect', { class: 'hatch', width: 1.6, height: 5 })),
  svg('pattern', { id: 'hatch-dots', width: 4, height: 4, patternUnits: 'userSpaceOnUse' }, svg('circle', { class: 'hatch', cx: 2, cy: 2, r: 0.9 }))));
