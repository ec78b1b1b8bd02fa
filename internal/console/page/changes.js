// The newest committed transactions, and for one of them: which observers it
// concerns, so that it can be asked of each why it ran or did not.
import { badge, card, el, fill, put } from './element.js';
import { ago, parameters, plural, precise, short, shortPosition } from './format.js';
import { items, now } from './store.js';
import { linked, Table } from './table.js';

// whatOf says what one table had done to it.
export const whatOf = (table) => (table.everything ? 'anything' : [[table.inserted, '+'], [table.updated, '~'], [table.deleted, '−']].filter(([n]) => n > 0).map(([n, sign]) => `${sign}${n}`).join(' ') || 'no rows');

// rowsOf are the marks of rows.
export const rowsOf = (marks) => (marks ?? []).map((mark) => el('code', { class: 'mark', title: 'a keyed hash of the row’s key' }, mark));

export const tablesOf = (change) => (change.everything ? 'everything' : change.tables.map((one) => `${one.table} ${whatOf(one)}`).join(', ') + (change.more_tables ? ` and ${change.more_tables} more` : ''));

const columns = [
  { id: 'seen', label: 'Seen', first: 'desc', sort: (one) => one.order, cell: (td, one) => linked(td, `#/changes/${encodeURIComponent(one.id)}`, precise(one.seen)) },
  { id: 'ago', label: 'Ago', moves: true, cell: (td, one) => put(td, ago(one.seen, now())) },
  { id: 'tables', label: 'Tables', sort: (one) => tablesOf(one), cell: (td, one) => put(td, tablesOf(one)) },
  { id: 'rows', label: 'Rows by hashed key', cell: (td, one) => {
    if (!td.firstChild) td.append(...one.tables.flatMap((table) => rowsOf(table.rows)).slice(0, 6));
  } },
  { id: 'touched', label: 'Touches', number: true, sort: (one) => one.touched, cell: (td, one) => put(td, one.touched) },
  { id: 'position', label: 'Position', cell: (td, one) => put(td, shortPosition(one.id)) },
];

export function changesPage([position]) {
  const table = new Table(columns, { caption: 'Changes', key: (one) => one.id, sorted: ['seen', 'desc'], none: () => 'Nothing has changed yet, or nothing is remembered.' });
  const asked = el('div', { class: 'asked' });
  const held = new Map(); // what was asked for stays though it is forgotten
  const draw = () => {
    const all = items('changes').map((one, order) => held.get(one.id) ?? { ...one, order });
    held.clear();
    all.forEach((one, order) => held.set(one.id, Object.assign(one, { order })));
    table.draw(all);
    for (const row of table.body.rows) row.toggleAttribute('data-chosen', row.dataset.id === position);
    chosen(all.find((one) => one.id === position));
  };
  let shown;
  // chosen draws the transaction that was asked for, once: it does not change.
  const chosen = (change) => {
    if (!position) {
      shown = undefined;
      fill(asked);
    } else if (change && shown !== position) {
      shown = position;
      fill(asked, about(change));
    } else if (!change && shown !== position) fill(asked, el('p', { class: 'none' }, 'That transaction is not remembered any more.'));
  };
  return {
    title: 'Changes', lists: ['observers', 'changes'], draw,
    turn([next]) {
      position = next;
      draw();
      if (next) asked.scrollIntoView({ block: 'nearest' });
      return true;
    },
    escape: () => { if (position) location.hash = '#/changes'; },
    nodes: [el('h2', { class: 'unseen' }, 'Changes'), asked, el('p', { class: 'hint lead' }, 'The newest transactions that the server remembers. Choose one to ask of an observer why it ran, or did not. + inserted, ~ updated, − deleted.'), table.box],
  };
}

// about is one transaction: what it did, and whom it can be asked of.
function about(change) {
  const tables = new Set(change.tables.map((one) => one.table));
  const concerned = items('observers').filter((one) => change.everything || one.tables.some((name) => tables.has(name)));
  const others = items('observers').filter((one) => !concerned.includes(one));
  const line = (one) => el('li', {}, el('a', { href: `#/observers/${one.id}/why/${encodeURIComponent(change.id)}` }, `${one.view}${parameters(one.parameters)} `, el('span', { class: 'mono' }, short(one.id).slice(0, 8))), badge(one.how, one.how));
  const list = (title, all) => (all.length ? [el('h3', {}, title), el('ul', { class: 'lines columns' }, all.slice(0, 40).map(line)), all.length > 40 && el('p', { class: 'hint' }, `and ${all.length - 40} more, under Observers`)] : false);
  return card(`Change of ${precise(change.seen)}`, { class: 'chosen', beside: el('a', { class: 'button', href: '#/changes' }, 'Close') },
    el('ul', { class: 'lines' }, change.everything ? el('li', {}, 'Anything may have changed: it names no rows.') : change.tables.map((one) => el('li', {}, el('b', {}, one.table), ` ${whatOf(one)}`, el('span', {}, rowsOf(one.rows))))),
    el('p', { class: 'hint' }, `It touched ${plural(change.touched, 'observer')}. Position `, el('code', {}, change.id)),
    el('p', {}, 'Why did it run, or not? Ask of:'),
    list('Those that read these tables', concerned), list('Others', others.slice(0, 12)));
}
