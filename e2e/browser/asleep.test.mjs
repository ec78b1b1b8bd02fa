// A tab that the system has put to sleep while the board goes on is right when it
// wakes up.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, Stand } from './stand.mjs';
import { Window } from './window.mjs';

let stand, browser, sleeper, watcher, renderers;

before(async () => {
  stand = await Stand.open('asleep');
  browser = await launch(); // of its own: which process draws the sleeper's page is then known
  [sleeper, watcher] = await Promise.all([Window.open(browser, stand.server.url), Window.open(stand.browser, stand.server.url)]);
  await sleeper.page.evaluate(() => {
    let last = performance.now();
    window.longest = 0; // between two beats of a timer, in ms
    setInterval(() => {
      const now = performance.now();
      window.longest = Math.max(window.longest, now - last);
      last = now;
    }, 10);
  });
  const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo');
  renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
});

after(async () => {
  wake(); // nothing that is stopped can be closed
  await browser?.close();
  await stand?.close();
});

// sleep stops the processes that run the page, as a system does that suspends
// them: no task of it runs, while its sockets stay open and fill. (The frozen
// state of CDP does nothing to a headless Chromium.)
const sleep = () => signal('SIGSTOP');
const wake = () => signal('SIGCONT');

function signal(name) {
  for (const id of renderers ?? []) {
    try {
      process.kill(id, name);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error; // one that Chromium had to spare has ended
    }
  }
}

async function writes(n) {
  const tickets = await stand.server.get('/api/tickets?project=1');
  for (let i = 0; i < n; i++) {
    const { id } = tickets[(i * 7) % tickets.length];
    if (i % 2) await stand.server.send('POST', `/api/tickets/${id}/vote`, {});
    else await stand.server.send('PATCH', `/api/tickets/${id}`, { status: ['todo', 'doing', 'done'][i % 3] });
  }
}

async function right() {
  await Promise.all([sleeper.live(), watcher.live()]);
  await Promise.all([sleeper.shows(stand.server), watcher.shows(stand.server)]);
  assert.equal(await sleeper.text(), await watcher.text());
  await sleeper.check();
  await watcher.check();
}

// slept runs what happens meanwhile, and proves that the page did nothing then.
async function slept(mark, meanwhile) {
  await sleeper.page.evaluate(() => { window.longest = 0; });
  sleep();
  const began = performance.now();
  await meanwhile();
  await stand.server.send('POST', '/api/tickets', { title: mark, project: '1' });
  await watcher.ticket(mark).waitFor();
  const lasted = performance.now() - began;
  wake();
  await sleeper.ticket(mark).waitFor();
  await right();
  assert.equal(await sleeper.ticket(mark).count(), 1);
  const longest = await sleeper.page.evaluate(() => window.longest);
  assert.ok(longest >= lasted, `it was to sleep for ${lasted} ms, and rested for ${longest} ms`);
}

test('asleep over 200 changes', () => slept('Over many changes', () => writes(200)));

test('asleep while the server is killed and started again', () => slept('Over a restart', async () => {
  sleeper.offline = watcher.offline = true;
  await stand.server.stop('SIGKILL');
  await watcher.lost();
  await stand.server.start();
  await writes(20);
  await watcher.live();
}));

test('awake again it follows as before', async () => {
  sleeper.offline = watcher.offline = false;
  await writes(20);
  await right();
});
