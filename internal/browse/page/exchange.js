// What went over the wire: a request with its answer, status, headers and body.
import { el } from './element.js?browse';
import { ask } from './ask.js?browse';

export class Exchange {
  // url says what the list is asked for now.
  constructor(url) {
    this.url = url;
    this.head = el('pre', { class: 'wire head' });
    this.body = el('pre', { class: 'wire', tabindex: '0', 'aria-label': 'Body of the answer' });
    this.again = el('button', { type: 'button', onclick: () => this.load() }, 'Ask again');
    this.box = el('details', { class: 'exchange', ontoggle: () => this.box.open && !this.shown && this.load() },
      el('summary', {}, 'Request and answer'), el('div', { class: 'buttons' }, this.again), this.head, this.body);
  }

  async load() {
    this.show(await ask('GET', this.url(), { headers: { Accept: 'application/json' } }));
  }

  // moved is told that the list is another one.
  moved() {
    if (this.box.open) this.load();
    else this.shown = undefined;
  }

  // show draws an answer, also that to what was written.
  show(answer) {
    this.shown = answer;
    const { method, url, body, status, response, headers, text, json, error } = answer;
    const path = new URL(url, location.href);
    const sent = `${method} ${path.pathname}${path.search}${body === undefined ? '' : `\nContent-Type: application/json\n\n${body}`}`;
    const lines = headers.map(([name, value]) => `${name.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase())}: ${value}`);
    const said = error ? `no answer: ${error}` : [`HTTP ${status} ${response.statusText}`, ...lines].join('\n');
    this.head.replaceChildren(el('b', {}, sent), '\n\n', said);
    this.body.textContent = json === undefined ? text : JSON.stringify(json, null, 2);
    this.body.hidden = this.body.textContent === '';
  }
}
