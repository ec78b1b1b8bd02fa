// The page as a whole: which part is shown, by the address behind #.
import { fill } from './element.js';
import { Frame } from './frame.js';
import { changesPage } from './changes.js';
import { connectionsPage } from './connections.js';
import { observerPage } from './observer.js';
import { activity, observersPage } from './observers.js';
import { overviewPage } from './overview.js';
import { follow, items, meet, tick } from './store.js';
import { viewsPage } from './views.js';

const routes = [
  [/^$/, overviewPage],
  [/^observers$/, observersPage],
  [/^observers\/([^/]+)$/, observerPage],
  [/^observers\/([^/]+)\/why\/(.+)$/, observerPage],
  [/^views$/, viewsPage],
  [/^connections$/, connectionsPage],
  [/^changes$/, changesPage],
  [/^changes\/(.+)$/, changesPage],
];

const main = document.getElementById('main');
const frame = new Frame(document.getElementById('head'), document.getElementById('notices'));
let shown; // the part that is shown: its page, and how to leave it

// show makes the part that the address names; one that can take another address in stays.
function show() {
  if (location.hash === '#main') {
    main.focus();
    return;
  }
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  for (const [pattern, page] of routes) {
    const found = pattern.exec(path);
    if (!found) continue;
    const [, ...parts] = found.map((part) => part && decodeURIComponent(part));
    open(page, parts, new URLSearchParams(query ?? ''));
    frame.at(path.split('/')[0]);
    return;
  }
  location.replace('#/');
}

function open(page, parts, query) {
  if (shown?.page === page && shown.part.turn?.(parts, query)) return;
  shown?.leave();
  const part = page(parts, query);
  fill(main, ...part.nodes);
  const draw = () => part.draw?.();
  shown = { page, part, leave: follow(part.lists, draw) };
  draw();
  document.title = `${part.title} · Wakeful console`;
  if (document.activeElement === document.body) main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

// typed takes keys that are for the whole page.
function typed(event) {
  const writing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === '/' && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    const search = main.querySelector('input[type=search]');
    if (search) search.focus();
    else location.hash = '#/observers?search';
  }
  if (event.key === 'Escape' && !document.querySelector('dialog[open]')) shown?.part.escape?.(event);
}

addEventListener('hashchange', show);
addEventListener('keydown', typed);
follow(['server', 'seconds', 'observers'], () => {
  tick();
  activity.note(items('observers'), items('seconds').at(-1)?.id ?? 0);
  frame.draw();
});
// What is told as "ago" goes on though nothing comes.
setInterval(() => {
  if (document.hidden) return;
  frame.draw();
  shown?.part.draw?.();
}, 1000);

try {
  frame.meets(await meet());
} catch (error) {
  frame.refuses(error);
}
show();
