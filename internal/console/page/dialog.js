// Ending something, in two steps: what will happen is asked of the server and
// read, and only then can it be done. The focus begins at Cancel.
import { el, put } from './element.js';
import { ask } from './store.js';

// end asks whether something is to be ended. path is below api/; ended is called after it was.
export function end(title, path, ended) {
  const text = el('p', { id: 'ending-text', class: 'ending' }, 'Asking what would end …');
  const wrong = el('p', { class: 'wrong', role: 'alert' });
  const go = el('button', { type: 'button', class: 'danger filled', disabled: true }, 'End it');
  const cancel = el('button', { type: 'button', autofocus: true, onclick: () => dialog.close() }, 'Cancel');
  const dialog = el('dialog', { 'aria-labelledby': 'ending-title', 'aria-describedby': 'ending-text', onclose: () => dialog.remove() },
    el('h2', { id: 'ending-title' }, title), text, wrong, el('p', { class: 'buttons' }, cancel, go));
  const opener = document.activeElement;
  dialog.addEventListener('close', () => (opener?.isConnected ? opener : document.getElementById('main')).focus());
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
  let confirm;
  // prepare is the first step; nothing has happened after it.
  const prepare = async () => {
    go.disabled = true;
    try {
      const answer = await ask(path, {});
      confirm = answer.confirm;
      put(text, answer.text);
      go.disabled = false;
    } catch (error) {
      put(text, '');
      put(wrong, error.message);
    }
  };
  go.addEventListener('click', async () => {
    go.disabled = true;
    put(wrong, '');
    try {
      await ask(path, { confirm });
    } catch (error) {
      put(wrong, error.status === 409 ? `${error.message} It was asked again: read it once more.` : error.message);
      if (error.status === 409) await prepare();
      return;
    }
    dialog.close();
    ended?.();
  });
  prepare();
  return dialog;
}

// endButton is what opens it.
export const endButton = (text, label, title, path, ended) =>
  el('button', { type: 'button', class: 'danger small', 'aria-label': label, 'aria-haspopup': 'dialog', onclick: () => end(title(), path(), ended) }, text);
