// A browser's page in Node, as far as the client needs one: jsdom's window with
// its XMLHttpRequest, WebSocket, cookie jar and same-origin rules.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
import { JSDOM, VirtualConsole } from "jsdom";

// openPage makes the page at origin the surroundings of everything that is
// required afterwards. onTrouble is told what a browser would write to its
// console. A seed makes the page's random numbers, and with them the client's
// session id, those of every other page with that seed.
export function openPage(origin, seed, onTrouble) {
  const console = new VirtualConsole();
  console.on("jsdomError", onTrouble);
  console.on("error", onTrouble);
  console.on("warn", onTrouble);
  const { window } = new JSDOM("<!doctype html><title>e2e</title>", { url: origin + "/", virtualConsole: console });
  const page = {
    window,
    document: window.document,
    XMLHttpRequest: window.XMLHttpRequest,
    WebSocket: window.WebSocket,
    crypto: seed ? seeded(seed) : globalThis.crypto,
  };
  for (const [name, value] of Object.entries(page)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  return window;
}

// seeded is a crypto whose numbers follow from the seed.
function seeded(seed) {
  let state = createHash("sha256").update(seed).digest();
  return {
    getRandomValues(array) {
      for (let i = 0; i < array.length; i++) {
        state = createHash("sha256").update(state).digest();
        array[i] = state[0];
      }
      return array;
    },
  };
}

// loadClient requires the published client, from the entry points that its own
// applications use, and the jQuery that it sends its requests with.
export function loadClient() {
  const require = createRequire(import.meta.url);
  const { SimpleConnection } = require("@genialis/resolwe/dist/api/connection");
  const { RESTResource } = require("@genialis/resolwe/dist/api/resources/rest/rest_resource");
  return { SimpleConnection, RESTResource, jQuery: require("jquery") };
}
