// One window of the board, and what is wrong in it.

export class Window {
  // open loads the page and begins to watch it.
  static async open(browser, url) {
    const w = new Window();
    w.context = await browser.newContext();
    w.page = await w.context.newPage();
    w.page.setDefaultTimeout(15_000);
    w.faults = [];
    w.offline = false; // there is no way to the server: failed connections are no fault
    w.page.on('pageerror', (error) => w.faults.push(`error: ${error.stack}`));
    w.page.on('console', (message) => {
      const expected = w.offline && /WebSocket connection|net::ERR_(CONNECTION|INTERNET|EMPTY|TIMED|NETWORK|SOCKET)/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !expected) w.faults.push(`console: ${message.text()}`);
    });
    await w.page.addInitScript(watchWholeness);
    await w.page.addInitScript(noteStates);
    await w.page.goto(url);
    await w.live();
    return w;
  }

  live() {
    return this.page.locator('#state[data-state=live]').waitFor();
  }

  lost() {
    return this.page.locator('#state[data-state=reconnecting]').waitFor();
  }

  ticket(title) {
    return this.page.locator('.ticket', { hasText: title });
  }

  // shows resolves when every list of the window equals a plain GET.
  async shows(server) {
    const urls = await this.page.evaluate(() => Object.values(window.board.followed).map((list) => list.url));
    const wanted = {};
    for (const url of urls) wanted[url] = JSON.stringify(await server.get(url));
    const equal = (wanted) => Object.values(window.board.followed).every(({ url, state }) => JSON.stringify(state.items) === wanted[url]);
    await this.page.waitForFunction(equal, wanted).catch(async (error) => {
      const held = await this.page.evaluate(() => Object.values(window.board.followed).map(({ url, state }) => [url, JSON.stringify(state.items), state.error?.message]));
      const wrong = held.filter(([url, items]) => items !== wanted[url]).map(([url, items, said]) => `${url} ${said}\n  held ${items}\n  want ${wanted[url]}`);
      throw new Error(`lists differ from a plain GET:\n${wrong.join('\n')}`, { cause: error });
    });
  }

  // text is what a person sees, without the line about frames.
  text() {
    return this.page.evaluate(() => [...document.querySelectorAll('#projects, #board h2, .cards li, aside li')]
      .map((el) => el.innerText.replace(/\s+/g, ' ') + (el.querySelector('.who')?.value ?? '')).join('\n'));
  }

  // said is what the page has said of its connection, from the first on.
  said() {
    return this.page.evaluate(() => window.states);
  }

  // check returns how often all lists showed one commit, after it has thrown
  // for anything that was wrong.
  async check() {
    const { whole, torn } = await this.page.evaluate(() => window.wholeness);
    if (torn.length > 0) this.faults.push(`${torn.length} torn states: ${torn[0]}`);
    if (this.faults.length > 0) throw new Error(this.faults.join('\n'));
    return whole;
  }
}

// noteStates keeps each word that the page has said about its connection.
function noteStates() {
  window.states = [];
  const note = () => {
    const word = document.querySelector('#state')?.dataset.state;
    if (word && word !== window.states.at(-1)) window.states.push(word);
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] });
}

// watchWholeness runs in the page before anything else: wherever the server says
// that all lists show one commit, the count of each column is the number of its
// rows; and of its cards, once they are drawn and nothing has come since.
function watchWholeness() {
  const seen = (window.wholeness = { whole: 0, drawn: 0, torn: [] });
  let heard = 0; // frames
  const check = (position, of) => {
    const { client, followed } = window.board;
    const counts = client.live(followed.counts.url).get().items;
    for (const { status, tickets } of counts) {
      const has = of(status, client.live(followed[status].url).get().items.length);
      if (has !== tickets) seen.torn.push(`${position}: ${status} counts ${tickets}, has ${has}`);
    }
  };
  const progress = (frame) => {
    const now = heard;
    const live = () => window.board && Object.values(window.board.followed).every(({ url }) => window.board.client.live(url).get().status === 'live');
    if (!live()) return;
    seen.whole++;
    check(frame.position, (_, rows) => rows);
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { // React has drawn it
      if (now !== heard || !live()) return;
      seen.drawn++;
      check(frame.position, (status) => document.querySelectorAll(`[data-status=${status}] .ticket`).length);
    })));
  };
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      queueMicrotask(() => this.addEventListener('message', ({ data }) => { // behind the client's own: it has taken the frame
        const frame = JSON.parse(data);
        heard++;
        if (frame.type === 'progress' && frame.whole && !frame.behind?.length) progress(frame);
      }));
    }
  };
}
