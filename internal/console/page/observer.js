// One observer: what it reads, how it is kept and why, what each change did to it.
import { end } from './dialog.js';
import { badge, card, el, facts, fill, put } from './element.js';
import { bytes, count, ms, parameters, plural, short, shortPosition } from './format.js';
import { how, identity, standings } from './observers.js';
import { ask, observer, server, state } from './store.js';
import { Timeline } from './timeline.js';
import { badged } from './table.js';
import { Why } from './why.js';

export function observerPage([id, position]) {
  const page = new ObserverPage(id);
  page.why.of(position);
  page.timeline.choose(position);
  return {
    title: `Observer ${short(id)}`, lists: ['server', 'observers', 'changes', 'seconds'], nodes: page.nodes,
    draw: () => page.draw(),
    turn([other, next]) {
      if (other !== id) return false;
      page.why.of(next);
      page.timeline.choose(next);
      if (next) page.why.box.scrollIntoView({ block: 'nearest' });
      return true;
    },
    escape: () => { location.hash = location.hash.includes('/why/') ? `#/observers/${id}` : '#/observers'; },
  };
}

class ObserverPage {
  constructor(id) {
    this.id = id;
    const chose = (position) => { location.hash = `#/observers/${id}/why/${encodeURIComponent(position)}`; };
    this.why = new Why(id, chose);
    this.timeline = new Timeline(chose);
    this.name = el('h2', { class: 'view' }, short(id));
    this.signs = el('span', { class: 'signs' });
    this.gone = el('p', { class: 'notice', 'data-kind': 'wait', hidden: true });
    this.facts = el('div', {});
    this.reads = el('div', { class: 'reads' });
    this.kept = el('div', { class: 'kept' });
    this.text = el('pre', {});
    this.end = el('button', { type: 'button', class: 'danger', 'aria-haspopup': 'dialog', onclick: () => end(`End the observer ${short(id)}?`, `api/observers/${id}/end`) }, 'End …');
    this.nodes = [
      el('p', { class: 'back' }, el('a', { href: '#/observers' }, '← Observers')),
      el('div', { class: 'title' }, this.name, this.signs, el('span', { class: 'gap' }), this.end), this.gone,
      el('div', { class: 'grid observer' }, card('In numbers', {}, this.facts), card('How it is kept, and why', {}, this.kept), card('What it reads', {}, this.reads),
        card('Timeline', { class: 'time', beside: this.timeline.lane.pick }, this.timeline.box), this.why.box,
        el('details', { class: 'wide text' }, el('summary', {}, 'The whole account as text'), this.text)),
    ];
  }

  // draw shows what the list of observers has of it, and asks for the rest when that has changed.
  draw() {
    this.why.offers();
    this.timeline.lane.draw();
    const one = observer(this.id);
    if (!one) {
      if (this.known) this.over('It has ended. What is shown is how it was.');
      else if (state('observers').status === 'live' && !this.asked) this.unlisted();
      return;
    }
    this.gone.hidden = true;
    this.end.disabled = false;
    if (this.known === one) return;
    this.known = one;
    put(this.name, `${one.view}${parameters(one.parameters)}`);
    badged(this.signs, [how(one), ...standings(one)]);
    fill(this.facts, numbers(one));
    this.ask();
  }

  // unlisted asks for one that is not in the list: of many, not all are.
  unlisted() {
    this.asked = true;
    const { observers = 0, listed_observers: listed = 0 } = server()?.totals ?? {};
    if (observers > listed) this.ask();
    else this.over('There is no such observer: it has ended, or the address is not whole.');
  }

  over(text) {
    put(this.gone, text);
    this.gone.hidden = false;
    this.end.disabled = true;
  }

  // ask fetches the account; again when it has changed meanwhile.
  async ask() {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    this.again = false;
    try {
      this.show(await ask(`api/observers/${this.id}`));
    } catch (error) {
      if (error.status === 404) this.over('There is no such observer: it has ended, or the address is not whole.');
      else if (error.status !== 401) this.over(error.message);
    }
    this.asking = false;
    if (this.again) this.ask();
  }

  show(found) {
    const { explanation } = found;
    this.timeline.update(found.timeline);
    put(this.text, found.text);
    const text = JSON.stringify([explanation.reads, explanation.notes, explanation.kept.reason, explanation.kept.how, explanation.statements]);
    if (this.said === text) return; // what is open stays open
    this.said = text;
    if (!this.known) put(this.name, `${found.view}${parameters(found.parameters)}`);
    fill(this.reads, reads(explanation.reads), statements(explanation));
    fill(this.kept, kept(explanation));
  }
}

const numbers = (one) => facts([
  ['Identity', identity(one.identity, one.shared), 'a keyed hash: equal means the same'],
  ['Followed by', plural(one.subscribers, 'subscriber')],
  ['Rows', count(one.items)],
  ['Memory', `${bytes(one.list_bytes)} list, ${bytes(one.log_bytes)} log`],
  ['Steps', count(one.steps)],
  ['Rows read again', count(one.reads)],
  ['Evaluations', `${count(one.evaluations)}, each ${ms(one.cost_ms)}`],
  ['Time spent', ms(one.spent_ms)],
  ['Diffs so far', count(one.seq)],
  one.failures > 0 && ['Failures in a row', `${one.failures}${one.last?.code ? `: ${one.last.code}` : ''}`],
]);

const reads = (all) => (all.length ? el('ul', { class: 'tables' }, all.map((one) => el('li', {},
  el('p', {}, el('b', {}, one.table), ' ', one.kept && badge('step', 'by steps', 'changes of it are taken in from the rows that changed'), one.earlier && badge('plain', 'earlier', 'the newest evaluation did not read it so')),
  el('p', {}, el('span', { class: 'hint' }, 'rows '), el('code', {}, one.rows || 'all')),
  el('p', {}, el('span', { class: 'hint' }, 'columns '), one.columns?.length ? one.columns.map((name) => el('code', { class: 'chip' }, name)) : el('span', { class: 'hint' }, 'none: only rows that come and go'))))) : el('p', { class: 'none' }, 'It reads nothing: no change touches it.'));

function statements({ statements: all = [], omitted }) {
  if (!all.length) return false;
  const notes = (one) => [
    one.opaque && `not understood, so all rows of its tables count: ${one.opaque}`,
    ...(one.dropped ?? []).map((each) => `${each.table}.${each.column} does not narrow: ${each.why}`),
    one.volatile?.length > 0 && `gives something else though no row changes: ${one.volatile.join(', ')}`,
    one.ties,
  ].filter(Boolean);
  return el('details', {}, el('summary', {}, plural(all.length + (omitted ?? 0), 'statement')), el('ol', { class: 'statements' }, all.map((one) => el('li', {}, el('pre', {}, one.text ?? ''), one.runs > 1 && el('p', { class: 'hint' }, `ran ${one.runs} times`), notes(one).map((text) => el('p', { class: 'hint' }, text))))));
}

function kept({ kept: one, notes = [], position }) {
  const means = one.how === 'step'
    ? 'By steps: a change is taken in from the rows that changed, and the database is asked nothing.'
    : 'By evaluating: after changes that touch it its view runs again, and what differs is sent.';
  const why = one.reason || (one.how === 'evaluate' && 'its view gives no plan to step by; those of resources do.');
  const every = one.every_ns > 0 ? `It also runs every ${ms(one.every_ns / 1e6)}, whatever changes.` : '';
  return [
    el('p', {}, badge(one.how, one.how), ' ', means),
    why && el('p', { class: 'reason' }, el('b', {}, one.how === 'step' ? 'The last step that could not be made: ' : 'Why not by steps: '), why),
    every && el('p', {}, every),
    one.least_ns > 0 && el('p', {}, `At least ${ms(one.least_ns / 1e6)} lie between two runs.`),
    one.echoes > 0 && el('p', {}, `It is slowed down: ${plural(one.echoes, 'run')} in a row gave nothing and came of what evaluations write.`),
    notes.map((text) => el('p', { class: 'note' }, text)),
    el('p', { class: 'hint' }, `Evaluated at ${shortPosition(one.position ?? position ?? '')}`),
  ];
}
