// What was done for one observer, newest changes last: drawn as a lane over
// time, as high as it took long, and told entry by entry.
import { badge, choice, el, fill, put, svg } from './element.js';
import { ago, bytes, clock, ms, plural, precise } from './format.js';
import { rowsOf } from './changes.js';
import { Plot } from './plot.js';
import { cross } from './rates.js';
import { now } from './store.js';

const high = 150;
const foot = 126;
const [fast, slow] = [0.01, 1000]; // ms at the foot and at the top

// shapes are the signs of what was done: told apart without their colours.
const shapes = {
  step: (x, y) => svg('circle', { cx: x, cy: y, r: 4 }),
  read: (x, y) => svg('path', { d: `M${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}L${x - 5} ${y}Z` }),
  evaluate: (x, y) => svg('rect', { x: x - 4, y: y - 4, width: 8, height: 8 }),
  nothing: (x) => svg('path', { d: `M${x} ${foot + 3}v7` }),
};

// Lane draws entries over time.
class Lane {
  constructor(chose) {
    this.chose = chose;
    this.entries = [];
    this.window = 0;
    this.plot = new Plot(high + 16, 'Timeline: when it was kept, and how long that took', () => this.draw());
    this.pick = choice('Time shown', [[60, '1 min'], [300, '5 min'], [0, 'all']], 0, (seconds) => {
      this.window = seconds;
      this.draw();
    });
  }

  update(entries) {
    this.entries = entries;
    this.draw();
  }

  draw() {
    if (!this.plot.width) return;
    const end = now();
    const oldest = this.entries.length ? Math.min(...this.entries.map((one) => Date.parse(one.at))) : end - 60_000;
    const wide = this.window ? this.window * 1000 : Math.max(10_000, end - oldest) * 1.03;
    const left = 54;
    const x = (time) => Math.min(this.plot.width - 6, left + (this.plot.width - left - 6) * (1 - (end - time) / wide));
    const y = (took) => (took === undefined ? foot : foot - 4 - (Math.log10(Math.min(slow, Math.max(fast, took)) / fast) / Math.log10(slow / fast)) * (foot - 14));
    const shown = this.entries.filter((one) => end - Date.parse(one.at) <= wide);
    this.plot.show(`${plural(shown.length, 'entry', 'entries')} in ${ms(wide)}`, this.grid(x, y, end, wide, left), shown.map((one) => this.mark(one, x(Date.parse(one.at)), y(one.took_ms))));
  }

  grid(x, y, end, wide, left) {
    const rows = [0.1, 1, 10, 100].map((took) => [
      svg('line', { class: 'grid', x1: left, x2: this.plot.width, y1: y(took), y2: y(took) }), svg('text', { class: 'tick', x: left - 6, y: y(took) + 4, 'text-anchor': 'end' }, ms(took))]);
    const marks = this.plot.width < 420 ? [1, 0] : [1, 0.5, 0];
    const times = marks.map((part) => svg('text', { class: 'tick', x: Math.max(left, x(end - part * wide)), y: high + 12, 'text-anchor': part === 1 ? 'start' : part === 0 ? 'end' : 'middle' }, part === 0 ? 'now' : clock(end - part * wide)));
    return [rows, svg('line', { class: 'axis', x1: left, x2: this.plot.width, y1: foot, y2: foot }), times];
  }

  mark(one, x, y) {
    const asked = one.position && one.position === this.chosen;
    const text = `${precise(one.at)}: ${one.did}, ${one.cause}${one.table ? `, ${one.table}` : ''}${one.took_ms === undefined ? '' : `, ${ms(one.took_ms)}`}${one.code ? `, ${one.code}` : ''}`;
    return svg('g', { class: `did ${one.did}${asked ? ' chosen' : ''}${one.took_ms === undefined ? ' untimed' : ''}`, 'data-did': one.did, onclick: one.position ? () => this.chose(one.position) : undefined },
      one.did !== 'nothing' && svg('path', { class: 'stem', d: `M${x.toFixed(1)} ${foot}V${y.toFixed(1)}` }),
      shapes[one.did]?.(x, y), one.code && cross(x, y, 5), svg('title', {}, text));
  }
}

// Timeline is the lane, and below it the entries.
export class Timeline {
  constructor(chose) {
    this.chose = chose;
    this.lane = new Lane(chose);
    this.signs = new Map([['step', 'steps'], ['read', 'rows read'], ['evaluate', 'evaluations'], ['nothing', 'did not touch']].map(([did, text]) => [did, [badge(did, text), text]]));
    this.list = el('ol', { class: 'entries', 'aria-label': 'Entries, newest first' });
    this.more = el('button', { type: 'button', hidden: true, onclick: () => { this.all = true; this.draw(); } }, 'Show all');
    this.nothing = el('label', { class: 'check' }, el('input', { type: 'checkbox', checked: true, onchange: () => this.draw() }), ' what did not touch it');
    this.box = [this.lane.plot.box, el('div', { class: 'tools signs' }, [...this.signs.values()].map(([sign]) => sign), el('span', { class: 'gap' }), this.nothing), this.list, this.more];
    this.entries = [];
  }

  update(entries) {
    this.entries = entries;
    for (const [did, [sign, text]] of this.signs) put(sign, `${text} ${entries.filter((one) => one.did === did).length}`);
    this.draw();
  }

  choose(position) {
    this.chosen = this.lane.chosen = position;
    this.draw();
  }

  draw() {
    this.lane.update(this.entries);
    const some = this.entries.filter((one) => this.nothing.firstChild.checked || one.did !== 'nothing');
    const shown = this.all ? some : some.slice(0, 20);
    this.more.hidden = shown.length === some.length;
    const key = JSON.stringify([this.chosen, shown.map((one) => [one.at, one.did, one.position])]);
    const held = this.list.contains(document.activeElement) ? document.activeElement.dataset.position : undefined;
    // What has the focus must not go away below it.
    if (key === this.key || (held && !shown.some((one) => one.position === held))) return;
    this.key = key;
    fill(this.list, shown.length ? shown.map((one) => this.entry(one)) : el('li', { class: 'none' }, 'Nothing is remembered.'));
    if (held) this.list.querySelector(`[data-position="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }

  entry(one) {
    const cost = [one.took_ms === undefined ? 'not timed' : `took ${ms(one.took_ms)}`, one.did !== 'nothing' && `${plural(one.ops, 'operation')}, ${bytes(one.bytes)}`, one.latency_ms !== undefined && `${ms(one.latency_ms)} from commit to diff`].filter(Boolean);
    const cause = [one.cause, one.table && `of ${one.table}`, one.transactions > 1 && `and ${plural(one.transactions - 1, 'more', 'more')}`].filter(Boolean).join(' ');
    return el('li', { 'data-did': one.did, 'data-chosen': Boolean(one.position && one.position === this.chosen) },
      el('time', { class: 'mono', datetime: one.at, title: ago(one.at, now()) }, precise(one.at)),
      el('span', { class: 'what' }, badge(one.did, one.did), one.code && badge('bad', one.code)),
      el('span', { class: 'cause' }, cause, ' ', rowsOf(one.rows), one.why && el('span', { class: 'hint' }, one.why)),
      el('span', { class: 'cost' }, one.did === 'nothing' ? '' : cost.join(' · ')),
      one.position ? el('button', { type: 'button', class: 'small', 'data-position': one.position, 'aria-label': `Why, for the change of ${precise(one.at)}`, onclick: () => this.chose(one.position) }, 'Why?') : el('span', {}));
  }
}
