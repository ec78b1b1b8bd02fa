// What stands around every part: the name, the ways, how the connection is
// doing, the theme, and what must be known wherever one is.
import { el, fill, put } from './element.js';
import { clock, span } from './format.js';
import { ask, client, me, now, onLoginEnded, server, state } from './store.js';

const ways = [['', 'Overview'], ['observers', 'Observers'], ['views', 'Views'], ['connections', 'Connections'], ['changes', 'Changes']];
const themes = { '': 'auto', light: 'light', dark: 'dark' };

export class Frame {
  constructor(head, notices) {
    this.notices = notices;
    this.name = el('span', { class: 'of' });
    this.pill = el('p', { class: 'pill', 'data-state': 'loading' }, 'connecting');
    this.word = el('p', { class: 'unseen', role: 'status' });
    this.links = ways.map(([path, text]) => el('a', { href: `#/${path}`, 'data-path': path }, text));
    this.counts = new Map(this.links.map((link) => [link.dataset.path, link.appendChild(el('span', { class: 'count' }))]));
    this.theme = el('button', { type: 'button', class: 'plain', onclick: () => this.nextTheme() });
    this.out = el('button', { type: 'button', class: 'plain', hidden: true, onclick: () => this.logOut() }, 'Log out');
    fill(head,
      el('div', { class: 'bar' }, el('h1', {}, el('span', { class: 'dot', 'aria-hidden': 'true' }), 'Wakeful ', this.name), this.pill, this.word, el('span', { class: 'gap' }), this.theme, this.out),
      el('nav', { 'aria-label': 'Parts of the console' }, this.links));
    this.said = '';
    this.ended = false;
    onLoginEnded(() => {
      this.ended = true;
      this.draw();
    });
    client.connection.subscribe(() => this.draw());
    this.showTheme();
  }

  meets() {
    put(this.name, me.name);
    this.out.hidden = me.auth !== 'token';
    this.draw();
  }

  refuses(error) {
    this.failure = error;
    this.draw();
  }

  // at marks the way that is taken.
  at(path) {
    for (const link of this.links) {
      if (link.dataset.path === path) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  // standing says in one word how the connection is doing, and beside it more.
  standing() {
    const { kind, ...more } = client.connection.get();
    const list = state('server');
    if (this.ended || ['permission_revoked', 'unauthenticated', 'forbidden'].includes(list.error?.code)) return ['ended', 'login ended'];
    if (kind === 'closed' || list.status === 'error') return ['error', list.error?.message ?? more.error?.message ?? 'closed'];
    if (kind === 'waiting') return ['offline', `offline, next try in ${span((more.until - Date.now()) / 1000)}`];
    if (list.status === 'offline' && list.position) return ['offline', 'offline, trying'];
    if (kind === 'stale' || list.status === 'stale') return ['stale', 'stale'];
    return list.status === 'live' ? ['live', 'live'] : ['loading', 'connecting'];
  }

  draw() {
    const [word, text] = this.standing();
    if (word === 'live') this.heard = Date.now();
    this.pill.dataset.state = word;
    put(this.word, `Connection: ${word}`); // read out when it changes, not each second that is waited
    put(this.pill, text);
    document.body.dataset.state = word;
    this.notice(word);
    const totals = server()?.totals;
    if (!totals) return;
    for (const [path, n] of [['observers', totals.observers], ['views', totals.views], ['connections', totals.sessions]]) put(this.counts.get(path), n);
  }

  // notice says what must be known: that nothing here is current, and why.
  notice(word) {
    const notes = [];
    const asOf = this.heard ? ` What is shown is of ${clock(this.heard)}.` : '';
    if (word === 'ended') notes.push(['bad', `Your login has ended.${asOf}`, this.way()]);
    else if (word === 'offline') notes.push(['bad', `There is no connection to the server.${asOf}`]);
    else if (word === 'stale') notes.push(['wait', `The server cannot say how current this is.${asOf}`]);
    else if (word === 'error') notes.push(['bad', `${this.standing()[1]}${asOf}`]);
    else if (this.failure) notes.push(['bad', this.failure.message]);
    const source = server()?.source;
    if (source && !source.streaming) {
      const since = source.lost_since ? ` since ${clock(source.lost_since)} (${span((now() - Date.parse(source.lost_since)) / 1000)})` : '';
      notes.push(['bad', `The database’s changes are not being read${since}: lists stay as they were.`]);
    }
    const said = JSON.stringify(notes.map(([kind, text]) => kind + text.replace(/ \([^)]*\)/, '')));
    if (said === this.said) return;
    this.said = said;
    fill(this.notices, notes.map(([kind, text, link]) => el('p', { class: 'notice', 'data-kind': kind, role: 'alert' }, text, ' ', link)));
  }

  way() {
    if (me.auth !== 'token') return el('button', { type: 'button', onclick: () => location.reload() }, 'Load again');
    return el('a', { class: 'button', href: 'login', onclick: (event) => { event.currentTarget.href = `login${location.hash}`; } }, 'Log in again');
  }

  async logOut() {
    try {
      await ask('logout', {});
    } catch (error) {
      if (error.status !== 401) {
        this.refuses(error);
        return;
      }
    }
    client.close();
    location.assign('login');
  }

  nextTheme() {
    const order = Object.keys(themes);
    const chosen = order[(order.indexOf(document.documentElement.dataset.theme ?? '') + 1) % order.length];
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem('wakeful-theme', chosen);
    } catch {
      // storage is forbidden here: it holds for this page
    }
    this.showTheme();
  }

  showTheme() {
    put(this.theme, `Theme: ${themes[document.documentElement.dataset.theme ?? '']}`);
  }
}
