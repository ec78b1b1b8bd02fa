// One browser tab with the published client in it, driven over stdin and
// stdout by resolwe_test.go, one JSON object a line.
//
//   node tab.mjs <origin> [seed]
//
// In:  {"id", "op": "observe", "list", "resource", "query"}  a live query under a name
//      {"id", "op": "dispose", "list"}                       its end
//      {"id", "op": "lists"}                                 what the client shows now
//      {"id", "op": "idle"}                                  wait: no request is under way
//      {"id", "op": "hang", "ms"}                            the page does nothing for so long
// Out: {"reply": id, "lists"?}                               to each of them
//      {"event": "ready", "session"}, {"event": "connected", "value"}
//      {"event": "list", "list"}                             the client showed it anew
//      {"event": "message", "msg", "observer"}               a message reached the client
//      {"event": "error", "name", "message"}                 an error event of the client
//      {"event": "broken", "message"}                        what must never happen
import { createInterface } from "node:readline";
import { loadClient, openPage } from "./page.mjs";

const [origin, seed] = process.argv.slice(2);

const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const broken = (reason) => tell({ event: "broken", message: String(reason?.stack ?? reason) });

process.on("uncaughtException", broken);
process.on("unhandledRejection", broken);

openPage(origin, seed, broken);
const { SimpleConnection, RESTResource, jQuery } = loadClient();

const connection = new SimpleConnection({ withCredentials: false });
const resources = new Map();
const lists = new Map(); // name → {subscription, items}

connection.errors().subscribe((error) => tell({ event: "error", name: error.name, message: error.message }));
connection.isConnected().subscribe((value) => tell({ event: "connected", value }));
connection.connect(origin, origin.replace(/^http/, "ws") + "/ws/");
connection.messages().subscribe(({ msg, observer }) => tell({ event: "message", msg, observer }));
tell({ event: "ready", session: connection.sessionId() });

const operations = {
  observe({ list, resource, query }) {
    if (!resources.has(resource)) {
      resources.set(resource, new RESTResource(resource, connection));
    }
    const entry = { items: null };
    lists.set(list, entry);
    entry.subscription = resources.get(resource).query(query, { reactive: true }).subscribe(
      (items) => {
        entry.items = items;
        tell({ event: "list", list });
      },
      (error) => broken(`${list}: ${error?.status ?? ""} ${error?.responseText ?? error}`),
    );
    return {};
  },
  dispose({ list }) {
    lists.get(list).subscription.dispose();
    lists.delete(list);
    return {};
  },
  async idle() {
    // A request that ends may let the next one begin, a moment later.
    for (let quiet = 0; quiet < 5; quiet = jQuery.active ? 0 : quiet + 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return {};
  },
  lists() {
    return { lists: Object.fromEntries([...lists].map(([name, { items }]) => [name, items])) };
  },
};

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    if (command.op === "hang") {
      tell({ reply: command.id });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.ms);
      return;
    }
    tell({ reply: command.id, ...(await operations[command.op](command)) });
  })
  .on("close", () => process.exit(0));
