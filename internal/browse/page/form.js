// The form that makes a row or alters one, with what is wrong beside each field.
import { el, select, unique } from './element.js?browse';
import { ask, ok, why, written } from './ask.js?browse';
import { isNumber, kindOf, nullable, toJSON, toPicker } from './kind.js?browse';

// Form is a dialog. done is told the answer to what was written.
export class Form {
  constructor({ about, url, row, tag, done, reload }) {
    Object.assign(this, { about, url, row, tag, done, reload });
    this.fields = about.fields.filter((field) => (row ? field.update : field.create) !== 'no').map((field) => this.field(field));
    this.general = el('p', { class: 'alert', role: 'alert', hidden: true });
    this.raw = el('textarea', { class: 'raw', rows: '14', spellcheck: 'false', 'aria-label': 'The body as JSON' });
    this.simple = el('div', { class: 'fields' }, this.fields.map((field) => field.box));
    this.save = el('button', { type: 'submit', class: 'main' }, row ? 'Save' : 'Create');
    this.swap = el('button', { type: 'button', class: 'quiet', onclick: () => this.turn() }, 'As JSON');
    this.again = el('button', { type: 'button', hidden: true, onclick: () => this.close(true) }, 'Take the new values');
    const cancel = el('button', { type: 'button', onclick: () => this.close(false) }, 'Cancel');
    const title = row ? `Edit ${about.key.map((name) => written(row[name])).join(', ')}` : `New row of ${about.name}`;
    this.form = el('form', { novalidate: true, onsubmit: (event) => this.submit(event) },
      el('h2', {}, title), this.general, this.simple, el('div', { class: 'buttons' }, this.swap, el('span', { class: 'gap' }), this.again, cancel, this.save));
    this.dialog = el('dialog', { class: 'sheet-dialog', 'aria-label': title, onclose: () => this.dialog.remove() }, this.form);
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    (this.fields[0]?.input ?? this.save).focus();
  }

  close(reload) {
    this.dialog.close();
    if (reload) this.reload();
  }

  field(about) {
    const kind = kindOf(about.schema);
    const had = this.row ? this.row[about.name] : undefined;
    const id = unique('field');
    const wrong = el('p', { class: 'wrong', id: `${id}-wrong`, hidden: true });
    const field = { about, kind, wrong, initial: had, initialText: written(had) };
    field.input = this.input(field, id);
    const hint = el('span', { class: 'hint' }, hintOf(about, kind, Boolean(this.row)));
    const line = el('div', { class: 'line' }, field.input);
    if (nullable(about.schema) && kind !== 'boolean' && kind !== 'choice') {
      field.isNull = el('input', { type: 'checkbox', checked: this.row ? had === null : false, onchange: () => this.setNull(field) });
      line.append(el('label', { class: 'check' }, field.isNull, 'null'));
      this.setNull(field);
    }
    field.box = el('div', { class: 'field' }, el('label', { for: id }, about.name, hint), line, wrong);
    return field;
  }

  setNull(field) {
    field.input.disabled = field.isNull.checked;
  }

  input(field, id) {
    const { about, kind, initial, initialText } = field;
    const common = { id, name: about.name, 'aria-describedby': `${id}-wrong` };
    if (kind === 'boolean' || kind === 'choice') {
      const values = kind === 'boolean' ? ['true', 'false'] : about.schema.enum.filter((one) => one !== null).map(String);
      const none = this.row || about.create === 'must' ? [] : [['', '(default)']];
      const nil = nullable(about.schema) ? [['null', 'null']] : [];
      const value = this.row ? (initial === null ? 'null' : initialText) : none.length ? '' : values[0];
      return select(common, [...none, ...nil, ...values.map((one) => [one, one])], value);
    }
    const picked = kind === 'timestamp' ? (initialText ? toPicker(initialText) : '') : undefined;
    field.picker = picked !== undefined;
    if (field.picker) return el('input', { ...common, type: 'datetime-local', step: 'any', value: picked });
    if (kind === 'date') return el('input', { ...common, type: /^(\d{4}-\d\d-\d\d)?$/.test(initialText) ? 'date' : 'text', value: initialText });
    if (kind === 'text' || kind === 'json' || kind === 'bytes') {
      const text = typeof initial === 'string' && kind === 'json' ? JSON.stringify(initial) : initialText;
      field.initialText = text;
      const rows = text.length > 60 || text.includes('\n') || kind === 'json' ? '3' : '1';
      return el('textarea', { ...common, rows, spellcheck: kind === 'text' ? 'true' : 'false', value: text, onkeydown: rows === '1' && saveOnEnter });
    }
    const text = kind === 'any' && typeof initial === 'string' ? JSON.stringify(initial) : initialText;
    field.initialText = text;
    return el('input', { ...common, type: 'text', inputmode: isNumber(kind) ? (kind === 'integer' ? 'numeric' : 'decimal') : undefined, maxlength: about.schema.maxLength, value: text, autocomplete: 'off' });
  }

  // members are what the body is to have: of a row, what was altered.
  members() {
    const members = [];
    for (const field of this.fields) {
      const { about, kind, input } = field;
      if (field.isNull?.checked || ((kind === 'boolean' || kind === 'choice') && input.value === 'null')) {
        if (!this.row || field.initial !== null) members.push([about.name, 'null']);
        continue;
      }
      const text = input.value;
      const before = field.picker ? toPicker(field.initialText) ?? '' : field.initialText;
      if (this.row ? field.initial !== null && text === before : text === '') continue;
      members.push([about.name, toJSON(kind, text)]);
    }
    return members;
  }

  body() {
    return `{${this.members().map(([name, json]) => `${JSON.stringify(name)}: ${json}`).join(', ')}}`;
  }

  // turn shows the body in place of the fields, and back.
  turn() {
    const raw = this.raw.isConnected;
    if (raw) this.raw.replaceWith(this.simple);
    else {
      const members = this.row ? this.fields.map(({ about }) => [about.name, JSON.stringify(this.row[about.name])]).filter(([, json]) => json !== undefined) : this.members();
      const changed = new Map(this.members());
      this.raw.value = `{\n${members.map(([name, json]) => `  ${JSON.stringify(name)}: ${changed.get(name) ?? json}`).join(',\n')}\n}`;
      this.simple.replaceWith(this.raw);
      this.raw.focus();
    }
    this.swap.textContent = raw ? 'As JSON' : 'As a form';
  }

  async submit(event) {
    event.preventDefault();
    if (this.save.disabled) return;
    this.save.disabled = true;
    const headers = this.row && this.tag ? { 'If-Match': this.tag } : {};
    const began = performance.now();
    const answer = await ask(this.row ? 'PATCH' : 'POST', this.url, { body: this.raw.isConnected ? this.raw.value : this.body(), headers });
    this.save.disabled = false;
    if (ok(answer)) {
      this.dialog.close();
      this.done(answer, began);
      return;
    }
    this.refused(answer);
  }

  // refused shows what is wrong, and leads to the first of it.
  refused(answer) {
    const errors = { ...(answer.json?.errors ?? {}) };
    let first;
    for (const field of this.fields) {
      const of = errors[field.about.name];
      delete errors[field.about.name];
      field.wrong.hidden = !of;
      field.wrong.textContent = of ? of.join('; ') : '';
      field.input.setAttribute('aria-invalid', String(Boolean(of)));
      if (of) first ??= field.input;
    }
    const others = Object.entries(errors).map(([name, list]) => `${name}: ${list.join('; ')}`);
    const moved = answer.status === 412 && this.row;
    this.again.hidden = !moved;
    this.general.hidden = false;
    this.general.textContent = [moved ? 'Somebody has altered the row meanwhile.' : first && !this.raw.isConnected ? 'Not saved: see below.' : why(answer), ...others].join(' ');
    if (this.raw.isConnected) this.general.textContent = [why(answer), ...others].join(' ');
    else (first && !first.disabled ? first : this.save).focus();
    this.dialog.dispatchEvent(new CustomEvent('refused', { detail: answer }));
  }
}

// saveOnEnter is for texts that are most often of one line; Shift makes another.
function saveOnEnter(event) {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

function hintOf(about, kind, editing) {
  const parts = [];
  if (!editing && about.create === 'must') parts.push('required');
  if (kind === 'timestamp') parts.push('UTC');
  if (kind === 'integer') parts.push('whole number');
  if (kind === 'number') parts.push('number');
  if (kind === 'json' || kind === 'any') parts.push('JSON');
  if (kind === 'bytes') parts.push('base64');
  if (about.schema.format === 'uuid') parts.push('UUID');
  if (about.schema.maxLength) parts.push(`at most ${about.schema.maxLength} characters`);
  if (about.to) parts.push(`key of ${about.to}`);
  return parts.join(', ');
}
