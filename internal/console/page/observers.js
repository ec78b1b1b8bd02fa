// All observers: found by words, by how they are kept and by what is wrong.
import { badge, el, put, svg } from './element.js';
import { ago, bytes, count, ms, parameters, plural, short } from './format.js';
import { items, now, server } from './store.js';
import { badged, linked, Table } from './table.js';

const pulses = 60; // seconds of activity that a row draws

export const identity = (of, shared) => of || (shared ? 'shared' : 'public');

// standings are the signs of one observer.
export function standings(one) {
  return [
    one.failures > 0 && badge('bad', `failing ${one.failures}×`, one.last?.code),
    one.behind && badge('wait', 'behind', 'a change is not in the list yet'),
    one.slow && badge('wait', 'slow', 'an evaluation takes longer than 25 ms'),
    one.running && badge('info', 'running'),
  ].filter(Boolean);
}

export const how = (one) => badge(one.how, one.how, one.how === 'step' ? 'kept from the rows that changed' : `its view runs again${one.reason ? `: ${one.reason}` : ''}`);

// Activity remembers what each observer did in the last minute, as far as this page saw it.
class Activity {
  by = new Map();

  // note adds what is new since the tick before.
  note(observers, second) {
    if (this.second === second) return;
    this.second = second;
    const alive = new Set();
    for (const one of observers) {
      alive.add(one.id);
      const known = this.by.get(one.id) ?? { steps: one.steps, evaluations: one.evaluations, reads: one.reads, seen: [] };
      const [steps, others] = [one.steps - known.steps, one.evaluations - known.evaluations + one.reads - known.reads];
      if (steps > 0 || others > 0) known.seen.push([second, steps, others]);
      while (known.seen.length && known.seen[0][0] <= second - pulses) known.seen.shift();
      Object.assign(known, { steps: one.steps, evaluations: one.evaluations, reads: one.reads });
      this.by.set(one.id, known);
    }
    for (const id of this.by.keys()) if (!alive.has(id)) this.by.delete(id);
  }

  // draw is the lane of one observer: steps upward, evaluations and reads downward.
  draw(td, id) {
    const lane = td.querySelector('svg') ?? td.appendChild(svg('svg', { class: 'pulse', width: 2 * pulses, height: 22, role: 'img' }, svg('path', { class: 'axis' , d: `M0 11.5H${2 * pulses}` }), svg('path', { class: 'steps' }), svg('path', { class: 'evaluations' })));
    const seen = this.by.get(id)?.seen ?? [];
    const bars = (index, turn) => seen.filter((one) => one[index] > 0).map((one) => `M${2 * (pulses - (this.second - one[0])) - 1} 11.5v${turn * Math.min(10, 2.5 + 2.5 * Math.log2(one[index]))}`).join('');
    for (const [kind, d] of [['steps', bars(1, -1)], ['evaluations', bars(2, 1)]]) {
      const path = lane.querySelector(`.${kind}`);
      if (path.getAttribute('d') !== d) path.setAttribute('d', d);
    }
    const text = `${plural(seen.reduce((sum, one) => sum + one[1], 0), 'step')} and ${plural(seen.reduce((sum, one) => sum + one[2], 0), 'evaluation')} in the last minute`;
    if (lane.getAttribute('aria-label') !== text) lane.setAttribute('aria-label', text);
  }
}

// activity is fed whatever is shown, so that the past is there when the list is.
export const activity = new Activity();

const columns = [
  { id: 'view', label: 'View', sort: (one) => one.view, cell: (td, one) => linked(td, `#/observers/${one.id}`, one.view, `${parameters(one.parameters)} ${short(one.id).slice(0, 8)}`) },
  { id: 'identity', label: 'Identity', sort: (one) => identity(one.identity, one.shared), cell: (td, one) => put(td, identity(one.identity, one.shared)) },
  { id: 'subscribers', label: 'Followed by', number: true, sort: (one) => one.subscribers, cell: (td, one) => put(td, count(one.subscribers)) },
  { id: 'items', label: 'Rows', number: true, sort: (one) => one.items, cell: (td, one) => put(td, count(one.items)) },
  { id: 'memory', label: 'Memory', number: true, sort: (one) => one.list_bytes + one.log_bytes, cell: (td, one) => put(td, bytes(one.list_bytes + one.log_bytes)) },
  { id: 'how', label: 'Kept by', sort: (one) => one.how, cell: (td, one) => badged(td, [how(one), ...standings(one)]) },
  { id: 'spent', label: 'Time spent', number: true, sort: (one) => one.spent_ms, cell: (td, one) => put(td, ms(one.spent_ms)) },
  { id: 'activity', label: 'Last minute', moves: true, cell: (td, one) => activity.draw(td, one.id) },
  { id: 'last', label: 'Last', first: 'desc', moves: true, sort: (one) => one.last?.at ?? '', cell: (td, one) => put(td, one.last ? ago(one.last.at, now()) : '–') },
];

// Filters is what narrows the list: it stands in the address.
class Filters {
  constructor(changed) {
    const on = { onchange: changed };
    this.search = el('input', { type: 'search', placeholder: 'View, table, identity, id', 'aria-label': 'Search observers', 'aria-keyshortcuts': '/', oninput: changed });
    this.table = el('select', { 'aria-label': 'Reads table', ...on });
    this.how = el('select', { 'aria-label': 'Kept by', ...on }, [['', 'kept anyhow'], ['step', 'by steps'], ['evaluate', 'by evaluating']].map(([value, text]) => el('option', { value }, text)));
    this.is = el('select', { 'aria-label': 'State', ...on }, [['', 'in any state'], ['failing', 'failing'], ['behind', 'behind'], ['slow', 'slow']].map(([value, text]) => el('option', { value }, text)));
    this.all = el('button', { type: 'button', class: 'plain', hidden: true, onclick: () => { this.take(new URLSearchParams()); changed(); } }, 'Show all');
    this.found = el('p', { class: 'hint found' });
    this.tables('');
    this.box = el('div', { class: 'tools' }, this.search, this.table, this.how, this.is, this.all, this.found);
  }

  // tables offers those that somebody reads.
  tables(chosen = this.table.value) {
    const known = [...new Set([...items('observers').flatMap((one) => one.tables), ...(chosen ? [chosen] : [])])].sort();
    if (this.known === known.join()) return;
    this.known = known.join();
    this.table.replaceChildren(el('option', { value: '' }, 'any table'), ...known.map((name) => el('option', { value: name }, name)));
    this.table.value = chosen;
  }

  take(query) {
    this.search.value = query.get('q') ?? query.get('view') ?? '';
    this.tables(query.get('table') ?? '');
    for (const name of ['table', 'how', 'is']) this[name].value = query.get(name) ?? '';
    if (query.has('search')) requestAnimationFrame(() => this.search.focus());
  }

  // query is what stands in the address.
  query() {
    const query = new URLSearchParams();
    for (const [name, value] of [['q', this.search.value.trim()], ['table', this.table.value], ['how', this.how.value], ['is', this.is.value]]) if (value) query.set(name, value);
    return query;
  }

  pass(one) {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = `${one.view} ${one.parameters.join(' ')} ${identity(one.identity, one.shared)} ${one.tables.join(' ')} ${one.id}`.toLowerCase();
    const is = { '': true, failing: one.failures > 0, behind: one.behind, slow: one.slow }[this.is.value];
    return is && words.every((word) => text.includes(word)) && (!this.how.value || one.how === this.how.value) && (!this.table.value || one.tables.includes(this.table.value));
  }
}

export function observersPage(parts, query) {
  const filters = new Filters(() => {
    const text = String(filters.query());
    history.replaceState(null, '', `#/observers${text ? `?${text}` : ''}`);
    draw();
  });
  const table = new Table(columns, { caption: 'Observers', key: (one) => one.id, sorted: ['view', 'asc'], none: () => (items('observers').length ? 'No observer is so.' : 'Nobody observes anything.') });
  const draw = () => {
    const all = items('observers');
    filters.tables();
    const passed = all.filter((one) => filters.pass(one));
    table.draw(passed);
    const { observers = all.length, listed_observers: listed = all.length } = server()?.totals ?? {};
    const cut = observers > listed ? `; the server tells of ${listed} of ${observers}: those that fail, are behind or cost most` : '';
    put(filters.found, `${passed.length} of ${all.length}${cut}`);
    filters.all.hidden = String(filters.query()) === '';
  };
  filters.take(query);
  return {
    title: 'Observers', lists: ['server', 'seconds', 'observers'], draw,
    turn(_, asked) {
      filters.take(asked);
      draw();
      return true;
    },
    escape() {
      if (filters.search.value) {
        filters.search.value = '';
        filters.search.dispatchEvent(new Event('input'));
      } else document.activeElement?.blur();
    },
    nodes: [el('h2', { class: 'unseen' }, 'Observers'), filters.box, table.box],
  };
}
