// The page of a list.
import { ask, ok, rowURL, why, written } from './ask.js?browse';
import { el, select } from './element.js?browse';
import { Exchange } from './exchange.js?browse';
import { Filters, fromStart, without } from './filters.js?browse';
import { Follow } from './follow.js?browse';
import { Form } from './form.js?browse';
import { Table } from './table.js?browse';

const typing = 250; // ms without a key after which what was typed counts

export class ListPage {
  constructor(about, frame) {
    Object.assign(this, { about, frame });
    const can = (action) => about.actions.includes(action);
    this.filters = new Filters(about, (params, soon) => this.turn(params, soon));
    this.table = new Table({
      list: frame.list, order: (name, more) => this.order(name, more),
      edit: can('update') && about.key.length > 0 ? (key) => this.edit(key) : undefined,
    });
    this.search = el('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search', oninput: () => this.turnSearch(true), onchange: () => this.turnSearch(false) });
    this.size = this.sizes();
    this.count = el('span', { class: 'count', role: 'status' });
    this.earlier = el('a', { class: 'button', rel: 'prev', onclick: (event) => this.page(event) }, '← Previous');
    this.later = el('a', { class: 'button', rel: 'next', onclick: (event) => this.page(event) }, 'Next →');
    this.exchange = new Exchange(() => this.url());
    this.follow = new Follow(about.observable, (state, answer) => this.draw(state, answer));
    const create = can('create') && el('button', { type: 'button', class: 'main', onclick: () => this.create() }, 'New');
    const json = about.format && el('a', { class: 'json' }, 'JSON');
    this.json = json;
    this.parts = [
      el('div', { class: 'tools' }, about.search && this.search, this.filters.add, el('span', { class: 'gap' }), create),
      this.filters.box, this.table.box,
      el('div', { class: 'pager' }, this.count, el('span', { class: 'gap' }), this.size, this.earlier, this.later),
      el('div', { class: 'below' }, this.exchange.box, json),
    ];
  }

  begin() {
    if (!this.about.actions.includes('read')) {
      this.frame.shows('still');
      this.frame.complain('The list is not yours to read.');
      return;
    }
    addEventListener('popstate', () => this.go());
    this.go();
  }

  params() {
    return this.about.format ? without(location.search, ['format']) : new URLSearchParams(location.search);
  }

  // url is what the list is asked for.
  url(params = this.params()) {
    const query = params.toString();
    return this.frame.list.pathname + (query ? `?${query}` : '');
  }

  // turn goes to other parameters; soon: they are being typed.
  turn(params, soon) {
    clearTimeout(this.typed);
    const go = () => {
      const query = params.toString();
      const to = location.pathname + (query ? `?${query}` : '');
      if (to === location.pathname + location.search) return;
      if (this.typedBefore && soon) history.replaceState(null, '', to);
      else history.pushState(null, '', to);
      this.typedBefore = soon;
      this.go();
    };
    if (soon) this.typed = setTimeout(go, typing);
    else go();
  }

  // go shows what the address says.
  go() {
    const params = this.params();
    this.wrong = undefined;
    this.frame.complain('');
    this.filters.show(params);
    if (document.activeElement !== this.search) this.search.value = params.get('search') ?? '';
    if (this.size) this.showSize(params);
    if (this.json) {
      const query = new URLSearchParams(params);
      query.set('format', 'json');
      this.json.href = `?${query}`;
    }
    this.table.begin();
    this.follow.to(this.url(params));
    this.exchange.moved();
  }

  draw(state, answer) {
    this.frame.shows(state.status, state.status === 'error' || !state.error ? '' : state.error.message);
    const wrong = answer && why(answer);
    if (wrong !== this.wrong) {
      this.wrong = wrong;
      this.frame.complain(wrong, answer?.status);
      if (answer) this.filters.show(this.params(), answer.json?.errors);
    }
    if (state.status === 'loading' && state.items.length === 0) {
      this.count.textContent = 'Loading …';
      return;
    }
    const keys = state.keys ?? state.items.map((item, i) => this.keyOf(item) ?? `#${i}`);
    this.table.draw(this.about, { ...state, keys }, this.ordering());
    this.drawPager(state);
  }

  keyOf(item) {
    const { key } = this.about;
    if (key.length === 0) return undefined;
    if (key.length === 1) return written(item[key[0]]);
    return key.map((name) => encodeURIComponent(written(item[name]))).join(',');
  }

  // ---- ordering

  ordering() {
    const asked = this.params().get('ordering');
    return asked ? asked.split(',').map((term) => term.trim()) : this.about.order;
  }

  order(name, more) {
    const asked = this.params().get('ordering');
    const terms = asked ? asked.split(',') : [];
    const had = terms.find((term) => term.replace(/^-/, '') === name);
    const next = !had ? name : had === name ? `-${name}` : undefined;
    const others = more ? terms.filter((term) => term !== had) : [];
    const params = fromStart(this.params());
    const all = next ? [...others, next] : others;
    if (all.length) params.set('ordering', all.join(','));
    else params.delete('ordering');
    this.turn(params, false);
  }

  turnSearch(soon) {
    const params = fromStart(this.params());
    if (this.search.value.trim()) params.set('search', this.search.value.trim());
    else params.delete('search');
    this.turn(params, soon);
  }

  // ---- pages

  sizes() {
    const { page_size: size, max_page_size: max } = this.about;
    const all = [...new Set([10, 25, 50, 100, 250, size])].filter((n) => n <= max).sort((a, b) => a - b);
    if (all.length < 2) return undefined;
    return el('label', { class: 'size' }, 'Rows ', select({ onchange: (event) => {
      const params = fromStart(this.params());
      params.set(this.sizeName(), event.target.value);
      this.turn(params, false);
    } }, all.map((n) => [String(n), String(n)]), String(size)));
  }

  sizeName() {
    return this.about.styles[0] === 'number' && !this.params().has('limit') ? 'page_size' : 'limit';
  }

  showSize(params) {
    const size = params.get('limit') ?? params.get('page_size') ?? String(this.about.page_size);
    const choice = this.size.querySelector('select');
    if (![...choice.options].some((option) => option.value === size)) choice.append(el('option', { value: size }, size));
    choice.value = size;
  }

  drawPager({ items, meta, status }) {
    const params = this.params();
    const size = Number(params.get('page_size') ?? params.get('limit') ?? this.about.page_size);
    const from = params.has('page') ? (Number(params.get('page')) - 1) * size : Number(params.get('offset') ?? 0);
    const rows = (n) => `${n.toLocaleString('en')} ${n === 1 ? 'row' : 'rows'}`;
    let text = rows(items.length);
    if (typeof meta?.count === 'number' && meta.count > items.length) text = `${from + 1}–${from + items.length} of ${rows(meta.count)}`;
    this.count.textContent = status === 'error' && items.length === 0 ? '' : text;
    for (const [link, url] of [[this.earlier, meta?.previous], [this.later, meta?.next]]) {
      link.hidden = !meta?.previous && !meta?.next;
      if (url) link.href = new URL(url, location.href).search || location.pathname;
      else link.removeAttribute('href');
      link.setAttribute('aria-disabled', String(!url));
    }
  }

  page(event) {
    const href = event.currentTarget.href;
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (href) this.turn(new URL(href).searchParams, false);
  }

  // ---- writes

  create() {
    new Form({
      about: this.about, url: this.frame.list,
      done: (answer, began) => this.wrote('Created', answer, began),
    }).open();
  }

  async edit(key) {
    const url = rowURL(this.frame.list, key, this.about.key.length);
    const row = await ask('GET', url);
    if (!ok(row)) {
      this.frame.say(`Not to be edited: ${why(row)}`);
      return;
    }
    new Form({
      about: this.about, url, row: row.json, tag: row.response.headers.get('ETag'),
      done: (answer, began) => this.wrote('Saved', answer, began),
      reload: () => this.edit(key),
    }).open();
  }

  wrote(what, answer, began) {
    this.exchange.show(answer);
    this.follow.wrote();
    const key = answer.json && this.keyOf(answer.json);
    this.frame.wrote(key ? `${what} ${key}` : what, answer, began);
  }
}
