// The token that requests are sent with. It stays in this tab.
import { el } from './element.js?browse';
import { token } from './ask.js?browse';

export function tokenButton() {
  const has = Boolean(token.get());
  return el('button', { type: 'button', class: has ? 'token set' : 'token', title: 'The bearer token that requests are sent with', onclick: openToken }, has ? 'Token set' : 'Token');
}

export function openToken() {
  const wrong = el('p', { class: 'wrong', id: 'token-wrong', hidden: true });
  const input = el('textarea', { id: 'token', rows: '4', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'token-wrong', value: token.get() ?? '' });
  const use = (event) => {
    event.preventDefault();
    const text = input.value.trim().replace(/^Bearer\s+/i, '');
    if (text && !/^[A-Za-z0-9\-._~+/]+=*$/.test(text)) {
      wrong.hidden = false;
      wrong.textContent = 'That is no token: it has letters, digits and -._~+/ alone.';
      input.focus();
      return;
    }
    token.set(text);
    location.reload();
  };
  const forget = () => {
    token.set('');
    location.reload();
  };
  const dialog = el('dialog', { 'aria-label': 'Token', onclose: () => dialog.remove() },
    el('form', { onsubmit: use },
      el('h2', {}, 'Token'),
      el('p', { class: 'hint' }, 'Requests are sent with Authorization: Bearer and this. It is kept in this tab until it is closed, and goes nowhere else. Cookies count by themselves.'),
      el('label', { for: 'token' }, 'Bearer token'), input, wrong,
      el('div', { class: 'buttons' },
        token.get() && el('button', { type: 'button', onclick: forget }, 'Forget it'), el('span', { class: 'gap' }),
        el('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), el('button', { type: 'submit', class: 'main' }, 'Use it'))));
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}
