// The list as a table whose rows move, and one row as a sheet.
import { el } from './element.js?browse';
import { exact, page, rowURL, written } from './ask.js?browse';
import { isNumber, kindOf } from './kind.js?browse';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const longest = 140; // characters of a value in a table

// columnsOf names what is shown: what is known of the resource, or what items have.
export function columnsOf(about, items) {
  if (about && !about.rendered) return [...about.fields.map((field) => field.name), ...about.nested];
  const found = new Set(about?.key ?? []);
  for (const item of items.slice(0, 50)) for (const name of Object.keys(item)) found.add(name);
  found.delete('_key');
  return [...found];
}

// cell shows a value.
export function cell(value, field, whole = false) {
  if (value === null || value === undefined) return el('span', { class: 'null' }, value === null ? 'null' : '—');
  if (typeof value === 'boolean') return el('span', { class: 'bool' }, value ? '✓ true' : '✗ false');
  if (field?.to && page.home && typeof value !== 'object') {
    const list = new URL(encodeURIComponent(field.to), new URL(page.home, location.href));
    return el('a', { href: rowURL(list, written(value), 1).href, title: `${field.to} ${written(value)}` }, written(value));
  }
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) return el('span', { title: 'about: the row itself shows every digit' }, `≈${value}`);
  if (typeof value === 'object' && !exact(value)) {
    return whole ? el('pre', {}, JSON.stringify(value, null, 2)) : el('code', {}, cut(JSON.stringify(value)));
  }
  const text = written(value);
  if (text === '') return el('span', { class: 'null' }, '""');
  if (field && kindOf(field.schema) === 'timestamp') return el('time', { datetime: text }, text.replace('T', ' ').replace(/(\.\d*?)0*Z$/, '$1Z').replace(/\.?Z$/, ' UTC'));
  return whole ? text : cut(text);
}

const cut = (text) => (text.length > longest ? text.slice(0, longest) + '…' : text);

function lightUp(element) {
  if (calm.matches || document.hidden) return;
  element.animate([{ offset: 0, backgroundColor: getComputedStyle(document.documentElement).getPropertyValue('--flash') }], { duration: 1400, easing: 'ease-out' });
}

// Table draws a list, and keeps the rows that stay.
export class Table {
  constructor({ list, order, edit }) {
    this.list = list; // URL
    this.order = order; // a name was chosen to order by; more: beside the others
    this.edit = edit; // undefined: nobody may
    this.head = el('thead');
    this.body = el('tbody');
    this.table = el('table', {}, this.head, this.body);
    this.box = el('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Rows' }, this.table);
    this.rows = new Map();
  }

  // begin is another list: nothing of it is news.
  begin() {
    this.fresh = true;
  }

  draw(about, state, ordering) {
    const columns = columnsOf(about, state.items);
    const fields = new Map((about?.fields ?? []).map((field) => [field.name, field]));
    this.drawHead(about, columns, fields, ordering);
    const shape = columns.join('\n') + Boolean(this.edit);
    if (shape !== this.shape) {
      this.rows.clear();
      this.body.replaceChildren();
      this.shape = shape;
    }
    const had = this.rows;
    this.rows = new Map();
    state.items.forEach((item, i) => {
      const key = state.keys[i] ?? `#${i}`;
      let row = had.get(key);
      if (!row) {
        row = this.makeRow(about, key, columns, fields);
        if (!this.fresh) lightUp(row.element);
      }
      had.delete(key);
      this.rows.set(key, row);
      if (row.item !== item) this.fill(row, item, columns, fields, about);
      if (this.body.children[i] !== row.element) this.body.insertBefore(row.element, this.body.children[i] ?? null);
    });
    for (const row of had.values()) row.element.remove();
    this.fresh = false;
    this.box.classList.toggle('empty', state.items.length === 0);
  }

  drawHead(about, columns, fields, ordering) {
    const text = JSON.stringify([columns, ordering, Boolean(this.edit)]);
    if (text === this.headed) return;
    this.headed = text;
    const focused = this.head.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
    const heads = columns.map((name) => {
      const at = ordering.findIndex((term) => term.replace(/^-/, '') === name);
      const sort = at < 0 ? undefined : ordering[at].startsWith('-') ? 'descending' : 'ascending';
      const field = fields.get(name);
      const attributes = { scope: 'col', 'aria-sort': sort, class: field && isNumber(kindOf(field.schema)) && !field.to ? 'number' : undefined };
      if (!about?.ordering.includes(name)) return el('th', attributes, name);
      const mark = sort ? el('span', { class: 'sort', 'aria-hidden': 'true' }, (sort === 'ascending' ? '↑' : '↓') + (ordering.length > 1 && at > 0 ? at + 1 : '')) : undefined;
      const button = el('button', { type: 'button', title: 'Order by it; with Shift beside the others', 'data-name': name, onclick: (event) => this.order(name, event.shiftKey) }, name, mark);
      return el('th', attributes, button);
    });
    if (this.edit) heads.push(el('th', { scope: 'col' }, el('span', { class: 'unseen' }, 'Change')));
    this.head.replaceChildren(el('tr', {}, heads));
    if (focused) this.head.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
  }

  makeRow(about, key, columns, fields) {
    const cells = columns.map((name) => {
      const field = fields.get(name);
      return el('td', { 'data-label': name, class: field && isNumber(kindOf(field.schema)) && !field.to ? 'number' : undefined });
    });
    const element = el('tr', { 'data-key': key }, cells);
    if (this.edit) {
      element.append(el('td', { class: 'act' }, el('button', { type: 'button', 'aria-label': `Edit ${key}`, onclick: () => this.edit(key) }, 'Edit')));
    }
    return { element, cells, key, item: undefined, shown: [] };
  }

  fill(row, item, columns, fields, about) {
    const first = row.item === undefined;
    row.item = item;
    const linked = about?.key.length ? columns.indexOf(about.key[0]) : -1;
    columns.forEach((name, i) => {
      const text = JSON.stringify(item[name]);
      if (row.shown[i] === text && !first) return;
      row.shown[i] = text;
      const made = cell(item[name], i === linked ? undefined : fields.get(name));
      row.cells[i].replaceChildren(i === linked ? el('a', { href: rowURL(this.list, row.key, about.key.length).href }, made) : made);
      if (!first) lightUp(row.cells[i]);
    });
  }
}

// Sheet draws one row.
export class Sheet {
  constructor() {
    this.box = el('dl', { class: 'sheet' });
    this.shown = new Map();
  }

  draw(about, item) {
    const fields = new Map((about?.fields ?? []).map((field) => [field.name, field]));
    const lines = [];
    const before = this.shown;
    this.shown = new Map();
    for (const name of columnsOf(about, [item])) {
      const text = JSON.stringify(item[name]);
      let line = before.get(name);
      if (line?.text !== text) {
        const value = el('dd', {}, cell(item[name], fields.get(name), true));
        if (line) lightUp(value);
        line = { text, parts: [el('dt', {}, name), value] };
      }
      this.shown.set(name, line);
      lines.push(...line.parts);
    }
    if (lines.some((line, i) => this.box.children[i] !== line) || this.box.children.length !== lines.length) this.box.replaceChildren(...lines);
  }
}
