// The page of one row.
import { ask, ok, why } from './ask.js?browse';
import { el } from './element.js?browse';
import { Exchange } from './exchange.js?browse';
import { Follow } from './follow.js?browse';
import { Form } from './form.js?browse';
import { Sheet } from './table.js?browse';

export class RowPage {
  constructor(about, frame) {
    Object.assign(this, { about, frame });
    this.sheet = new Sheet();
    this.edit = el('button', { type: 'button', class: 'main', hidden: true, onclick: () => this.change() }, 'Edit');
    this.remove = el('button', { type: 'button', class: 'danger', hidden: true, onclick: () => this.ask() }, 'Delete');
    this.none = el('p', { class: 'none', hidden: true }, 'There is no such row. It is shown here as soon as there is one.');
    this.exchange = new Exchange(() => this.url());
    this.follow = new Follow(about.observable, (state, answer) => this.draw(state, answer));
    const json = about.format && el('a', { class: 'json', href: '?format=json' }, 'JSON');
    this.parts = [
      el('div', { class: 'tools' }, el('span', { class: 'gap' }), this.edit, this.remove), this.none, this.sheet.box,
      el('div', { class: 'below' }, this.exchange.box, json),
    ];
  }

  begin() {
    this.follow.to(this.url());
  }

  url() {
    return location.pathname;
  }

  draw(state, answer) {
    this.frame.shows(state.status, state.status === 'error' || !state.error ? '' : state.error.message);
    const [item] = state.items;
    this.none.hidden = Boolean(item) || state.status === 'loading' || (answer && answer.status !== 404);
    this.frame.complain(answer && answer.status !== 404 ? why(answer) : '', answer?.status);
    this.sheet.box.hidden = !item;
    if (item) this.sheet.draw(this.about, item);
    if (item !== this.item) this.rights(item);
    this.item = item;
  }

  // rights asks what may be done with the row as it is now.
  async rights(item) {
    const asked = (this.asked = {});
    const known = item && (await ask('OPTIONS', this.url()));
    if (this.asked !== asked) return;
    const actions = known && ok(known) ? known.json.actions : [];
    this.edit.hidden = !actions.includes('update');
    this.remove.hidden = !actions.includes('delete');
  }

  async change() {
    const row = await ask('GET', this.url());
    if (!ok(row)) {
      this.frame.say(`Not to be edited: ${why(row)}`);
      return;
    }
    new Form({
      about: this.about, url: this.url(), row: row.json, tag: row.response.headers.get('ETag'),
      done: (answer, began) => this.wrote('Saved', answer, began),
      reload: () => this.change(),
    }).open();
  }

  // ask makes sure that it is meant.
  ask() {
    const dialog = el('dialog', { 'aria-label': 'Delete', onclose: () => dialog.remove() },
      el('form', { onsubmit: async (event) => {
        event.preventDefault();
        dialog.close();
        await this.delete();
      } },
      el('h2', {}, 'Delete this row?'), el('p', {}, 'It cannot be taken back.'),
      el('div', { class: 'buttons' }, el('span', { class: 'gap' }),
        el('button', { type: 'button', onclick: () => dialog.close() }, 'Keep it'), el('button', { type: 'submit', class: 'danger' }, 'Delete it'))));
    document.body.append(dialog);
    dialog.showModal();
  }

  async delete() {
    const began = performance.now();
    const answer = await ask('DELETE', this.url());
    this.exchange.show(answer);
    if (!ok(answer)) {
      this.frame.say(`Not deleted: ${why(answer)}`);
      return;
    }
    this.follow.wrote();
    this.frame.wrote('Deleted', answer, began);
  }

  wrote(what, answer, began) {
    this.exchange.show(answer);
    this.follow.wrote();
    this.frame.wrote(what, answer, began);
  }
}
