// Whether all is well, and where the time goes.
import { Costs, Memory } from './bars.js';
import { badge, card, choice, el, fill, put } from './element.js';
import { ago, bytes, clock, count, ms, plural, rate, short, shortPosition, span } from './format.js';
import { Latency } from './latency.js';
import { hatches } from './plot.js';
import { Flow, Work } from './rates.js';
import { items, now, server } from './store.js';

const measures = {
  spent: [(view) => view.spent_ms, ms],
  each: [(view) => view.cost_ms, ms],
  memory: [(view) => view.list_bytes, bytes],
};

export function overviewPage() {
  const flow = new Flow();
  const work = new Work();
  const latency = new Latency();
  const memory = new Memory();
  const costs = new Costs(measures);
  const tiles = new Tiles();
  const trouble = new Listing('Nothing fails, is behind or is slow.');
  const newest = new Listing('Nothing has changed yet.');
  let measure = 'spent';
  const pick = choice('Cost by', [['spent', 'time spent'], ['each', 'one evaluation'], ['memory', 'memory']], measure, (value) => {
    measure = value;
    costs.update(items('views'), measure);
  });
  const about = el('p', { class: 'about' });
  const draw = () => {
    const one = server();
    if (!one) return;
    const seconds = items('seconds');
    tiles.update(one);
    flow.update(seconds);
    work.update(seconds);
    latency.update(seconds, one);
    memory.update(one.memory);
    costs.update(items('views'), measure);
    trouble.update(troubles());
    newest.update(items('changes').slice(-7).toReversed().map(changeLine));
    put(about, `Wakeful ${one.version}, ${one.go}, ${plural(one.cpus, 'processor')}, up ${span((now() - Date.parse(one.since)) / 1000)}; looked at every ${ms(one.period_ms)}. Position ${shortPosition(one.source.position)}.`);
  };
  return {
    title: 'Overview', lists: ['server', 'seconds', 'views', 'observers', 'changes'], draw,
    nodes: [hatches(), el('h2', { class: 'unseen' }, 'Overview'), tiles.box, el('div', { class: 'grid' },
      card('Flow', { class: 'wide' }, flow.figure), card('Work', { class: 'wide' }, work.figure), card('Latency', { class: 'wide' }, latency.figure),
      card('Needs a look', {}, trouble.list), card('Top costs', { beside: pick }, costs.list), card('Memory', {}, memory.box),
      card('Newest changes', { beside: el('a', { href: '#/changes' }, 'All') }, newest.list)), about],
  };
}

// Tiles are the few numbers that say how it goes.
class Tiles {
  constructor() {
    this.values = new Map();
    const tile = (id, name, href) => {
      const [value, more] = [el('b', {}), el('span', { class: 'more' })];
      this.values.set(id, [value, more]);
      return el('li', { 'data-tile': id }, el(href ? 'a' : 'div', { href }, el('span', { class: 'name' }, name), value, more));
    };
    this.box = el('ul', { class: 'tiles' }, tile('source', 'Source'), tile('changes', 'Changes', '#/changes'), tile('sent', 'Sent'), tile('latency', 'Latency p95'), tile('observers', 'Observers', '#/observers'), tile('clients', 'Clients', '#/connections'));
  }

  set(id, value, more, kind = '') {
    const [big, small] = this.values.get(id);
    put(big, value);
    put(small, more);
    big.closest('li').dataset.kind = kind;
  }

  update({ source, rates, latency, totals, latency_bounds_ms: bounds }) {
    const last = source.last_change ? `last change ${ago(source.last_change, now())}` : 'no change yet';
    const log = source.log;
    if (!source.streaming) this.set('source', 'lost', source.lost_since ? `since ${clock(source.lost_since)}` : 'changes are not read', 'bad');
    else this.set('source', log ? ms(log.waiting_ms) : 'streaming', log ? `behind, ${bytes(log.unread_bytes)} unread, ${bytes(log.kept_bytes)} kept` : last, log && log.limit_bytes && log.kept_bytes > 0.8 * log.limit_bytes ? 'wait' : '');
    this.set('changes', `${rate(rates.changes)}/s`, `touch ${rate(rates.touched)} observers/s`);
    this.set('sent', `${rate(rates.sent)}/s`, `of ${rate(rates.diffs)} diffs/s`);
    this.set('latency', latency.count === 0 ? '–' : latency.p95_ms === null ? `> ${ms(bounds.at(-1))}` : `≤ ${ms(latency.p95_ms)}`, latency.count === 0 ? `nothing sent in ${latency.window_s} s` : `p50 ≤ ${ms(latency.p50_ms)}, p99 ≤ ${latency.p99_ms === null ? '∞' : ms(latency.p99_ms)}`);
    const bad = [[totals.failing, 'failing'], [totals.behind, 'behind'], [totals.slow, 'slow']].filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`);
    this.set('observers', count(totals.observers), bad.join(', ') || `${count(totals.items)} rows, all current`, totals.failing ? 'bad' : totals.slow || totals.behind ? 'wait' : '');
    this.set('clients', count(totals.sessions), `${plural(totals.sockets, 'socket')}, ${plural(totals.subscriptions, 'subscription')}`);
  }
}

// Listing is a short list, made anew only where it says something else.
class Listing {
  constructor(none) {
    this.none = none;
    this.list = el('ul', { class: 'lines' });
  }

  // update takes [key, make] pairs: make gives the line, key says when it is another.
  update(lines) {
    const key = JSON.stringify(lines.map(([each]) => each));
    if (key === this.key || this.list.contains(document.activeElement)) return;
    this.key = key;
    fill(this.list, lines.length ? lines.map(([, make]) => make()) : el('li', { class: 'none' }, this.none));
  }
}

// troubles are the views that fail, are behind or slow, and then observers that do.
function troubles() {
  const views = items('views').filter((view) => view.failing || view.behind || view.slow).map((view) => {
    const badges = () => [view.failing > 0 && badge('bad', `${view.failing} failing${view.code ? `: ${view.code}` : ''}`), view.behind > 0 && badge('wait', `${view.behind} behind`), view.slow && badge('wait', `slow, ${ms(view.slowest_ms)}`)];
    return [[view.id, view.failing, view.behind, view.slow, view.code], () => el('li', {}, el('a', { href: `#/observers?view=${encodeURIComponent(view.id)}` }, view.id), badges())];
  });
  const failing = items('observers').filter((one) => one.failures > 0).slice(0, 5).map((one) =>
    [[one.id, one.failures], () => el('li', {}, el('a', { href: `#/observers/${one.id}` }, `${one.view} `, el('span', { class: 'mono' }, short(one.id))), badge('bad', `failed ${plural(one.failures, 'time')}`))]);
  return [...views, ...failing].slice(0, 9);
}

function changeLine(change) {
  const tables = change.everything ? 'everything' : change.tables.map((one) => one.table).join(', ');
  return [[change.id], () => el('li', {}, el('a', { href: `#/changes/${encodeURIComponent(change.id)}` }, el('time', { class: 'mono' }, clock(change.seen)), ' ', tables), el('span', { class: 'hint' }, `touches ${change.touched}`))];
}
