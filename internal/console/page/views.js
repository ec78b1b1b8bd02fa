// What each view costs.
import { badge, el, put } from './element.js';
import { bytes, count, ms } from './format.js';
import { items } from './store.js';
import { badged, linked, Table } from './table.js';

const badges = (view) => [
  view.step > 0 && badge('step', `${view.step} step`, 'observers that are kept from the rows that changed'),
  view.evaluate > 0 && badge('evaluate', `${view.evaluate} evaluate`, 'observers whose view runs again'),
  view.failing > 0 && badge('bad', `${view.failing} failing`, view.code),
  view.behind > 0 && badge('wait', `${view.behind} behind`),
  view.slow && badge('wait', 'slow', 'an evaluation takes longer than 25 ms'),
].filter(Boolean);

const columns = [
  { id: 'view', label: 'View', sort: (view) => view.id, cell: (td, view) => linked(td, `#/observers?q=${encodeURIComponent(view.id)}`, view.id, view.tables.join(', ')) },
  { id: 'observers', label: 'Observers', number: true, sort: (view) => view.observers, cell: (td, view) => put(td, count(view.observers)) },
  { id: 'subscribers', label: 'Followed by', number: true, sort: (view) => view.subscribers, cell: (td, view) => put(td, count(view.subscribers)) },
  { id: 'how', label: 'Kept by', sort: (view) => [-view.failing, -view.behind, -Number(view.slow), view.step].join(), cell: (td, view) => badged(td, badges(view)) },
  { id: 'steps', label: 'Steps', number: true, sort: (view) => view.steps, cell: (td, view) => put(td, count(view.steps)) },
  { id: 'evaluations', label: 'Evaluations', number: true, sort: (view) => view.evaluations, cell: (td, view) => put(td, count(view.evaluations)) },
  { id: 'cost', label: 'Each', number: true, sort: (view) => view.cost_ms, cell: (td, view) => put(td, ms(view.cost_ms)) },
  { id: 'slowest', label: 'Slowest', number: true, sort: (view) => view.slowest_ms, cell: (td, view) => put(td, ms(view.slowest_ms)) },
  { id: 'spent', label: 'Time spent', number: true, sort: (view) => view.spent_ms, cell: (td, view) => put(td, ms(view.spent_ms)) },
  { id: 'memory', label: 'Memory', number: true, sort: (view) => view.list_bytes, cell: (td, view) => put(td, bytes(view.list_bytes)) },
];

export function viewsPage() {
  const search = el('input', { type: 'search', placeholder: 'View or table', 'aria-label': 'Search views', 'aria-keyshortcuts': '/', oninput: () => draw() });
  const table = new Table(columns, { caption: 'Views', key: (view) => view.id, sorted: ['spent', 'desc'], none: () => (items('views').length ? 'No view is so.' : 'No view is observed.') });
  const draw = () => table.draw(items('views').filter((view) => `${view.id} ${view.tables.join(' ')}`.toLowerCase().includes(search.value.trim().toLowerCase())));
  return {
    title: 'Views', lists: ['views'], draw,
    escape: () => {
      search.value = '';
      draw();
    },
    nodes: [el('h2', { class: 'unseen' }, 'Views'), el('div', { class: 'tools' }, search), table.box],
  };
}
