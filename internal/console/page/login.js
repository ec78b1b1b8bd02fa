// Logs in without leaving the page, so that what was wrong is said beside it.
// Without this script the form does the same by itself.
const form = document.querySelector('form');
const wrong = document.getElementById('wrong');
const token = document.getElementById('token');

if (new URLSearchParams(location.search).has('failed')) say('That is not the operator’s token, or there were too many wrong ones.');

function say(text) {
  wrong.textContent = text;
  if (text) token.setAttribute('aria-invalid', 'true');
  else token.removeAttribute('aria-invalid');
}

async function logIn() {
  const button = form.querySelector('button');
  button.disabled = true;
  say('');
  try {
    const answer = await fetch('login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: token.value }) });
    if (answer.ok) {
      location.replace(`./${location.hash}`);
      return;
    }
    const problem = await answer.json().catch(() => ({}));
    const wait = answer.headers.get('Retry-After');
    say((problem.detail ?? `The server answered ${answer.status}.`) + (wait ? ` Try again in ${wait} s.` : ''));
  } catch {
    say('The server cannot be reached.');
  }
  button.disabled = false;
  token.select();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  logIn();
});
