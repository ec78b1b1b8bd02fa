// The page of a resource: its list or one row, moving, with what can be done.
import { ask, client, ok, page, why } from './ask.js?browse';
import { el } from './element.js?browse';
import { Exchange } from './exchange.js?browse';
import { showIndex } from './index.js?browse';
import { ListPage } from './list.js?browse';
import { RowPage } from './row.js?browse';
import { openToken, tokenButton } from './token.js?browse';

const state = el('p', { class: 'pill', role: 'status', 'data-state': 'loading' }, 'loading');
const trip = el('p', { class: 'trip', role: 'status' });
const alert = el('div', { class: 'alert', role: 'alert', hidden: true });

// What the pages of a list and of a row have in common.
const frame = {
  list: new URL(page.list, location.href),

  // shows says how the list is doing.
  shows(status, detail = '') {
    state.hidden = !status;
    state.dataset.state = status;
    state.textContent = status + (detail ? `: ${detail}` : '');
    document.body.dataset.state = status;
  },

  // complain shows what is wrong with what was asked for; nothing: all is well.
  complain(text, status) {
    alert.hidden = !text;
    alert.replaceChildren(...(text ? [text] : []));
    if (text && status === 401) alert.append(' ', el('button', { type: 'button', onclick: openToken }, 'Enter a token'));
  },

  // wrote says that a write was done, and when its effects are on screen.
  async wrote(what, answer, began) {
    trip.textContent = what;
    const patience = AbortSignal.timeout(10_000);
    try {
      await client.caughtUp(answer.response, { signal: patience });
      if (answer.response.headers.has('Wakeful-Position')) trip.textContent = `${what}, on screen after ${(performance.now() - began).toFixed(0)} ms`;
    } catch {
      // it is written; only when it is seen is not known
    }
  },

  say(text) {
    trip.textContent = text;
  },
};

function crumbs() {
  const parts = [];
  if (page.home) parts.push(page.kind === 'index' ? page.title : el('a', { href: page.home }, 'API'));
  if (page.kind === 'row') parts.push(el('a', { href: frame.list.href }, page.title), decodeURIComponent(location.pathname.replace(/\/$/, '').split('/').pop()));
  if (page.kind === 'list') parts.push(page.title);
  const items = parts.map((part, i) => el('li', { 'aria-current': i === parts.length - 1 ? 'page' : undefined }, part));
  return el('nav', { 'aria-label': 'Where this is' }, el('ol', { class: 'crumbs' }, items));
}

function header() {
  return el('header', {}, el('span', { class: 'dot', 'aria-hidden': 'true' }), el('h1', {}, crumbs()), state, el('span', { class: 'gap' }), tokenButton());
}

async function begin() {
  const main = el('main');
  document.body.replaceChildren(header(), alert, main, el('footer', {}, trip));
  if (page.kind === 'index') {
    await showIndex(main, frame);
    return;
  }
  const known = await ask('OPTIONS', frame.list);
  const about = ok(known) ? known.json : undefined;
  if (!about) {
    frame.shows('error');
    frame.complain(why(known), known.status);
    const exchange = new Exchange(() => location.href);
    exchange.show(known);
    main.append(exchange.box);
    return;
  }
  document.title = page.kind === 'row' ? `${document.querySelector('.crumbs li:last-child').textContent} · ${page.title}` : page.title;
  const shown = page.kind === 'row' ? new RowPage(about, frame) : new ListPage(about, frame);
  main.append(...shown.parts);
  shown.begin();
}

begin();

