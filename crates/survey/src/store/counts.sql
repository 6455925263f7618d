CREATE TABLE counts (
    run INTEGER NOT NULL REFERENCES runs (id),
    hole TEXT NOT NULL,
    totals TEXT NOT NULL,
    PRIMARY KEY (run, hole)
) WITHOUT ROWID;
