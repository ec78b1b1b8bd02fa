// One list at a time, followed; or read once where it cannot be.
import { ask, client, ok, why } from './ask.js?browse';

const patience = 3000; // ms after which a list that nothing is heard of is read once

export class Follow {
  // drawn is told each state, beside it why the server refused the list.
  constructor(observable, drawn) {
    this.observable = observable;
    this.drawn = drawn;
  }

  // to follows the list of a URL in place of the one before.
  to(url) {
    this.leave?.();
    this.url = url;
    this.leave = undefined;
    this.refused = undefined;
    this.shown = this.heard = false;
    if (!this.observable) {
      this.read();
      return;
    }
    const list = client.live(url);
    const unknown = setTimeout(() => this.heard || this.read(), patience);
    const changed = () => {
      if (this.url !== url) return;
      const state = list.get();
      if (state.status !== 'loading' && (state.status !== 'offline' || state.position)) this.heard = true;
      else if (this.shown) return; // what was read by hand is more than nothing
      if (state.status === 'error' && !this.refused) {
        this.refused = state.error;
        this.read(state.error);
      }
      if (state.status !== 'error') this.refused = undefined;
      if (this.refused) return;
      this.shown = false;
      this.drawn(state);
    };
    const unsubscribe = list.subscribe(changed);
    this.leave = () => {
      clearTimeout(unknown);
      unsubscribe();
    };
    changed();
  }

  // read asks for the list as anybody does: it does not move then. failed is why
  // it is not followed.
  async read(failed) {
    const { url } = this;
    const answer = await ask('GET', url);
    if (this.url !== url || this.refused !== failed || (this.heard && !failed)) return;
    this.shown = true;
    if (!ok(answer)) {
      this.drawn({ items: [], keys: [], meta: undefined, status: failed?.retry ? 'offline' : 'error', error: failed }, answer);
      return;
    }
    const whole = answer.json;
    const items = Array.isArray(whole?.results) ? whole.results : [whole];
    const { results, ...meta } = whole;
    this.drawn({ items, keys: undefined, meta: results && meta, status: 'still', error: failed });
  }

  // wrote has a list that does not move read again.
  wrote() {
    if (!this.observable || this.refused || this.shown) this.read(this.refused);
  }

  why(answer, state) {
    return answer ? why(answer) : state.error?.message ?? '';
  }
}
