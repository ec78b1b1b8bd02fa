// What the lists have, as Go writes it.

export type Project = { id: number; name: string; open: number };
export type Person = { id: number; name: string };
export type Status = 'todo' | 'doing' | 'done';
export type Ticket = {
  id: number; title: string; status: Status; votes: number;
  project_id: number; project: string; assignee_id: number; assignee: string;
};
export type Count = { status: Status; tickets: number; votes: number };
export type Entry = { id: number; what: string };
export type Writer = { id: number; running: boolean; per_second: number };

export const statuses: readonly Status[] = ['todo', 'doing', 'done'];
