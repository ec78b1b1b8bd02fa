// A table of a live list: sorted by any column, walked by arrow keys, and
// altered in place, so that what has the focus keeps it while numbers move.
import { el, fill, put } from './element.js';
import { plural } from './format.js';

const page = 100; // rows that are shown before more are asked for

export class Table {
  // columns: {id, label, sort(item), cell(td, item), first?}: sort gives what it is sorted
  // by, none: it is not; first is the direction of the first click.
  // options: caption, key(item), sorted: [id, 'asc' or 'desc'], none: text where it is empty,
  // chose(id, direction), open(item).
  constructor(columns, options) {
    this.columns = columns;
    this.options = options;
    [this.by, this.direction] = options.sorted;
    this.rows = new Map();
    this.limit = page;
    this.head = columns.map((column) => this.header(column));
    this.body = el('tbody', { onkeydown: (event) => this.walk(event), onfocusin: (event) => this.rove(event.target) });
    this.more = el('button', { type: 'button', class: 'more', hidden: true, onclick: () => this.showMore() });
    this.empty = el('p', { class: 'none' });
    const table = el('table', {}, el('caption', { class: 'unseen' }, options.caption), el('thead', {}, el('tr', {}, this.head)), this.body);
    this.box = el('div', { class: 'table' }, this.sorter(), table, this.empty, this.more);
    this.mark();
  }

  header(column) {
    if (!column.sort) return el('th', { scope: 'col', class: column.number ? 'number' : undefined }, el('span', { class: column.unseen ? 'unseen' : undefined }, column.label));
    return el('th', { scope: 'col', class: column.number ? 'number' : undefined }, el('button', { type: 'button', onclick: () => this.sortBy(column) }, column.label, el('span', { class: 'sort', 'aria-hidden': 'true' })));
  }

  // sorter is how a narrow page is sorted: its table has no head.
  sorter() {
    const options = this.columns.filter((column) => column.sort).map((column) => el('option', { value: column.id }, column.label));
    this.select = el('select', { onchange: (event) => this.sortBy(this.columns.find((column) => column.id === event.target.value)) }, options);
    this.turn = el('button', { type: 'button', onclick: () => this.sortBy(this.columns.find((column) => column.id === this.by)) });
    return el('p', { class: 'sorter' }, el('label', {}, 'Sort by ', this.select), this.turn);
  }

  sortBy(column) {
    if (this.by === column.id) this.direction = this.direction === 'asc' ? 'desc' : 'asc';
    else [this.by, this.direction] = [column.id, column.first ?? (column.number ? 'desc' : 'asc')];
    this.mark();
    this.draw(this.items);
    this.options.chose?.(this.by, this.direction);
  }

  mark() {
    this.columns.forEach((column, i) => {
      const on = column.id === this.by;
      if (on) this.head[i].setAttribute('aria-sort', this.direction === 'asc' ? 'ascending' : 'descending');
      else this.head[i].removeAttribute('aria-sort');
      const sign = this.head[i].querySelector('.sort');
      if (sign) put(sign, on ? (this.direction === 'asc' ? '↑' : '↓') : '');
    });
    this.select.value = this.by;
    put(this.turn, this.direction === 'asc' ? '↑ ascending' : '↓ descending');
  }

  showMore() {
    this.limit += page;
    this.draw(this.items);
  }

  sorted(items) {
    const { sort } = this.columns.find((column) => column.id === this.by);
    const turn = this.direction === 'asc' ? 1 : -1;
    const { key } = this.options;
    return items.map((item) => [sort(item), key(item), item]).sort(([a, one], [b, other]) => (a < b ? -turn : a > b ? turn : one < other ? -1 : 1)).map(([, , item]) => item);
  }

  // draw shows these items.
  draw(items) {
    this.items = items;
    const all = this.sorted(items);
    const wanted = all.slice(0, this.limit);
    const held = this.body.contains(document.activeElement) ? document.activeElement : undefined;
    const seen = new Set();
    let after = null;
    for (const item of wanted) {
      const row = this.row(item);
      seen.add(row.key);
      const next = after ? after.nextSibling : this.body.firstChild;
      if (next !== row.node) this.body.insertBefore(row.node, next);
      after = row.node;
    }
    for (const [key, row] of this.rows) {
      if (seen.has(key)) continue;
      row.node.remove();
      this.rows.delete(key);
    }
    if (held && held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
    this.rove();
    this.more.hidden = all.length <= this.limit;
    put(this.more, `Show ${Math.min(page, all.length - this.limit)} more of ${all.length}`);
    this.empty.hidden = all.length > 0;
    put(this.empty, this.options.none());
    this.said = plural(all.length, 'row');
  }

  row(item) {
    const key = this.options.key(item);
    let row = this.rows.get(key);
    if (!row) {
      const cells = this.columns.map((column) => el('td', { 'data-label': column.label, 'data-column': column.id, class: column.number ? 'number' : undefined }));
      row = { key, cells, node: el('tr', { 'data-id': key }, cells) };
      this.rows.set(key, row);
    }
    this.columns.forEach((column, i) => {
      if (row.item !== item || column.moves) column.cell(row.cells[i], item);
    });
    row.item = item;
    return row;
  }

  // handles are what arrow keys go to: the first thing of each row that can have the focus.
  handles() {
    return [...this.body.rows].map((row) => row.querySelector('a, button')).filter(Boolean);
  }

  // rove lets Tab come to one handle only: where it was left, else the first.
  rove(to) {
    const handles = this.handles();
    const now = handles.includes(to) ? to : handles.includes(this.roved) ? this.roved : handles[0];
    for (const handle of handles) handle.tabIndex = handle === now ? 0 : -1;
    this.roved = now;
  }

  walk(event) {
    const handles = this.handles();
    const at = handles.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: handles.length - 1 }[event.key];
    if (at < 0 || to === undefined || !handles[to]) return;
    event.preventDefault();
    handles[to].focus();
  }
}

// linked gives a cell a link, made once.
export function linked(td, href, text, beside) {
  const link = td.querySelector('a') ?? td.appendChild(el('a', {}));
  if (link.getAttribute('href') !== href) link.setAttribute('href', href);
  put(link, text);
  if (beside === undefined) return;
  put(td.querySelector('.beside') ?? td.appendChild(el('span', { class: 'beside' })), beside);
}

// said gives a cell badges, made anew only where they are others.
export function badged(td, badges) {
  const wanted = badges.map((one) => `${one.dataset.kind}|${one.textContent}|${one.title}`).join('\n');
  if (td.dataset.badges === wanted) return;
  td.dataset.badges = wanted;
  fill(td, ...badges);
}
