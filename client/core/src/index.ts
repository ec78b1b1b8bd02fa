export { createClient } from './client.js';
export { LiveError } from './api.js';
export { typed } from './typed.js';
export type { Client, ConnectionState, LiveList, Options, State, Status } from './api.js';
export type { TypedClient, View } from './typed.js';
