// The page of all resources.
import { ask, ok, page, why } from './ask.js?browse';
import { el } from './element.js?browse';
import { Exchange } from './exchange.js?browse';

export async function showIndex(main, frame) {
  const exchange = new Exchange(() => page.list);
  const body = el('tbody');
  const table = el('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Resources' }, el('table', {},
    el('thead', {}, el('tr', {}, ['Resource', 'You may', 'Key', 'Lists'].map((name) => el('th', { scope: 'col' }, name)))), body));
  const below = el('div', { class: 'below' }, exchange.box, el('a', { class: 'json', href: '?format=json' }, 'JSON'));
  main.append(table, below);
  const load = async () => {
    const answer = await ask('GET', page.list);
    exchange.show(answer);
    frame.shows(ok(answer) ? '' : 'error');
    frame.complain(ok(answer) ? '' : why(answer), answer.status);
    if (!ok(answer)) return;
    body.replaceChildren(...answer.json.resources.map(line));
    table.classList.toggle('empty', answer.json.resources.length === 0);
    if (!below.querySelector('.spec')) below.append(el('a', { class: 'json spec', href: answer.json.openapi }, 'OpenAPI'));
  };
  document.addEventListener('visibilitychange', () => document.hidden || load());
  await load();
}

const words = { GET: 'read', POST: 'create', PUT: 'edit', PATCH: 'edit', DELETE: 'delete' };

function line(resource) {
  const may = [...new Set(resource.methods.map((method) => words[method] ?? method))];
  const cells = [
    ['Resource', el('a', { href: resource.url }, resource.name, resource.view && el('span', { class: 'hint' }, ' view'))],
    ['You may', may.join(', ')],
    ['Key', resource.key.length ? resource.key.join(', ') : el('span', { class: 'null' }, 'none')],
    ['Lists', resource.observable ? 'live' : el('span', { class: 'null', title: resource.why }, 'not followed')],
  ];
  return el('tr', {}, cells.map(([label, value]) => el('td', { 'data-label': label }, value)));
}
