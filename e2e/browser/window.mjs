// One window of the board, and what is wrong in it.

export class Window {
  // open loads the page and begins to watch it.
  static async open(browser, url) {
    const w = new Window();
    w.context = await browser.newContext();
    w.page = await w.context.newPage();
    w.page.setDefaultTimeout(15_000);
    w.faults = [];
    w.offline = false; // the server is down: failed connections are no fault
    w.page.on('pageerror', (error) => w.faults.push(`error: ${error.stack}`));
    w.page.on('console', (message) => {
      const expected = w.offline && /WebSocket connection|ERR_CONNECTION/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !expected) w.faults.push(`console: ${message.text()}`);
    });
    await w.page.goto(url);
    await w.live();
    await w.page.evaluate(watchWholeness);
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

  // shows resolves when every list of the window equals a plain GET and is drawn.
  async shows(server) {
    const urls = await this.page.evaluate(() => Object.values(window.board.followed).map((list) => list.url));
    const wanted = {};
    for (const url of urls) wanted[url] = JSON.stringify(await server.get(url));
    const equal = (wanted) => window.board.live.changed.size === 0 && Object.values(window.board.followed).every((list) => JSON.stringify(list.rows.map((row) => row.item)) === wanted[list.url]);
    await this.page.waitForFunction(equal, wanted).catch(async (error) => {
      const held = await this.page.evaluate(() => Object.values(window.board.followed).map((list) => [list.url, JSON.stringify(list.rows.map((row) => row.item)), list.error]));
      const wrong = held.filter(([url, rows]) => rows !== wanted[url]).map(([url, rows, said]) => `${url} ${said}\n  held ${rows}\n  want ${wanted[url]}`);
      throw new Error(`lists differ from a plain GET:\n${wrong.join('\n')}`, { cause: error });
    });
  }

  // text is what a person sees, without the line about frames.
  text() {
    return this.page.evaluate(() => [...document.querySelectorAll('#projects, #board h2, .cards li, aside li')]
      .map((el) => el.innerText.replace(/\s+/g, ' ') + (el.querySelector('.who')?.value ?? '')).join('\n'));
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

// watchWholeness runs in the page: wherever the server says that all lists
// show one commit, the count of each column is the number of its cards.
function watchWholeness() {
  const { live, followed } = window.board;
  const seen = (window.wholeness = { whole: 0, torn: [] });
  const before = live.tell.progress;
  live.tell.progress = (frame) => {
    before(frame);
    const lists = Object.values(followed);
    if (!frame.whole || frame.behind?.length || lists.some((list) => !list.known)) return;
    seen.whole++;
    for (const { item } of followed.counts.rows) {
      const cards = document.querySelectorAll(`[data-status=${item.status}] .ticket`).length;
      const rows = followed[item.status].rows.length;
      if (rows !== item.tickets || cards !== rows) seen.torn.push(`${frame.position}: ${item.status} counts ${item.tickets}, has ${rows} rows, ${cards} cards`);
    }
  };
}
