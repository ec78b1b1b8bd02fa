// Why an observer ran, or did not, for one transaction.
import { badge, card, el, fill } from './element.js';
import { clock, ms, plural, precise, shortPosition } from './format.js';
import { ask, items } from './store.js';
import { tablesOf } from './changes.js';

const verdicts = {
  untouched: ['plain', 'It did not run'], own: ['plain', 'It did not run: it wrote this itself'], stepped: ['step', 'It was stepped'], ran: ['evaluate', 'Its view ran'],
  read: ['read', 'Its rows were read again'], waiting: ['wait', 'It is not in the list yet'], contained: ['good', 'The list was made after it'],
};

// Why is the part of an observer's page that answers for one position.
export class Why {
  // chose is told which transaction is asked for.
  constructor(id, chose) {
    this.id = id;
    this.pick = el('select', { 'aria-label': 'Change', onchange: () => this.pick.value && chose(this.pick.value) });
    this.answer = el('div', { class: 'answer', 'aria-live': 'polite' }, el('p', { class: 'hint' }, 'Choose a change here or in the timeline.'));
    this.box = card('Why did it run, or not?', { class: 'why', beside: el('label', { class: 'pick' }, 'Change ', this.pick) }, this.answer);
  }

  // offers puts the newest changes to choose from; not while one is being chosen.
  offers() {
    const all = items('changes').toReversed();
    const key = `${this.position} ${all.map((one) => one.id).join()}`;
    if (key === this.key || document.activeElement === this.pick) return;
    this.key = key;
    const known = all.some((one) => one.id === this.position);
    fill(this.pick, el('option', { value: '' }, all.length ? 'choose …' : 'none is remembered'),
      !known && this.position && el('option', { value: this.position }, shortPosition(this.position)),
      all.map((one) => el('option', { value: one.id }, `${clock(one.seen)}  ${tablesOf(one)}`)));
    this.pick.value = this.position ?? '';
  }

  async of(position) {
    this.position = position;
    this.key = undefined;
    this.offers();
    if (!position) return;
    try {
      const found = await ask(`api/observers/${this.id}/why?position=${encodeURIComponent(position)}`);
      if (this.position === position) fill(this.answer, account(found));
    } catch (error) {
      if (this.position === position) fill(this.answer, el('p', { class: 'wrong' }, error.message));
    }
  }
}

function account(found) {
  const [kind, title] = verdicts[found.verdict] ?? ['plain', found.verdict];
  return [
    el('p', { class: 'verdict', 'data-verdict': found.verdict }, badge(kind, title), el('span', { class: 'hint' }, ` change of ${precise(found.seen)}, ${shortPosition(found.position)}`)),
    el('p', {}, found.text),
    found.reasons.length > 0 && el('ol', { class: 'reasons' }, found.reasons.map(reason)),
    found.more > 0 && el('p', { class: 'hint' }, `and ${plural(found.more, 'more reason')}`),
    found.runs.length > 0 && [el('h3', {}, 'What was done'), el('ul', { class: 'lines' }, found.runs.map((run) => el('li', {}, badge(run.did, run.did), ` ${precise(run.at)}, ${run.cause}, took ${ms(run.took_ms)}, ${plural(run.ops, 'operation')}${run.latency_ms ? `, ${ms(run.latency_ms)} after the commit was seen` : ''}`, run.code && badge('bad', run.code))))],
  ];
}

function reason(one) {
  const images = (one.images ?? []).map((image) => el('li', {}, badge(image.unknown ? 'wait' : image.meets ? 'good' : 'plain', `${image.row} row ${image.unknown ? 'is not known' : image.meets ? 'meets it' : 'does not meet it'}`), image.fails && el('span', { class: 'hint' }, ' for ', el('code', {}, image.fails))));
  const names = (title, list) => list?.length > 0 && el('div', {}, el('dt', {}, title), el('dd', {}, list.map((name) => el('code', { class: 'chip' }, name))));
  return el('li', {},
    el('p', {}, badge(one.touches ? 'good' : 'plain', one.touches ? 'touches' : 'does not touch'), ' ', one.text),
    el('dl', { class: 'facts' }, names('It reads', one.read), names('Altered', one.altered), one.condition && el('div', {}, el('dt', {}, 'Rows that matter'), el('dd', {}, el('code', {}, one.condition)))),
    images.length > 0 && el('ul', { class: 'lines' }, images));
}
