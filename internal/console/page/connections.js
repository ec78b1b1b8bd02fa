// Who is connected, and what has not reached them.
import { endButton } from './dialog.js';
import { badge, el, put } from './element.js';
import { ago, bytes, count } from './format.js';
import { items, now, server } from './store.js';
import { badged, Table } from './table.js';

const transports = { websocket: 'WebSocket', events: 'server-sent events', none: 'away' };

function badges(one) {
  return [
    badge(one.transport === 'none' ? 'wait' : 'plain', one.transport === 'none' ? `away since ${ago(one.absent_since, now())}` : transports[one.transport] ?? one.transport),
    one.protocol > 0 && badge('plain', `v${one.protocol}`),
    one.stale && badge('wait', 'told stale', 'it was told that the server cannot say how current it is'),
  ].filter(Boolean);
}

const columns = [
  { id: 'end', label: 'End', unseen: true, cell: (td, one) => {
    if (!td.firstChild) td.append(endButton('End …', `End the session ${one.id}`, () => `End the session ${one.id}?`, () => `api/connections/${one.id}/end`));
  } },
  { id: 'id', label: 'Session', sort: (one) => one.id, cell: (td, one) => put(td, one.id) },
  { id: 'identity', label: 'Identity', sort: (one) => one.identity, cell: (td, one) => put(td, one.identity || 'anonymous') },
  { id: 'transport', label: 'Connected by', moves: true, sort: (one) => one.transport, cell: (td, one) => badged(td, badges(one)) },
  { id: 'address', label: 'From', sort: (one) => one.address, cell: (td, one) => put(td, one.address) },
  { id: 'subscriptions', label: 'Follows', number: true, sort: (one) => one.subscriptions, cell: (td, one) => put(td, count(one.subscriptions)) },
  { id: 'undelivered', label: 'Undelivered', number: true, sort: (one) => one.undelivered_bytes, cell: (td, one) => put(td, bytes(one.undelivered_bytes)) },
  { id: 'since', label: 'Since', moves: true, sort: (one) => one.since ?? '', cell: (td, one) => put(td, ago(one.since, now())) },
  { id: 'heard', label: 'Heard', moves: true, sort: (one) => one.heard ?? '', cell: (td, one) => put(td, ago(one.heard, now())) },
];
const ordered = [...columns.slice(1), columns[0]];

export function connectionsPage() {
  const search = el('input', { type: 'search', placeholder: 'Identity, session, transport', 'aria-label': 'Search connections', 'aria-keyshortcuts': '/', oninput: () => draw() });
  const found = el('p', { class: 'hint found' });
  const table = new Table(ordered, { caption: 'Connections', key: (one) => one.id, sorted: ['since', 'desc'], none: () => (items('connections').length ? 'No connection is so.' : 'Nobody is connected.') });
  const draw = () => {
    const all = items('connections');
    const words = search.value.trim().toLowerCase();
    const passed = all.filter((one) => `${one.id} ${one.identity || 'anonymous'} ${transports[one.transport]} ${one.address}`.toLowerCase().includes(words));
    table.draw(passed);
    const { sessions = all.length, listed_connections: listed = all.length } = server()?.totals ?? {};
    put(found, `${passed.length} of ${all.length}${sessions > listed ? `; the server tells of ${listed} of ${sessions}: those with the most undelivered` : ''}`);
  };
  return {
    title: 'Connections', lists: ['server', 'connections'], draw,
    escape: () => {
      search.value = '';
      draw();
    },
    nodes: [el('h2', { class: 'unseen' }, 'Connections'), el('div', { class: 'tools' }, search, found), table.box],
  };
}
