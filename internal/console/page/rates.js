// What happened in each of the last 300 seconds: what flowed, lane by lane, and
// the work it took, stacked. A second can be pointed at, or walked to by arrow keys.
import { el, svg } from './element.js';
import { clock, count, rate } from './format.js';
import { ceiling, hatched, legend, minutes, Plot } from './plot.js';

export const seconds = 300;
const lane = 46;
const gap = 20;

// Rates is what both charts are: a time axis, and a second that is read out.
class Rates {
  constructor(label, kinds, height) {
    this.kinds = kinds;
    this.legend = legend(kinds);
    this.when = el('span', { class: 'when' });
    this.plot = new Plot(height, label, () => this.draw());
    this.plot.svg.setAttribute('tabindex', '0');
    this.plot.svg.addEventListener('pointermove', (event) => this.point(event));
    this.plot.svg.addEventListener('pointerleave', () => this.read(undefined));
    this.plot.svg.addEventListener('blur', () => this.read(undefined));
    this.plot.svg.addEventListener('keydown', (event) => this.walk(event));
    this.data = [];
    this.figure = el('figure', { class: 'rates' }, el('figcaption', {}, this.legend.list, this.when), this.plot.box);
  }

  update(data) {
    this.data = data;
    this.last = data.at(-1)?.id ?? 0;
    this.draw();
  }

  x(back) {
    return Math.round((this.plot.width - 1) * (1 + back / seconds) * 10) / 10;
  }

  point(event) {
    const box = this.plot.svg.getBoundingClientRect();
    this.read(this.last + Math.round(((event.clientX - box.left) / box.width - 1) * seconds));
  }

  walk(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[event.key];
    if (event.key === 'Escape') this.read(undefined);
    if (!by) return;
    event.preventDefault();
    this.read(Math.min(this.last, Math.max(this.last - seconds + 1, (this.pointed ?? this.last) + by)));
  }

  read(second) {
    if (this.pointed === second) return;
    this.pointed = second;
    this.draw();
  }

  // tell puts into the legend what the second that is pointed at had, or the mean of the newest ten.
  tell() {
    const one = this.pointed === undefined ? undefined : this.data.find((each) => each.id === this.pointed);
    const newest = this.data.slice(-10);
    this.when.textContent = this.pointed === undefined ? 'per second, last 10 s' : clock(this.pointed * 1000);
    for (const [kind] of this.kinds) {
      const mean = newest.reduce((sum, each) => sum + each[kind], 0) / Math.max(1, newest.length);
      this.legend.set(kind, this.pointed === undefined ? rate(mean) : one ? count(one[kind]) : '–');
    }
  }

  cursor(top, bottom) {
    if (this.pointed === undefined) return false;
    const x = this.x(this.pointed - this.last);
    return svg('line', { class: 'cursor', x1: x, x2: x, y1: top, y2: bottom });
  }

  // path is the outline of values over time, between what is below and above them.
  path(above, below) {
    const points = this.data.filter((one) => one.id > this.last - seconds);
    if (points.length === 0) return '';
    const to = (one, y) => `${this.x(one.id - this.last)} ${y.toFixed(1)}`;
    return `M${points.map((one) => to(one, above(one))).join('L')}L${points.toReversed().map((one) => to(one, below(one))).join('L')}Z`;
  }

  highest(value) {
    return ceiling(this.data.reduce((most, one) => Math.max(most, value(one)), 0));
  }
}

// Flow is what came, what it became, and what went out: each by a scale of its
// own, for one change can become a thousand frames.
export class Flow extends Rates {
  constructor() {
    super('Flow over the last 300 seconds', [['changes', 'changes'], ['diffs', 'diffs'], ['sent', 'sent to clients']], 3 * (lane + gap) + 18);
  }

  draw() {
    this.tell();
    if (!this.plot.width) return;
    const bottom = this.kinds.length * (lane + gap);
    const drawn = this.kinds.map(([kind, text], i) => {
      const [top, foot] = [i * (lane + gap) + gap, (i + 1) * (lane + gap)];
      const most = this.highest((one) => one[kind]);
      const y = (n) => foot - (n / most) * lane;
      return [
        svg('line', { class: 'axis', x1: 0, x2: this.plot.width, y1: foot, y2: foot }),
        svg('path', { class: `area line ${kind}`, 'data-series': kind, 'data-highest': most, d: this.path((one) => y(one[kind]), () => foot) }),
        svg('text', { class: 'tick', x: 0, y: top - 6 }, `${text}, to ${count(most)}/s`),
      ];
    });
    this.plot.show(this.describe(), minutes((back) => this.x(back), seconds, gap, bottom), drawn, this.cursor(gap, bottom));
  }

  describe() {
    const sum = (kind) => count(this.data.reduce((all, one) => all + one[kind], 0));
    return `In the last ${this.data.length} seconds ${sum('changes')} changes, ${sum('diffs')} diffs, ${sum('sent')} sent`;
  }
}

// Work is how lists were kept: by steps, by reading rows, by evaluating, stacked.
export class Work extends Rates {
  constructor() {
    super('Work over the last 300 seconds', [['steps', 'steps'], ['reads', 'rows read'], ['evaluations', 'evaluations'], ['failures', 'failures']], 3 * (lane + gap) + 18);
  }

  draw() {
    this.tell();
    if (!this.plot.width) return;
    const [top, foot] = [gap, 3 * (lane + gap)];
    const stack = ['steps', 'reads', 'evaluations'];
    const most = this.highest((one) => stack.reduce((sum, kind) => sum + one[kind], 0));
    const y = (n) => foot - (n / most) * (foot - top);
    const below = new Map();
    const drawn = stack.map((kind) => {
      const from = new Map(below);
      for (const one of this.data) below.set(one.id, (below.get(one.id) ?? 0) + one[kind]);
      const d = this.path((one) => y(below.get(one.id)), (one) => y(from.get(one.id) ?? 0));
      return [svg('path', { class: `area ${kind}`, 'data-series': kind, d }), hatched[kind] && svg('path', { fill: `url(#${hatched[kind]})`, d })];
    });
    const failed = this.data.filter((one) => one.failures > 0 && one.id > this.last - seconds).map((one) => cross(this.x(one.id - this.last), top + 5));
    const grid = [0.5, 1].map((part) => [
      svg('line', { class: 'grid', x1: 0, x2: this.plot.width, y1: y(most * part), y2: y(most * part) }),
      svg('text', { class: 'tick', x: 0, y: y(most * part) - 2 }, `${rate(most * part)}/s`),
    ]);
    const sum = (kind) => count(this.data.reduce((all, one) => all + one[kind], 0));
    this.plot.show(`In the last ${this.data.length} seconds ${sum('steps')} steps, ${sum('reads')} reads, ${sum('evaluations')} evaluations, ${sum('failures')} failures`,
      minutes((back) => this.x(back), seconds, top, foot), drawn, grid, svg('line', { class: 'axis', x1: 0, x2: this.plot.width, y1: foot, y2: foot }), failed, this.cursor(top, foot));
  }
}

// cross is the sign of what failed.
export const cross = (x, y, size = 3.5) => svg('path', { class: 'cross', d: `M${x - size} ${y - size}L${x + size} ${y + size}M${x - size} ${y + size}L${x + size} ${y - size}` });
