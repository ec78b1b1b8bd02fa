// What the page is made of. No text becomes HTML: children are nodes or text.

const svgSpace = 'http://www.w3.org/2000/svg';

// el makes an element. Attributes that are functions listen (onclick), false
// and undefined ones are left out.
export const el = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);

// svg makes an element of a drawing.
export const svg = (tag, attributes, ...children) => build(document.createElementNS(svgSpace, tag), attributes, children);

function build(made, attributes = {}, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (typeof value === 'function') made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...solid(children));
  return made;
}

const solid = (children) => children.flat(3).filter((child) => child !== undefined && child !== null && child !== false && child !== '');

// put gives an element its text, and touches nothing where it has that already.
export function put(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
  return element;
}

// fill replaces what is in an element.
export function fill(element, ...children) {
  element.replaceChildren(...solid(children));
  return element;
}

// badge is a word with a sign before it: its colour says nothing that these do not.
export const badge = (kind, text, title) => el('span', { class: 'badge', 'data-kind': kind, title }, text);

// card is a part of the page with a heading.
export function card(title, attributes, ...children) {
  const { beside, ...others } = attributes ?? {};
  return el('section', { ...others, class: `card ${others.class ?? ''}` }, el('header', {}, el('h2', {}, title), beside), ...children);
}

// facts are names with values.
export const facts = (pairs) => el('dl', { class: 'facts' }, pairs.filter(Boolean).map(([name, value, title]) => el('div', { title }, el('dt', {}, name), el('dd', {}, value))));

// choice is a row of buttons of which one is chosen.
export function choice(label, options, chosen, changed) {
  const buttons = options.map(([value, text]) => el('button', {
    type: 'button', 'data-value': value, 'aria-pressed': String(value === chosen),
    onclick: (event) => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === event.currentTarget));
      changed(value);
    },
  }, text));
  return el('div', { class: 'choice', role: 'group', 'aria-label': label }, buttons);
}
