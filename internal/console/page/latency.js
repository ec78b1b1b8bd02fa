// How long diffs took from the commit to the client: over time, dark where many
// did, and beside it how many in all, on one axis.
import { el, put, svg } from './element.js';
import { count, ms, plural } from './format.js';
import { minutes, Plot } from './plot.js';
import { seconds } from './rates.js';

const step = 5; // seconds of a column
const tall = 11;
const left = 46;

export class Latency {
  constructor() {
    this.plot = new Plot(16 * tall + 26, 'Latency from commit to client', () => this.draw());
    this.quantiles = el('dl', { class: 'quantiles' }, ['p50', 'p95', 'p99', 'max'].map((name) => el('div', {}, el('dt', {}, name), el('dd', { 'data-quantile': name }))));
    this.over = el('span', { class: 'when' });
    this.figure = el('figure', { class: 'latency' }, el('figcaption', {}, this.quantiles, this.over), this.plot.box);
    this.data = [];
  }

  update(data, server) {
    this.data = data;
    this.server = server;
    this.draw();
  }

  draw() {
    if (!this.server) return;
    const { latency, latency_bounds_ms: bounds } = this.server;
    for (const name of ['p50', 'p95', 'p99', 'max']) {
      const value = latency[`${name}_ms`];
      put(this.quantiles.querySelector(`[data-quantile=${name}]`), latency.count === 0 ? '–' : value === null ? `> ${ms(bounds.at(-1))}` : `≤ ${ms(value)}`);
    }
    put(this.over, `${plural(latency.count, 'delivery', 'deliveries')} in ${latency.window_s} s`);
    if (!this.plot.width) return;
    const buckets = bounds.length + 1;
    const totals = Array.from({ length: buckets }, (_, i) => this.data.reduce((sum, one) => sum + (one.latency[i] ?? 0), 0));
    const all = totals.reduce((sum, n) => sum + n, 0);
    const bars = Math.round(this.plot.width * 0.26);
    const heat = { from: left, to: this.plot.width - bars - 14 };
    const y = (bucket) => (buckets - 1 - bucket) * tall + 2;
    this.plot.height = buckets * tall + 26;
    this.plot.show(`${plural(all, 'delivery', 'deliveries')} in the last ${this.data.length} seconds`,
      this.axis(bounds, y), this.heat(heat, y, buckets), this.histogram(totals, all, bounds, this.plot.width - bars, bars, y, buckets),
      svg('line', { class: 'axis', x1: left, x2: heat.to, y1: y(-1) + 1, y2: y(-1) + 1 }));
  }

  axis(bounds, y) {
    const labels = bounds.map((bound, i) => ([0.1, 1, 10, 100, 1000].includes(bound) ? svg('text', { class: 'tick', x: left - 6, y: y(i) + 4, 'text-anchor': 'end' }, ms(bound)) : false));
    const lines = bounds.map((bound, i) => ([1, 10, 100, 1000].includes(bound) ? svg('line', { class: 'grid', x1: left, x2: this.plot.width, y1: y(i), y2: y(i) }) : false));
    return [lines, labels, minutes((back) => this.heatX(back), seconds, y(-1), y(-1))];
  }

  heatX(back) {
    const to = this.plot.width - Math.round(this.plot.width * 0.26) - 14;
    return left + (to - left) * (1 + back / seconds);
  }

  heat({ from, to }, y, buckets) {
    const last = this.data.at(-1)?.id ?? 0;
    const columns = new Map();
    for (const one of this.data) {
      const at = Math.floor((last - one.id) / step);
      if (!columns.has(at)) columns.set(at, new Array(buckets).fill(0));
      one.latency.forEach((n, i) => { columns.get(at)[i] += n; });
    }
    const most = Math.max(1, ...[...columns.values()].flat());
    const wide = (to - from) / (seconds / step);
    const cells = [];
    for (const [at, column] of columns) {
      column.forEach((n, i) => {
        if (n === 0 || at >= seconds / step) return;
        const strength = 0.18 + 0.82 * (Math.log1p(n) / Math.log1p(most));
        cells.push(svg('rect', { class: 'cell', 'data-count': n, x: (to - (at + 1) * wide).toFixed(1), y: y(i), width: Math.max(1, wide - 0.6).toFixed(1), height: tall - 1, 'fill-opacity': strength.toFixed(2) }));
      });
    }
    return svg('g', { class: 'heat' }, cells);
  }

  histogram(totals, all, bounds, from, wide, y) {
    const most = Math.max(1, ...totals);
    return svg('g', { class: 'histogram' }, totals.map((n, i) => {
      if (n === 0) return false;
      const range = i === 0 ? `to ${ms(bounds[0])}` : i === bounds.length ? `over ${ms(bounds.at(-1))}` : `${ms(bounds[i - 1])} to ${ms(bounds[i])}`;
      return svg('rect', { class: 'cell', 'data-count': n, x: from, y: y(i), width: Math.max(1, (n / most) * wide).toFixed(1), height: tall - 1 },
        svg('title', {}, `${range}: ${count(n)} (${((100 * n) / all).toFixed(1)} %)`));
    }), svg('line', { class: 'axis', x1: from, x2: from, y1: 0, y2: y(-1) + 1 }), svg('text', { class: 'tick', x: from + wide, y: y(-1) + 14, 'text-anchor': 'end' }, wide > 90 ? `${count(all)} in 5 min` : count(all)));
  }
}
