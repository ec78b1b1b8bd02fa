// Bars: what memory is used for, and which views cost most.
import { el, fill, put, svg } from './element.js';
import { bytes } from './format.js';
import { hatched, Plot, swatch } from './plot.js';

const parts = [['lists', 'lists'], ['logs', 'logs for resume'], ['frames', 'frames'], ['caches', 'caches'], ['keys', 'keys'], ['transit', 'on their way'], ['source', 'source']];

// Memory is how full the limit is, and what of.
export class Memory {
  constructor() {
    this.sum = el('p', { class: 'figure' });
    this.plot = new Plot(34, 'Memory', () => this.draw());
    this.list = el('ul', { class: 'legend tall' });
    this.box = el('div', {}, this.sum, this.plot.box, this.list);
  }

  update(memory) {
    this.memory = memory;
    this.draw();
  }

  draw() {
    if (!this.memory) return;
    const { limit_bytes: limit, bytes: by } = this.memory;
    const known = [...parts, ...Object.keys(by).filter((kind) => !parts.some(([name]) => name === kind)).map((kind) => [kind, kind])].filter(([kind]) => by[kind] !== undefined);
    const all = known.reduce((sum, [kind]) => sum + by[kind], 0);
    const share = limit ? all / limit : 0;
    put(this.sum, limit ? `${bytes(all)} of ${bytes(limit)}: ${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` : `${bytes(all)}, no limit is set`);
    this.legend(known, by);
    if (!this.plot.width) return;
    let x = 0;
    const pieces = known.filter(([kind]) => by[kind] > 0).map(([kind, text]) => {
      const wide = Math.max(2, (by[kind] / Math.max(1, all)) * this.plot.width);
      const at = { x: x.toFixed(1), y: 0, width: Math.max(1, Math.min(wide, this.plot.width - x) - 1.5).toFixed(1), height: 18 };
      x += wide;
      return [svg('rect', { ...at, class: `area ${kind}`, 'data-part': kind, 'data-bytes': by[kind] }, svg('title', {}, `${text}: ${bytes(by[kind])}`)), hatched[kind] && svg('rect', { ...at, fill: `url(#${hatched[kind]})` })];
    });
    const full = limit ? [svg('rect', { class: 'well', x: 0, y: 24, width: this.plot.width, height: 5, rx: 2.5 }), svg('rect', { class: share > 0.85 ? 'full bad' : 'full', x: 0, y: 24, width: Math.max(3, Math.min(1, share) * this.plot.width), height: 5, rx: 2.5 })] : [];
    this.plot.show(this.sum.textContent, pieces, full);
  }

  legend(known, by) {
    const text = known.map(([kind]) => by[kind]).join();
    if (this.said === text) return;
    this.said = text;
    fill(this.list, known.map(([kind, name]) => el('li', {}, swatch(kind), el('span', {}, name), ' ', el('b', {}, bytes(by[kind])))));
  }
}

// Costs are the views that cost most, by what is asked for.
export class Costs {
  // measures: {id: [of(view), text(value)]}
  constructor(measures) {
    this.measures = measures;
    this.list = el('ol', { class: 'bars' });
    this.rows = new Map();
  }

  update(views, measure) {
    const [of, text] = this.measures[measure];
    const top = views.filter((view) => of(view) > 0).sort((a, b) => of(b) - of(a)).slice(0, 8);
    const most = top.length ? of(top[0]) : 1;
    const wanted = top.map((view) => {
      const row = this.rows.get(view.id) ?? this.row(view);
      row.bar.setAttribute('width', `${Math.max(0.5, (100 * of(view)) / most).toFixed(1)}%`);
      row.bar.setAttribute('data-value', of(view));
      put(row.value, text(of(view)));
      return row.node;
    });
    if (wanted.length !== this.list.children.length || wanted.some((node, i) => this.list.children[i] !== node)) fill(this.list, wanted);
    this.list.classList.toggle('empty', wanted.length === 0);
  }

  row(view) {
    const bar = svg('rect', { class: 'spent', height: 6, rx: 3, width: 0 });
    const value = el('b', {});
    const node = el('li', {}, el('a', { href: `#/observers?view=${encodeURIComponent(view.id)}` }, view.id), value, svg('svg', { class: 'meter', height: 6, 'aria-hidden': 'true' }, bar));
    const row = { node, bar, value };
    this.rows.set(view.id, row);
    return row;
  }
}
