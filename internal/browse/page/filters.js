// The filters of a list as lines of a form: what the URL says, and what it
// could say.
import { el, select } from './element.js?browse';
import { fromPicker, isNumber, kindOf, toPicker } from './kind.js?browse';

const controls = ['ordering', 'search', 'limit', 'offset', 'page', 'page_size', 'cursor', 'format', 'observe'];

// What a change of the list leaves behind: its place within the list before.
const places = ['offset', 'page', 'cursor'];

export function without(params, names) {
  const left = new URLSearchParams(params);
  for (const name of names) left.delete(name);
  return left;
}

export const fromStart = (params) => without(params, places);

const words = {
  exact: 'is', ne: 'is not', gt: '>', gte: '≥', lt: '<', lte: '≤', in: 'is one of', range: 'is from … to', isnull: 'is null',
  contains: 'contains', icontains: 'contains (any case)', startswith: 'begins with', istartswith: 'begins with (any case)',
  endswith: 'ends with', iendswith: 'ends with (any case)', iexact: 'is (any case)',
};

export class Filters {
  // changed is told the new parameters; coming: more of them may follow at once.
  constructor(about, changed) {
    this.changed = changed;
    this.offered = unaliased(about.filters);
    this.byParameter = new Map();
    for (const filter of about.filters) for (const one of filter.lookups) this.byParameter.set(one.parameter, { filter, ...one });
    const own = new Set(about.fields.map((field) => field.name));
    this.controls = new Set(controls.filter((name) => !this.byParameter.has(name)));
    this.box = el('div', { class: 'filters' });
    this.lines = []; // [parameter, value]
    this.add = this.offered.length > 0 && el('button', { type: 'button', class: 'add-filter', onclick: () => this.addLine() }, '+ Filter');
    this.offered.sort((a, b) => own.has(b.name) - own.has(a.name));
  }

  // show draws the lines of the parameters, and those that have no value yet;
  // errors says what is wrong with which.
  show(params, errors = {}) {
    this.params = params;
    const said = [...params].filter(([name]) => !this.controls.has(name));
    if (!equal(this.lines.filter(counts), said)) this.lines = said;
    const text = JSON.stringify([this.lines, errors]);
    if (text === this.shown) return;
    this.shown = text;
    const focused = this.box.contains(document.activeElement) ? document.activeElement.dataset.at : undefined;
    this.box.replaceChildren(...this.lines.map(([name, value], i) => this.line(name, value, i, errors[name])));
    if (focused) this.box.querySelector(`[data-at="${focused}"]`)?.focus();
  }

  line(parameter, value, i, wrong) {
    const known = this.byParameter.get(parameter);
    const remove = el('button', { type: 'button', class: 'remove', 'aria-label': `Remove the filter ${parameter}`, onclick: () => this.replace(i, undefined) }, '×');
    const complaint = wrong && el('p', { class: 'wrong' }, wrong.join('; '));
    if (!known) return el('div', { class: 'filter' }, el('code', {}, `${parameter}=${value}`), remove, complaint);
    const { filter, lookup } = known;
    const names = this.offered.some((one) => one.name === filter.name) ? this.offered : [filter, ...this.offered];
    const column = select({ 'aria-label': 'Column', 'data-at': `${i} column`, onchange: (event) => {
      const next = names.find((one) => one.name === event.target.value);
      this.replace(i, [best(next).parameter, initial(next)]);
    } }, names.map((one) => [one.name, one.name]), filter.name);
    const how = select({ 'aria-label': 'How', 'data-at': `${i} how`, onchange: (event) => {
      const next = filter.lookups.find((one) => one.lookup === event.target.value);
      this.replace(i, [next.parameter, carried(lookup, next.lookup, value)]);
    } }, filter.lookups.map((one) => [one.lookup, words[one.lookup] ?? one.lookup]), lookup);
    const input = valueInput(filter, lookup, value, `${i} value`, (text, typing) => this.replace(i, [parameter, text], typing));
    return el('div', { class: 'filter' }, column, how, input, remove, complaint);
  }

  replace(i, pair, typing = false) {
    this.lines = this.lines.flatMap((line, at) => (at !== i ? [line] : pair ? [pair] : []));
    // What is typed stays in its input while the list follows.
    if (typing) this.shown = JSON.stringify([this.lines, {}]);
    this.tell(typing);
  }

  addLine() {
    const used = new Set(this.lines.map(([name]) => name));
    const free = this.offered.find((one) => !one.lookups.some((k) => used.has(k.parameter))) ?? this.offered[0];
    this.lines = [...this.lines, [best(free).parameter, initial(free)]];
    this.tell(false);
    this.box.querySelector(`[data-at="${this.lines.length - 1} column"]`)?.focus();
  }

  tell(typing) {
    const next = new URLSearchParams([...this.params].filter(([name]) => this.controls.has(name)));
    for (const line of this.lines) if (counts(line)) next.append(...line);
    this.changed(fromStart(next), typing);
    if (!typing) this.show(this.params);
  }
}

// counts reports whether a line has a value: one without waits for it.
const counts = ([, value]) => value.replaceAll(',', '') !== '';

const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// A foreign key can be named with its _id and without: one of them is enough.
function unaliased(filters) {
  const names = new Set(filters.map((filter) => filter.name));
  return filters.filter((filter) => filter.lookups.length > 0 && !(filter.name.includes('_id__') && names.has(filter.name.replaceAll('_id__', '__'))));
}

// best is the lookup that somebody wants first.
function best(filter) {
  const wanted = ['text', 'line'].includes(kindOf(filter.schema)) ? ['icontains', 'contains', 'exact'] : ['exact'];
  return wanted.map((name) => filter.lookups.find((one) => one.lookup === name)).find(Boolean) ?? filter.lookups[0];
}

// initial is the value of a new filter, '' where nobody can guess one.
function initial(filter) {
  const { lookup } = best(filter);
  const kind = kindOf(filter.schema);
  if (lookup === 'isnull') return 'false';
  if (kind === 'boolean') return 'true';
  if (kind === 'choice') return String(filter.schema.enum[0]);
  const now = new Date().toISOString();
  return { timestamp: now.slice(0, 16) + ':00Z', date: now.slice(0, 10) }[kind] ?? '';
}

// carried is what stays of a value where it is compared in another way.
function carried(from, to, value) {
  if (to === 'isnull') return 'true';
  if (from === 'isnull') return '';
  if (to === 'range') return value.includes(',') ? value : `${value},${value}`;
  if (from === 'range' && to !== 'in') return value.split(',')[0];
  return value;
}

function valueInput(filter, lookup, value, at, changed) {
  const kind = kindOf(filter.schema);
  const label = `Value of ${filter.name}`;
  if (lookup === 'isnull') return choice(['true', 'false'], value, at, label, changed);
  if (lookup === 'range') {
    const [low, high = ''] = value.split(',');
    let both = [low, high];
    const end = (i) => single(kind, both[i], `${at} ${i}`, `${label}, ${i ? 'to' : 'from'}`, (text, typing) => {
      both = both.map((had, j) => (i === j ? text : had));
      changed(both.join(','), typing);
    });
    return el('span', { class: 'range' }, end(0), '–', end(1));
  }
  if (lookup !== 'in') {
    if (kind === 'boolean') return choice(['true', 'false'], value, at, label, changed);
    if (kind === 'choice') return choice(filter.schema.enum.filter((one) => one !== null).map(String), value, at, label, changed);
  }
  return single(lookup === 'in' ? 'text' : kind, value, at, label, changed, lookup === 'in' ? 'a,b,c' : undefined);
}

function choice(values, value, at, label, changed) {
  const all = values.includes(value) ? values : [value, ...values];
  return select({ 'aria-label': label, 'data-at': at, onchange: (event) => changed(event.target.value, false) }, all.map((one) => [one, one]), value);
}

function single(kind, value, at, label, changed, placeholder) {
  const picked = kind === 'timestamp' ? toPicker(value) : kind === 'date' && /^\d{4}-\d\d-\d\d$/.test(value) ? value : undefined;
  const type = picked === undefined ? 'text' : kind === 'date' ? 'date' : 'datetime-local';
  const tell = (typing) => (event) => {
    if (type !== 'text' && event.target.value === '') return;
    changed(type === 'datetime-local' ? fromPicker(event.target.value) : event.target.value, typing);
  };
  return el('input', {
    type, 'aria-label': label + (type === 'datetime-local' ? ', UTC' : ''), 'data-at': at, step: type === 'datetime-local' ? 'any' : undefined,
    placeholder: placeholder ?? (kind === 'timestamp' ? '2026-01-31T12:00:00Z' : undefined),
    inputmode: isNumber(kind) ? (kind === 'integer' ? 'numeric' : 'decimal') : undefined,
    value: picked ?? value, autocomplete: 'off', spellcheck: 'false', oninput: tell(true), onchange: tell(true),
  });
}
