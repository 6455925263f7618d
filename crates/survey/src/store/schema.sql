CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    day INTEGER,
    finished INTEGER NOT NULL DEFAULT 0,
    told TEXT NOT NULL
);
CREATE TABLE profiles (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL UNIQUE
);
CREATE TABLE seen (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    key TEXT NOT NULL,
    target TEXT NOT NULL,
    profile INTEGER NOT NULL REFERENCES profiles (id),
    judged TEXT NOT NULL
);
CREATE TABLE observations (
    id INTEGER PRIMARY KEY REFERENCES seen (id),
    observation TEXT NOT NULL
);
CREATE INDEX seen_by_key ON seen (run, key, target);
CREATE INDEX seen_by_target ON seen (run, target);
