CREATE TABLE IF NOT EXISTS people (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS projects (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tickets (
	id          INTEGER PRIMARY KEY,
	project_id  INTEGER NOT NULL REFERENCES projects (id),
	assignee_id INTEGER NOT NULL REFERENCES people (id),
	status      TEXT NOT NULL CHECK (status IN ('todo', 'doing', 'done')),
	title       TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
	votes       INTEGER NOT NULL DEFAULT 0,
	place       INTEGER NOT NULL -- the lower, the further up
);
CREATE INDEX IF NOT EXISTS tickets_by_column ON tickets (project_id, status, place);
CREATE TABLE IF NOT EXISTS activity (
	id   INTEGER PRIMARY KEY,
	what TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS writer (
	id         INTEGER PRIMARY KEY CHECK (id = 1),
	running    INTEGER NOT NULL,
	per_second REAL NOT NULL CHECK (per_second BETWEEN 0.1 AND 20)
);
