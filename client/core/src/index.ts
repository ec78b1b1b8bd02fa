export { createClient } from './client.js';
export { LiveError } from './api.js';
export type { Client, ConnectionState, LiveList, Options, State, Status } from './api.js';
